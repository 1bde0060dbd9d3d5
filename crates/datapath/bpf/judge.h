/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The verdict over two known parties. `policy::decide` is the reference; the scenario table runs through both. */
#ifndef COFFERDAM_JUDGE_H
#define COFFERDAM_JUDGE_H

#include "maps.h"

/* One end of an attempt. */
struct party {
	__u64 cgroup;
	__u32 peer;     /* identity, class or prefix number */
	__u32 class;    /* enum peer_class, asked where `peer` has no row */
	__u32 workload; /* 0: not protected */
	__u32 subject;  /* 0: not protected */
	__u32 flags;    /* enum entry_flag */
};

struct verdict {
	__u8 action;
	__u8 reason;
	__u8 direction;
	__u8 observed;
	__u32 rule;
};

static __always_inline int is_protected(const struct party *p)
{
	return p->workload != 0 || (p->flags & ENTRY_PENDING);
}

/*
 * Precedence, as the compiler relies on it:
 *   1. the row of the exact peer (identity or named prefix)
 *   2. the row of its class
 *   3. no row: NULL, the caller fails closed
 * and inside a row: the longest port block, else the row's own verdict.
 */
static __always_inline const struct port_verdict *lookup_verdict(__u32 subject, __u32 direction, __u32 peer,
								 __u32 class, __u8 protocol, __u16 port)
{
	struct row_key key = { .subject = subject, .peer = peer, .direction = direction };
	struct port_key block = {};
	const struct port_verdict *v;
	const struct row *row;

	row = bpf_map_lookup_elem(&rows, &key);
	if (!row) {
		key.peer = class;
		row = bpf_map_lookup_elem(&rows, &key);
	}
	if (!row)
		return NULL;
	if (row->table) {
		block.bits = PORT_BITS_ALL;
		block.table = row->table;
		block.protocol = protocol;
		block.port[0] = port >> 8;
		block.port[1] = port & 0xff;
		v = bpf_map_lookup_elem(&ports, &block);
		if (v)
			return v;
	}
	return &row->verdict;
}

/* The subject's own answer. Returns 1 if the flow ends here. */
static __always_inline int judge_end(const struct party *subject, const struct party *peer, __u32 direction,
				     __u8 protocol, __u16 port, struct verdict *out)
{
	const struct port_verdict *v;

	v = lookup_verdict(subject->subject, direction, peer->peer, peer->class, protocol, port);
	out->direction = direction;
	out->action = v ? v->action : ACT_DENY;
	out->reason = v ? WHY_RULE : WHY_NO_POLICY;
	out->rule = v ? v->rule : 0;
	if (out->action == ACT_ALLOW)
		return 0;
	out->observed = (subject->flags & ENTRY_OBSERVE) || (v && v->observe);
	return 1;
}

/* Both ends have to agree: the egress of one and the ingress of the other. A global function, so that the verifier looks at
 * it once and not at every call; what it is given must be initialised. */
__noinline int judge(const struct party *from, const struct party *to, __u8 protocol, __u16 port, struct verdict *out)
{
	const struct settings *s = get_settings();
	int ended;

	if (!from || !to || !out)
		return 0;

	*out = (struct verdict){ .action = ACT_ALLOW, .reason = WHY_UNPROTECTED };
	if (!s || s->off) {
		out->reason = WHY_OFF;
		return 0;
	}
	if (from->workload && from->workload == to->workload) {
		out->reason = WHY_SAME_WORKLOAD;
		return 0;
	}
	if ((from->flags | to->flags) & ENTRY_PENDING) {
		out->action = ACT_DENY;
		out->reason = WHY_PENDING;
		out->observed = s->observe != 0;
		return 0;
	}
	ended = from->subject && judge_end(from, to, DIR_EGRESS, protocol, port, out);
	if (!ended || out->observed) {
		struct verdict second = *out;

		if (to->subject && (judge_end(to, from, DIR_INGRESS, protocol, port, &second) || !ended))
			/* An observed denial of one end must not hide a real one of the other. */
			if (!ended || !second.observed)
				*out = second;
	}
	if (out->action == ACT_DENY && s->observe)
		out->observed = 1;
	return 0;
}

static __always_inline int refused(const struct verdict *v)
{
	return v->action == ACT_DENY && !v->observed;
}

#endif
