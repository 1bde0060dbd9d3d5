/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What becomes of a packet's verdict: one record an attempt, and pass or drop. */
#ifndef COFFERDAM_CARRY_OUT_H
#define COFFERDAM_CARRY_OUT_H

#include "packet.h"

enum { PASS = 1, DROP = 0 };

/* A segment whose verdict was recorded. Sent again it is the same attempt, and needs no second record. */
struct attempt {
	struct address source;
	__be32 sequence;
	__u16 source_port;
	__u16 destination_port;
	__u32 hook; /* each end has a verdict of its own */
	__u32 pad;
};

/* → epochs.policy at the verdict. Written and read by the packet hooks. The oldest goes when full: recorded again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct attempt);
	__type(value, __u32);
} attempts SEC(".maps");

static __always_inline int is_repeated(const struct packet *p, __u32 hook)
{
	struct attempt key = { .source = p->source,
			       .sequence = p->sequence,
			       .source_port = p->source_port,
			       .destination_port = p->destination_port,
			       .hook = hook };
	const __u32 *before;
	__u32 now = policy_epoch();

	if (p->protocol != IPPROTO_TCP)
		return 0;
	before = bpf_map_lookup_elem(&attempts, &key);
	if (before && *before == now)
		return 1;
	bpf_map_update_elem(&attempts, &key, &now, BPF_ANY);
	return 0;
}

/* Is this news? What `connect` and `sendmsg` let pass they have told, and so they have a denial that is only observed. */
static __always_inline int is_news(const struct verdict *v, int is_first)
{
	if (v->action == ACT_DENY && v->reason == WHY_PENDING)
		return 0;
	return refused(v) || is_first;
}

/* Records and carries out; `is_first`: no other hook has seen it. */
static __always_inline int carry_out(const struct flow *f, const struct verdict *v, const struct packet *p,
				     int is_first)
{
	if (is_news(v, is_first) && !is_repeated(p, f->hook))
		record(f, v);
	return refused(v) ? DROP : PASS;
}

/* A packet that no rule can be asked about: fails closed, and says so. */
static __always_inline int unjudged(struct flow *f, const struct settings *s, const struct party *self, __u8 reason)
{
	struct verdict v = { .action = ACT_DENY, .reason = reason };

	v.observed = s->observe || (self->flags & ENTRY_OBSERVE);
	record(f, &v);
	return v.observed ? PASS : DROP;
}

#endif
