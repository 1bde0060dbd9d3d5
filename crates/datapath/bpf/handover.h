/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A connect to a listener of the same namespace has its whole handshake before it returns, on one CPU, in one breath. What
 * connect found out about both ends goes with it from segment to segment: nothing has to be proved by an option, and
 * the packet hooks, which would find the same, need not ask again. Each segment must be the next one of the handshake.
 * Whoever comes without it (a retransmission, a socket that bypassed connect, NAT, another CPU) is judged in full.
 */
#ifndef COFFERDAM_HANDOVER_H
#define COFFERDAM_HANDOVER_H

#include "packet.h"

enum { TCP_RST = 0x04, HANDSHAKE_FLAGS = TCP_SYN | TCP_ACK | TCP_RST };

static __always_inline struct handover *get_handover(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&handovers, &zero);
}

/* Cheaper than a cookie, and nobody else has that address while the socket lives. */
static __always_inline __u64 socket_number(const void *sk)
{
	return (__u64)sk;
}

/* `receiver`: the cgroup of the listener whose ingress was judged too. To another namespace only the sender's verdict goes
 * along; the receiver asks for proof. */
static __always_inline void hand_over(const void *sk, __u64 receiver, __u32 stage)
{
	struct handover *h = get_handover();

	if (!h)
		return;
	h->socket = socket_number(sk);
	h->receiver = receiver;
	h->epoch = policy_epoch();
	h->stage = stage;
}

/* Was this socket's connect the last one here? */
static __always_inline int is_handed_over(const void *sk)
{
	const struct handover *h = get_handover();

	return h && h->stage == STAGE_CONNECT && h->socket == socket_number(sk) && h->epoch == policy_epoch();
}

/* A segment of somebody else was judged on this CPU: what follows is not the handshake that was handed over. */
static __always_inline void end_handover(int is_signed)
{
	struct handover *h = get_handover();

	if (!h)
		return;
	h->stage = STAGE_NONE;
	h->is_signed = is_signed;
}

/* Has the SYN-ACK that is written now something to sign for? Its SYN came on this CPU just before. A guess about room only:
 * whoever writes asks again. */
static __always_inline int answers_signed(void)
{
	const struct handover *h = get_handover();

	return h && h->stage != STAGE_SYN_CAME && h->is_signed;
}

static __always_inline __be32 after_syn(const struct handover *h)
{
	return bpf_htonl(bpf_ntohl(h->sequence) + 1);
}

/* Does our option stand where the kernel puts it? Only the socket's own sockops can have written it. */
static __always_inline int is_signed(struct __sk_buff *skb, const struct tcp_start *tcp)
{
	__u32 end = (__u32)((long)tcp - (long)skb->data) + (tcp->offset >> 4) * 4;
	struct wire_option o;

	return end > WIRE_LENGTH && !bpf_skb_load_bytes(skb, end - WIRE_LENGTH, &o, sizeof(o)) && wire_is_ours(&o);
}

static __always_inline int leaves_judged(struct __sk_buff *skb, const struct bpf_sock *sk, const struct tcp_start *tcp)
{
	struct handover *h = get_handover();
	__u8 flags = tcp->flags & HANDSHAKE_FLAGS;

	if (!h || h->epoch != policy_epoch())
		return flags == (TCP_SYN | TCP_ACK) && is_signed(skb, tcp);
	if (flags == TCP_SYN && h->stage == STAGE_REMOTE && h->socket == socket_number(sk))
		return is_signed(skb, tcp);
	if (flags == TCP_SYN && h->stage == STAGE_CONNECT && h->socket == socket_number(sk)) {
		h->sequence = tcp->sequence;
		h->stage = STAGE_SYN_LEFT;
		return 1;
	}
	if (flags != (TCP_SYN | TCP_ACK))
		return 0;
	return (h->stage == STAGE_SYN_CAME && tcp->acknowledgement == after_syn(h)) || is_signed(skb, tcp);
}

static __always_inline int arrives_judged(struct bpf_sock *sk, const struct tcp_start *tcp)
{
	struct handover *h = get_handover();
	__u8 flags = tcp->flags & HANDSHAKE_FLAGS;
	int next = 0;

	if (!h || h->epoch != policy_epoch())
		return 0;
	if (flags == TCP_SYN && h->stage == STAGE_SYN_LEFT && tcp->sequence == h->sequence)
		next = h->receiver == bpf_sk_cgroup_id(sk) ? STAGE_SYN_CAME : 0;
	else if (flags == (TCP_SYN | TCP_ACK) && h->stage == STAGE_SYN_CAME && tcp->acknowledgement == after_syn(h))
		next = h->socket == socket_number(sk) ? STAGE_SYNACK_CAME : 0;
	else if (flags == TCP_ACK && h->stage == STAGE_SYNACK_CAME && tcp->sequence == after_syn(h))
		next = h->receiver == bpf_sk_cgroup_id(sk) ? STAGE_DONE : 0;
	if (next)
		h->stage = next;
	return next != 0;
}

#endif
