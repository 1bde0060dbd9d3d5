/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A handshake between two namespaces of this host is nearly always one breath on one CPU too. Each of its segments is signed;
 * whoever checks the next one finds here what was signed last, and by whom. All that a tag is made of is compared, and the
 * tag itself, so an equal tag needs no second computation; and `connect` has judged both ends. Everything else, a segment that
 * comes a second time included, is verified and judged in full.
 */
#ifndef COFFERDAM_REMOTE_H
#define COFFERDAM_REMOTE_H

#include "sender.h"

/* With the 20 bytes of options that Linux asks for. */
enum { SYN_HEADER = TCP_HEADER + USUAL_OPTIONS + WIRE_LENGTH };

/* === who writes === */

/* The handover, if this is the next segment of its handshake. (A SYN-ACK has no socket.) */
static __always_inline struct handover *next_signed(const struct bpf_sock_ops *ops, const struct tcp_start *tcp,
						    __u32 segment)
{
	struct handover *h = get_handover();

	if (!h || h->epoch != policy_epoch())
		return NULL;
	if (segment == SEGMENT_SYN)
		return h->stage == REMOTE_CONNECT && h->socket == socket_number(ops->sk) ? h : NULL;
	if (segment == SEGMENT_SYNACK)
		return h->stage == REMOTE_SYN_CAME && tcp->acknowledgement == after(h->sequence) ? h : NULL;
	return h->stage == REMOTE_SYNACK_CAME && h->socket == socket_number(ops->sk) &&
			       tcp->sequence == after(h->sequence) && tcp->acknowledgement == after(h->answer)
		       ? h
		       : NULL;
}

static __always_inline void was_signed(struct handover *h, __be32 sequence, __u32 segment, __u32 claim, __u64 tag)
{
	h->claim = claim;
	h->tag = tag;
	if (segment == SEGMENT_SYN)
		h->sequence = sequence;
	if (segment == SEGMENT_SYNACK)
		h->answer = sequence;
	h->stage++;
}

/* Has the SYN-ACK that is written now something to sign for? Its SYN came on this CPU just before. A guess about room only:
 * whoever writes asks again. */
static __always_inline int answers_signed(void)
{
	const struct handover *h = get_handover();

	return h && (h->stage == REMOTE_SYN_CAME || (h->stage != STAGE_SYN_CAME && h->is_signed));
}

/* The server has its connection, so it never answers that SYN again. (One that waits for data has none yet.) */
static __always_inline void is_accepted(__u32 next)
{
	struct handover *h = get_handover();

	if (h && h->stage == REMOTE_ACK_CAME && bpf_ntohl(after(h->sequence)) == next)
		h->stage = REMOTE_DONE;
}

/* === who lets pass === */

static __always_inline const struct wire_option *last_option(struct __sk_buff *skb, const struct tcp_start *tcp)
{
	void *end = (void *)(long)skb->data_end;
	__u32 length = (tcp->offset >> 4) * 4;
	const struct wire_option *o;

	if (length < TCP_HEADER + WIRE_LENGTH || length > SYN_HEADER + 4)
		return NULL;
	o = (void *)tcp + length - WIRE_LENGTH;
	return (void *)(o + 1) <= end ? o : NULL;
}

/* Does our option stand where the kernel puts it? Only the socket's own sockops can have written it. */
static __always_inline int is_signed(struct __sk_buff *skb, const struct tcp_start *tcp)
{
	const struct wire_option *o = last_option(skb, tcp);

	return o && wire_is_ours(o);
}

/* Signed as the handover says, under a key that still signs. */
static __always_inline int has_tag(struct __sk_buff *skb, const struct tcp_start *tcp, const struct handover *h)
{
	const struct wire_option *o = last_option(skb, tcp);

	return o && wire_is_ours(o) && bpf_ntohl(o->claim) == h->claim && wire_tag_of(o) == h->tag &&
	       ((h->claim >> WIRE_EPOCH_SHIFT) % WIRE_EPOCHS) == key_epoch() % WIRE_EPOCHS;
}

static __always_inline int remote_may_leave(struct __sk_buff *skb, const struct bpf_sock *sk,
					    const struct tcp_start *tcp, const struct handover *h)
{
	__u8 flags = tcp->flags & HANDSHAKE_FLAGS;

	if (flags == TCP_SYN)
		return h->stage == REMOTE_SYN_SIGNED && h->socket == socket_number(sk) && tcp->sequence == h->sequence;
	return flags == (TCP_SYN | TCP_ACK) && h->stage == REMOTE_SYNACK_SIGNED && tcp->sequence == h->answer;
}

/* Nothing but what Linux asks for: no data and no cookie of TCP Fast Open. */
static __always_inline int is_usual_syn(struct __sk_buff *skb, const struct tcp_start *tcp)
{
	const __u8 *o = (const __u8 *)tcp + TCP_HEADER;

	if ((void *)(o + USUAL_OPTIONS) > (void *)(long)skb->data_end)
		return 0;
	return tcp->offset >> 4 == SYN_HEADER / 4 && o[0] == 2 && o[4] == 4 && o[6] == 8 && o[16] == 1 && o[17] == 3 &&
	       skb->len == (__u32)((long)tcp - (long)skb->data) + SYN_HEADER;
}

static __always_inline int remote_may_enter(struct __sk_buff *skb, struct bpf_sock *sk, const struct tcp_start *tcp,
					    struct handover *h)
{
	__u8 flags = tcp->flags & HANDSHAKE_FLAGS;

	if (flags == TCP_SYN) {
		if (h->stage != REMOTE_SYN_SIGNED || tcp->sequence != h->sequence || tcp->destination != h->port ||
		    !has_tag(skb, tcp, h) || !is_usual_syn(skb, tcp) || h->receiver != bpf_sk_cgroup_id(sk))
			return 0;
		h->syn_tag = h->tag;
	} else if (flags == (TCP_SYN | TCP_ACK)) {
		if (h->stage != REMOTE_SYNACK_SIGNED || tcp->sequence != h->answer ||
		    tcp->acknowledgement != after(h->sequence) || h->socket != socket_number(sk) ||
		    !has_tag(skb, tcp, h))
			return 0;
	} else {
		if (flags != TCP_ACK || h->stage != REMOTE_ACK_SIGNED || tcp->sequence != after(h->sequence) ||
		    tcp->acknowledgement != after(h->answer) || !has_tag(skb, tcp, h) ||
		    h->receiver != bpf_sk_cgroup_id(sk) || is_replayed(tcp->sequence, tcp->acknowledgement, sk))
			return 0;
	}
	h->stage++;
	return 1;
}

#endif
