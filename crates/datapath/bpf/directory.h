/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The directory of what protected workloads are bound to, and the sockets that are older than the programs. */
#ifndef COFFERDAM_DIRECTORY_H
#define COFFERDAM_DIRECTORY_H

#include "record.h"
#include "totals.h"

/* Ports from here on are mostly those that programs get by asking for any: not told. */
enum { EPHEMERAL_FIRST = 32768 };

static __always_inline void add_to_port(const struct listener_key *key, __u32 n)
{
	__u32 index = port_index(key->protocol, key->port);
	__u32 *sockets = bpf_map_lookup_elem(&port_listeners, &index);

	if (sockets)
		__sync_fetch_and_add(sockets, n);
}

/* 1 if another protected workload holds that address and port, or with a wildcard every address of that port. */
static __always_inline int is_taken(const struct listener_key *key, __u64 cgroup)
{
	const struct listener *l = find_listener(key->netns, &key->addr, key->protocol, key->port);
	const struct entry *holder, *mine;
	__u64 other;

	if (!l)
		return 0;
	other = l->cgroup;
	holder = bpf_map_lookup_elem(&entries, &other);
	mine = bpf_map_lookup_elem(&entries, &cgroup);
	return holder && holder->workload && (!mine || holder->workload != mine->workload);
}

static __always_inline void add_listener(const struct listener_key *key, __u64 cookie, __u64 cgroup, int dual)
{
	struct listener fresh = { .cgroup = cgroup, .sockets = 1, .flags = dual ? LISTENER_DUAL : 0 };
	struct bound_socket bound = { .key = *key };
	struct listener *l;
	long error = bpf_map_update_elem(&bound_sockets, &cookie, &bound, BPF_NOEXIST);

	if (error) {
		/* Else the same socket again: an iterator run, or bind after an iterator saw it. */
		if (error == -E2BIG)
			count(FULL_LISTENERS);
		return;
	}
	l = bpf_map_lookup_elem(&listeners, key);
	if (l) {
		__sync_fetch_and_add(&l->sockets, 1);
		l->flags |= fresh.flags;
		if (!bpf_map_lookup_elem(&entries, &l->cgroup))
			l->cgroup = cgroup; /* the holder is gone: a restart that was faster than the last release */
	} else if (bpf_map_update_elem(&listeners, key, &fresh, BPF_ANY)) {
		count(FULL_LISTENERS);
		bpf_map_delete_elem(&bound_sockets, &cookie);
		return;
	}
	add_to_port(key, 1);
}

static __always_inline void remove_listener(__u64 cookie)
{
	const struct bound_socket *bound = bpf_map_lookup_elem(&bound_sockets, &cookie);
	struct listener_key key;
	struct listener *l;

	if (!bound)
		return;
	key = bound->key;
	if (bpf_map_delete_elem(&bound_sockets, &cookie))
		return;
	l = bpf_map_lookup_elem(&listeners, &key);
	if (l && __sync_fetch_and_add(&l->sockets, -1) <= 1)
		bpf_map_delete_elem(&listeners, &key);
	add_to_port(&key, -1);
}

/* Every close comes through here: a connection, the usual case, is summed up and in no directory. A TCP socket
 * that is bound is in state CLOSE until it listens, and leaves the directory when it connects instead. */
static __always_inline void released(struct bpf_sock *ctx)
{
	if (ctx->protocol == IPPROTO_TCP && ctx->state != TCP_LISTEN) {
		add_to_totals(ctx);
		if (ctx->state != TCP_CLOSE)
			return;
	}
	if (has_cookie(ctx))
		remove_listener(bpf_get_socket_cookie(ctx));
}

/* Reads what a bound socket is bound to. */
static __always_inline int listener_key_of(struct listener_key *key, struct sock *sk, __u8 protocol)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	__builtin_memset(key, 0, sizeof(*key));
	key->netns = netns_of(sk);
	key->port = BPF_CORE_READ(sk, __sk_common.skc_num);
	key->protocol = protocol;
	if (family == AF_INET)
		address_v4(&key->addr, BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr));
	else if (family == AF_INET6)
		BPF_CORE_READ_INTO(&key->addr, sk, __sk_common.skc_v6_rcv_saddr);
	else
		return 0;
	return key->port != 0;
}

static __always_inline int is_dual(struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET6 &&
	       !BPF_CORE_READ_BITFIELD_PROBED(sk, __sk_common.skc_ipv6only);
}

static __always_inline int bound(struct bpf_sock *ctx)
{
	struct sock *sk = (struct sock *)ctx;
	__u8 protocol = ctx->protocol;
	struct listener_key key;
	struct flow f = { .hook = HOOK_BIND, .protocol = protocol };
	struct verdict v = { .action = ACT_DENY, .reason = WHY_PORT_TAKEN, .direction = DIR_INGRESS };
	const struct verdict allowed = { .action = ACT_ALLOW, .reason = WHY_NOT_JUDGED, .direction = DIR_INGRESS };
	const struct settings *s = get_settings();
	const struct place *place;
	__u64 cgroup;

	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)
		return 1;
	cgroup = cgroup_of(sk);
	if (!party_of_cgroup(&f.from, cgroup) || !listener_key_of(&key, sk, protocol))
		return 1;
	party_stranger(&f.to, CLASS_HOST);
	f.source = key.addr;
	f.destination = key.addr;
	f.destination_port = key.port;
	f.inner_port = port_inside(&f.from, protocol, key.port);
	if (f.inner_port == key.port)
		f.inner_port = 0;
	place = find_place(f.from.workload, protocol, PORT_INSIDE, f.inner_port ? f.inner_port : key.port);
	if ((place && (place->flags & PLACE_SHARED)) || !is_taken(&key, cgroup)) {
		add_listener(&key, bpf_get_socket_cookie(ctx), cgroup, is_dual(sk));
		if (key.port < EPHEMERAL_FIRST && s && !s->off)
			record_call(&f, &allowed);
		return 1;
	}
	if (!s || s->off)
		return 1;
	v.observed = s->observe || (f.from.flags & ENTRY_OBSERVE);
	record_call(&f, &v);
	return v.observed ? 1 : 0;
}

/* Multipath TCP is refused as on a kernel without it, and every client and server falls back (dataplane 7): its inner sockets
 * are the kernel's, which come and go without a release. */
static __always_inline int created(struct bpf_sock *ctx)
{
	const struct settings *s = get_settings();
	struct party self;

	if (ctx->protocol != IPPROTO_MPTCP || !s || s->off || s->observe)
		return 1;
	if (!party_of_cgroup(&self, cgroup_of(ctx)) || (self.flags & ENTRY_OBSERVE))
		return 1;
	bpf_set_retval(-EPROTONOSUPPORT);
	return 0;
}

/* One socket from an iterator, in whatever namespace the reader is. */
static __always_inline void seen(struct sock *sk, __u64 cookie, __u8 protocol)
{
	__u64 cgroup = cgroup_of(sk);
	struct listener_key key;
	struct party owner;

	if (party_of_cgroup(&owner, cgroup) && listener_key_of(&key, sk, protocol))
		add_listener(&key, cookie, cgroup, is_dual(sk));
}

#endif
