/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The part of the contract that travels: identity in the handshake, docs/wire.md. */
#ifndef COFFERDAM_ABI_WIRE_H
#define COFFERDAM_ABI_WIRE_H

#include <linux/types.h>

enum wire {
	WIRE_KIND = 254, /* RFC 6994 experiment */
	WIRE_LENGTH = 16,
	WIRE_EXPERIMENT = 0xcfda,
	WIRE_VERSION = 1,
	WIRE_EPOCHS = 16,           /* how many keys have room */
	WIRE_IDENTITY = 0x00ffffff, /* the low bits of `claim` */
	WIRE_EPOCH_SHIFT = 24,
	WIRE_VERSION_SHIFT = 28,
};

/* Which segment an option was made for. */
enum segment { SEGMENT_SYN = 1, SEGMENT_SYNACK = 2, SEGMENT_CLIENT = 3 };

/* As it is in the TCP header; numbers in network order. */
struct wire_option {
	__u8 kind;
	__u8 length;
	__u16 experiment;
	__u32 claim; /* version 4 bits, epoch of the key 4 bits, identity 24 bits */
	__u32 tag[2];
};

/* A key for the tags. All zero: none of that epoch. */
struct secret {
	__u64 low;
	__u64 high;
};

/* A SYN that was let in: who may answer it, and to whom. */
struct answer {
	__u64 tag;    /* of its option; 0: it had none */
	__u64 cgroup; /* of the listener */
	__u64 time;
	__be32 syn;
	__u32 peer; /* who sent it: identity, class or prefix number */
	__u32 self; /* the listener's identity; 0: it has none to sign with */
	__u32 pad;
};

/* What the tests hand to the signing program. */
struct sign_args {
	struct secret key;
	__u32 claim;
	__u32 segment;
	__u32 seq;
	__u32 ack;
	struct wire_option option; /* out */
};

#endif
