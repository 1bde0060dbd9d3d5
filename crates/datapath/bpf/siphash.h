/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* SipHash-2-4 over exactly 16 bytes, after the paper by Aumasson and Bernstein; `tests/wire.rs` has its vectors. */
#ifndef COFFERDAM_SIPHASH_H
#define COFFERDAM_SIPHASH_H

#include "abi.h"
#include "kernel.h"

struct sip {
	__u64 v0, v1, v2, v3;
};

static __always_inline __u64 rotate(__u64 x, int bits)
{
	return (x << bits) | (x >> (64 - bits));
}

static __always_inline void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v0 = rotate(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v2 = rotate(s->v2, 32);
}

static __always_inline void sip_block(struct sip *s, __u64 block)
{
	s->v3 ^= block;
	sip_round(s);
	sip_round(s);
	s->v0 ^= block;
}

/* `first` and `second` are the message's halves, little-endian. */
static __always_inline __u64 siphash(const struct secret *key, __u64 first, __u64 second)
{
	struct sip s = {
		.v0 = key->low ^ 0x736f6d6570736575ULL,
		.v1 = key->high ^ 0x646f72616e646f6dULL,
		.v2 = key->low ^ 0x6c7967656e657261ULL,
		.v3 = key->high ^ 0x7465646279746573ULL,
	};

	sip_block(&s, first);
	sip_block(&s, second);
	sip_block(&s, 16ULL << 56); /* the length, and no bytes left over */
	s.v2 ^= 0xff;
	sip_round(&s);
	sip_round(&s);
	sip_round(&s);
	sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

#endif
