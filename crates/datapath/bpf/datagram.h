/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Datagrams at the packet hooks: what is an answer to an exchange that was judged, and the verdict on the rest. */
#ifndef COFFERDAM_DATAGRAM_H
#define COFFERDAM_DATAGRAM_H

#include "ticket.h"

/* === what needs no look === */

struct udp_start {
	__be16 source;
	__be16 destination;
};

static __always_inline int is_recent(__u64 time)
{
	return bpf_ktime_get_boot_ns() - time < (__u64)MEMORY_REFRESH_SECONDS * NS_PER_SECOND;
}

/* Both ends of a datagram with plain headers; 0: look closer. The remote end's are those of the key. */
static __always_inline int ends(struct __sk_buff *skb, struct address *source, struct address *destination,
				struct udp_start *ports)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ipv4_header *ip4 = data;
	struct ipv6_header *ip6 = data;

	if (data + sizeof(*ip4) + sizeof(*ports) > end)
		return 0;
	if (ip4->version_length == 0x45) {
		if (!is_datagram(ip4->protocol) || (ip4->fragment & bpf_htons(0x3fff)))
			return 0;
		address_v4(source, ip4->source);
		address_v4(destination, ip4->destination);
		*ports = *(struct udp_start *)(data + sizeof(*ip4));
		return ip4->protocol;
	}
	if (data + sizeof(*ip6) + sizeof(*ports) > end || ip4->version_length >> 4 != 6 || !is_datagram(ip6->next))
		return 0;
	__builtin_memcpy(source->bytes, ip6->source, 16);
	__builtin_memcpy(destination->bytes, ip6->destination, 16);
	*ports = *(struct udp_start *)(data + sizeof(*ip6));
	return ip6->next;
}

/* More of an exchange whose sender's record is fresh. Not inlined, like its sibling: its stack ends with it. */
static __noinline int datagram_may_leave(struct __sk_buff *skb)
{
	__u32 loopback = skb->ifindex == LOOPBACK_IFINDEX;
	struct memory_key key;
	struct address source;
	struct udp_start ports;
	const struct memory *m;
	int protocol = ends(skb, &source, &key.addr, &ports);

	if (!protocol)
		return 0;
	key.cookie = bpf_get_socket_cookie(skb);
	key.port = bpf_ntohs(ports.destination);
	key.protocol = protocol;
	__builtin_memset(key.pad, 0, sizeof(key.pad));
	m = bpf_map_lookup_elem(&memories, &key);
	if (!m || m->left != (loopback ? LEFT_LOOPBACK : LEFT_WIRE) || m->port != bpf_ntohs(ports.source) ||
	    !is_same_address(&m->source, &source) || m->epoch != policy_epoch() || !is_recent(m->left_time))
		return 0;
	if (loopback && get_tickets_from())
		skb->priority = m->own_ticket;
	return 1;
}

enum { DNS_PORT = 53, UDP_HEADER = 8 };

/* Docker's resolver: in a namespace of its own nobody is judged, so nothing is remembered there. */
static __always_inline int is_docker_resolver(const struct address *a)
{
	return is_v4(a) && *(const __u32 *)(a->bytes + 12) == bpf_htonl(0x7f00000b);
}

/* What a resolver answers to whom asked it: the daemon reads names from it. Nothing is judged by them. */
static __noinline int tell_names(struct __sk_buff *skb, __u32 offset, __u32 in_private)
{
	const struct settings *s = get_settings();
	__u32 length = skb->len - offset;
	struct bpf_sock *sk = skb->sk ? bpf_sk_fullsock(skb->sk) : NULL;
	struct names_event *e;
	struct party self;

	if (!s || s->off || s->denials_only || !sk || !party_of_cgroup(&self, bpf_sk_cgroup_id(sk)))
		return 0;
	if (in_private && (skb->ifindex != LOOPBACK_IFINDEX || netns_of(sk) == s->host_netns))
		return 0;
	if (length > NAMES_BYTES)
		length = NAMES_BYTES;
	if (length < UDP_HEADER)
		return 0;
	e = reserve_seen(sizeof(*e));
	if (!e)
		return 0;
	e->type = EVENT_NAMES;
	e->length = length;
	e->workload = self.workload;
	e->pad = 0;
	/* Once more, where it is used: 6.1 has forgotten it. */
	barrier_var(length);
	if (length < UDP_HEADER || length > NAMES_BYTES || bpf_skb_load_bytes(skb, offset, e->message, length))
		bpf_ringbuf_discard(e, BPF_RB_NO_WAKEUP);
	else
		bpf_ringbuf_submit(e, wakeup_for_seen());
	return 0;
}

/* More of an exchange whose other end is still who it was. */
static __noinline int datagram_may_enter(struct __sk_buff *skb)
{
	struct address destination;
	struct memory_key key;
	struct udp_start ports;
	const struct sender *left;
	const struct memory *m;
	int protocol = ends(skb, &key.addr, &destination, &ports);

	if (!protocol)
		return 0;
	key.cookie = bpf_get_socket_cookie(skb);
	key.port = bpf_ntohs(ports.source);
	key.protocol = protocol;
	__builtin_memset(key.pad, 0, sizeof(key.pad));
	m = bpf_map_lookup_elem(&memories, &key);
	if (key.port == DNS_PORT && (m ? m->kind == MEMORY_SENT : is_docker_resolver(&key.addr)))
		tell_names(skb,
			   UDP_HEADER + (is_v4(&key.addr) ? sizeof(struct ipv4_header) : sizeof(struct ipv6_header)),
			   m == NULL);
	if (!m || m->epoch != policy_epoch() || !is_recent(m->time))
		return 0;
	if (!m->peer)
		return 1;
	if (skb->ifindex == LOOPBACK_IFINDEX)
		return m->ticket && m->ticket == skb->priority;
	left = sender_at(m->netns, &key.addr, key.port, key.protocol);
	return left && m->ticket && m->ticket == left->ticket;
}

/* === the rest === */

/* An answer to what was received, or more of what was judged. */
static __always_inline int egress_known(const struct memory *m, const struct flow *f)
{
	struct verdict v = {};

	if (!is_stale(m))
		return 1;
	if (m->kind != MEMORY_RECEIVED)
		return 0;
	judge(&f->to, &f->from, f->protocol, f->source_port, &v);
	return !refused(&v);
}

/* One record a datagram that is judged: there is no other way to tell an attempt. */
static __always_inline int carry_out_datagram(const struct flow *f, const struct verdict *v, int is_first)
{
	if (is_news(v, is_first))
		record(f, v);
	return refused(v) ? DROP : PASS;
}

static __noinline int datagram_egress(struct __sk_buff *skb, const struct packet *p, const struct flow *f,
				      const struct target *t, int is_first)
{
	struct memory_key key =
		memory_key(bpf_get_socket_cookie(skb), &p->destination, p->destination_port, p->protocol);
	const struct memory *m = recall(&key);
	struct verdict v = {};

	if (m && egress_known(m, f))
		return PASS;
	judge(&f->from, &f->to, p->protocol, t->port, &v);
	if (!refused(&v) && !is_late_answer(m))
		remember(&key, MEMORY_SENT, t->published ? 0 : provable(&f->to));
	/* Who is let pass by a call leaves a fresh memory: a socket that was connected before makes none. */
	return carry_out_datagram(f, &v, is_first || (v.observed && !is_late_answer(m)));
}

/* An answer to what was sent. After a policy change it is asked whether it might still be sent, to whom it was sent: a
 * published port is the container behind it. */
static __always_inline int ingress_known(const struct memory_key *key, const struct settings *s, struct flow *f,
					 const struct bpf_sock *sk, struct verdict *v)
{
	struct target t = { .addr = f->source, .port = f->source_port, .protocol = f->protocol };
	const struct memory *m = recall(key);
	struct party asked = f->from;
	__u32 peer;

	if (!m || (m->peer && m->peer != f->from.peer))
		return 0;
	if (!is_stale(m))
		return 1;
	if (m->kind != MEMORY_SENT)
		return 0;
	peer = m->peer;
	locate(&t, netns_of(sk), s->host_netns);
	if (t.published && party_of_target(&asked, &t))
		know_address(&f->to, &asked, &t.addr);
	judge(&f->to, &asked, f->protocol, t.port, v);
	if (refused(v))
		return 0;
	remember(key, MEMORY_SENT, peer);
	return 1;
}

static __noinline int datagram_ingress(struct __sk_buff *skb, const struct packet *p, const struct bpf_sock *sk,
				       struct flow *f, __u32 ticket)
{
	const struct settings *s = get_settings();
	struct memory_key key = memory_key(bpf_get_socket_cookie(skb), &p->source, p->source_port, p->protocol);
	struct verdict v = {};
	struct memory *m;
	int is_first;

	if (!s)
		return PASS;
	know_address(&f->to, &f->from, &p->source);
	know_address(&f->from, &f->to, &p->destination);
	if (!ingress_known(&key, s, f, sk, &v)) {
		judge(&f->from, &f->to, p->protocol, p->destination_port, &v);
		is_first = v.observed ? !caller_told(skb, p, f, netns_of(sk)) : !f->from.workload;
		if (carry_out_datagram(f, &v, is_first) == DROP)
			return DROP;
		remember(&key, MEMORY_RECEIVED, provable(&f->from));
	}
	m = ticket ? bpf_map_lookup_elem(&memories, &key) : NULL;
	if (!m)
		return PASS;
	m->netns = skb->ifindex == LOOPBACK_IFINDEX ? netns_of(sk) : netns_at(&p->source);
	m->ticket = ticket;
	return PASS;
}

#endif
