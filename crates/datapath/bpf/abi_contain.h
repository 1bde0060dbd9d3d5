/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The part of the contract about containment: what a workload on the host's network may take of it. Included by abi.h only. */
#ifndef COFFERDAM_ABI_CONTAIN_H
#define COFFERDAM_ABI_CONTAIN_H

enum contain_flag {
	CONTAIN_LOOPBACK = 1,   /* 127.0.0.1 and ::1 are its own */
	CONTAIN_PORTS = 2,      /* it binds what is declared, and nothing else */
	CONTAIN_STRICT = 4,     /* what is not declared is refused and not only told */
	CONTAIN_INTERFACES = 8, /* other interfaces than those named are out of reach */
	ALLOW_RAW = 16,
	ALLOW_PACKET = 32,
	ALLOW_VSOCK = 64,
	ALLOW_SYSCTL = 128,
};

/* Of one workload that something is declared for, or that has a loopback. */
struct containment {
	__u32 flags;              /* enum contain_flag */
	__be32 loopback4;         /* what its 127.0.0.1 really is */
	__u64 netlink;            /* bit n: family n of netlink */
	struct address loopback6; /* what its ::1 really is */
};

/* Where a workload's 127.0.0.1 and ::1 lie: 127.64.0.0/10 and fd63:6f66:6665:7264:616d::/96. */
enum loopback_range { LOOPBACK4_FIRST = 0x7f400000, LOOPBACK4_MASK = 0xffc00000 };

/* A port as the workload knows it, or as it really is; `port` in network order, so that blocks are prefixes. */
enum port_side { PORT_INSIDE = 0, PORT_OUTSIDE = 1 };
enum place_bits { PLACE_BITS = 64 };

struct place_key {
	__u32 bits;
	__u32 workload;
	__u8 protocol;
	__u8 side; /* enum port_side */
	__be16 port;
};

enum place_flag {
	PLACE_SHARED = 1, /* others may have that port, too */
	PLACE_V4 = 2,     /* `addr4` says where it is bound */
	PLACE_V6 = 4,
	PLACE_DECLARED = 8, /* it may be bound */
};

/* Of a block of ports: `first` on this side is `to` on the other one. */
struct place {
	__u16 first;
	__u16 to;
	__u32 flags; /* enum place_flag */
	struct address addr4;
	struct address addr6;
};

/* A socket's address as the kernel has it, with zeros behind: family, a zero, then the name. */
enum name_limits { NAME_BYTES = 112, NAME_START = 3, NAME_BITS = 32 + 8 * NAME_BYTES };

/* Abstract sockets that a workload may connect to, as prefixes: a whole name has all its bits. */
struct name_key {
	__u32 bits;
	__u32 workload;
	char name[NAME_BYTES];
};

/* An interface, or an address of the host, that a workload may use; the other one is zero. */
struct interface_key {
	__u32 workload;
	__u32 ifindex;
	struct address addr;
};

#endif
