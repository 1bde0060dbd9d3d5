// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Loaded beside the hooks, by the thread that ends flows. Run inside each namespace with protected workloads. */
#include "ending.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("iter/tcp")
int end_streams(struct bpf_iter__tcp *ctx)
{
	struct sock_common *sk = ctx->sk_common;
	/* Neither a request nor what is left of a closed connection: the segments of the first are judged. */
	struct tcp_sock *tp = sk ? bpf_skc_to_tcp_sock(sk) : NULL;

	return tp ? stream(ctx->meta, sk, tp) : 0;
}

SEC("iter/udp")
int end_datagrams(struct bpf_iter__udp *ctx)
{
	struct udp_sock *sk = ctx->udp_sk;

	return sk ? datagrams(ctx->meta, sk) : 0;
}
