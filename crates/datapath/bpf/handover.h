/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A connect to a listener of the same namespace has its whole handshake before it returns, on one CPU, in one breath. What
 * connect found out about both ends goes with it from segment to segment: nothing has to be proved by an option, and
 * the packet hooks, which would find the same, need not ask again. Each segment must be the next one of the handshake.
 * Whoever comes without it (a retransmission, a socket that bypassed connect, NAT, another CPU) is judged in full.
 */
#ifndef COFFERDAM_HANDOVER_H
#define COFFERDAM_HANDOVER_H

#include "proof.h"

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

/*
 * What ingress would have left of the SYN (`leave_answer`) waits here, since a handshake in one breath never asks for it. It
 * is written down as soon as something else comes in between: then the SYN-ACK may have to be sent again, by a timer of
 * this CPU.
 */
static __always_inline void write_down(const struct handover *h)
{
	if (h->stage >= REMOTE_SYN_CAME && h->stage < REMOTE_DONE)
		put_answer(h->sequence, h->syn_tag, h->receiver, h->self, h->peer);
}

/* `receiver`, `peer`: the listener whose ingress was judged too, on `port`. What goes to another namespace has to be signed
 * on the way all the same: remote.h. */
static __always_inline void hand_over(const void *sk, __u32 self, __u64 receiver, __u32 peer, __u16 port, int remote)
{
	struct handover *h = get_handover();

	if (!h)
		return;
	write_down(h);
	h->socket = socket_number(sk);
	h->receiver = receiver;
	h->self = self;
	h->peer = peer;
	h->port = bpf_htons(port);
	h->epoch = policy_epoch();
	h->stage = remote ? REMOTE_CONNECT : STAGE_CONNECT;
}

/* How far the handshake is whose connect was the last one here, if it is this socket's. */
static __always_inline __u32 stage_of(const void *sk)
{
	const struct handover *h = get_handover();

	return h && h->socket == socket_number(sk) && h->epoch == policy_epoch() ? h->stage : STAGE_NONE;
}

/* A segment of somebody else was judged on this CPU: what follows is not the handshake that was handed over. */
static __always_inline void end_handover(int is_signed)
{
	struct handover *h = get_handover();

	if (!h)
		return;
	write_down(h);
	h->stage = STAGE_NONE;
	h->is_signed = is_signed;
}

/* What is known of the SYN that this answers. */
static __always_inline const struct answer *find_answer(__be32 syn)
{
	const struct handover *h = get_handover();

	if (h && h->sequence == syn)
		write_down(h);
	return answer_to(syn);
}

static __always_inline __be32 after(__be32 sequence)
{
	return bpf_htonl(bpf_ntohl(sequence) + 1);
}

static __always_inline int leaves_judged(const struct bpf_sock *sk, const struct tcp_start *tcp, struct handover *h)
{
	__u8 flags = tcp->flags & HANDSHAKE_FLAGS;

	if (flags == TCP_SYN && h->stage == STAGE_CONNECT && h->socket == socket_number(sk)) {
		h->sequence = tcp->sequence;
		h->stage = STAGE_SYN_LEFT;
		return 1;
	}
	return flags == (TCP_SYN | TCP_ACK) && h->stage == STAGE_SYN_CAME && tcp->acknowledgement == after(h->sequence);
}

static __always_inline int arrives_judged(struct bpf_sock *sk, const struct tcp_start *tcp, struct handover *h)
{
	__u8 flags = tcp->flags & HANDSHAKE_FLAGS;
	int next = 0;

	if (flags == TCP_SYN && h->stage == STAGE_SYN_LEFT && tcp->sequence == h->sequence &&
	    tcp->destination == h->port)
		next = h->receiver == bpf_sk_cgroup_id(sk) ? STAGE_SYN_CAME : 0;
	else if (flags == (TCP_SYN | TCP_ACK) && h->stage == STAGE_SYN_CAME &&
		 tcp->acknowledgement == after(h->sequence))
		next = h->socket == socket_number(sk) ? STAGE_SYNACK_CAME : 0;
	else if (flags == TCP_ACK && h->stage == STAGE_SYNACK_CAME && tcp->sequence == after(h->sequence))
		next = h->receiver == bpf_sk_cgroup_id(sk) ? STAGE_DONE : 0;
	if (next)
		h->stage = next;
	return next != 0;
}

#endif
