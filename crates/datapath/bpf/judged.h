/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The same caller, the same listener, the same policy: the verdict is known. Nothing is trusted to stay: who really
 * listens there is verified by the packet hooks, which take the handed over verdict for that receiver only, and judge
 * everybody else in full.
 */
#ifndef COFFERDAM_JUDGED_H
#define COFFERDAM_JUDGED_H

#include "handover.h"
#include "record.h"

static __always_inline struct judged_key judged_key(__u64 cgroup, __u64 netns, const struct address *dst, __u16 port)
{
	return (struct judged_key){
		.cgroup = cgroup, .netns = netns, .addr = *dst, .port = port, .epoch = policy_epoch()
	};
}

/* 1: allowed before, and counted. */
static __always_inline int was_judged(const struct judged_key *key, const void *sk)
{
	struct judged *j = bpf_map_lookup_elem(&judged_connects, key);

	if (!j)
		return 0;
	__sync_fetch_and_add(&j->repeats, 1);
	hand_over(sk, j->from.peer, j->to.cgroup, j->to.peer, j->port, j->remote);
	return 1;
}

/* Not inlined: the stack of a program and its callees is 512 bytes. */
static __noinline void keep_judged(const struct judged_key *key, const struct flow *f, const struct verdict *v,
				   __u16 port, int remote)
{
	struct judged j = {
		.rule = v->rule, .reason = v->reason, .direction = v->direction, .remote = remote, .port = port
	};

	endpoint(&j.from, &f->from);
	endpoint(&j.to, &f->to);
	j.pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(j.comm, sizeof(j.comm));
	bpf_map_update_elem(&judged_connects, key, &j, BPF_NOEXIST);
}

#endif
