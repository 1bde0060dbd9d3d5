/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The verdict over two known parties. `policy::decide` is the reference; the scenario table runs through both. */
#ifndef COFFERDAM_JUDGE_H
#define COFFERDAM_JUDGE_H

#include "contain.h"
#include "succession.h"

struct verdict {
	__u8 action;
	__u8 reason;
	__u8 direction;
	__u8 observed;
	__u32 rule;
};

enum { PREFIX_MIN = 1 << 24 }; /* the first number of a prefix that some rule names */

/* The named prefix around a peer's address. Global, so that its stack ends with it. */
__noinline int find_region(struct party *peer, const struct address *at)
{
	struct prefix_key key = { .bits = 128 };
	const struct prefix_value *v;
	__u32 number = 0;

	if (!peer || !at)
		return 0;
	__builtin_memcpy(key.addr, at->bytes, sizeof(key.addr));
	v = bpf_map_lookup_elem(&prefixes, &key);
	if (v && v->peer >= PREFIX_MIN)
		number = v->peer;
	if (peer->class == CLASS_WORKLOAD)
		peer->region = number;
	else if (peer->class == CLASS_HOST && number)
		peer->peer = number;
	return 0;
}

/* Before `subject` is asked about a peer at that address: only few policies want to know it. */
static __always_inline void know_address(const struct party *subject, struct party *peer, const struct address *at)
{
	if (subject->flags & ENTRY_BY_ADDRESS)
		find_region(peer, at);
}

/* A verdict in one register: four numbers would be four places on the stack. 0: none. */
static __always_inline __u64 packed(const struct port_verdict *v)
{
	__u64 all;

	__builtin_memcpy(&all, v, sizeof(all));
	barrier_var(all);
	return all;
}

static __always_inline struct port_verdict unpacked(__u64 all)
{
	struct port_verdict v;

	__builtin_memcpy(&v, &all, sizeof(v));
	return v;
}

/* The smallest block around the port; 0: none. A lookup for each size that the table has, nearly always one: a trie over all
 * tables would be deeper with every table of others. */
static __always_inline __u64 lookup_block(__u32 wanted, const struct row *row)
{
	struct port_key key = { .table = row->table };
	const struct port_verdict *v;
	__u32 size;

	for (size = 1; size < 1 << PORT_SIZES; size <<= 1) {
		if (!(row->sizes & size))
			continue;
		key.block = (wanted & -size) << 1 | size;
		v = bpf_map_lookup_elem(&ports, &key);
		if (v)
			return packed(v);
	}
	return 0;
}

/* The row of one peer in one plane, and in it the smallest port block, else the row's own verdict; 0: no row. Global, so that
 * the verifier goes through the sizes of blocks once, and its stack ends here. */
__noinline __u64 lookup_row(__u32 subject, __u32 peer, __u32 direction, __u32 plane, __u32 wanted)
{
	struct row_key key = { .subject = subject, .peer = peer, .direction = direction | plane << PLANE_SHIFT };
	const struct row *row = bpf_map_lookup_elem(&rows, &key);
	__u64 v;

	if (!row)
		return 0;
	v = row->table ? lookup_block(wanted, row) : 0;
	return v ? v : packed(&row->verdict);
}

/* What is asked about one peer. */
struct question {
	__u32 subject;
	__u32 direction;
	__u32 wanted; /* protocol << 16 | port */
};

static __always_inline __u64 ask(const struct question *q, __u32 peer, __u32 plane)
{
	return lookup_row(q->subject, peer, q->direction, plane, q->wanted);
}

/*
 * Precedence, as the compiler relies on it, stage by stage until one does not pass:
 *   1. the row of the exact peer (identity or named prefix)
 *   2. the row of its class
 *   3. no row: 0, the caller fails closed
 * and in the place of 1 or 2, for a protected peer whose address some rule names, the row beside it if that has the
 * smaller priority. Nearly always the first stage is the verdict.
 */
static __always_inline __u64 lookup_stages(const struct question *q, const struct party *peer, __u32 observed)
{
	__u64 v, beside;
	__u32 stage;

	for (stage = 0; stage < PLANE_STAGES; stage++) {
		v = ask(q, peer->peer, stage | observed);
		if (!v)
			v = ask(q, peer->class, stage | observed);
		if (!v)
			return 0;
		if (peer->region) {
			beside = ask(q, peer->region, stage | observed | PLANE_BESIDE);
			if (beside && unpacked(beside).priority < unpacked(v).priority)
				v = beside;
		}
		/* Nearly always so. And where the compiler knows it, it puts the next round behind: 6.1 knows no loop otherwise. */
		if (__builtin_expect(unpacked(v).action != ACT_PASS, 1))
			return v;
	}
	return 0;
}

static __always_inline struct port_verdict lookup_verdict(const struct question *q, const struct party *peer)
{
	__u64 observed, v = lookup_stages(q, peer, 0);

	if (unpacked(v).action != ACT_ALLOW || !unpacked(v).observe)
		return unpacked(v);
	observed = lookup_stages(q, peer, PLANE_OBSERVED);
	return unpacked(unpacked(observed).action == ACT_DENY ? observed : v);
}

/* The subject's own answer. Returns 1 if the flow ends here. Global, so that it is verified once and not for each end. */
__noinline int judge_end(const struct party *subject, const struct party *peer, __u32 direction, __u32 wanted,
			 struct verdict *out)
{
	struct question q = { .direction = direction, .wanted = wanted & ~BY_SUCCESSORS };
	struct port_verdict v;

	if (!subject || !peer || !out)
		return 1;
	q.subject = subject->subject;
	if (wanted & BY_SUCCESSORS)
		succeed(&q.subject);
	/* Now, or both would have to be kept: 6.1 has no stack left. */
	out->direction = direction;
	out->observed = (subject->flags & ENTRY_OBSERVE) != 0;
	v = lookup_verdict(&q, peer);
	out->action = v.action == ACT_NONE ? ACT_DENY : v.action;
	out->reason = v.action == ACT_NONE ? WHY_NO_POLICY : WHY_RULE;
	out->rule = v.rule;
	out->observed = out->action == ACT_DENY && (out->observed || v.observe);
	return out->action == ACT_DENY;
}

/* Both ends have to agree: the egress of one and the ingress of the other. A global function, so that the verifier looks at
 * it once and not at every call; what it is given must be initialised. */
__noinline int judge(const struct party *from, const struct party *to, __u8 protocol, __u16 port, struct verdict *out)
{
	const struct settings *s = get_settings();
	__u32 wanted;
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
	/* Rules know the port as who listens there does. */
	wanted = (__u32)protocol << 16 | (__u16)port_inside(to, protocol, port);
	/* Asked once, after both ends were read: so both are judged by the old policy, or both by the new. */
	if (is_succession())
		wanted |= BY_SUCCESSORS;
	ended = from->subject && judge_end(from, to, DIR_EGRESS, wanted, out);
	if (!ended || out->observed) {
		struct verdict second = *out;

		if (to->subject && (judge_end(to, from, DIR_INGRESS, wanted, &second) || !ended))
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
