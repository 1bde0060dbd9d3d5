/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* How a socket is ended, by the program or by the daemon, and what is counted on the way. */
#ifndef COFFERDAM_DOOMED_H
#define COFFERDAM_DOOMED_H

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

#include "pairs.h"

/* Linux 6.5. On older kernels the daemon is told, and asks inet_diag to do it. */
extern int bpf_sock_destroy(struct sock_common *sock) __ksym __weak;

/* What the daemon sends to the kernel, byte for byte, to have a socket ended. */
struct doomed {
	struct nlmsghdr head;
	struct inet_diag_req_v2 request;
};

/* One run at a time, one namespace after the other, so nothing here is touched twice at once. */
struct progress {
	__u64 seen;   /* sockets that were entered */
	__u64 judged; /* of protected workloads, and nothing was unknown */
	__u64 ended;
	__u64 failed;     /* the kernel refused */
	__u64 missed;     /* no room to enter it */
	__u64 waits;      /* left to the last sweep */
	enum sweep sweep; /* written by the daemon before each sweep */
	__u32 by_daemon;
	struct doomed doomed;
};

struct progress progress = {};

static __always_inline void ask_daemon(struct bpf_iter_meta *meta, const struct side *s, __u64 cookie, __u16 family,
				       __u8 protocol)
{
	struct inet_diag_sockid *id = &progress.doomed.request.id;

	__builtin_memset(&progress.doomed, 0, sizeof(progress.doomed));
	progress.doomed.head.nlmsg_len = sizeof(progress.doomed);
	progress.doomed.head.nlmsg_type = SOCK_DESTROY;
	progress.doomed.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	progress.doomed.request.sdiag_family = family;
	progress.doomed.request.sdiag_protocol = protocol;
	progress.doomed.request.idiag_states = -1;
	id->idiag_sport = bpf_htons(s->local_port);
	id->idiag_dport = bpf_htons(s->remote_port);
	if (family == AF_INET) {
		id->idiag_src[0] = *(const __u32 *)(s->local.bytes + 12);
		id->idiag_dst[0] = *(const __u32 *)(s->remote.bytes + 12);
	} else {
		__builtin_memcpy(id->idiag_src, s->local.bytes, 16);
		__builtin_memcpy(id->idiag_dst, s->remote.bytes, 16);
	}
	id->idiag_cookie[0] = (__u32)cookie;
	id->idiag_cookie[1] = cookie >> 32;
	if (bpf_seq_write(meta->seq, &progress.doomed, sizeof(progress.doomed)))
		progress.failed++;
}

static __always_inline int can_destroy(void)
{
	return bpf_ksym_exists(bpf_sock_destroy) && !progress.by_daemon;
}

#endif
