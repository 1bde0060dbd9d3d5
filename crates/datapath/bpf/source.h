/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Is a packet's source address its sender's own? The kernel sees to that, except for those who write headers. */
#ifndef COFFERDAM_SOURCE_H
#define COFFERDAM_SOURCE_H

#include "packet.h"

static __always_inline int is_transparent(const void *sk)
{
	struct inet_sock___before *before;
	struct inet_sock *inet;

	if (bpf_ksym_exists(bpf_rdonly_cast) && bpf_core_field_exists(struct inet_sock, inet_flags)) {
		inet = bpf_rdonly_cast(sk, bpf_core_type_id_kernel(struct inet_sock));
		return inet->inet_flags >> INET_TRANSPARENT & 1;
	}
	before = (struct inet_sock___before *)sock_by_number(sk);
	if (bpf_core_field_exists(before->transparent))
		return BPF_CORE_READ_BITFIELD_PROBED(before, transparent);
	return 0;
}

/*
 * A raw socket of the kernel itself: neighbour discovery, multicast reports, resets of a namespace that was made inside a
 * protected cgroup. Without them IPv6 does not work at all. Only sockets of processes count for their namespace.
 */
static __always_inline int is_kernel_socket(const struct bpf_sock *sk)
{
	struct sock *s;

	if (sk->type != SOCK_RAW)
		return 0;
	s = sock_by_number(sk);
	return !BPF_CORE_READ_BITFIELD_PROBED(s, __sk_common.skc_net_refcnt);
}

/* May this socket send from addresses that its namespace has not? */
static __always_inline int may_spoof(const struct bpf_sock *sk)
{
	return sk->type == SOCK_RAW || is_transparent(sk);
}

/*
 * Only the daemon's word is taken for such a socket's addresses: what it does not know yet is foreign, and so is what
 * another namespace has. A stranger is asked only about the addresses of somebody protected, or on the way there.
 */
static __always_inline int is_foreign(const struct packet *p, const struct bpf_sock *sk, const struct flow *f)
{
	const __u64 *netns;

	if ((p->protocol != IPPROTO_TCP && !is_datagram(p->protocol)) || is_own_loopback(&p->source))
		return 0;
	netns = bpf_map_lookup_elem(&addresses, &p->source);
	if (netns && *netns == netns_of(sk))
		return 0;
	if (is_protected(&f->from))
		return 1;
	return netns && (is_protected(&f->to) || bpf_map_lookup_elem(&owners, netns));
}

/* Through an interface that the receiver has not declared, or from elsewhere to its private loopback. */
static __always_inline int is_out_of_reach(const struct __sk_buff *skb, const struct packet *p, const struct party *to)
{
	return (to->flags & ENTRY_CONTAINED) &&
	       (!may_use(to, skb->ifindex, &p->destination) ||
		(skb->ifindex != LOOPBACK_IFINDEX && is_private_loopback(&p->destination)));
}

/* The copy that a raw socket on the host's network gets of others' segments and datagrams. That there is such a socket was told
 * when it was made. */
static __always_inline int is_overheard(const struct bpf_sock *sk, const struct packet *p, const struct party *to)
{
	return sk->type == SOCK_RAW && (to->flags & ENTRY_ON_HOST) &&
	       (p->protocol == IPPROTO_TCP || is_datagram(p->protocol)) && !has_flag(containment_of(to), ALLOW_RAW);
}

#endif
