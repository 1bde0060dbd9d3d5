/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What an address is: 16 bytes, IPv4 as ::ffff:a.b.c.d. */
#ifndef COFFERDAM_ADDRESS_H
#define COFFERDAM_ADDRESS_H

#include "abi.h"
#include "kernel.h"

enum { LOOPBACK_IFINDEX = 1 /* in every network namespace */ };

/* Two halves that follow each other in memory. */
static __always_inline __u64 halves(__be32 first, __be32 second)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (__u64)second << 32 | first;
#else
	return (__u64)first << 32 | second;
#endif
}

static __always_inline void address_v4(struct address *a, __be32 v4)
{
	__u64 *w = (__u64 *)a->bytes;

	/* In words that are read back as they were written: a wider load behind narrow stores waits for them. */
	w[0] = 0;
	w[1] = halves(bpf_htonl(0xffff), v4);
}

static __always_inline int is_v4(const struct address *a)
{
	const __u32 *w = (const __u32 *)a->bytes;

	return w[0] == 0 && w[1] == 0 && w[2] == bpf_htonl(0xffff);
}

/* "This host" addresses reach the caller's own namespace: 127/8, ::1 and the unspecified ones. */
static __always_inline int is_own_loopback(const struct address *a)
{
	const __u32 *w = (const __u32 *)a->bytes;

	if (is_v4(a))
		return a->bytes[12] == 127 || w[3] == 0;
	return w[0] == 0 && w[1] == 0 && w[2] == 0 && (w[3] == 0 || w[3] == bpf_htonl(1));
}

static __always_inline int is_multicast(const struct address *a)
{
	if (is_v4(a))
		return (a->bytes[12] & 0xf0) == 0xe0 || *(const __u32 *)(a->bytes + 12) == 0xffffffff;
	return a->bytes[0] == 0xff;
}

/* The addresses that mean "myself" to every program. */
static __always_inline int is_localhost(const struct address *a)
{
	const __u32 *w = (const __u32 *)a->bytes;

	if (is_v4(a))
		return w[3] == bpf_htonl(0x7f000001);
	return w[0] == 0 && w[1] == 0 && w[2] == 0 && w[3] == bpf_htonl(1);
}

static __always_inline void localhost(struct address *a, int v4)
{
	if (v4) {
		address_v4(a, bpf_htonl(0x7f000001));
	} else {
		__builtin_memset(a, 0, sizeof(*a));
		a->bytes[15] = 1;
	}
}

static __always_inline int is_unspecified(const struct address *a)
{
	const __u32 *w = (const __u32 *)a->bytes;

	return (is_v4(a) || (w[0] == 0 && w[1] == 0 && w[2] == 0)) && w[3] == 0;
}

static __always_inline int is_same_address(const struct address *a, const struct address *b)
{
	const __u64 *x = (const __u64 *)a->bytes, *y = (const __u64 *)b->bytes;

	return x[0] == y[0] && x[1] == y[1];
}

/* Somebody's private loopback. */
static __always_inline int is_private_loopback(const struct address *a)
{
	const __u32 *w = (const __u32 *)a->bytes;

	if (is_v4(a))
		return (w[3] & bpf_htonl(LOOPBACK4_MASK)) == bpf_htonl(LOOPBACK4_FIRST);
	return w[0] == bpf_htonl(0xfd636f66) && w[1] == bpf_htonl(0x66657264) && w[2] == bpf_htonl(0x616d0000);
}

#endif
