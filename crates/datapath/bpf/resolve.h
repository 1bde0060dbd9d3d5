/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Who is that? From sockets, addresses and the directory of listeners to a party. */
#ifndef COFFERDAM_RESOLVE_H
#define COFFERDAM_RESOLVE_H

#include "judge.h"

/* === ports === */

static __always_inline __u32 port_index(__u8 protocol, __u16 port)
{
	return (protocol == IPPROTO_TCP ? 0 : 1 << 16) | port;
}

static __always_inline __u32 port_count(void *array, __u8 protocol, __u16 port)
{
	__u32 index = port_index(protocol, port);
	__u32 *n = bpf_map_lookup_elem(array, &index);

	return n ? *n : 0;
}

/* === sockets === */

/* Verifier pointers to sockets take no arithmetic. Newer kernels cast them to typed memory (bpf_rdonly_cast, 6.2), which
 * costs nothing; on older ones the pointer is read back from the stack as a number for bpf_probe_read_kernel. */
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;

static __always_inline struct sock *sock_by_number(const void *sk)
{
	struct sock *number = NULL;

	if (bpf_probe_read_kernel(&number, sizeof(number), &sk))
		count(FAILED_READ);
	return number;
}

static __always_inline __u64 cgroup_of(const void *sk)
{
	struct sock *s;

	if (bpf_ksym_exists(bpf_rdonly_cast)) {
		s = bpf_rdonly_cast(sk, bpf_core_type_id_kernel(struct sock));
		return s->sk_cgrp_data.cgroup->kn->id;
	}
	s = sock_by_number(sk);
	return BPF_CORE_READ(s, sk_cgrp_data.cgroup, kn, id);
}

/* In the directory is only who was asked for its cookie. */
static __always_inline int has_cookie(const void *sk)
{
	struct sock *s;

	if (!bpf_ksym_exists(bpf_rdonly_cast))
		return 1;
	s = bpf_rdonly_cast(sk, bpf_core_type_id_kernel(struct sock));
	return s->__sk_common.skc_cookie.counter != 0;
}

/* Was the socket made in the cgroup of the process that uses it now? */
static __always_inline int is_own_socket(const void *sk)
{
	struct task_struct *task;
	struct sock *s;

	if (bpf_ksym_exists(bpf_rdonly_cast)) {
		s = bpf_rdonly_cast(sk, bpf_core_type_id_kernel(struct sock));
		task = (struct task_struct *)bpf_get_current_task_btf();
		return s->sk_cgrp_data.cgroup == task->cgroups->dfl_cgrp;
	}
	return cgroup_of(sk) == bpf_get_current_cgroup_id();
}

static __always_inline __u64 netns_of(const void *sk)
{
	struct sock *s;

	if (bpf_ksym_exists(bpf_rdonly_cast)) {
		s = bpf_rdonly_cast(sk, bpf_core_type_id_kernel(struct sock));
		return s->__sk_common.skc_net.net->net_cookie;
	}
	s = sock_by_number(sk);
	return BPF_CORE_READ(s, __sk_common.skc_net.net, net_cookie);
}

/* Does this connect come from sendto(MSG_FASTOPEN)? */
static __always_inline int is_fast_open(const void *sk)
{
	struct tcp_sock *t;

	if (bpf_ksym_exists(bpf_rdonly_cast)) {
		t = bpf_rdonly_cast(sk, bpf_core_type_id_kernel(struct tcp_sock));
		return t->fastopen_req != NULL;
	}
	t = (struct tcp_sock *)sock_by_number(sk);
	return BPF_CORE_READ(t, fastopen_req) != NULL;
}

/* === parties === */

/* A pending cgroup is one for PENDING_SECONDS at most; after that nobody vouches for it and it is a stranger. */
static __always_inline int is_pending(const struct entry *e)
{
	const struct settings *s = get_settings();

	if (s && s->on_dead_closed && !daemon_alive())
		return 1;
	return bpf_ktime_get_boot_ns() - e->since < (__u64)PENDING_SECONDS * NS_PER_SECOND;
}

static __always_inline void party_stranger(struct party *p, __u32 class)
{
	p->cgroup = 0;
	p->peer = class;
	p->class = class;
	p->workload = 0;
	p->subject = 0;
	p->flags = 0;
	p->region = 0;
}

/* Announced without a policy: an unprotected container, which must not be pending when it starts. */
static __always_inline int is_known_stranger(const struct entry *e)
{
	return !e->subject && !(e->flags & ENTRY_PENDING);
}

static __always_inline int party_of_entry(struct party *p, const struct entry *e)
{
	if (e->flags & ENTRY_PENDING) {
		if (!is_pending(e))
			return 0;
		p->peer = CLASS_PENDING;
		p->class = CLASS_PENDING;
		p->flags = e->flags;
		return 1;
	}
	p->peer = e->identity;
	p->class = CLASS_WORKLOAD;
	p->workload = e->workload;
	p->subject = e->subject;
	p->flags = e->flags;
	return 1;
}

/* 1 if that cgroup is protected or pending; else the party is a stranger of class `host`. */
static __always_inline int party_of_cgroup(struct party *p, __u64 cgroup)
{
	const struct entry *e = bpf_map_lookup_elem(&entries, &cgroup);

	party_stranger(p, CLASS_HOST);
	p->cgroup = cgroup;
	return e && !is_known_stranger(e) && party_of_entry(p, e);
}

static __always_inline void party_of_address(struct party *p, const struct address *a)
{
	struct prefix_key key = { .bits = 128 };
	const struct prefix_value *v;

	__builtin_memcpy(key.addr, a->bytes, sizeof(key.addr));
	party_stranger(p, CLASS_WORLD);
	v = bpf_map_lookup_elem(&prefixes, &key);
	if (v) {
		p->peer = v->peer;
		p->class = v->class;
	}
}

/* === the directory === */

static __always_inline const struct listener *find_listener(__u64 netns, const struct address *a, __u8 protocol,
							    __u16 port)
{
	struct listener_key key = { .netns = netns, .addr = *a, .port = port, .protocol = protocol };
	const struct listener *l;

	l = bpf_map_lookup_elem(&listeners, &key);
	if (l)
		return l;
	if (is_v4(a)) {
		address_v4(&key.addr, 0);
		l = bpf_map_lookup_elem(&listeners, &key);
		if (l)
			return l;
	}
	__builtin_memset(&key.addr, 0, sizeof(key.addr));
	l = bpf_map_lookup_elem(&listeners, &key);
	if (l && is_v4(a) && !(l->flags & LISTENER_DUAL))
		return NULL;
	return l;
}

struct target {
	struct address addr;
	__u64 netns; /* 0: not on this host, as far as we know */
	__u16 port;
	__u8 protocol;
	__u8 published; /* reached through DNAT or docker-proxy */
};

/* Follows a published port to the container behind it: otherwise docker-proxy would launder the caller (dataplane 8). */
static __always_inline void follow_published(struct target *t)
{
	struct published_key key = { .addr = t->addr, .port = t->port, .protocol = t->protocol };
	const struct published *p;

	p = bpf_map_lookup_elem(&published_ports, &key);
	if (!p) {
		__builtin_memset(&key.addr, 0, sizeof(key.addr));
		p = bpf_map_lookup_elem(&published_ports, &key);
	}
	if (!p)
		return;
	t->netns = p->netns;
	t->addr = p->addr;
	t->port = p->port;
	t->published = 1;
}

/* Which namespace of this host that address is in. Global, so that the verifier looks at it once. */
__noinline int locate(struct target *t, __u64 own_netns, __u64 host_netns)
{
	struct address at;
	const __u64 *ns;

	if (!t)
		return 0;
	at = t->addr;
	if (is_own_loopback(&at) || is_private_loopback(&at)) {
		t->netns = own_netns;
	} else {
		ns = bpf_map_lookup_elem(&addresses, &at);
		t->netns = ns ? *ns : 0;
	}
	if (t->netns == host_netns && port_count(&port_published, t->protocol, t->port))
		follow_published(t);
	return 0;
}

/* 1 if a protected workload listens there, or has that namespace for itself. */
static __always_inline int party_of_target(struct party *p, const struct target *t)
{
	const struct listener *l = NULL;
	const struct entry *owner;
	__u64 netns = t->netns;

	if (!netns)
		return 0;
	if (port_count(&port_listeners, t->protocol, t->port))
		l = find_listener(netns, &t->addr, t->protocol, t->port);
	if (l && party_of_cgroup(p, l->cgroup))
		return 1;
	owner = bpf_map_lookup_elem(&owners, &netns);
	if (!owner)
		return 0;
	party_stranger(p, CLASS_HOST);
	return party_of_entry(p, owner);
}

#endif
