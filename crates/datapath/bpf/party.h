/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Who is at one end. */
#ifndef COFFERDAM_PARTY_H
#define COFFERDAM_PARTY_H

#include "abi.h"
#include "kernel.h"

/* One end of an attempt. */
struct party {
	__u64 cgroup;
	__u32 peer;     /* identity, class or prefix number */
	__u32 class;    /* enum peer_class, asked where `peer` has no row */
	__u32 workload; /* 0: not protected */
	__u32 subject;  /* 0: not protected */
	__u32 flags;    /* enum entry_flag */
	__u32 region;   /* number of the named prefix around a protected peer's address; 0: none, or nobody asks */
};

static __always_inline int is_protected(const struct party *p)
{
	return p->workload != 0 || (p->flags & ENTRY_PENDING);
}

static __always_inline int is_same_workload(const struct party *a, const struct party *b)
{
	/* While its labels are unknown it has no number. */
	return a->workload ? a->workload == b->workload : a->cgroup == b->cgroup;
}

#endif
