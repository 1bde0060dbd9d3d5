/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * bind(), and what a socket is told about its ends. A port that others hold is theirs, whatever SO_REUSEADDR and SO_REUSEPORT
 * say; a contained workload's own loopback and its moved ports look to it as it asked for them.
 */
#ifndef COFFERDAM_BIND_H
#define COFFERDAM_BIND_H

#include "socket.h"

enum { LOW_PORT = 2 /* of the result: no CAP_NET_BIND_SERVICE is needed */ };

/* Where a bind goes, and what it goes by. */
struct binding {
	struct flow f; /* from: who binds; to: who holds the port; destination: where it is really bound */
	const struct containment *own;
	const struct place *place;
	__u32 is_own;  /* on its private loopback */
	__u32 asked;   /* the port that it knows */
	__u32 is_here; /* on the host's network */
	__u32 is_dual; /* a socket of IPv6 that takes IPv4, too */
};

static __always_inline void move_to_place(struct binding *b)
{
	const struct place *p = b->place;
	struct address *at = &b->f.destination;

	b->f.destination_port = moved(p, b->asked);
	if (is_v4(at) && (p->flags & PLACE_V4))
		*at = p->addr4;
	else if (!is_v4(at) && (p->flags & PLACE_V6))
		*at = p->addr6;
	else if (b->is_dual && is_unspecified(at) && (p->flags & PLACE_V4))
		*at = p->addr4; /* it takes IPv4, too, and has an address for that only */
}

/* Two of these programs run while a daemon takes over from another: what the first has moved stays where it is. */
static __always_inline void find_place_of(struct binding *b)
{
	const struct place *outside = NULL;

	if (!b->asked)
		return;
	if (b->f.from.flags & ENTRY_MOVED)
		outside = find_place(b->f.from.workload, b->f.protocol, PORT_OUTSIDE, b->asked);
	if (outside)
		b->asked = moved(outside, b->asked);
	b->place = find_place(b->f.from.workload, b->f.protocol, PORT_INSIDE, b->asked);
}

/* Where it is really bound. A declared place on the host's loopback is meant so; else what it binds there is its own. */
static __always_inline void find_binding(struct binding *b, const struct settings *s)
{
	struct address *at = &b->f.destination;
	int v4 = is_v4(at), is_host_loopback;

	if (!b->own)
		return;
	find_place_of(b);
	is_host_loopback = b->place && ((b->place->flags & PLACE_V4 && is_localhost(&b->place->addr4)) ||
					(b->place->flags & PLACE_V6 && is_localhost(&b->place->addr6)));
	if (has_flag(b->own, CONTAIN_LOOPBACK) && is_localhost(at) && !is_host_loopback &&
	    is_carried_out(s, &b->f.from)) {
		loopback_of(b->own, at, v4);
		b->is_own = 1;
	} else if (b->place && !is_private_loopback(at)) {
		move_to_place(b);
	}
}

static __always_inline int is_held(struct bpf_sock_addr *ctx, struct binding *b, const struct address *at)
{
	return party_at(ctx, at, b->f.destination_port, b->f.protocol, 0, &b->f.to) >= 0 &&
	       !is_same_workload(&b->f.from, &b->f.to);
}

/* The same name leads to both families, so half of a port is as good as all of it: `localhost`, and whatever the host has. Who has
 * the same labels is trusted with the other half. */
static __always_inline int is_held_beside(struct bpf_sock_addr *ctx, struct binding *b, const struct address *at)
{
	struct address beside;
	int v4 = is_v4(at);

	if (is_localhost(at)) {
		localhost(&beside, !v4);
	} else if (is_unspecified(at)) {
		__builtin_memset(&beside, 0, sizeof(beside));
		if (!v4)
			address_v4(&beside, 0);
	} else {
		return 0;
	}
	return is_held(ctx, b, &beside) && !(b->f.to.class == CLASS_WORKLOAD && b->f.to.peer == b->f.from.peer);
}

/* 0, or what is wrong with it. */
static __always_inline __u32 why_not(struct bpf_sock_addr *ctx, struct binding *b)
{
	struct address mine, *at = &b->f.destination;

	if (b->is_here && !b->is_own && is_private_loopback(at)) {
		if (!b->own)
			return WHY_UNDECLARED;
		loopback_of(b->own, &mine, is_v4(at));
		if (!is_same_address(at, &mine))
			return WHY_UNDECLARED;
		b->is_own = 1;
	}
	if (!b->asked)
		return 0;
	if (!(b->place && b->place->flags & PLACE_SHARED) && (is_held(ctx, b, at) || is_held_beside(ctx, b, at)))
		return WHY_PORT_TAKEN;
	if (has_flag(b->own, CONTAIN_PORTS) && !b->is_own && !(b->place && b->place->flags & PLACE_DECLARED))
		return WHY_UNDECLARED;
	return 0;
}

static __always_inline int refuse_bind(struct binding *b, const struct settings *s, __u32 reason)
{
	struct verdict v = { .action = ACT_DENY, .reason = reason, .direction = DIR_INGRESS };

	v.observed = !is_carried_out(s, &b->f.from);
	b->f.source = b->f.destination;
	b->f.inner_port = b->asked != b->f.destination_port ? b->asked : 0;
	if (reason != WHY_PORT_TAKEN)
		party_stranger(&b->f.to, CLASS_HOST); /* else it is who holds the port */
	record_call(&b->f, &v);
	if (!v.observed && reason == WHY_PORT_TAKEN)
		refuse_with(EADDRINUSE);
	return v.observed ? PROCEED : REFUSE;
}

/* `at` is where it wants to, and then where it goes. */
static __always_inline int may_bind(struct bpf_sock_addr *ctx, struct binding *b)
{
	const struct settings *s = get_settings();
	__u32 reason;
	int foreign = 0;

	b->f.hook = HOOK_BIND;
	b->f.protocol = ctx->protocol;
	b->asked = bpf_ntohs(ctx->user_port);
	b->f.destination_port = b->asked;
	if ((ctx->protocol != IPPROTO_TCP && ctx->protocol != IPPROTO_UDP) || !s || !ctx->sk)
		return PROCEED;
	if (!caller(&b->f.from, ctx->sk, &foreign))
		return PROCEED;
	b->is_here = bpf_get_netns_cookie(ctx) == s->host_netns;
	b->own = b->is_here ? containment_of(&b->f.from) : NULL;
	if (b->own && ctx->family == AF_INET6)
		b->is_dual = is_dual(sock_by_number(ctx->sk));
	find_binding(b, s);
	if (!s->off) {
		reason = why_not(ctx, b);
		if (reason && refuse_bind(b, s, reason) == REFUSE)
			return REFUSE;
	}
	return b->place && (b->place->flags & PLACE_DECLARED) ? PROCEED | LOW_PORT : PROCEED;
}

static __always_inline int bind_v4(struct bpf_sock_addr *ctx)
{
	struct binding b = {};
	int answer;

	address_v4(&b.f.destination, ctx->user_ip4);
	answer = may_bind(ctx, &b);
	if (answer != REFUSE && b.own) {
		ctx->user_ip4 = *(const __u32 *)(b.f.destination.bytes + 12);
		ctx->user_port = bpf_htons(b.f.destination_port);
	}
	return answer;
}

static __always_inline int bind_v6(struct bpf_sock_addr *ctx)
{
	struct binding b = {};
	int answer;

	read_v6(&b.f.destination, ctx);
	answer = may_bind(ctx, &b);
	if (answer != REFUSE && b.own) {
		write_v6(ctx, &b.f.destination);
		ctx->user_port = bpf_htons(b.f.destination_port);
	}
	return answer;
}

/* === what getsockname(), getpeername() and recvmsg() answer === */

enum which_end { OWN_END, OTHER_END };

/* 1: `at` or the port is another one to the workload. */
static __always_inline int shown(struct bpf_sock_addr *ctx, struct address *at, enum which_end end)
{
	const struct containment *own;
	struct address mine;
	struct party self;
	__u16 port = bpf_ntohs(ctx->user_port), inside;
	int hidden, v4 = is_v4(at);

	if (!ctx->sk || !party_of_cgroup(&self, cgroup_of(ctx->sk)))
		return 0;
	own = containment_of(&self);
	if (!own)
		return 0;
	loopback_of(own, &mine, v4);
	hidden = has_flag(own, CONTAIN_LOOPBACK) && is_same_address(at, &mine);
	if (hidden)
		localhost(at, v4);
	/* What is on its own loopback was not moved. */
	if (hidden || !(self.flags & ENTRY_MOVED) || (end == OTHER_END && !is_localhost(at)))
		return hidden;
	inside = port_inside(&self, ctx->protocol, port);
	if (inside != port)
		ctx->user_port = bpf_htons(inside);
	return hidden;
}

static __always_inline int show_v4(struct bpf_sock_addr *ctx, enum which_end end)
{
	struct address at;

	address_v4(&at, ctx->user_ip4);
	if (shown(ctx, &at, end))
		ctx->user_ip4 = *(const __u32 *)(at.bytes + 12);
	return PROCEED;
}

static __always_inline int show_v6(struct bpf_sock_addr *ctx, enum which_end end)
{
	struct address at;

	read_v6(&at, ctx);
	if (shown(ctx, &at, end))
		write_v6(ctx, &at);
	return PROCEED;
}

#endif
