/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* connect() and sendmsg(): the caller is known, the peer is looked up, a denial answers at once. */
#ifndef COFFERDAM_SOCKET_H
#define COFFERDAM_SOCKET_H

#include "directory.h"
#include "inwards.h"
#include "judged.h"
#include "memory.h"

/* Who really listens there: the kernel's answer beats the directory's, which does not know unprotected listeners. */
static __always_inline int ask_kernel(struct bpf_sock_addr *ctx, const struct target *t, struct party *to)
{
	/* A connected UDP socket, to which this may be the answer, hears one port only. */
	__be16 own = t->protocol == IPPROTO_TCP ? 0 : bpf_htons(ctx->sk->src_port);
	struct address at = t->addr;

	if (is_unspecified(&at))
		localhost(&at, is_v4(&at));
	return party_at(ctx, &at, t->port, t->protocol, own, to);
}

/* Fills `to`. 1: protected, 0: not, -1: nobody listens there. A global function, so that the verifier looks at it once. */
__noinline int callee(struct bpf_sock_addr *ctx, struct party *to, const struct target *t, __u64 own_netns,
		      int from_protected)
{
	int near, found;

	if (!to || !t || !ctx->sk)
		return 0;
	near = t->netns == own_netns && !t->published && (t->protocol == IPPROTO_TCP || t->protocol == IPPROTO_UDP);
	/* The kernel's answer beats the directory's, which spares an unprotected caller from asking. */
	found = near && from_protected ? 0 : party_of_target(to, t);
	if (near && (found || from_protected)) {
		found = ask_kernel(ctx, t, to);
		/* A datagram socket may be bound to the client's own address only; the packet hook will see. */
		if (found == -1 && t->protocol != IPPROTO_TCP)
			found = 0;
	}
	if (found != 1)
		party_of_address(to, &t->addr);
	know_place(to, &t->addr);
	return found;
}

static __always_inline int waits_for_labels(const struct flow *f)
{
	__u32 from = f->from.flags, to = f->to.flags;

	/* Dropped rather than refused, so that the retransmission connects once the labels are known; only where a
	 * packet hook is there to drop. */
	return f->protocol == IPPROTO_TCP &&
	       (((from & ENTRY_PENDING) && (from & ENTRY_HOOKED)) || ((to & ENTRY_PENDING) && (to & ENTRY_HOOKED)));
}

static __always_inline int settle(struct flow *f, struct verdict *v, int listener, int from_protected)
{
	if (v->action == ACT_DENY && v->reason == WHY_PENDING && waits_for_labels(f))
		return PROCEED;
	/* Nobody is there to be denied: answer as an empty port does, so that clients that wait for it go on. */
	if (listener == -1 && refused(v)) {
		refuse_with(ECONNREFUSED);
		return REFUSE;
	}
	/* The receiver's packet hook records what it lets in from strangers; and where the policy is about addresses, also what
	 * is only observed. */
	if (refused(v) || (from_protected && !(v->observed && (f->to.flags & ENTRY_BY_ADDRESS))))
		record_call(f, v);
	return refused(v) ? REFUSE : PROCEED;
}

/* The answer to something that came in under an older policy: may it still come in? */
static __always_inline int may_still_answer(struct flow *f, const struct memory_key *key, __u16 own_port,
					    const struct settings *s)
{
	struct verdict v = {};

	judge(&f->to, &f->from, f->protocol, own_port, &v);
	if (refused(&v))
		return 0;
	remember(key, MEMORY_RECEIVED, provable(&f->to));
	return 1;
}

/* The address that this call will come from, where it is certain: whoever calls its own namespace and is bound to nothing. */
static __always_inline int will_come_from(const struct bpf_sock *sk, const struct target *t, struct address *source)
{
	if (sk->src_ip4 || sk->src_ip6[0] || sk->src_ip6[1] || sk->src_ip6[2] || sk->src_ip6[3])
		return 0;
	*source = t->addr;
	/* All of 127.0.0.0/8 is reached from the first. */
	if (is_own_loopback(&t->addr))
		localhost(source, is_v4(&t->addr));
	return 1;
}

/*
 * The callee's policy may be about the caller's address, which is not known before the packet is made: then the packet hooks
 * ask the callee, and here it has no say. 1: so it is.
 */
static __always_inline int is_left_to_packets(const struct bpf_sock *sk, const struct call *c, const struct target *t,
					      struct flow *f)
{
	if (!(f->to.flags & ENTRY_BY_ADDRESS))
		return 0;
	if (t->netns == c->netns && !t->published && will_come_from(sk, t, &f->source)) {
		know_address(&f->to, &f->from, &f->source);
		return 0;
	}
	f->to.subject = 0;
	return 1;
}

static __always_inline int is_protected_connect(const struct call *c)
{
	return c->from_protected && c->protocol == IPPROTO_TCP && c->hook == HOOK_CONNECT;
}

static __always_inline int limits_interfaces(const struct flow *f)
{
	return has_flag(containment_of(&f->from), CONTAIN_INTERFACES) ||
	       has_flag(containment_of(&f->to), CONTAIN_INTERFACES);
}

static __always_inline int judge_reach(struct bpf_sock_addr *ctx, const struct call *c, const struct party *from,
				       const struct judged_key *before, const struct settings *s)
{
	struct flow f = { .from = *from,
			  .destination = c->dst,
			  .destination_port = c->port,
			  .hook = c->hook,
			  .protocol = c->protocol };
	struct target t = { .addr = c->dst, .port = c->port, .protocol = c->protocol };
	struct memory_key key = {};
	const struct memory *m = NULL;
	struct verdict v = {};
	int listener, left;

	if (is_datagram(t.protocol))
		key = memory_key(bpf_get_socket_cookie(ctx), &c->dst, c->port, c->protocol);
	if (c->from_protected && is_datagram(t.protocol))
		m = recall(&key);
	if (m && !is_stale(m))
		return PROCEED;
	locate(&t, c->netns, s->host_netns);
	if (t.netns == c->netns && c->netns != s->host_netns)
		return PROCEED; /* loopback inside a namespace of its own: whoever joined it shares it */
	f.inner_port = inner_port(&t, c->port);
	listener = callee(ctx, &f.to, &t, c->netns, c->from_protected);
	if (!c->from_protected && listener != 1)
		return PROCEED;
	if (is_datagram(t.protocol) && !c->from_protected && was_asked(f.to.workload, ctx->sk->src_port, t.protocol))
		return PROCEED; /* may be an answer; the receiver's packet hook knows exactly */
	know_address(&f.from, &f.to, &t.addr);
	left = is_left_to_packets(ctx->sk, c, &t, &f);
	if (left && !c->from_protected)
		return PROCEED;
	if (m && m->kind == MEMORY_RECEIVED && may_still_answer(&f, &key, ctx->sk->src_port, s))
		return PROCEED;
	judge(&f.from, &f.to, t.protocol, t.port, &v);
	if (c->foreign && v.action == ACT_ALLOW) {
		v.action = ACT_DENY;
		v.reason = WHY_FOREIGN_SOCKET;
		v.observed = s->observe || (f.from.flags & ENTRY_OBSERVE);
	}
	if (left && !refused(&v))
		return PROCEED;
	if (settle(&f, &v, listener, c->from_protected) == REFUSE)
		return REFUSE;
	if (is_late_answer(m))
		return PROCEED;
	if (c->from_protected && is_datagram(t.protocol)) {
		remember(&key, MEMORY_SENT, t.published ? 0 : provable(&f.to));
		remember_asked(f.from.workload, t.port, t.protocol);
	} else if (is_protected_connect(c) && listener == 1 && v.action == ACT_ALLOW) {
		int remote = t.netns != c->netns || t.published;

		/* What is handed over is not asked for its interface. */
		if (remote && limits_interfaces(&f))
			return PROCEED;
		hand_over(ctx->sk, f.from.peer, f.to.cgroup, f.to.peer, t.port, remote);
		if (!(f.to.flags & ENTRY_BY_ADDRESS))
			keep_judged(before, &f, &v, t.port, remote);
	}
	return PROCEED;
}

/* What rules call a port. Who calls by ICMP has a ping socket, which sends nothing but echo requests. */
static __always_inline __u16 port_of(const struct bpf_sock_addr *ctx)
{
	if (ctx->protocol == IPPROTO_ICMP)
		return ICMP_ECHO;
	return ctx->protocol == IPPROTO_ICMPV6 ? ICMP6_ECHO : bpf_ntohs(ctx->user_port);
}

/* `dst` is where it wants to, and then where it goes. */
static __always_inline int reach(struct bpf_sock_addr *ctx, struct address *dst, __u8 hook)
{
	struct call c = { .dst = *dst, .port = port_of(ctx), .hook = hook, .protocol = ctx->protocol };
	const struct settings *s;
	struct judged_key before;
	struct party from;
	int foreign = 0;

	if (!ctx->sk)
		return PROCEED;
	c.from_protected = caller(&from, ctx->sk, &foreign);
	c.foreign = foreign;
	/* Nobody protected calls, and nobody protected can be meant by that port: all that an unprotected caller pays. */
	if (!c.from_protected && !port_count(&port_listeners, c.protocol, c.port) &&
	    !port_count(&port_published, c.protocol, c.port))
		return PROCEED;
	if (c.protocol == IPPROTO_TCP && ctx->sk->src_port)
		remove_listener(bpf_get_socket_cookie(ctx)); /* bound, but it will not listen */
	s = get_settings();
	if (s && c.from_protected && (from.flags & ENTRY_CONTAINED) && is_own_loopback(dst) &&
	    (turn_inwards(ctx, &c, &from, s) || turn_home(ctx, &c, &from, s)))
		*dst = c.dst;
	if (!s || s->off)
		return PROCEED;
	if (is_protected_connect(&c) && !s->observe && !(from.flags & ENTRY_OBSERVE) && is_fast_open(ctx->sk)) {
		refuse_with(EOPNOTSUPP); /* what a kernel without it says; clients connect() then */
		return REFUSE;
	}
	c.netns = bpf_get_netns_cookie(ctx);
	before = judged_key(from.cgroup, c.netns, &c.dst, c.port);
	if (is_protected_connect(&c) && !c.foreign && was_judged(&before, ctx->sk))
		return PROCEED;
	return judge_reach(ctx, &c, &from, &before, s);
}

static __always_inline int reach_v4(struct bpf_sock_addr *ctx, __u8 hook)
{
	struct address dst;
	__be32 to;
	int answer;

	address_v4(&dst, ctx->user_ip4);
	answer = reach(ctx, &dst, hook);
	to = *(const __u32 *)(dst.bytes + 12);
	if (to != ctx->user_ip4)
		ctx->user_ip4 = to;
	return answer;
}

static __always_inline int reach_v6(struct bpf_sock_addr *ctx, __u8 hook)
{
	struct address dst;
	const __u32 *w;
	int answer;

	read_v6(&dst, ctx);
	answer = reach(ctx, &dst, hook);
	w = (const __u32 *)dst.bytes;
	if (w[0] != ctx->user_ip6[0] || w[3] != ctx->user_ip6[3])
		write_v6(ctx, &dst);
	return answer;
}

#endif
