/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The option as it travels: made for one segment, checked against that segment's own numbers. See docs/wire.md. */
#ifndef COFFERDAM_WIRE_H
#define COFFERDAM_WIRE_H

#include "maps.h"
#include "siphash.h"

/* `seq` and `ack` in host order. A SYN's own acknowledgement number is nothing; it counts as 0. */
static __always_inline __u64 wire_tag(const struct secret *key, __u32 claim, __u32 segment, __u32 seq, __u32 ack)
{
	return siphash(key, claim | (__u64)segment << 32, seq | (__u64)ack << 32);
}

static __always_inline const struct secret *secret_of(__u32 epoch)
{
	const struct secret *key = bpf_map_lookup_elem(&secrets, &epoch);

	return key && (key->low | key->high) ? key : NULL;
}

static __always_inline __u32 wire_claim(__u32 identity)
{
	return (__u32)WIRE_VERSION << WIRE_VERSION_SHIFT | (key_epoch() % WIRE_EPOCHS) << WIRE_EPOCH_SHIFT |
	       (identity & WIRE_IDENTITY);
}

static __always_inline void wire_sign(struct wire_option *o, const struct secret *key, __u32 claim, __u32 segment,
				      __u32 seq, __u32 ack)
{
	__u64 tag = wire_tag(key, claim, segment, seq, ack);

	o->kind = WIRE_KIND;
	o->length = WIRE_LENGTH;
	o->experiment = bpf_htons(WIRE_EXPERIMENT);
	o->claim = bpf_htonl(claim);
	o->tag[0] = bpf_htonl(tag >> 32);
	o->tag[1] = bpf_htonl((__u32)tag);
}

/* 0 if there is no key to sign with. */
static __always_inline int wire_make(struct wire_option *o, __u32 claim, __u32 segment, __u32 seq, __u32 ack)
{
	const struct secret *key = secret_of((claim >> WIRE_EPOCH_SHIFT) % WIRE_EPOCHS);

	if (!key)
		return 0;
	wire_sign(o, key, claim, segment, seq, ack);
	return 1;
}

static __always_inline int wire_is_ours(const struct wire_option *o)
{
	return o->kind == WIRE_KIND && o->length == WIRE_LENGTH && o->experiment == bpf_htons(WIRE_EXPERIMENT);
}

static __always_inline __u64 wire_tag_of(const struct wire_option *o)
{
	return (__u64)bpf_ntohl(o->tag[0]) << 32 | bpf_ntohl(o->tag[1]);
}

/* The identity that the option proves for a segment with these numbers, or 0. */
static __always_inline __u32 wire_check(const struct wire_option *o, __u32 segment, __u32 seq, __u32 ack)
{
	__u32 claim = bpf_ntohl(o->claim);
	const struct secret *key = secret_of((claim >> WIRE_EPOCH_SHIFT) % WIRE_EPOCHS);

	if (claim >> WIRE_VERSION_SHIFT != WIRE_VERSION || !key ||
	    wire_tag(key, claim, segment, seq, ack) != wire_tag_of(o)) {
		count(BAD_TAG);
		return 0;
	}
	return claim & WIRE_IDENTITY;
}

#endif
