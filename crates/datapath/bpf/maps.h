/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Every map: who writes, who reads, how long an entry lives, what happens when it is full. */
#ifndef COFFERDAM_MAPS_H
#define COFFERDAM_MAPS_H

#include "abi.h"
#include "kernel.h"

/* Written by the daemon, read by every program. One element. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct settings);
} settings SEC(".maps");

/* The daemon's last sign of life. A map of its own, so that writing it never undoes an `off` from elsewhere. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} heartbeat SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct epochs);
} epochs SEC(".maps");

/* cgroup id → workload. Written by the daemon and by cgroup_mkdir, removed by cgroup_rmdir and the daemon, read by every
 * hook. Full: the cgroup is a stranger, counted in FULL_ENTRIES. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct entry);
} entries SEC(".maps");

/* Container id → entry of the cgroup to come. Written by the daemon from `create` until `destroy`, read by
 * cgroup_mkdir. Full: the daemon reports it and binds after the start. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct container_key);
	__type(value, struct announcement);
} announcements SEC(".maps");

/* cgroup ids below which containers appear. Written by the daemon, read by cgroup_mkdir. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u64);
	__type(value, __u32); /* enum entry_flag that new cgroups there start with */
} watched_parents SEC(".maps");

/* The compiled policy. Written by the daemon (plan), read by judge(). Full: the plan is refused before it is applied. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1048576);
	__type(key, struct row_key);
	__type(value, struct row);
} rows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144);
	__type(key, struct port_key);
	__type(value, struct port_verdict);
} ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144);
	__type(key, struct prefix_key);
	__type(value, struct prefix_value);
} prefixes SEC(".maps");

/* Rules whose denials end no open flow: those of policies with `keep`. Written by the daemon (plan) before the rows that name
 * them, read where flows are ended. Full: the plan is refused before it is applied. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, __u32);
} kept_rules SEC(".maps");

/* Address of this host or of a container → cookie of its network namespace. Written by the daemon. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct address);
	__type(value, __u64);
} addresses SEC(".maps");

/* Network namespace → the protected workload that has it for itself, for ports that nobody listens on yet and for
 * protocols without ports. Written by the daemon; no entry where strangers share the namespace. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct entry);
} owners SEC(".maps");

/* Published host address and port → the container behind it. Written by the daemon, read by connect and sendmsg. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct published_key);
	__type(value, struct published);
} published_ports SEC(".maps");

/* The directory of what protected workloads listen on. Written by post_bind, sock_release and the socket iterators;
 * read by connect and sendmsg. Full: no instant refusal for that listener, counted; its packets are still judged. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct listener_key);
	__type(value, struct listener);
} listeners SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 131072);
	__type(key, __u64);
	__type(value, struct bound_socket);
} bound_sockets SEC(".maps");

/* Two arrays over (protocol is UDP) << 16 | port that let an unprotected caller leave at once: how many protected
 * listeners, and whether a port of that number is published. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 131072);
	__type(key, __u32);
	__type(value, __u32);
} port_listeners SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 131072);
	__type(key, __u32);
	__type(value, __u32);
} port_published SEC(".maps");

/* The segment of a handshake that came last; see handover.h, and remote.h for those between namespaces. */
enum stage {
	STAGE_NONE,
	STAGE_CONNECT,
	STAGE_SYN_LEFT,
	STAGE_SYN_CAME,
	STAGE_SYNACK_CAME,
	STAGE_DONE,
	REMOTE_CONNECT,
	REMOTE_SYN_SIGNED,
	REMOTE_SYN_CAME,
	REMOTE_SYNACK_SIGNED,
	REMOTE_SYNACK_CAME,
	REMOTE_ACK_SIGNED,
	REMOTE_ACK_CAME,
	REMOTE_DONE,
};

struct handover {
	__u64 socket;   /* the connecting one, by its address in the kernel */
	__u64 receiver; /* the cgroup that was judged at the other end */
	__u64 tag;      /* of the segment that was signed last */
	__u64 syn_tag;
	__u32 claim;     /* of that segment too */
	__be32 sequence; /* of the SYN */
	__be32 answer;   /* of the SYN-ACK */
	__u32 epoch;     /* epochs.policy at the verdict */
	__u32 stage;     /* enum stage */
	__u32 is_signed; /* the SYN that was judged in full here last: its answer needs room for the option */
	__u32 self;      /* the identity that connects */
	__u32 peer;      /* the one that was judged at the other end */
	__be16 port;     /* that was judged at the other end */
	__u8 pad[6];
};

/* What connect found out, for the handshake that follows. Written by connect and the packet hooks, read by them and the
 * handshake's; lives until the next connect on that CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct handover);
} handovers SEC(".maps");

/* Connects that were allowed under this policy, to a protected listener: they need no second judgement and no
 * second record, only a count. Written by connect, read by it and the daemon, which reports the counts and removes what
 * an older policy said. Full: such a connect is judged and recorded each time. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, struct judged_key);
	__type(value, struct judged);
} judged_connects SEC(".maps");

/* Who sends datagrams from an address and port to other namespaces. Written by egress, read by ingress. The oldest goes when
 * full: its datagrams are a stranger's. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct sender_key);
	__type(value, struct sender);
} senders SEC(".maps");

/* The keys of the tags, by epoch. Written by the daemon at its first start and by rotation; only root reads maps. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WIRE_EPOCHS);
	__type(key, __u32);
	__type(value, struct secret);
} secrets SEC(".maps");

/* Exchanges of datagrams, by socket. Written and read by sendmsg, connect, egress and ingress. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, struct memory_key);
	__type(value, struct memory);
} memories SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct asked_key);
	__type(value, __u64);
} asked SEC(".maps");

enum { RING_BYTES = 1 << 20 };

/* Flow and cgroup records, read by the daemon. Full: the newest record is lost and counted; verdicts are unaffected. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RING_BYTES);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

static __always_inline void count(__u32 what)
{
	__u64 *n = bpf_map_lookup_elem(&counters, &what);

	if (n)
		*n += 1;
}

static __always_inline __u32 policy_epoch(void)
{
	__u32 zero = 0;
	const struct epochs *e = bpf_map_lookup_elem(&epochs, &zero);

	return e ? e->policy : 0;
}

static __always_inline __u32 key_epoch(void)
{
	__u32 zero = 0;
	const struct epochs *e = bpf_map_lookup_elem(&epochs, &zero);

	return e ? e->key : 0;
}

static __always_inline int daemon_alive(void)
{
	__u32 zero = 0;
	const __u64 *beat = bpf_map_lookup_elem(&heartbeat, &zero);

	return beat && bpf_ktime_get_boot_ns() - *beat < (__u64)DEAD_AFTER_SECONDS * NS_PER_SECOND;
}

static __always_inline const struct settings *get_settings(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&settings, &zero);
}

#endif
