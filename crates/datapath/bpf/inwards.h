/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Where a contained workload's calls to 127.0.0.1 and ::1 go. */
#ifndef COFFERDAM_INWARDS_H
#define COFFERDAM_INWARDS_H

#include "call.h"

/*
 * Its own loopback comes before the host's: what it listens on there, and then what it listens on under another port. What
 * it has none of its own for may be the host's, and is judged. Also while everything is open: its listeners stay where they
 * are. 1: it goes to another address.
 */
static __noinline int turn_inwards(struct bpf_sock_addr *ctx, struct call *c, const struct party *from,
				   const struct settings *s)
{
	const struct containment *own = containment_of(from);
	struct listener_key key = { .port = c->port, .protocol = c->protocol };
	const struct place *place;
	int v4 = is_v4(&c->dst);

	key.netns = bpf_get_netns_cookie(ctx);
	if (!own || key.netns != s->host_netns || !(is_localhost(&c->dst) || is_unspecified(&c->dst)))
		return 0;
	loopback_of(own, &key.addr, v4);
	if (has_flag(own, CONTAIN_LOOPBACK) && bpf_map_lookup_elem(&listeners, &key)) {
		c->dst = key.addr;
	} else {
		place = from->flags & ENTRY_MOVED ? find_place(from->workload, c->protocol, PORT_INSIDE, c->port)
						  : NULL;
		if (!place || (!(place->flags & (PLACE_V4 | PLACE_V6)) && place->first == place->to))
			return 0;
		c->port = moved(place, c->port);
		if (v4 && (place->flags & PLACE_V4))
			c->dst = place->addr4;
		else if (!v4 && (place->flags & PLACE_V6))
			c->dst = place->addr6;
		ctx->user_port = bpf_htons(c->port);
	}
	return 1;
}

/*
 * Who sends to a private ::1 comes from it, too, so answers must go there: to whatever socket of this workload is there, or
 * of one that shares it. (All of 127.0.0.0/8 is reached from 127.0.0.1, which is nobody's own.) 1: it goes to another address.
 */
static __noinline int turn_home(struct bpf_sock_addr *ctx, struct call *c, const struct party *from,
				const struct settings *s)
{
	const struct containment *own = containment_of(from), *its;
	__be16 port = c->protocol == IPPROTO_TCP ? 0 : bpf_htons(ctx->sk->src_port);
	struct party there;
	struct address at;

	if (!has_flag(own, CONTAIN_LOOPBACK) || is_v4(&c->dst) || bpf_get_netns_cookie(ctx) != s->host_netns ||
	    !(is_localhost(&c->dst) || is_unspecified(&c->dst)))
		return 0;
	at = own->loopback6;
	if (party_at(ctx, &at, c->port, c->protocol, port, &there) != 1)
		return 0;
	its = containment_of(&there);
	if (!has_flag(its, CONTAIN_LOOPBACK) || !is_same_address(&its->loopback6, &at))
		return 0;
	c->dst = at;
	return 1;
}

#endif
