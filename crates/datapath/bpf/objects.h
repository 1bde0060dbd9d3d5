/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What protected workloads act on that is no address: raw sockets, sysctls; abstract sockets are in unix.h. */
#ifndef COFFERDAM_OBJECTS_H
#define COFFERDAM_OBJECTS_H

#include "bind.h"

static __always_inline __u64 wakeup_for_object(const struct verdict *v)
{
	return refused(v) ? BPF_RB_FORCE_WAKEUP : wakeup_for_seen();
}

/* A record, or NULL: not wanted, or no room. */
static __always_inline struct object_event *object_of(const struct party *self, __u32 hook, const struct verdict *v)
{
	struct object_event *e;

	if (!is_wanted(v->action))
		return NULL;
	e = reserve_seen(sizeof(*e));
	if (!e)
		return NULL;
	__builtin_memset(e, 0, sizeof(*e));
	e->type = EVENT_OBJECT;
	e->hook = hook;
	e->action = v->action;
	e->reason = v->reason;
	e->observed = v->observed;
	e->time = bpf_ktime_get_boot_ns();
	endpoint(&e->who, self);
	e->pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	return e;
}

/* What only a declaration allows: refused if `enforced`, else seen. */
static __always_inline struct verdict undeclared(const struct settings *s, const struct party *self, int enforced)
{
	struct verdict v = { .action = ACT_ALLOW, .reason = WHY_NOT_JUDGED, .direction = DIR_EGRESS };

	if (enforced) {
		v.action = ACT_DENY;
		v.reason = WHY_UNDECLARED;
		v.observed = !is_carried_out(s, self);
	}
	return v;
}

/* Only on the host's network: elsewhere the namespace gives all that. */
static __always_inline const struct containment *contained_here(const struct party *self, __u64 netns,
								const struct settings *s)
{
	return netns == s->host_netns ? containment_of(self) : NULL;
}

static __always_inline int may_be_raw(struct bpf_sock *ctx)
{
	const struct settings *s = get_settings();
	const struct containment *own;
	struct object_event *e;
	struct party self;
	struct verdict v;

	if (!s || s->off || !party_of_cgroup(&self, bpf_get_current_cgroup_id()))
		return PROCEED;
	own = contained_here(&self, netns_of(ctx), s);
	v = undeclared(s, &self, has_flag(own, CONTAIN_STRICT) && !has_flag(own, ALLOW_RAW));
	e = object_of(&self, HOOK_SOCKET, &v);
	if (e) {
		e->protocol = ctx->protocol;
		e->family = ctx->family;
		bpf_ringbuf_submit(e, wakeup_for_object(&v));
	}
	return refused(&v) ? REFUSE : PROCEED;
}

/* Of the host's network: a descriptor stays the host's when its owner leaves the namespace. */
static __always_inline int is_hosts(const struct party *self, const char *name)
{
	return name[0] == 'n' && name[1] == 'e' && name[2] == 't' && (self->flags & ENTRY_ON_HOST);
}

static __always_inline int may_write_sysctl(struct bpf_sysctl *ctx)
{
	const struct settings *s = get_settings();
	struct object_event *e;
	struct party self;
	struct verdict v;
	char name[4] = {};

	if (!ctx->write || !s || s->off || !party_of_cgroup(&self, bpf_get_current_cgroup_id()))
		return PROCEED;
	/* Cut off, but begun. */
	bpf_sysctl_get_name(ctx, name, sizeof(name), 0);
	v = undeclared(s, &self, is_hosts(&self, name) && !has_flag(containment_of(&self), ALLOW_SYSCTL));
	e = object_of(&self, HOOK_SYSCTL, &v);
	if (e) {
		bpf_sysctl_get_name(ctx, e->text, sizeof(e->text), 0);
		bpf_sysctl_get_new_value(ctx, e->value, sizeof(e->value));
		bpf_ringbuf_submit(e, wakeup_for_object(&v));
	}
	return refused(&v) ? REFUSE : PROCEED;
}

#endif
