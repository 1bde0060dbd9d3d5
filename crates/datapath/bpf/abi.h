/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The contract between the kernel's half and Rust's half. libbpf-cargo generates the Rust types from this file
 * (through the BTF of the maps and of `abi_anchor`), so nothing here is written twice.
 *
 * Rules: no bitfields, no bool, explicit padding, every constant in a named enum. Addresses are 16 bytes in network
 * order, IPv4 as ::ffff:a.b.c.d. Ports are in host order. Times are nanoseconds of CLOCK_BOOTTIME.
 */
#ifndef COFFERDAM_ABI_H
#define COFFERDAM_ABI_H

#include <linux/types.h>

#include "abi_wire.h"

/* A daemon adopts pinned maps only if they were made with the same number. */
enum abi_version { ABI_VERSION = 7 };

/* What a peer is when it is no protected workload. Workload identities start at IDENTITY_MIN, named prefixes at
 * PREFIX_MIN. */
enum peer_class {
	CLASS_NONE = 0,
	CLASS_HOST = 1,
	CLASS_LAN = 2,
	CLASS_METADATA = 3,
	CLASS_MULTICAST = 4,
	CLASS_WORLD = 5,
	CLASS_PENDING = 6,
	CLASS_WORKLOAD = 7,
};

enum direction { DIR_NONE = 0, DIR_INGRESS = 1, DIR_EGRESS = 2 };
/* A verdict allows or denies; in a row, ACT_PASS leaves it to the next stage. */
enum action { ACT_NONE = 0, ACT_ALLOW = 1, ACT_DENY = 2, ACT_PASS = 3 };

enum reason {
	WHY_NONE = 0,
	WHY_RULE = 1,
	WHY_SAME_WORKLOAD = 2,
	WHY_LOOPBACK = 3,
	WHY_REPLY = 4,
	WHY_UNPROTECTED = 5,
	WHY_PENDING = 6,
	WHY_NO_POLICY = 7,
	WHY_PROTOCOL = 8,
	WHY_MALFORMED = 9,
	WHY_PORT_TAKEN = 10,
	WHY_FOREIGN_SOCKET = 11,
	WHY_OFF = 12,
	WHY_FOREIGN_SOURCE = 13,
	WHY_NOT_JUDGED = 14, /* no rule is about it */
	WHY_UNDECLARED = 15, /* only a declaration allows it */
};

enum entry_flag {
	ENTRY_OBSERVE = 1,    /* denials of this workload are only recorded */
	ENTRY_PENDING = 2,    /* labels not known yet: fails closed */
	ENTRY_HOOKED = 4,     /* packet hooks see this cgroup, so its packets can be dropped */
	ENTRY_BY_ADDRESS = 8, /* its policy has rules about the addresses of protected peers */
	ENTRY_CONTAINED = 16, /* there is a `containment` of its workload */
	ENTRY_MOVED = 32,     /* some of its ports are really others */
	ENTRY_ON_HOST = 64,   /* it is on the host's network */
};

/* cgroup id → what runs there. */
struct entry {
	__u32 workload; /* number of the workload; nested cgroups share it */
	__u32 identity; /* what peers see */
	__u32 subject;  /* whose compiled policy applies; 0: pending, or a known stranger */
	__u32 flags;    /* enum entry_flag */
	__u64 since;    /* when the entry was made */
};

/* A container id, as 64 hex digits. */
struct container_key {
	char id[64];
};

struct announcement {
	struct entry entry;
	__u64 cgroup; /* the one that took it, 0 while free: an announcement binds once */
};

struct row_key {
	__u32 subject;
	__u32 peer;
	__u32 direction; /* enum direction, and enum plane << PLANE_SHIFT */
};

/*
 * Nearly every subject has the rows of plane 0 only, which hold the verdict. Where rules are about the addresses of
 * protected peers, there is a plane for each stage (Admin tier, NetworkPolicies, Baseline tier, default profile), and one
 * beside it whose peers are named prefixes; judge.h says how they are asked.
 */
enum plane {
	PLANE_STAGES = 4,   /* stages 0 to 3 */
	PLANE_OBSERVED = 4, /* as if policies that are only observed were enforced */
	PLANE_BESIDE = 8,   /* by the peer's address */
	PLANE_SHIFT = 2,
};

struct port_verdict {
	__u8 action;    /* enum action */
	__u8 observe;   /* a denial is only recorded; with ACT_ALLOW: ask PLANE_OBSERVED too */
	__u16 priority; /* smaller wins between a row and the one beside it */
	__u32 rule;
};

struct row {
	struct port_verdict verdict; /* for ports that `table` does not know */
	__u32 table;                 /* 0: none */
	__u32 sizes;                 /* bit n: `table` has blocks of 1 << n ports */
};

/* A block of 1 << n ports: twice its first (protocol << 16 | port), plus 1 << n. No two blocks of any size are one number. */
struct port_key {
	__u32 table;
	__u32 block;
};

/* From one port to a whole protocol. */
enum { PORT_SIZES = 17 };

struct prefix_key {
	__u32 bits;
	__u8 addr[16];
};

struct prefix_value {
	__u32 peer;
	__u32 class; /* enum peer_class */
};

/* Aligned, or the compiler copies it byte by byte. */
struct address {
	__u8 bytes[16];
} __attribute__((aligned(8)));

struct listener_key {
	__u64 netns; /* network namespace cookie */
	struct address addr;
	__u16 port;
	__u8 protocol;
	__u8 pad[5];
};

enum listener_flag { LISTENER_DUAL = 1 /* [::] that takes IPv4 too */ };

struct listener {
	__u64 cgroup;
	__u32 sockets; /* how many sockets share the key */
	__u32 flags;   /* enum listener_flag */
};

/* socket cookie → its key in the directory, so that release finds it. */
struct bound_socket {
	struct listener_key key;
};

struct published_key {
	struct address addr; /* all zero: every address of the host */
	__u16 port;
	__u8 protocol;
	__u8 pad[5];
};

struct published {
	__u64 netns;
	struct address addr;
	__u16 port;
	__u8 pad[6];
};

/* Who sent from here (UDP), after NAT. `netns` is the sender's, since many namespaces use the same addresses; 0 while the
 * daemon does not know the address yet. */
struct sender_key {
	__u64 netns;
	struct address addr;
	__u16 port;
	__u8 protocol;
	__u8 pad[5];
};

struct sender {
	__u64 cgroup;
	__u64 time;
	__u32 ticket; /* on each datagram of this sender that stays on loopback; nobody else can know it */
	__u32 pad;
};

/* Who sent an unsigned SYN or SYN-ACK, by its sequence number. */
struct opener {
	__u64 cgroup;
	__u64 time;
	struct address source; /* as the receiver saw it first; nobody else borrows the number after that */
	__u16 port;
	__u16 bound; /* 1: `source` and `port` are known */
	__u32 peer;  /* SYN-ACK: whom it answers; 0: it is a SYN */
};

/* The numbers of a client's segment that completed a handshake without a request in the kernel (SYN cookies). */
struct completed {
	__be32 sequence;
	__be32 acknowledgement;
};

enum memory_kind { MEMORY_SENT = 1, MEMORY_RECEIVED = 2 };

/* Where the record of a sender says what its datagrams need. */
enum left { LEFT_NOTHING = 0, LEFT_LOOPBACK = 1, LEFT_WIRE = 2 };

/* What a datagram socket has exchanged with whom. */
struct memory_key {
	__u64 cookie;
	struct address addr;
	__u16 port;
	__u8 protocol;
	__u8 pad[5];
};

struct memory {
	__u64 time;
	__u32 epoch; /* epochs.policy at the verdict; a newer one asks again */
	__u32 kind;  /* enum memory_kind */
	/* The other end. */
	__u32 peer;   /* the identity that it has to prove; 0: whoever has its address */
	__u32 ticket; /* of its sender, 0: not seen yet */
	__u64 netns;
	/* This end, when its sender's record was last left. */
	__u64 left_time;
	struct address source;
	__u32 own_ticket;
	__u16 port;
	__u16 left; /* enum left */
};

/* A workload has sent to this port lately, so datagrams from it may be answers. */
struct asked_key {
	__u32 workload;
	__u16 port;
	__u16 protocol;
};

struct settings {
	__u32 abi;            /* enum abi_version */
	__u32 off;            /* 1: every program allows at once */
	__u32 observe;        /* 1: nothing is denied, only recorded */
	__u32 on_dead_closed; /* 1: unannounced containers stay pending under a dead daemon */
	__u64 host_netns;     /* cookie of the namespace whose loopback is not private */
	__u32 denials_only;   /* 1: what was allowed is not recorded */
	__u32 pad;
};

/* Counters that the daemon moves; apart from the settings, so that counting never undoes an `off`. */
struct epochs {
	__u32 policy;     /* counts policy changes */
	__u32 key;        /* which secret signs */
	__u32 succession; /* 1: subjects that have a successor are judged as that one */
};

enum limits {
	NS_PER_SECOND = 1000000000,
	DEAD_AFTER_SECONDS = 5,     /* without a heartbeat */
	PENDING_SECONDS = 10,       /* at most, then a stranger */
	MEMORY_SECONDS = 180,       /* of an exchange of datagrams */
	MEMORY_REFRESH_SECONDS = 1, /* how exact its age is */
	SENDER_SECONDS = 5,         /* how long a sender of datagrams is known; it says so anew while it sends */
	HANDSHAKE_SECONDS = 130,    /* longer than Linux retransmits a SYN */
};

#include "abi_contain.h"
#include "abi_events.h"

/* What the tests hand to the compiled decision (SEC("syscall")). */
struct decide_args {
	__u32 subject;
	__u32 direction;
	__u32 peer;
	__u32 class;
	__u32 region; /* of a protected peer's address */
	__u16 port;
	__u8 protocol;
	__u8 pad;
	__u8 reason; /* out */
	__u8 found;  /* out */
	__u8 pad2[2];
	struct port_verdict verdict; /* out */
};

#endif
