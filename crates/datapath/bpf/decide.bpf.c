// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The compiled decision alone, for BPF_PROG_TEST_RUN: the same judge.h as in the hooks, with maps of its own. A tc
 * program and not SEC("syscall"), because syscall programs are sleepable and may not use LPM tries (measured on 6.18).
 */
#include "judge.h"
#include "wire.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum { ETHERNET_HEADER = 14 };

SEC("tc")
int decide(struct __sk_buff *skb)
{
	struct port_verdict v;
	struct decide_args args;
	struct party peer = {};
	struct question q;

	if (bpf_skb_load_bytes(skb, ETHERNET_HEADER, &args, sizeof(args)))
		return -1;
	peer.peer = args.peer;
	peer.class = args.class;
	peer.region = args.region;
	q.subject = args.subject;
	q.direction = args.direction;
	q.wanted = (__u32)args.protocol << 16 | args.port;
	v = lookup_verdict(&q, &peer);
	args.found = v.action != ACT_NONE;
	args.reason = args.found ? WHY_RULE : WHY_NO_POLICY;
	args.verdict = v;
	return bpf_skb_store_bytes(skb, ETHERNET_HEADER, &args, sizeof(args), 0);
}

SEC("tc")
int sign(struct __sk_buff *skb)
{
	struct sign_args args;

	if (bpf_skb_load_bytes(skb, ETHERNET_HEADER, &args, sizeof(args)))
		return -1;
	wire_sign(&args.option, &args.key, args.claim, args.segment, args.seq, args.ack);
	return bpf_skb_store_bytes(skb, ETHERNET_HEADER, &args, sizeof(args), 0);
}
