/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What only an LSM can refuse: sockets for packets, netlink and virtual machines; before 6.7 abstract sockets, too. */
#ifndef COFFERDAM_LSM_H
#define COFFERDAM_LSM_H

#include "unix.h"

enum { NETLINK_FAMILIES = 64 };

/* Is it declared, or does libc need it? */
static __always_inline int is_declared_socket(const struct containment *own, int family, int protocol)
{
	switch (family) {
	case AF_PACKET:
	case AF_XDP:
		return has_flag(own, ALLOW_PACKET);
	case AF_VSOCK:
		return has_flag(own, ALLOW_VSOCK);
	default:
		return protocol >= 0 && protocol < NETLINK_FAMILIES && own && (own->netlink >> protocol & 1);
	}
}

static __always_inline int may_create(int family, int protocol)
{
	const struct settings *s = get_settings();
	const struct containment *own;
	struct object_event *e;
	struct party self;
	struct verdict v;

	if ((family != AF_PACKET && family != AF_XDP && family != AF_VSOCK && family != AF_NETLINK) ||
	    (family == AF_NETLINK && protocol == NETLINK_ROUTE))
		return PROCEED;
	if (!s || s->off || !party_of_cgroup(&self, bpf_get_current_cgroup_id()))
		return PROCEED;
	own = self.flags & ENTRY_ON_HOST ? containment_of(&self) : NULL;
	v = undeclared(s, &self, has_flag(own, CONTAIN_STRICT) && !is_declared_socket(own, family, protocol));
	e = object_of(&self, HOOK_SOCKET, &v);
	if (e) {
		e->family = family;
		e->protocol = protocol;
		bpf_ringbuf_submit(e, wakeup_for_object(&v));
	}
	return refused(&v) ? REFUSE : PROCEED;
}

/* Whoever runs, to the socket `other`, whatever its name is by now. */
static __always_inline int may_reach(struct sock *other)
{
	const struct settings *s = get_settings();
	struct unix_address *address = BPF_CORE_READ((struct unix_sock *)other, addr);
	struct unix_name name;
	struct party self, to;
	struct verdict v;
	__u32 length;

	if (!address || !s || s->off || !party_of_cgroup(&self, bpf_get_current_cgroup_id()))
		return PROCEED;
	length = BPF_CORE_READ(address, len);
	read_name(&name, &address->name, length);
	if (length < NAME_START || ((const char *)name.words)[NAME_START - 1])
		return PROCEED;
	party_of_cgroup(&to, BPF_CORE_READ(other, sk_cgrp_data.cgroup, kn, id));
	v = undeclared(s, &self,
		       BPF_CORE_READ(other, __sk_common.skc_net.net, net_cookie) == s->host_netns &&
			       !is_same_workload(&self, &to) && !is_declared_name(&self, &name));
	tell_name(&self, &name, &v);
	return refused(&v) ? REFUSE : PROCEED;
}

#endif
