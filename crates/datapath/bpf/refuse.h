/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A refusal where only packets tell (dataplane 10). A packet hook can drop a SYN but not answer it; the lookup of a
 * listener can have the kernel answer, but knows no sender. So ingress leaves what it has denied, and when that SYN is sent
 * again the lookup finds nobody: the kernel resets, as for a closed port.
 */
#ifndef COFFERDAM_REFUSE_H
#define COFFERDAM_REFUSE_H

#include "packet.h"

enum {
	FIRST_RETRY_JIFFIES = 5, /* 20 ms with 250 a second */
	MORE_TRIES = 6,          /* 20 ms, doubled so much more often, give up when 1 s would */
	TCP_SYNCNT = 7,
	DENIAL_SECONDS = 4, /* the first retry comes after one, the next after two more; each is a new denial */
};

/* A SYN of TCP that was denied. */
struct denied {
	__u64 netns; /* the receiver's: in each of them the same addresses are somebody else's */
	struct address source;
	struct address destination;
	__u16 source_port;
	__u16 destination_port;
	__u32 pad;
};

struct denial {
	__u64 time;
	__u32 epoch; /* epochs.policy at the verdict; after a newer one the SYN is judged again */
	__u32 pad;
};

/* Written by ingress, taken by the next lookup of that connection. The oldest goes when full: judged and dropped again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct denied);
	__type(value, struct denial);
} denials SEC(".maps");

/* When the last one was left, by a coarse clock. Written by ingress, read by whoever connects: mostly there is none to
 * forget. One element. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} last_denial SEC(".maps");

/* Not inlined: the stack of a program and its callees is 512 bytes. */
static __noinline int leave_denial(const struct packet *p, __u64 netns)
{
	struct denial d = { .time = bpf_ktime_get_boot_ns(), .epoch = policy_epoch() };
	struct denied key = { .netns = netns,
			      .source = p->source,
			      .destination = p->destination,
			      .source_port = p->source_port,
			      .destination_port = p->destination_port };
	__u32 zero = 0;
	__u64 *last = bpf_map_lookup_elem(&last_denial, &zero);

	bpf_map_update_elem(&denials, &key, &d, BPF_ANY);
	if (last)
		*last = bpf_ktime_get_coarse_ns();
	return 0;
}

/* Is this verdict about the sender, so that the same SYN gets it again? Pending ends soon, and a signature that does not
 * verify may be one whose key has gone meanwhile: it is signed anew when sent again. */
static __always_inline int is_final(const struct verdict *v, const struct packet *p, const struct party *from)
{
	return refused(v) && v->reason != WHY_PENDING && !(p->has_option && from->class != CLASS_WORKLOAD);
}

/* Each word by its own constant offset: fields of a context are no memory. */
#define address_v6(to, words)                                                                                          \
	do {                                                                                                           \
		((__u32 *)(to)->bytes)[0] = (words)[0];                                                                \
		((__u32 *)(to)->bytes)[1] = (words)[1];                                                                \
		((__u32 *)(to)->bytes)[2] = (words)[2];                                                                \
		((__u32 *)(to)->bytes)[3] = (words)[3];                                                                \
	} while (0)

/* Has this SYN been denied just now? Tells it once. */
static __always_inline int take_denial(struct bpf_sk_lookup *ctx, __u64 netns)
{
	struct denied key = { .netns = netns,
			      .source_port = bpf_ntohs(ctx->remote_port),
			      .destination_port = ctx->local_port };
	const struct settings *s;
	struct denial *found, left;

	if (ctx->family == AF_INET) {
		address_v4(&key.source, ctx->remote_ip4);
		address_v4(&key.destination, ctx->local_ip4);
	} else {
		address_v6(&key.source, ctx->remote_ip6);
		address_v6(&key.destination, ctx->local_ip6);
	}
	found = bpf_map_lookup_elem(&denials, &key);
	if (!found)
		return 0;
	left = *found;
	bpf_map_delete_elem(&denials, &key);
	s = get_settings();
	return s && !s->off && !s->observe && left.epoch == policy_epoch() &&
	       bpf_ktime_get_boot_ns() - left.time < (__u64)DENIAL_SECONDS * NS_PER_SECOND;
}

/* What was denied on this client's addresses and ports before, or in its name, was not this connection. */
static __noinline int forget_denial(struct bpf_sock_ops *ops)
{
	struct denied key = { .source_port = ops->local_port, .destination_port = bpf_ntohl(ops->remote_port) };
	const __u64 *netns;

	if (ops->family == AF_INET) {
		address_v4(&key.source, ops->local_ip4);
		address_v4(&key.destination, ops->remote_ip4);
	} else {
		address_v6(&key.source, ops->local_ip6);
		address_v6(&key.destination, ops->remote_ip6);
	}
	netns = bpf_map_lookup_elem(&addresses, &key.destination);
	if (!netns)
		return 0;
	key.netns = *netns;
	bpf_map_delete_elem(&denials, &key);
	return 0;
}

/* Is there anything to forget? */
static __always_inline int was_somebody_denied(void)
{
	__u32 zero = 0;
	const __u64 *last = bpf_map_lookup_elem(&last_denial, &zero);

	/* A second more than denials live, since the clocks differ by a tick. */
	return last && *last && bpf_ktime_get_coarse_ns() - *last < (DENIAL_SECONDS + 1ULL) * NS_PER_SECOND;
}

/*
 * A protected client's SYN to this host is sent again soon, so that a refusal is not a second away. Only the SYNs that
 * are signed, which on_connect has just decided; and as long as before in all, for listeners that are only busy.
 */
static __always_inline void retry_soon(struct bpf_sock_ops *ops)
{
	int tries = 0;

	if (!ops->is_fullsock || ops->state != BPF_TCP_SYN_SENT ||
	    !(ops->bpf_sock_ops_cb_flags & BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG))
		return;
	if (bpf_getsockopt(ops, IPPROTO_TCP, TCP_SYNCNT, &tries, sizeof(tries)))
		return;
	/* A socket that connects again has more already. */
	if (tries < 2 * MORE_TRIES) {
		tries += MORE_TRIES;
		if (bpf_setsockopt(ops, IPPROTO_TCP, TCP_SYNCNT, &tries, sizeof(tries)))
			return;
	}
	ops->reply = FIRST_RETRY_JIFFIES;
}

#endif
