// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Loaded once a network namespace with protected listeners: the lookup of a listener cannot ask in which one it runs, so
 * each has a program that knows. It shares the maps of the others.
 */
#include "refuse.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u64 own_netns = 0;

SEC("sk_lookup")
int on_lookup(struct bpf_sk_lookup *ctx)
{
	return ctx->protocol == IPPROTO_TCP && take_denial(ctx, own_netns) ? SK_DROP : SK_PASS;
}
