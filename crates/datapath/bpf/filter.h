/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The packet hooks of protected cgroups: the safety net under connect and sendmsg, and the verdict on who comes in. */
#ifndef COFFERDAM_FILTER_H
#define COFFERDAM_FILTER_H

#include "datagram.h"
#include "refuse.h"
#include "remote.h"
#include "source.h"

static __always_inline void flow_of_packet(struct flow *f, const struct packet *p, __u8 hook)
{
	f->source = p->source;
	f->destination = p->destination;
	f->source_port = p->source_port;
	f->destination_port = p->destination_port;
	f->protocol = p->protocol;
	f->hook = hook;
}

/* Rules are about these. Nothing else comes or goes, whatever a policy says of its addresses. */
static __always_inline int is_known(__u8 protocol)
{
	return protocol == IPPROTO_TCP || is_datagram(protocol) || is_icmp(protocol);
}

static __always_inline int private_loopback(struct __sk_buff *skb, const void *sk, const struct settings *s)
{
	return skb->ifindex == LOOPBACK_IFINDEX && netns_of(sk) != s->host_netns;
}

/* A handshake that connect has judged, or a SYN-ACK that is signed: its SYN was judged on its way in. */
static __always_inline int segment_may_leave(struct __sk_buff *skb, const struct bpf_sock *sk,
					     const struct tcp_start *tcp)
{
	struct handover *h = get_handover();

	if (h && h->epoch == policy_epoch() && (leaves_judged(sk, tcp, h) || remote_may_leave(skb, sk, tcp, h)))
		return 1;
	return (tcp->flags & HANDSHAKE_FLAGS) == (TCP_SYN | TCP_ACK) && is_signed(skb, tcp);
}

static __always_inline int segment_may_enter(struct __sk_buff *skb, struct bpf_sock *sk, const struct tcp_start *tcp)
{
	struct handover *h = get_handover();

	return h && h->epoch == policy_epoch() &&
	       (h->stage < REMOTE_CONNECT ? arrives_judged(sk, tcp, h) : remote_may_enter(skb, sk, tcp, h));
}

/* What needs no look: an established connection, and a handshake that connect has judged. Before everything else, since
 * nearly every packet ends here. */
static __always_inline int may_leave(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	const struct tcp_start *tcp;

	if (!sk)
		return 1;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return 1;
	if (sk->type == SOCK_RAW)
		return 0;
	if (is_plain_tcp(skb))
		return 1;
	tcp = tcp_header(skb);
	return tcp ? segment_may_leave(skb, sk, tcp) : datagram_may_leave(skb);
}

static __always_inline int egress(struct __sk_buff *skb)
{
	const struct settings *s = get_settings();
	struct bpf_sock *sk = skb->sk ? bpf_sk_fullsock(skb->sk) : NULL;
	struct flow f = {};
	struct target t = {};
	struct packet p = {};
	struct verdict v = {};
	int answer, unrecorded;

	if (!s || s->off || !sk)
		return PASS;
	if (!party_of_cgroup(&f.from, bpf_sk_cgroup_id(sk)) && !may_spoof(sk))
		return PASS;
	if (private_loopback(skb, sk, s) || is_kernel_socket(sk))
		return PASS;
	if (parse(skb, &p) == NOT_PARSED)
		return is_protected(&f.from) ? unjudged(&f, s, &f.from, WHY_MALFORMED) : PASS;
	flow_of_packet(&f, &p, HOOK_EGRESS);
	if (p.fragment)
		return PASS; /* follows a first fragment that was judged, or is useless without it */
	answer = p.protocol == IPPROTO_TCP && sk->type != SOCK_RAW && (p.tcp_flags & TCP_ACK);
	if (answer) {
		if (!p.has_option && (p.tcp_flags & TCP_SYN))
			leave_answerer(&p, f.from.cgroup);
		return PASS; /* SYN-ACK: the SYN was judged on its way in. Or an established connection with odd headers */
	}
	t = (struct target){ .addr = p.destination, .port = p.destination_port, .protocol = p.protocol };
	locate(&t, netns_of(sk), s->host_netns);
	f.inner_port = inner_port(&t, p.destination_port);
	if (!party_of_target(&f.to, &t))
		party_of_address(&f.to, &t.addr);
	know_place(&f.to, &t.addr);
	if (!may_use(&f.from, skb->ifindex, &p.source))
		return unjudged(&f, s, &f.from, WHY_UNDECLARED);
	if (may_spoof(sk) && is_foreign(&p, sk, &f))
		return unjudged(&f, s, is_protected(&f.from) ? &f.from : &f.to, WHY_FOREIGN_SOURCE);
	if (!is_protected(&f.from))
		return PASS;
	if (!is_known(p.protocol))
		return unjudged(&f, s, &f.from, WHY_PROTOCOL);
	know_address(&f.from, &f.to, &t.addr);
	know_address(&f.to, &f.from, &p.source);
	/* What connect and sendmsg did not see, or left to us. */
	unrecorded = sk->type == SOCK_RAW || is_icmp(p.protocol) ||
		     ((f.to.flags & ENTRY_BY_ADDRESS) && (t.published || t.netns != netns_of(sk)));
	if (is_datagram(p.protocol)) {
		if (datagram_egress(skb, &p, &f, &t, unrecorded) == DROP)
			return DROP;
		return leave_sender(skb, &p, f.from.cgroup, sk);
	}
	judge(&f.from, &f.to, p.protocol, t.port, &v);
	if (!refused(&v))
		leave_record(&p, f.from.cgroup);
	return carry_out(&f, &v, &p, unrecorded);
}

/* Which of the handshake's segments this is; 0 for what comes after and for everything else. */
static __always_inline __u32 segment_of(const struct packet *p, const struct bpf_sock *sk)
{
	__u8 flags = p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST);

	if (flags == (TCP_SYN | TCP_ACK))
		return SEGMENT_SYNACK;
	if (flags == TCP_SYN)
		return SEGMENT_SYN;
	return flags == TCP_ACK && sk->state == TCP_LISTEN ? SEGMENT_CLIENT : 0;
}

/*
 * The SYN-ACK: the other half of the proof. Behind a published port docker-proxy, a stranger, may answer for the
 * container, so there the verdict of `connect`, which followed the port, stands. (Not inlined, like its sibling: the
 * stack of a program and its callees is 512 bytes.)
 */
static __noinline int from_server(struct __sk_buff *skb, const struct packet *p, struct bpf_sock *sk, struct flow *f,
				  const struct settings *s)
{
	struct target t = { .addr = p->source, .port = p->source_port, .protocol = IPPROTO_TCP };
	struct party self = f->to;
	struct verdict v = {};

	locate(&t, netns_of(sk), s->host_netns);
	if (p->has_option || !t.published)
		sender_of(skb, p, SEGMENT_SYNACK, &self, &f->to);
	else if (!party_of_target(&f->to, &t))
		party_of_address(&f->to, &t.addr);
	f->from = self;
	f->source = p->destination;
	f->destination = p->source;
	f->source_port = p->destination_port;
	f->destination_port = p->source_port;
	f->inner_port = inner_port(&t, p->source_port);
	know_address(&f->from, &f->to, &t.addr);
	know_address(&f->to, &f->from, &p->destination);
	judge(&f->from, &f->to, IPPROTO_TCP, t.port, &v);
	return carry_out(f, &v, p, 0);
}

/*
 * Of a connection that this listener's namespace knows no more. The kernel answers with a reset, as it should: there is no
 * handshake that the segment could complete, neither a request nor a cookie.
 */
static __always_inline int is_stray(struct __sk_buff *skb, const struct packet *p, const struct bpf_sock *sk)
{
	struct bpf_sock_tuple tuple = {};
	__u32 size = sizeof(tuple.ipv6);
	struct bpf_sock *found;
	int state;

	if (p->has_option || skb->ifindex == LOOPBACK_IFINDEX || takes_cookies(sk))
		return 0;
	if (is_v4(&p->source)) {
		size = sizeof(tuple.ipv4);
		tuple.ipv4.saddr = *(const __u32 *)(p->source.bytes + 12);
		tuple.ipv4.daddr = *(const __u32 *)(p->destination.bytes + 12);
		tuple.ipv4.sport = bpf_htons(p->source_port);
		tuple.ipv4.dport = bpf_htons(p->destination_port);
	} else {
		__builtin_memcpy(tuple.ipv6.saddr, p->source.bytes, 16);
		__builtin_memcpy(tuple.ipv6.daddr, p->destination.bytes, 16);
		tuple.ipv6.sport = bpf_htons(p->source_port);
		tuple.ipv6.dport = bpf_htons(p->destination_port);
	}
	found = bpf_skc_lookup_tcp(skb, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	if (!found)
		return 1;
	state = found->state;
	bpf_sk_release(found);
	return state == TCP_LISTEN;
}

static __noinline int from_client(struct __sk_buff *skb, const struct packet *p, struct bpf_sock *sk, struct flow *f,
				  __u32 segment)
{
	const struct settings *s = get_settings();
	struct verdict v = {};
	int is_first = 0;

	/* Fast Open to a listener that is older than we: it would read and answer before anyone has proved anything. The
	 * client's retry is a plain SYN. */
	if (segment == SEGMENT_SYN && (p->has_payload || p->has_cookie) && s && !s->observe &&
	    !(f->to.flags & ENTRY_OBSERVE))
		return DROP;
	if (segment == SEGMENT_CLIENT && is_stray(skb, p, sk))
		return PASS;
	sender_of(skb, p, segment, &f->to, &f->from);
	know_address(&f->to, &f->from, &p->source);
	know_address(&f->from, &f->to, &p->destination);
	judge(&f->from, &f->to, IPPROTO_TCP, p->destination_port, &v);
	end_handover(segment == SEGMENT_SYN && p->has_option && !refused(&v));
	if (segment == SEGMENT_SYN && !refused(&v))
		leave_answer(p, &f->to, &f->from);
	if (segment == SEGMENT_CLIENT && !refused(&v) && is_replayed(p->sequence, p->acknowledgement, sk))
		return DROP;
	if (segment == SEGMENT_SYN && is_final(&v, p, &f->from))
		leave_denial(p, netns_of(sk));
	if (segment == SEGMENT_SYN)
		is_first = v.observed ? !caller_told(skb, p, f, netns_of(sk)) : f->from.class != CLASS_WORKLOAD;
	return carry_out(f, &v, p, is_first);
}

static __always_inline int tcp_ingress(struct __sk_buff *skb, const struct packet *p, struct bpf_sock *sk,
				       struct flow *f, const struct settings *s)
{
	__u32 segment = segment_of(p, sk);

	if (!segment)
		return PASS;
	return segment == SEGMENT_SYNACK ? from_server(skb, p, sk, f, s) : from_client(skb, p, sk, f, segment);
}

static __always_inline int may_enter(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	const struct tcp_start *tcp;

	/* The port of a raw socket is its protocol: what it overhears is no connection of its own. */
	if (!sk || (sk->state != TCP_LISTEN && sk->src_port != IPPROTO_TCP && is_plain_tcp(skb)))
		return 1;
	tcp = tcp_header(skb);
	if (!tcp)
		return datagram_may_enter(skb);
	sk = bpf_sk_fullsock(sk);
	return sk && segment_may_enter(skb, sk, tcp);
}

static __always_inline int ingress(struct __sk_buff *skb)
{
	const struct settings *s = get_settings();
	struct bpf_sock *sk = skb->sk;
	struct flow f = {};
	struct packet *p;
	__u32 zero = 0;

	if (!s || s->off || !sk)
		return PASS;
	sk = bpf_sk_fullsock(sk);
	if (!sk || !party_of_cgroup(&f.to, bpf_sk_cgroup_id(sk)) || private_loopback(skb, sk, s))
		return PASS;
	p = bpf_map_lookup_elem(&incoming, &zero);
	if (!p || parse(skb, p) == NOT_PARSED)
		return unjudged(&f, s, &f.to, WHY_MALFORMED);
	flow_of_packet(&f, p, HOOK_INGRESS);
	know_place(&f.to, &p->destination);
	if (is_overheard(sk, p, &f.to) && is_carried_out(s, &f.to))
		return DROP;
	if (is_out_of_reach(skb, p, &f.to))
		return unjudged(&f, s, &f.to, WHY_UNDECLARED);
	if (p->protocol == IPPROTO_TCP)
		return tcp_ingress(skb, p, sk, &f, s);
	if (is_icmp(p->protocol))
		return PASS; /* judged on the sender's egress only: docs/known-limits.md */
	if (!is_known(p->protocol))
		return unjudged(&f, s, &f.to, WHY_PROTOCOL);
	return datagram_ingress(skb, p, sk, &f, datagram_sender(skb, p, sk, &f.from));
}

#endif
