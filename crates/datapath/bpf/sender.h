/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Who sent that packet: proved by its option, else by the kernel's sockets, else by what the sender's program left. */
#ifndef COFFERDAM_SENDER_H
#define COFFERDAM_SENDER_H

#include "handover.h"

enum { PACKET_BROADCAST = 1 };

/* Same namespace: the socket that sent it, as the kernel finds it. -1: there is none, so NAT changed the source. */
static __always_inline int sender_by_socket(struct __sk_buff *skb, const struct packet *p, struct party *from)
{
	struct bpf_sock_tuple tuple = {};
	__u32 size = sizeof(tuple.ipv6);
	struct bpf_sock *sk;
	int found;

	/* Seen from the sender, this packet's source is the local end. */
	if (is_v4(&p->source)) {
		size = sizeof(tuple.ipv4);
		tuple.ipv4.saddr = *(const __u32 *)(p->destination.bytes + 12);
		tuple.ipv4.daddr = *(const __u32 *)(p->source.bytes + 12);
		tuple.ipv4.sport = bpf_htons(p->destination_port);
		tuple.ipv4.dport = bpf_htons(p->source_port);
	} else {
		__builtin_memcpy(tuple.ipv6.saddr, p->destination.bytes, 16);
		__builtin_memcpy(tuple.ipv6.daddr, p->source.bytes, 16);
		tuple.ipv6.sport = bpf_htons(p->destination_port);
		tuple.ipv6.dport = bpf_htons(p->source_port);
	}
	if (p->protocol == IPPROTO_TCP)
		sk = bpf_sk_lookup_tcp(skb, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	else if (p->protocol == IPPROTO_UDP)
		sk = bpf_sk_lookup_udp(skb, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	else
		return -1;
	if (!sk)
		return -1;
	found = party_of_cgroup(from, cgroup_of(sk));
	bpf_sk_release(sk);
	return found;
}

static __always_inline int is_on_this_host(const struct address *a)
{
	struct party p;

	/* Docker's subnets are `host` before the daemon has heard of a new container in them; a macvlan container has an
	 * address of the LAN, which only the daemon knows. */
	party_of_address(&p, a);
	return p.class == CLASS_HOST || bpf_map_lookup_elem(&addresses, a);
}

/*
 * Have the caller's programs told of an observed denial? Those of a protected one did where they knew whose listener it meant;
 * where the policy is about addresses, those of its packets did, which see other namespaces only. Not inlined: the stack of a
 * program and its callees is 512 bytes.
 */
static __noinline int caller_told(struct __sk_buff *skb, const struct packet *p, const struct flow *f, __u64 netns)
{
	if (f->from.class != CLASS_WORKLOAD)
		return 0;
	if (f->to.flags & ENTRY_BY_ADDRESS)
		return skb->ifindex != LOOPBACK_IFINDEX;
	/* Not those who send to many. */
	if (!is_own_loopback(&p->destination) && !bpf_map_lookup_elem(&addresses, &p->destination))
		return 0;
	return find_listener(netns, &p->destination, p->protocol, p->destination_port) != NULL;
}

/* Other namespace, or NAT on the way: what the sender's egress program left behind. Only for sources on this host: a SYN
 * from elsewhere that happens to have, or guesses, the sequence number of a handshake here borrows nothing. */
static __always_inline int sender_by_record(const struct packet *p, __u32 segment, const struct party *self,
					    struct party *from)
{
	__u64 cgroup = opener_of(p, segment, self);

	return cgroup && is_on_this_host(&p->source) && party_of_cgroup(from, cgroup);
}

/* 1: the option proves who sent this segment. 0: it does not verify. */
static __always_inline int sender_by_option(struct __sk_buff *skb, const struct packet *p, __u32 segment,
					    const struct party *self, struct party *from)
{
	__u32 ack = segment == SEGMENT_SYN ? 0 : bpf_ntohl(p->acknowledgement);
	__u32 identity = wire_check(&p->option, segment, bpf_ntohl(p->sequence), ack);

	if (!identity)
		return 0;
	/* A workload may always talk to itself; only the socket tells it from another with the same labels. */
	if (identity == self->peer && skb->ifindex == LOOPBACK_IFINDEX && sender_by_socket(skb, p, from) == 1)
		return 1;
	party_stranger(from, CLASS_WORKLOAD);
	from->peer = identity;
	return 1;
}

/* Multicast by its address; a network's own broadcast address looks like any other, but its frame tells. */
static __always_inline int is_to_many(const struct __sk_buff *skb, const struct packet *p)
{
	return is_multicast(&p->destination) || skb->pkt_type == PACKET_BROADCAST;
}

/* Nobody whom we protect: what its address is, or multicast. */
static __always_inline void sender_by_address(struct __sk_buff *skb, const struct packet *p, struct party *from)
{
	if (is_to_many(skb, p))
		party_stranger(from, CLASS_MULTICAST);
	else
		party_of_address(from, &p->source);
}

/* Of a TCP segment; `self` is who receives. */
static __always_inline void sender_of(struct __sk_buff *skb, const struct packet *p, __u32 segment,
				      const struct party *self, struct party *from)
{
	int known = -1;

	if (p->has_option)
		known = sender_by_option(skb, p, segment, self, from);
	else if (skb->ifindex == LOOPBACK_IFINDEX)
		known = sender_by_socket(skb, p, from);
	if (known == -1)
		known = sender_by_record(p, segment, self, from);
	if (known != 1)
		sender_by_address(skb, p, from);
}

/* For the receiver on this host: a SYN that had no room for the option. */
static __always_inline void leave_record(const struct packet *p, __u64 cgroup)
{
	if (p->protocol == IPPROTO_TCP && !p->has_option && is_on_this_host(&p->destination))
		leave_opener(p->sequence, cgroup, 0);
}

/* An unsigned SYN-ACK. Sent again, its SYN may be forgotten; the record is there then. */
static __always_inline void leave_answerer(const struct packet *p, __u64 cgroup)
{
	const struct answer *a = find_answer(bpf_htonl(bpf_ntohl(p->acknowledgement) - 1));

	if (a && a->cgroup == cgroup)
		leave_opener(p->sequence, cgroup, a->peer);
}

#endif
