/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What one segment of a handshake leaves for the next where the option does not say it all: who may answer a SYN and to
 * whom, who sent a segment that had no room, and which segments have done their work and must not come twice.
 */
#ifndef COFFERDAM_PROOF_H
#define COFFERDAM_PROOF_H

#include "packet.h"

enum { ANSWERS = 16384 };

/* Low bits of a SYN's number → who answers. Written by ingress, read by the SYN-ACK's writer, which has no socket, and by
 * its egress. An array, because an LRU costs more than all the rest; a newer SYN with the same bits takes the place: a
 * SYN-ACK that is sent again then goes unsigned and unknown, and its client judges by address. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ANSWERS);
	__type(key, __u32);
	__type(value, struct answer);
} answers SEC(".maps");

/* Sequence number → who sent that SYN or SYN-ACK, which had no room for the option; it survives NAT. Written by egress, read
 * by ingress. The oldest goes when full: that handshake is judged as a stranger's. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __be32);
	__type(value, struct opener);
} handshakes SEC(".maps");

/* Segments that completed a handshake of which the kernel remembers nothing. Written by PASSIVE_ESTABLISHED, read by ingress.
 * The oldest goes when full: it could be replayed while its cookie is valid, two minutes. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct completed);
	__type(value, __u64);
} completions SEC(".maps");

/* The segment that may complete such a handshake now, on this CPU. Written by ingress, taken by PASSIVE_ESTABLISHED. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct completed);
} completing SEC(".maps");

/* To a tick: a handshake needs no better clock, and it is read several times a connection. */
static __always_inline __u64 coarse_now(void)
{
	return bpf_ktime_get_coarse_ns();
}

static __always_inline int is_fresh(__u64 time)
{
	return coarse_now() - time < (__u64)HANDSHAKE_SECONDS * NS_PER_SECOND;
}

/* === answers === */

static __always_inline struct answer *answer_slot(__be32 syn)
{
	__u32 index = bpf_ntohl(syn) % ANSWERS;

	return bpf_map_lookup_elem(&answers, &index);
}

static __always_inline const struct answer *answer_to(__be32 syn)
{
	const struct answer *a = answer_slot(syn);

	return a && a->syn == syn && is_fresh(a->time) ? a : NULL;
}

/* The SYN may be answered in the name of `self`, who is in that cgroup, to `peer`. */
static __always_inline void put_answer(__be32 syn, __u64 tag, __u64 cgroup, __u32 peer, __u32 self)
{
	struct answer *a = answer_slot(syn);

	if (!a)
		return;
	a->tag = tag;
	a->cgroup = cgroup;
	a->time = coarse_now();
	a->syn = syn;
	a->peer = peer;
	a->self = self;
}

static __always_inline void leave_answer(const struct packet *p, const struct party *self, const struct party *from)
{
	put_answer(p->sequence, p->has_option ? wire_tag_of(&p->option) : 0, self->cgroup, from->peer,
		   self->workload ? self->peer : 0);
}

/* === openers === */

static __always_inline void leave_opener(__be32 sequence, __u64 cgroup, __u32 peer)
{
	struct opener o = { .cgroup = cgroup, .time = coarse_now(), .peer = peer };

	bpf_map_update_elem(&handshakes, &sequence, &o, BPF_ANY);
}

/* The number belongs to the first who came with it: whoever hears of it later does not. */
static __always_inline int holds(struct opener *o, const struct packet *p)
{
	const __u64 *is = (const __u64 *)o->source.bytes, *comes = (const __u64 *)p->source.bytes;

	if (!o->bound) {
		o->source = p->source;
		o->port = p->source_port;
		o->bound = 1;
		return 1;
	}
	return o->port == p->source_port && is[0] == comes[0] && is[1] == comes[1];
}

/* The cgroup that sent this segment, or 0. `self`: who receives; a SYN-ACK must answer a SYN of its own. */
static __always_inline __u64 opener_of(const struct packet *p, __u32 segment, const struct party *self)
{
	__be32 sequence = p->sequence;
	struct opener *o;

	if (segment == SEGMENT_CLIENT)
		sequence = bpf_htonl(bpf_ntohl(sequence) - 1);
	o = bpf_map_lookup_elem(&handshakes, &sequence);
	if (!o || !is_fresh(o->time) || o->peer != (segment == SEGMENT_SYNACK ? self->peer : 0))
		return 0;
	return holds(o, p) ? o->cgroup : 0;
}

/* === without a request in the kernel === */

/* Has this listener sent SYN cookies? With SO_REUSEPORT the kernel notes it elsewhere, so that counts as yes. */
static __always_inline int takes_cookies(const void *sk)
{
	struct tcp_sock *t;
	struct sock *s;

	if (bpf_ksym_exists(bpf_rdonly_cast)) {
		t = bpf_rdonly_cast(sk, bpf_core_type_id_kernel(struct tcp_sock));
		s = bpf_rdonly_cast(sk, bpf_core_type_id_kernel(struct sock));
		return t->rx_opt.ts_recent_stamp || BPF_CORE_READ_BITFIELD(s, __sk_common.skc_reuseport);
	}
	s = sock_by_number(sk);
	t = (struct tcp_sock *)s;
	return BPF_CORE_READ(t, rx_opt.ts_recent_stamp) || BPF_CORE_READ_BITFIELD_PROBED(s, __sk_common.skc_reuseport);
}

/* Bit for bit the same as one that completed a handshake before: no retransmission, that one reaches the connection. */
static __always_inline int is_replayed(__be32 sequence, __be32 acknowledgement, const void *sk)
{
	struct completed key = { .sequence = sequence, .acknowledgement = acknowledgement };
	struct completed *now;
	__u32 zero = 0;

	if (!takes_cookies(sk))
		return 0;
	if (bpf_map_lookup_elem(&completions, &key))
		return 1;
	now = bpf_map_lookup_elem(&completing, &zero);
	if (now)
		*now = key;
	return 0;
}

static __always_inline void complete(__u32 next)
{
	__u32 zero = 0;
	struct completed *now = bpf_map_lookup_elem(&completing, &zero);
	__u64 time;

	if (!now || !now->sequence || bpf_ntohl(now->sequence) != next)
		return;
	time = bpf_ktime_get_boot_ns();
	bpf_map_update_elem(&completions, now, &time, BPF_ANY);
	now->sequence = 0;
}

#endif
