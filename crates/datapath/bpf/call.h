/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* System calls with an address: who calls, and whose socket is at an address of the caller's own namespace. */
#ifndef COFFERDAM_CALL_H
#define COFFERDAM_CALL_H

#include "record.h"

enum { PROCEED = 1, REFUSE = 0, ICMP_ECHO = 8, ICMP6_ECHO = 128 };

/* One call, and what is known of it before the peer is looked up. */
struct call {
	struct address dst;
	__u64 netns;
	__u16 port;
	__u8 hook;
	__u8 protocol;
	__u8 from_protected;
	__u8 foreign;
};

static __always_inline void read_v6(struct address *a, const struct bpf_sock_addr *ctx)
{
	__u64 *w = (__u64 *)a->bytes;

	w[0] = halves(ctx->user_ip6[0], ctx->user_ip6[1]);
	w[1] = halves(ctx->user_ip6[2], ctx->user_ip6[3]);
}

static __always_inline void write_v6(struct bpf_sock_addr *ctx, const struct address *a)
{
	const __u32 *w = (const __u32 *)a->bytes;

	ctx->user_ip6[0] = w[0];
	ctx->user_ip6[1] = w[1];
	ctx->user_ip6[2] = w[2];
	ctx->user_ip6[3] = w[3];
}

static __always_inline void refuse_with(int error)
{
	bpf_set_retval(-error);
}

/* Is the peer the socket's owner says it is? A protected process on a stranger's socket is judged as itself. */
static __always_inline int caller(struct party *from, const void *sk, int *foreign)
{
	int known = party_of_cgroup(from, cgroup_of(sk));
	struct party task;

	if (is_own_socket(sk))
		return known;
	if (!known)
		return party_of_cgroup(from, bpf_get_current_cgroup_id());
	if (party_of_cgroup(&task, bpf_get_current_cgroup_id()))
		*foreign = task.workload != from->workload;
	return 1;
}

/* Whose socket the kernel finds there, in the caller's own namespace. 1: protected, 0: not, -1: nobody's. */
static __always_inline int party_at(struct bpf_sock_addr *ctx, const struct address *at, __u16 port, __u8 protocol,
				    __be16 own, struct party *to)
{
	struct bpf_sock_tuple tuple = {};
	__u32 size = sizeof(tuple.ipv6);
	struct bpf_sock *sk;
	int found;

	if (is_v4(at)) {
		size = sizeof(tuple.ipv4);
		tuple.ipv4.sport = own;
		tuple.ipv4.daddr = *(const __u32 *)(at->bytes + 12);
		tuple.ipv4.saddr = tuple.ipv4.daddr;
		tuple.ipv4.dport = bpf_htons(port);
	} else {
		tuple.ipv6.sport = own;
		__builtin_memcpy(tuple.ipv6.daddr, at->bytes, 16);
		__builtin_memcpy(tuple.ipv6.saddr, tuple.ipv6.daddr, 16);
		tuple.ipv6.dport = bpf_htons(port);
	}
	if (protocol == IPPROTO_TCP)
		sk = bpf_sk_lookup_tcp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	else
		sk = bpf_sk_lookup_udp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return -1;
	found = party_of_cgroup(to, cgroup_of(sk));
	bpf_sk_release(sk);
	return found;
}

#endif
