/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Writes the option: into a client's segments until the server was heard, and into the SYN-ACK of a SYN that had one. */
#ifndef COFFERDAM_HANDSHAKE_H
#define COFFERDAM_HANDSHAKE_H

#include "refuse.h"
#include "remote.h"

static __always_inline void want_option(struct bpf_sock_ops *ops, int wanted)
{
	__u32 old = ops->bpf_sock_ops_cb_flags;
	__u32 new = wanted ? old | BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG : old & ~BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG;

	if (new != old)
		bpf_sock_ops_cb_flags_set(ops, new);
}

/* Only where a workload can be: the option tells who we are, and middleboxes of the world do not know it. */
static __always_inline int may_be_workload(struct bpf_sock_ops *ops)
{
	struct address remote;
	__u32 *w = (__u32 *)remote.bytes;

	if (ops->family == AF_INET) {
		address_v4(&remote, ops->remote_ip4);
	} else {
		w[0] = ops->remote_ip6[0];
		w[1] = ops->remote_ip6[1];
		w[2] = ops->remote_ip6[2];
		w[3] = ops->remote_ip6[3];
	}
	return is_on_this_host(&remote);
}

/* Only its own namespace reaches it, where sockets speak for themselves. */
static __always_inline int listens_on_loopback(struct bpf_sock_ops *ops)
{
	if (ops->family == AF_INET)
		return (bpf_ntohl(ops->local_ip4) >> 24) == 127;
	return !ops->local_ip6[0] && !ops->local_ip6[1] && !ops->local_ip6[2] && ops->local_ip6[3] == bpf_htonl(1);
}

/* The identity that may sign this segment, or 0. */
static __always_inline __u32 signer(struct bpf_sock_ops *ops, const struct tcp_start *tcp)
{
	/* The kernel searches for kind and the first bytes of the magic number, and fills in the rest. */
	struct wire_option syn = { .kind = WIRE_KIND, .length = 4, .experiment = bpf_htons(WIRE_EXPERIMENT) };
	const struct answer *left;
	struct party self;

	if (tcp->flags & TCP_SYN && tcp->flags & TCP_ACK) {
		/* No socket here (dataplane 11): what ingress left about that very SYN says who answers. */
		left = find_answer(bpf_htonl(bpf_ntohl(tcp->acknowledgement) - 1));
		if (!left || !left->tag ||
		    bpf_load_hdr_opt(ops, &syn, sizeof(syn), BPF_LOAD_HDR_OPT_TCP_SYN) != sizeof(syn))
			return 0;
		return left->tag == wire_tag_of(&syn) ? left->self : 0;
	}
	if (!ops->sk || !ops->is_fullsock)
		return 0;
	return party_of_cgroup(&self, cgroup_of(ops->sk)) && self.workload ? self.peer : 0;
}

/* The SYN had room, this segment has not (Multipath TCP): its receiver goes by the SYN's record, as if that had had none. */
static __always_inline void excuse(struct bpf_sock_ops *ops)
{
	if (ops->sk && ops->is_fullsock)
		leave_opener(bpf_htonl(ops->snd_una - 1), cgroup_of(ops->sk), 0);
}

static __always_inline void reserve(struct bpf_sock_ops *ops)
{
	int synack = (ops->skb_tcp_flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK);

	/* The server has acknowledged or sent something, so it has verified what we are. */
	if (!synack && !(ops->skb_tcp_flags & TCP_SYN) && (ops->bytes_received || ops->bytes_acked > 1)) {
		want_option(ops, 0);
		return;
	}
	/* Whether it may be signed is asked when it is written; what stays unused is padding. */
	if ((synack && !answers_signed()) || !bpf_reserve_hdr_opt(ops, WIRE_LENGTH, 0))
		return;
	count(NO_ROOM);
	if (!(ops->skb_tcp_flags & TCP_SYN))
		excuse(ops);
}

static __always_inline void write_option(struct bpf_sock_ops *ops)
{
	struct tcp_start *tcp = (struct tcp_start *)(long)ops->skb_data;
	struct wire_option o = {};
	__u32 segment, claim, identity;
	struct handover *h;
	__be32 sequence;

	if ((void *)(tcp + 1) > (void *)(long)ops->skb_data_end)
		return;
	segment = !(tcp->flags & TCP_SYN) ? SEGMENT_CLIENT : tcp->flags & TCP_ACK ? SEGMENT_SYNACK : SEGMENT_SYN;
	sequence = tcp->sequence; /* storing moves the header */
	h = next_signed(ops, tcp, segment);
	if (h)
		identity = segment == SEGMENT_SYNACK ? h->peer : h->self;
	else
		identity = signer(ops, tcp);
	if (!identity)
		return;
	claim = wire_claim(identity);
	if (!wire_make(&o, claim, segment, bpf_ntohl(sequence),
		       segment == SEGMENT_SYN ? 0 : bpf_ntohl(tcp->acknowledgement)))
		return;
	if (bpf_store_hdr_opt(ops, &o, sizeof(o), 0))
		count(NO_ROOM);
	else if (h)
		was_signed(h, sequence, segment, claim, wire_tag_of(&o));
}

/*
 * TCP Fast Open leaves no room for the option (dataplane 2). A protected program that asks for it is told yes and gets a
 * normal handshake, as from a kernel whose administrator has switched it off.
 */
static __always_inline int set_option(struct bpf_sockopt *ctx)
{
	const struct settings *s = get_settings();
	struct party self;

	if (ctx->level != IPPROTO_TCP || (ctx->optname != TCP_FASTOPEN && ctx->optname != TCP_FASTOPEN_CONNECT))
		return 1;
	if (!s || s->off || s->observe || !ctx->sk || !party_of_cgroup(&self, cgroup_of(ctx->sk)))
		return 1;
	if (self.flags & ENTRY_OBSERVE)
		return 1; /* observing changes nothing */
	ctx->optlen = -1;
	return 1;
}

static __always_inline void connecting(struct bpf_sock_ops *ops)
{
	__u32 stage = stage_of(ops->sk);
	int wanted = stage == REMOTE_CONNECT || (stage != STAGE_CONNECT && may_be_workload(ops));

	want_option(ops, wanted);
	if (wanted && was_somebody_denied())
		forget_denial(ops);
}

/* Where `connect` has judged the listener too, nobody is going to refuse. */
static __always_inline void starting(struct bpf_sock_ops *ops)
{
	if (stage_of(ops->sk) != REMOTE_CONNECT)
		retry_soon(ops);
}

/* Most calls are about something else and leave before anything is looked up. */
static __always_inline int is_ours(__u32 op)
{
	const __u32 ours = 1 << BPF_SOCK_OPS_TCP_CONNECT_CB | 1 << BPF_SOCK_OPS_TCP_LISTEN_CB |
			   1 << BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB | 1 << BPF_SOCK_OPS_HDR_OPT_LEN_CB |
			   1 << BPF_SOCK_OPS_WRITE_HDR_OPT_CB | 1 << BPF_SOCK_OPS_TIMEOUT_INIT;

	return ours >> (op & 31) & 1;
}

static __always_inline int handshake(struct bpf_sock_ops *ops)
{
	const struct settings *s;
	__u32 op = ops->op;

	if (!is_ours(op))
		return 1;
	if (op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB) {
		want_option(ops, 0); /* inherited from the listener */
		complete(ops->rcv_nxt);
		is_accepted(ops->rcv_nxt);
		return 1;
	}
	s = get_settings();
	if (!s || s->off)
		return 1;
	if (op == BPF_SOCK_OPS_TCP_CONNECT_CB)
		connecting(ops);
	else if (op == BPF_SOCK_OPS_TIMEOUT_INIT)
		starting(ops);
	else if (op == BPF_SOCK_OPS_TCP_LISTEN_CB)
		want_option(ops, !listens_on_loopback(ops));
	else if (op == BPF_SOCK_OPS_HDR_OPT_LEN_CB)
		reserve(ops);
	else
		write_option(ops);
	return 1;
}

#endif
