/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* cgroups come and go: a new one gets its identity here, before anything can run in it. */
#ifndef COFFERDAM_LIFECYCLE_H
#define COFFERDAM_LIFECYCLE_H

#include "resolve.h"

enum { ID_LENGTH = 64, NAME_LENGTH = 96, DOCKER_PREFIX = 7 /* "docker-", "libpod-" */ };

static __always_inline int is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static __always_inline int copy_id(struct container_key *key, const char *from)
{
	int i;

	for (i = 0; i < ID_LENGTH; i++) {
		if (!is_hex(from[i]))
			return 0;
		key->id[i] = from[i];
	}
	return 1;
}

/* The container id in a cgroup's name: `<id>` (cgroupfs driver) or `docker-<id>.scope` (systemd driver). */
static __always_inline int container_of_name(struct container_key *key, const char *name)
{
	return copy_id(key, name) || copy_id(key, name + DOCKER_PREFIX);
}

/* An announcement binds once: a second cgroup of that name is somebody's imitation. The same cgroup comes twice while the
 * programs of two daemons are attached. */
static __always_inline int take_announcement(const struct container_key *key, __u64 cgroup, struct entry *e)
{
	struct announcement *a = bpf_map_lookup_elem(&announcements, key);
	__u64 holder;

	if (!a)
		return 0;
	holder = a->cgroup;
	if (holder && holder != cgroup && bpf_map_lookup_elem(&entries, &holder))
		return 0;
	a->cgroup = cgroup;
	*e = a->entry;
	return 1;
}

static __always_inline void tell(__u32 type, __u64 id, __u64 parent, const char *name, int bound)
{
	struct cgroup_event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e) {
		count(LOST_EVENT);
		return;
	}
	e->type = type;
	e->bound = bound;
	e->time = bpf_ktime_get_boot_ns();
	e->id = id;
	e->parent = parent;
	__builtin_memcpy(e->name, name, NAME_LENGTH);
	bpf_ringbuf_submit(e, BPF_RB_FORCE_WAKEUP);
}

/* 1 if a container's cgroup was bound to its identity, 0 if it has to wait for one, -1 if it is none of ours. */
static __always_inline int admit(__u64 parent, __u64 id, const char *name, struct entry *e)
{
	const struct settings *s = get_settings();
	const __u32 *flags = bpf_map_lookup_elem(&watched_parents, &parent);
	struct container_key key;

	if (!flags || !container_of_name(&key, name))
		return -1;
	if (take_announcement(&key, id, e)) {
		e->flags |= *flags;
		return 1;
	}
	if (!daemon_alive() && !(s && s->on_dead_closed))
		return -1;
	e->flags = ENTRY_PENDING | *flags;
	return 0;
}

static __always_inline int made(struct cgroup *cgrp)
{
	__u64 id = BPF_CORE_READ(cgrp, kn, id);
	__u64 parent = BPF_CORE_READ(cgrp, self.parent, cgroup, kn, id);
	const struct entry *above = bpf_map_lookup_elem(&entries, &parent);
	char name[NAME_LENGTH] = {};
	struct entry e = {};
	int bound = -1;

	/* v1 hierarchies fire too, and their ids collide with ours (dataplane 4). */
	if (BPF_CORE_READ(cgrp, root, hierarchy_id) != 0)
		return 0;
	if (above) {
		e = *above; /* a nested cgroup is the same workload */
	} else {
		bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(cgrp, kn, name));
		bound = admit(parent, id, name, &e);
		if (bound < 0)
			return 0;
	}
	e.since = bpf_ktime_get_boot_ns();
	if (bpf_map_update_elem(&entries, &id, &e, BPF_ANY))
		count(FULL_ENTRIES);
	if (bound >= 0)
		tell(EVENT_CGROUP_CREATED, id, parent, name, bound);
	return 0;
}

static __always_inline int removed(struct cgroup *cgrp)
{
	__u64 id = BPF_CORE_READ(cgrp, kn, id);
	char name[NAME_LENGTH] = {};

	if (BPF_CORE_READ(cgrp, root, hierarchy_id) != 0 || bpf_map_delete_elem(&entries, &id))
		return 0;
	bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(cgrp, kn, name));
	tell(EVENT_CGROUP_REMOVED, id, BPF_CORE_READ(cgrp, self.parent, cgroup, kn, id), name, 0);
	return 0;
}

#endif
