/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What is told to the daemon about a verdict. */
#ifndef COFFERDAM_RECORD_H
#define COFFERDAM_RECORD_H

#include "resolve.h"

struct flow {
	struct party from;
	struct party to;
	struct address source;
	struct address destination;
	__u16 source_port;
	__u16 destination_port;
	__u16 inner_port;
	__u8 protocol;
	__u8 hook;
};

/* The port behind the one that was asked for, where that is published. */
static __always_inline __u16 inner_port(const struct target *t, __u16 asked)
{
	return t->published && t->port != asked ? t->port : 0;
}

static __always_inline void endpoint(struct endpoint *e, const struct party *p)
{
	e->cgroup = p->cgroup;
	e->peer = p->peer;
	e->workload = p->workload;
}

/* Waking the reader costs more than all the rest of a connection. A denial is somebody's trouble and wakes; what was
 * allowed waits for the reader's next look, or until a quarter of the ring is full. */
static __always_inline __u64 wakeup(const struct flow_event *e)
{
	if (e->action == ACT_DENY || bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) > RING_BYTES / 4)
		return BPF_RB_FORCE_WAKEUP;
	return BPF_RB_NO_WAKEUP;
}

/* What was allowed is not told where nobody wants to know. */
static __always_inline int is_wanted(__u8 action)
{
	const struct settings *s = get_settings();

	return action == ACT_DENY || !s || !s->denials_only;
}

/* Half of the ring is for verdicts and cgroups, whatever a workload floods it with: what is only seen has the other one. */
static __always_inline void *reserve_seen(__u64 size)
{
	void *e = NULL;

	if (bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) < RING_BYTES / 2)
		e = bpf_ringbuf_reserve(&events, size, 0);
	if (!e)
		count(LOST_EVENT);
	return e;
}

static __always_inline __u64 wakeup_for_seen(void)
{
	return bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) > RING_BYTES / 4 ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

/* The port as who listens there knows it, if it is another one; 0: it is not. */
static __always_inline __u16 inside(const struct flow *f)
{
	__u16 port = f->destination_port;

	if (f->hook != HOOK_BIND && !is_private_loopback(&f->destination))
		port = port_inside(&f->to, f->protocol, port);
	return port == f->destination_port ? 0 : port;
}

static __always_inline struct flow_event *describe(const struct flow *f, const struct verdict *v)
{
	struct flow_event *e;

	if (!f || !v || !is_wanted(v->action))
		return NULL;
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e) {
		count(LOST_EVENT);
		return NULL;
	}
	__builtin_memset(e, 0, sizeof(*e));
	e->type = EVENT_FLOW;
	e->action = v->action;
	e->reason = v->reason;
	e->direction = v->direction;
	e->hook = f->hook;
	e->time = bpf_ktime_get_boot_ns();
	endpoint(&e->from, &f->from);
	endpoint(&e->to, &f->to);
	e->source = f->source;
	e->destination = f->destination;
	e->source_port = f->source_port;
	e->destination_port = f->destination_port;
	e->inner_port = f->inner_port ? f->inner_port : inside(f);
	e->protocol = f->protocol;
	e->observed = v->observed;
	e->rule = v->rule;
	return e;
}

/* A packet: whoever runs at the moment has nothing to do with it. */
__noinline int record(const struct flow *f, const struct verdict *v)
{
	struct flow_event *e = describe(f, v);

	if (e)
		bpf_ringbuf_submit(e, wakeup(e));
	return 0;
}

/* A system call. Not for packet hooks even under a condition: 6.12 refuses the helpers that name the caller there. */
__noinline int record_call(const struct flow *f, const struct verdict *v)
{
	struct flow_event *e = describe(f, v);

	if (!e)
		return 0;
	e->pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	bpf_ringbuf_submit(e, wakeup(e));
	return 0;
}

#endif
