/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Containment: what a network namespace would give a workload that is on the host's network. Its loopback is another address
 * of the host's, its ports may really be others, and it does not see the difference.
 */
#ifndef COFFERDAM_CONTAIN_H
#define COFFERDAM_CONTAIN_H

#include "address.h"
#include "maps.h"
#include "party.h"

/* What is declared for whom. Written by the daemon before the entries that say so, read by every program. Full: the daemon
 * reports it and the workload is contained as if nothing were declared. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, __u32); /* workload */
	__type(value, struct containment);
} containments SEC(".maps");

/* Where declared ports are. Written by the daemon, read on bind, and by who is asked about such a port. Full: as above. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct place_key);
	__type(value, struct place);
} places SEC(".maps");

/* Abstract sockets of others that are declared. Written by the daemon, read when such a one is connected to. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, struct name_key);
	__type(value, __u32);
} abstract_names SEC(".maps");

/* Written by the daemon, read by the packet hooks. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, struct interface_key);
	__type(value, __u32);
} interfaces SEC(".maps");

/* Are this workload's denials carried out? */
static __always_inline int is_carried_out(const struct settings *s, const struct party *self)
{
	return !s->off && !s->observe && !(self->flags & ENTRY_OBSERVE);
}

/* NULL: nothing is declared. */
static __always_inline const struct containment *containment_of(const struct party *p)
{
	__u32 workload = p->workload;

	return p->flags & ENTRY_CONTAINED ? bpf_map_lookup_elem(&containments, &workload) : NULL;
}

static __always_inline int has_flag(const struct containment *c, __u32 flag)
{
	return c && (c->flags & flag);
}

static __always_inline const struct place *find_place(__u32 workload, __u8 protocol, __u8 side, __u16 port)
{
	struct place_key key = {
		.bits = PLACE_BITS, .workload = workload, .protocol = protocol, .side = side, .port = bpf_htons(port)
	};

	return bpf_map_lookup_elem(&places, &key);
}

static __always_inline __u16 moved(const struct place *p, __u16 port)
{
	return p->to + (port - p->first);
}

/* The port that the workload knows, and that rules are about. Global, so that it is verified once and its stack ends here. */
__noinline int port_inside(const struct party *p, __u8 protocol, __u16 port)
{
	const struct place *place;

	if (!p || !(p->flags & ENTRY_MOVED))
		return port;
	place = find_place(p->workload, protocol, PORT_OUTSIDE, port);
	return place ? moved(place, port) : port;
}

/* On its own loopback a workload's ports are what they are. */
static __always_inline void know_place(struct party *p, const struct address *at)
{
	if ((p->flags & ENTRY_MOVED) && is_private_loopback(at))
		p->flags &= ~ENTRY_MOVED;
}

/* Its 127.0.0.1 or ::1, whichever is of the same family. */
static __always_inline void loopback_of(const struct containment *c, struct address *a, int v4)
{
	if (v4)
		address_v4(a, c->loopback4);
	else
		*a = c->loopback6;
}

/* May it use that interface, or the address that its end of the packet has? */
static __always_inline int may_use(const struct party *self, __u32 ifindex, const struct address *own)
{
	struct interface_key key = { .workload = self->workload, .ifindex = ifindex };

	if (!has_flag(containment_of(self), CONTAIN_INTERFACES) || ifindex == LOOPBACK_IFINDEX)
		return 1;
	if (bpf_map_lookup_elem(&interfaces, &key))
		return 1;
	key.ifindex = 0;
	key.addr = *own;
	return bpf_map_lookup_elem(&interfaces, &key) != NULL;
}

#endif
