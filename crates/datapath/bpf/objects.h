/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What protected workloads act on that is no address: raw sockets, abstract sockets, sysctls. Told to the daemon, allowed here.
 */
#ifndef COFFERDAM_OBJECTS_H
#define COFFERDAM_OBJECTS_H

#include "record.h"

/* Since 6.2 and 6.7; the program that needs them is loaded only where there is its hook (6.7). */
extern void *bpf_cast_to_kern_ctx(void *obj) __ksym __weak;

/* The record of whoever runs, or NULL: not protected, not wanted, or no room. */
static __always_inline struct object_event *object_of_caller(__u32 hook)
{
	const struct settings *s = get_settings();
	struct object_event *e;
	struct party self;

	if (!s || s->off || s->denials_only || !party_of_cgroup(&self, bpf_get_current_cgroup_id()))
		return NULL;
	e = reserve_seen(sizeof(*e));
	if (!e)
		return NULL;
	__builtin_memset(e, 0, sizeof(*e));
	e->type = EVENT_OBJECT;
	e->hook = hook;
	e->time = bpf_ktime_get_boot_ns();
	endpoint(&e->who, &self);
	e->pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	return e;
}

static __always_inline void tell_raw_socket(const struct bpf_sock *ctx)
{
	struct object_event *e = object_of_caller(HOOK_SOCKET);

	if (!e)
		return;
	e->protocol = ctx->protocol;
	bpf_ringbuf_submit(e, wakeup_for_seen());
}

/* A name of its own kind: a zero, then bytes without an end. Sockets in the file system are the file system's. */
static __always_inline void tell_abstract(struct bpf_sock_addr *ctx)
{
	struct bpf_sock_addr_kern *call = bpf_cast_to_kern_ctx(ctx);
	struct sockaddr_un *un = bpf_rdonly_cast(call->uaddr, bpf_core_type_id_kernel(struct sockaddr_un));
	__u32 length = call->uaddrlen - offsetof(struct sockaddr_un, sun_path);
	struct object_event *e;

	if (length < 2 || length > sizeof(un->sun_path) || un->sun_path[0])
		return;
	e = object_of_caller(HOOK_UNIX);
	if (!e)
		return;
	bpf_probe_read_kernel(e->text, (length - 1) & (OBJECT_TEXT - 1), un->sun_path + 1);
	bpf_ringbuf_submit(e, wakeup_for_seen());
}

static __always_inline void tell_sysctl(struct bpf_sysctl *ctx)
{
	struct object_event *e;

	if (!ctx->write)
		return;
	e = object_of_caller(HOOK_SYSCTL);
	if (!e)
		return;
	bpf_sysctl_get_name(ctx, e->text, sizeof(e->text), 0);
	bpf_sysctl_get_new_value(ctx, e->value, sizeof(e->value));
	bpf_ringbuf_submit(e, wakeup_for_seen());
}

#endif
