/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Who sent a datagram. Its sender's egress leaves a record, by namespace, address and port. What stays on loopback, where
 * everybody has the same addresses, carries a ticket besides: skb->priority, which the sender's program sets and nobody can
 * read, so a raw socket or an injected frame is nobody's. Between namespaces the addresses tell, which a sender cannot
 * choose (source.h).
 */
#ifndef COFFERDAM_TICKET_H
#define COFFERDAM_TICKET_H

#include "carry_out.h"
#include "sender.h"

/* When tickets count: 0 while programs of another ABI are attached too, which would write theirs over ours and miss their
 * own; else the time from which they are asked for. Written by the daemon. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} tickets_from SEC(".maps");

static __always_inline __u64 get_tickets_from(void)
{
	__u32 zero = 0;
	const __u64 *time = bpf_map_lookup_elem(&tickets_from, &zero);

	return time ? *time : 0;
}

static __always_inline int asks_for_tickets(void)
{
	__u64 from = get_tickets_from();

	return from && bpf_ktime_get_boot_ns() >= from;
}

/* === what the sender leaves === */

/* A keyed hash, so that nobody can work it out; 0: there is no key yet. */
static __always_inline __u32 new_ticket(__u64 cgroup, __u64 time)
{
	const struct secret *key = secret_of(key_epoch() % WIRE_EPOCHS);
	__u32 ticket;

	if (!key)
		return 0;
	ticket = (__u32)siphash(key, cgroup, time);
	return ticket ? ticket : 1;
}

/* What the daemon says of an address; 0: nothing yet. */
static __always_inline __u64 netns_at(const struct address *a)
{
	const __u64 *netns = bpf_map_lookup_elem(&addresses, a);

	return netns ? *netns : 0;
}

/* The ticket stays the same while the record is fresh, so that no datagram under way is left behind. */
static __always_inline __u32 write_sender(const struct sender_key *key, __u64 cgroup, int is_raw)
{
	struct sender s = { .cgroup = cgroup, .time = bpf_ktime_get_boot_ns() };
	const struct sender *before = bpf_map_lookup_elem(&senders, key);

	if (before && s.time - before->time < (__u64)SENDER_SECONDS * NS_PER_SECOND) {
		if (before->cgroup == cgroup)
			s.ticket = before->ticket;
		else if (is_raw)
			return 0; /* somebody else has that port, and does not lose its name to a raw socket */
	}
	if (!s.ticket)
		s.ticket = new_ticket(cgroup, s.time);
	bpf_map_update_elem(&senders, key, &s, BPF_ANY);
	return s.ticket;
}

/* And in the exchange, for its next datagram. While the daemon does not know the address, each leaves a record. */
static __noinline int leave_sender(struct __sk_buff *skb, const struct packet *p, __u64 cgroup,
				   const struct bpf_sock *sk)
{
	struct memory_key exchange;
	struct sender_key key = { .addr = p->source, .port = p->source_port, .protocol = p->protocol };
	__u32 loopback = skb->ifindex == LOOPBACK_IFINDEX;
	struct memory *m;
	__u32 ticket;

	key.netns = loopback || netns_at(&p->source) ? netns_of(sk) : 0;
	ticket = write_sender(&key, cgroup, sk->type == SOCK_RAW);
	if (loopback && get_tickets_from())
		skb->priority = ticket;
	if (!ticket || !key.netns || sk->type == SOCK_RAW)
		return PASS;
	exchange = memory_key(bpf_get_socket_cookie(skb), &p->destination, p->destination_port, p->protocol);
	m = bpf_map_lookup_elem(&memories, &exchange);
	if (!m)
		return PASS;
	m->source = p->source;
	m->port = p->source_port;
	m->own_ticket = ticket;
	m->left = loopback ? LEFT_LOOPBACK : LEFT_WIRE;
	m->left_time = bpf_ktime_get_boot_ns();
	return PASS;
}

/* === what the receiver finds === */

static __always_inline const struct sender *sender_at(__u64 netns, const struct address *a, __u16 port, __u8 protocol)
{
	struct sender_key key = { .netns = netns, .addr = *a, .port = port, .protocol = protocol };
	const struct sender *left = bpf_map_lookup_elem(&senders, &key);
	/* Without a namespace nothing but the moment ties a record to its sender. */
	__u64 seconds = netns ? SENDER_SECONDS : MEMORY_REFRESH_SECONDS;

	return left && bpf_ktime_get_boot_ns() - left->time < seconds * NS_PER_SECOND ? left : NULL;
}

/* A workload whose datagrams pass our hooks would have a ticket; the kernel's socket names one whose do not. */
static __always_inline int sender_without_ticket(struct __sk_buff *skb, const struct packet *p, struct party *from)
{
	return sender_by_socket(skb, p, from) == 1 && (!(from->flags & ENTRY_HOOKED) || !asks_for_tickets());
}

static __always_inline int sender_on_loopback(struct __sk_buff *skb, const struct packet *p, const void *sk,
					      struct party *from, __u32 *ticket)
{
	const struct sender *left = sender_at(netns_of(sk), &p->source, p->source_port, p->protocol);

	if (!left || !left->ticket || left->ticket != skb->priority)
		return sender_without_ticket(skb, p, from);
	*ticket = left->ticket;
	return party_of_cgroup(from, left->cgroup);
}

static __always_inline int sender_elsewhere(const struct packet *p, struct party *from, __u32 *ticket)
{
	__u64 netns = netns_at(&p->source);
	const struct sender *left = sender_at(netns, &p->source, p->source_port, p->protocol);

	if (left && netns)
		*ticket = left->ticket;
	else if (netns) /* it sent this before the daemon knew the address */
		left = sender_at(0, &p->source, p->source_port, p->protocol);
	return left && is_on_this_host(&p->source) && party_of_cgroup(from, left->cgroup);
}

/* Its ticket, by which the next datagram of that sender is known; 0: by nothing. */
static __noinline __u32 datagram_sender(struct __sk_buff *skb, const struct packet *p, const struct bpf_sock *sk,
					struct party *from)
{
	__u32 ticket = 0;
	int known;

	if (skb->ifindex == LOOPBACK_IFINDEX)
		known = sender_on_loopback(skb, p, sk, from, &ticket);
	else
		known = sender_elsewhere(p, from, &ticket);
	if (!known)
		sender_by_address(skb, p, from);
	return ticket;
}

#endif
