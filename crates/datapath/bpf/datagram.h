/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Datagrams at the packet hooks: what is an answer to an exchange that was judged, and the verdict on the rest. */
#ifndef COFFERDAM_DATAGRAM_H
#define COFFERDAM_DATAGRAM_H

#include "carry_out.h"
#include "sender.h"

/* An answer to what was received, or more of what was judged. */
static __always_inline int egress_known(const struct memory_key *key, const struct settings *s, struct flow *f)
{
	int stale = 0;
	__u32 kind = recall(key, &stale);
	struct verdict v = {};

	if (!kind || !stale)
		return kind != 0;
	if (kind != MEMORY_RECEIVED)
		return 0;
	judge(&f->to, &f->from, f->protocol, f->source_port, &v);
	return !refused(&v);
}

/* An answer to what was sent. After a policy change it is asked whether it might still be sent, to whom it was sent: a
 * published port is the container behind it. */
static __always_inline int ingress_known(const struct memory_key *key, const struct settings *s, struct flow *f,
					 const struct bpf_sock *sk, struct verdict *v)
{
	struct target t = { .addr = f->source, .port = f->source_port, .protocol = f->protocol };
	int stale = 0;
	__u32 kind = recall(key, &stale);
	struct party asked = f->from;

	if (!kind || !stale)
		return kind != 0;
	if (kind != MEMORY_SENT)
		return 0;
	locate(&t, netns_of(sk), s->host_netns);
	if (t.published)
		party_of_target(&asked, &t);
	judge(&f->to, &asked, f->protocol, t.port, v);
	if (refused(v))
		return 0;
	remember(key, MEMORY_SENT);
	return 1;
}

static __noinline int datagram_ingress(struct __sk_buff *skb, const struct packet *p, struct bpf_sock *sk,
				       struct flow *f, const struct settings *s)
{
	struct memory_key key;
	struct verdict v = {};

	sender_of(skb, p, sk, 0, &f->to, &f->from);
	key = memory_key(bpf_get_socket_cookie(skb), &p->source, p->source_port, p->protocol);
	if (ingress_known(&key, s, f, sk, &v))
		return PASS;
	judge(&f->from, &f->to, p->protocol, p->destination_port, &v);
	if (!refused(&v))
		remember(&key, MEMORY_RECEIVED);
	return carry_out(f, &v, p, !f->from.workload);
}

#endif
