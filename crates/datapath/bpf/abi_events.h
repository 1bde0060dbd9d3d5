/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The part of the contract that the daemon is told by: records of the ring, counts, losses. Included by abi.h only. */
#ifndef COFFERDAM_ABI_EVENTS_H
#define COFFERDAM_ABI_EVENTS_H

/* Where a flow record was made. */
enum hook {
	HOOK_NONE = 0,
	HOOK_CONNECT = 1,
	HOOK_SENDMSG = 2,
	HOOK_EGRESS = 3,
	HOOK_INGRESS = 4,
	HOOK_BIND = 5,
	HOOK_END = 6, /* an established flow, after a change of the policy */
	HOOK_SOCKET = 7,
	HOOK_UNIX = 8,
	HOOK_SYSCTL = 9,
};

struct endpoint {
	__u64 cgroup;
	__u32 peer;     /* identity, class or prefix number */
	__u32 workload; /* 0: not protected */
};

enum event_type {
	EVENT_FLOW = 1,
	EVENT_CGROUP_CREATED = 2,
	EVENT_CGROUP_REMOVED = 3,
	EVENT_OBJECT = 4,
	EVENT_NAMES = 5
};

struct flow_event {
	__u32 type; /* EVENT_FLOW; first in every event */
	__u8 action;
	__u8 reason;
	__u8 direction; /* the end that decided */
	__u8 hook;
	__u64 time;
	struct endpoint from;
	struct endpoint to;
	struct address source;
	struct address destination;
	__u16 source_port;
	__u16 destination_port;
	__u8 protocol;
	__u8 observed;    /* 1: a denial that was not carried out */
	__u16 inner_port; /* that the destination's is published for, and rules are about; 0: it is not */
	__u32 rule;
	__u32 pid; /* of the caller; 0 where a packet was judged */
	char comm[16];
};

enum object_limits { OBJECT_TEXT = 128, OBJECT_VALUE = 64 };

/* A protected workload acted on something that is no address. */
struct object_event {
	__u32 type; /* EVENT_OBJECT */
	__u8 hook;
	__u8 action;
	__u8 reason;
	__u8 observed;
	__u64 time;
	struct endpoint who;
	__u32 pid;
	__u16 protocol; /* of a raw, packet or netlink socket */
	__u16 family;   /* of a socket */
	char comm[16];
	char text[OBJECT_TEXT];   /* the address of an abstract socket, as in `name_key`, or the name of a sysctl */
	char value[OBJECT_VALUE]; /* that a sysctl is to have */
};

enum names_limits { NAMES_BYTES = 512 };

/* What a resolver answered a protected workload, as it came. */
struct names_event {
	__u32 type;   /* EVENT_NAMES */
	__u32 length; /* of `message`, as much of it as there is room for */
	__u32 workload;
	__u32 pad;
	__u8 message[NAMES_BYTES];
};

struct cgroup_event {
	__u32 type;
	__u32 bound; /* 1: an announcement was found */
	__u64 time;
	__u64 id;
	__u64 parent;
	char name[96];
};

/* Per-CPU counters: what was lost or failed. */
enum counter {
	LOST_EVENT = 0,     /* ring full: the record is lost, the verdict stands */
	FULL_LISTENERS = 1, /* directory full: no instant refusal, packets are still judged */
	FULL_ENTRIES = 2,   /* no room for a cgroup: connects of that cgroup are judged as a stranger's */
	FULL_MEMORY = 3,
	FAILED_READ = 4, /* a kernel structure could not be read */
	NO_ROOM = 5,     /* the option did not fit into a segment; judged without it */
	BAD_TAG = 6,     /* an option that does not verify: forged, altered or replayed; counts as none */
	COUNTERS = 7,
};

/* A connect that a protected workload made before, under this policy: to a protected listener. */
struct judged_key {
	__u64 cgroup; /* of the caller */
	__u64 netns;
	struct address addr;
	__u16 port;
	__u16 pad;
	__u32 epoch; /* epochs.policy at the verdict */
};

/* What its record said, and how often it came again since. Only `repeats` ever changes. */
struct judged {
	__u64 repeats;
	struct endpoint from;
	struct endpoint to;
	__u32 rule;
	__u32 pid;
	char comm[16];
	__u8 reason;
	__u8 direction;
	__u8 remote; /* 1: another namespace, or NAT on the way */
	__u8 pad;
	__u16 port; /* behind the one that was asked for, where that is published */
	__u8 pad2[2];
};

/* TCP connections of one cgroup that have ended: to one address and port, or from one address to one of its own. */
struct totals_key {
	__u64 cgroup;
	struct address addr; /* that was to be reached */
	struct address peer; /* who reached it; all zero where the cgroup did itself */
	__u16 port;
	__u16 accepted; /* 1: the cgroup was reached */
	__u32 pad;
};

/* Their sums, as the cgroup's own sockets have them. They only grow. */
struct totals {
	__u64 connections;
	__u64 bytes_out;
	__u64 bytes_in;
	__u64 packets_out;
	__u64 packets_in;
	__u64 retransmits; /* segments that the cgroup sent again */
	__u64 rtt_us;      /* of all together */
	__u64 last;        /* when the last one ended */
};

#endif
