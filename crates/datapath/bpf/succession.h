/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* All subjects of a change get their new policy in one instant; the daemon's side is succession.rs. */
#ifndef COFFERDAM_SUCCESSION_H
#define COFFERDAM_SUCCESSION_H

#include "maps.h"

/* Subject → the one that takes its place. Written by the daemon before all of them do so in one instant (epochs.succession),
 * emptied when every entry has been rewritten. Full: subjects change one by one, and the daemon says so. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, __u32);
} successors SEC(".maps");

enum { BY_SUCCESSORS = 1U << 31 }; /* beside the protocol and port of a question */

static __always_inline int is_succession(void)
{
	__u32 zero = 0;
	const struct epochs *e = bpf_map_lookup_elem(&epochs, &zero);

	return e && e->succession;
}

static __always_inline void succeed(__u32 *subject)
{
	const __u32 *next = bpf_map_lookup_elem(&successors, subject);

	if (next)
		*subject = *next;
}

#endif
