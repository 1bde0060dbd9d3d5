// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The same hooks with nothing in them: the floor that the benchmark measures against. And with an option in the handshake
 * that proves nothing: what carrying one costs, whoever makes it and whatever is in it. */
#include "abi.h"
#include "kernel.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("cgroup/connect4")
int empty_connect4(struct bpf_sock_addr *ctx)
{
	return 1;
}

SEC("cgroup/connect6")
int empty_connect6(struct bpf_sock_addr *ctx)
{
	return 1;
}

SEC("cgroup/sendmsg4")
int empty_sendmsg4(struct bpf_sock_addr *ctx)
{
	return 1;
}

SEC("cgroup/sendmsg6")
int empty_sendmsg6(struct bpf_sock_addr *ctx)
{
	return 1;
}

SEC("cgroup/post_bind4")
int empty_bind4(struct bpf_sock *ctx)
{
	return 1;
}

SEC("cgroup/post_bind6")
int empty_bind6(struct bpf_sock *ctx)
{
	return 1;
}

SEC("cgroup/sock_release")
int empty_release(struct bpf_sock *ctx)
{
	return 1;
}

SEC("cgroup_skb/egress")
int empty_egress(struct __sk_buff *skb)
{
	return 1;
}

SEC("cgroup_skb/ingress")
int empty_ingress(struct __sk_buff *skb)
{
	return 1;
}

SEC("cgroup/sock_create")
int empty_create(struct bpf_sock *ctx)
{
	return 1;
}

SEC("sockops")
int empty_handshake(struct bpf_sock_ops *ctx)
{
	return 1;
}

SEC("cgroup/setsockopt")
int empty_setsockopt(struct bpf_sockopt *ctx)
{
	return 1;
}

static __always_inline void want_option(struct bpf_sock_ops *ops, int wanted)
{
	__u32 old = ops->bpf_sock_ops_cb_flags;

	bpf_sock_ops_cb_flags_set(ops, wanted ? old | BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG
					      : old & ~BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG);
}

/* In the segments that have the real one, and as long. */
SEC("sockops")
int constant_option(struct bpf_sock_ops *ops)
{
	struct wire_option o = { .kind = WIRE_KIND, .length = WIRE_LENGTH, .experiment = bpf_htons(WIRE_EXPERIMENT) };

	switch (ops->op) {
	case BPF_SOCK_OPS_TCP_CONNECT_CB:
	case BPF_SOCK_OPS_TCP_LISTEN_CB:
		want_option(ops, 1);
		break;
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		want_option(ops, 0);
		break;
	case BPF_SOCK_OPS_HDR_OPT_LEN_CB:
		if (ops->bytes_received || ops->bytes_acked > 1)
			want_option(ops, 0);
		else
			bpf_reserve_hdr_opt(ops, WIRE_LENGTH, 0);
		break;
	case BPF_SOCK_OPS_WRITE_HDR_OPT_CB:
		bpf_store_hdr_opt(ops, &o, sizeof(o), 0);
		break;
	}
	return 1;
}
