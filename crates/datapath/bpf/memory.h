/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Datagrams have no handshake, so their sockets remember: what a socket sent may be answered, what it received may be
 * answered by it, and neither is judged again until the policy changes or MEMORY_SECONDS pass in silence.
 */
#ifndef COFFERDAM_MEMORY_H
#define COFFERDAM_MEMORY_H

#include "record.h"

static __always_inline int is_datagram(__u8 protocol)
{
	return protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE;
}

static __always_inline int is_icmp(__u8 protocol)
{
	return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

static __always_inline struct memory_key memory_key(__u64 cookie, const struct address *remote, __u16 port,
						    __u8 protocol)
{
	return (struct memory_key){ .cookie = cookie, .addr = *remote, .port = port, .protocol = protocol };
}

/* A living memory, or NULL. One that was made under an older policy has to be judged again, in the direction in which the
 * exchange began. */
static __always_inline struct memory *recall(const struct memory_key *key)
{
	struct memory *m = bpf_map_lookup_elem(&memories, key);
	__u64 now;

	if (!m)
		return NULL;
	now = bpf_ktime_get_boot_ns();
	if (now - m->time > (__u64)MEMORY_SECONDS * NS_PER_SECOND)
		return NULL;
	if (now - m->time > (__u64)MEMORY_REFRESH_SECONDS * NS_PER_SECOND)
		m->time = now;
	return m;
}

static __always_inline int is_stale(const struct memory *m)
{
	return m->epoch != policy_epoch();
}

/* What the other end of an exchange has to prove: nothing if somebody else may answer in its place, or if its datagrams do
 * not pass our hooks. */
static __always_inline __u32 provable(const struct party *p)
{
	return p->class == CLASS_WORKLOAD && (p->flags & ENTRY_HOOKED) ? p->peer : 0;
}

/*
 * What goes to somebody who asked, under an older policy, and may ask no more: it may leave, but it is no question. Else
 * whoever has that address and port next could come in as its answer.
 */
static __always_inline int is_late_answer(const struct memory *m)
{
	return m && m->kind == MEMORY_RECEIVED;
}

/* Not inlined: the stack of a program and its callees is 512 bytes. */
static __noinline int remember(const struct memory_key *key, __u32 kind, __u32 peer)
{
	struct memory m = { .time = bpf_ktime_get_boot_ns(), .epoch = policy_epoch(), .kind = kind, .peer = peer };

	if (bpf_map_update_elem(&memories, key, &m, BPF_ANY))
		count(FULL_MEMORY);
	return 0;
}

static __always_inline void remember_asked(__u32 workload, __u16 port, __u8 protocol)
{
	struct asked_key key = { .workload = workload, .port = port, .protocol = protocol };
	__u64 now = bpf_ktime_get_boot_ns();

	bpf_map_update_elem(&asked, &key, &now, BPF_ANY);
}

static __always_inline int was_asked(__u32 workload, __u16 port, __u8 protocol)
{
	struct asked_key key = { .workload = workload, .port = port, .protocol = protocol };
	__u64 *time = bpf_map_lookup_elem(&asked, &key);

	return time && bpf_ktime_get_boot_ns() - *time < (__u64)MEMORY_SECONDS * NS_PER_SECOND;
}

#endif
