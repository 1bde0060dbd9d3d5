/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Established flows that a new policy denies are ended. The question is always: might this connect be made now? Asked with
 * what connect and the packet hooks ask with; where that cannot be told, the flow is left alone, since a flow that ends
 * late does less harm than one that is cut by mistake.
 *
 * Three sweeps over the TCP sockets of every namespace with protected workloads. The first enters what is there, the second
 * what was not yet there when its other end was; only what the first has seen is judged, by the third: whatever is
 * younger was judged under the new policy.
 */
#ifndef COFFERDAM_ENDING_H
#define COFFERDAM_ENDING_H

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

#include "memory.h"
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
	__u64 seen;   /* sockets of the third sweep */
	__u64 judged; /* of protected workloads, and nothing was unknown */
	__u64 ended;
	__u64 failed; /* the kernel refused */
	__u64 missed; /* no room to enter it */
	enum sweep sweep; /* written by the daemon before each sweep */
	__u32 by_daemon;
	struct doomed doomed;
};

struct progress progress = {};

enum ending { LEAVE = 0, END = 1 };

/* Loopback and own addresses inside a namespace of its own are nobody's business: whoever joined it shares it. */
static __always_inline int is_private(const struct side *s, const struct end *peer, const struct settings *settings)
{
	const __u64 *netns;

	if (s->netns == settings->host_netns)
		return 0;
	if (is_own_loopback(&s->remote) || (peer && peer->netns == s->netns))
		return 1;
	netns = bpf_map_lookup_elem(&addresses, &s->remote);
	return netns && *netns == s->netns;
}

/* The flow of a client: as connect() would find its other end, but for what the two sockets tell. 0: unknown. */
static __always_inline int called(const struct side *s, const struct end *peer, const struct settings *settings,
				  struct flow *f)
{
	struct target t = { .addr = s->remote, .port = s->remote_port, .protocol = f->protocol };
	int near;

	f->from = s->self;
	f->source = s->local;
	f->source_port = s->local_port;
	f->destination = s->remote;
	locate(&t, s->netns, settings->host_netns);
	f->destination_port = t.port;
	near = t.netns == s->netns && !t.published;
	if (peer && is_on_this_host(&s->remote) && party_of_cgroup(&f->to, peer->cgroup)) {
		f->destination_port = peer->port;
		return 1;
	}
	if (near && !peer && has_numbers(s))
		return 0; /* it has to be here, and was not seen */
	if (near || !party_of_target(&f->to, &t))
		party_of_address(&f->to, &s->remote);
	return 1;
}

/* The flow of an accepted socket: as ingress would find its sender. 0: unknown. */
static __always_inline int was_called(const struct side *s, const struct end *peer, struct flow *f)
{
	f->to = s->self;
	f->destination = s->local;
	f->destination_port = s->local_port;
	f->source = s->remote;
	f->source_port = s->remote_port;
	if (peer && peer->to_here && party_of_cgroup(&f->from, peer->cgroup))
		return 1;
	/* A workload of this host that has closed: whose address it was does not say who it was. */
	if (!peer && !peer_is_open(s) && is_on_this_host(&s->remote))
		return 0;
	party_of_address(&f->from, &s->remote);
	return 1;
}

/* Is that cgroup still what was judged? A subject's rows go only after its cgroups have another one. */
static __always_inline int is_still(const struct party *p)
{
	const struct entry *e;
	__u64 cgroup = p->cgroup;

	if (!cgroup || !p->subject)
		return 1;
	e = bpf_map_lookup_elem(&entries, &cgroup);
	return e && e->subject == p->subject && !((e->flags ^ p->flags) & ENTRY_OBSERVE);
}

/*
 * Only what a rule says ends a flow: not a pending cgroup, which will have its labels soon, nor one whose policy could not
 * be compiled. Here is the place to ask whether the rule's policy keeps its flows, once documents say so.
 */
static __noinline int is_denied(const struct flow *f, struct verdict *v)
{
	judge(&f->from, &f->to, f->protocol, f->destination_port, v);
	return refused(v) && v->reason == WHY_RULE && is_still(&f->from) && is_still(&f->to);
}

static __noinline int judge_as(const struct side *s, __u32 role, struct flow *f, struct verdict *v)
{
	const struct settings *settings = get_settings();
	const struct end *peer = has_numbers(s) ? find_end(s, role, 1) : NULL;

	if (!settings || is_private(s, peer, settings))
		return LEAVE;
	if (role == ROLE_CLIENT ? !called(s, peer, settings, f) : !was_called(s, peer, f))
		return LEAVE;
	progress.judged++;
	return is_denied(f, v);
}

/* Who may be either is what its other end is not; where that is not seen, both have to be denied. */
static __always_inline int judge_stream(struct side *s, struct flow *f, struct verdict *v)
{
	if (s->role == ROLE_EITHER && find_end(s, ROLE_CLIENT, 1))
		s->role = ROLE_CLIENT;
	else if (s->role == ROLE_EITHER && find_end(s, ROLE_SERVER, 1))
		s->role = ROLE_SERVER;
	if (s->role == ROLE_EITHER && !judge_as(s, ROLE_SERVER, f, v))
		return LEAVE;
	return judge_as(s, s->role == ROLE_SERVER ? ROLE_SERVER : ROLE_CLIENT, f, v);
}

/* Entered by the first sweep? */
static __always_inline int is_old(const struct side *s)
{
	const struct end *e = find_end(s, s->role & ROLE_CLIENT ? ROLE_CLIENT : ROLE_SERVER, 0);

	return e && e->sweep == SWEEP_FIRST;
}

static __always_inline int is_off(void)
{
	const struct settings *s = get_settings();

	return !s || s->off || s->observe;
}

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

static __always_inline int stream(struct bpf_iter_meta *meta, struct sock_common *skc, struct tcp_sock *tp)
{
	struct side s = {};
	struct flow f = { .protocol = IPPROTO_TCP, .hook = HOOK_END };
	struct verdict v = {};
	int is_protected;

	if (skc->skc_state == TCP_LISTEN || skc->skc_state == TCP_CLOSE || !read_addresses(&s, skc))
		return 0;
	is_protected = party_of_cgroup(&s.self, cgroup_of(skc));
	s.role = role_of((struct sock *)skc);
	read_numbers(&s, tp);
	if (progress.sweep != SWEEP_JUDGE) {
		if (!has_numbers(&s))
			return 0;
		if (s.role & ROLE_CLIENT && !enter_end(&s, ROLE_CLIENT, progress.sweep))
			progress.missed++;
		if (s.role & ROLE_SERVER && !enter_end(&s, ROLE_SERVER, progress.sweep))
			progress.missed++;
		return 0;
	}
	progress.seen++;
	if (!is_protected || is_off() || (has_numbers(&s) && !is_old(&s)) || !judge_stream(&s, &f, &v))
		return 0;
	if (!can_destroy()) {
		ask_daemon(meta, &s, bpf_get_socket_cookie(skc), skc->skc_family, IPPROTO_TCP);
	} else if (bpf_sock_destroy(skc)) {
		progress.failed++;
		return 0;
	}
	progress.ended++;
	record(&f, &v);
	return 0;
}

/*
 * A connected datagram socket: its datagrams are judged anew anyhow, this tells its owner. The memory of the exchange says
 * who began and who the other end was. Where that was a workload, it may be another one by now: only the directory says who
 * is there today, and where it does not know the socket is left alone.
 */
static __always_inline int judge_datagrams(const struct side *s, const struct memory *m, struct flow *f, struct verdict *v)
{
	const struct settings *settings = get_settings();
	struct target t = { .addr = s->remote, .port = s->remote_port, .protocol = IPPROTO_UDP };
	int known;

	if (!settings || is_private(s, NULL, settings))
		return LEAVE;
	progress.judged++;
	if (m->kind == MEMORY_RECEIVED)
		return !m->peer && was_called(s, NULL, f) && is_denied(f, v);
	f->from = s->self;
	f->source = s->local;
	f->source_port = s->local_port;
	f->destination = s->remote;
	locate(&t, s->netns, settings->host_netns);
	f->destination_port = t.port;
	known = party_of_target(&f->to, &t);
	if (known && !is_denied(f, v))
		return LEAVE;
	if (m->peer || t.published)
		return known;
	/* It was a stranger before, and may be one beside the workload that the directory knows. */
	party_of_address(&f->to, &s->remote);
	return is_denied(f, v);
}

static __always_inline int datagrams(struct bpf_iter_meta *meta, struct udp_sock *sk)
{
	struct sock_common *skc = (struct sock_common *)sk;
	struct side s = {};
	struct flow f = { .protocol = IPPROTO_UDP, .hook = HOOK_END };
	struct verdict v = {};
	struct memory_key key;
	const struct memory *m;
	__u64 cookie;

	if (skc->skc_state != TCP_ESTABLISHED || is_off() || !read_addresses(&s, skc))
		return 0;
	progress.seen++;
	if (!party_of_cgroup(&s.self, cgroup_of(skc)))
		return 0;
	cookie = bpf_get_socket_cookie(skc);
	key = memory_key(cookie, &s.remote, s.remote_port, IPPROTO_UDP);
	m = bpf_map_lookup_elem(&memories, &key);
	if (!m || bpf_ktime_get_boot_ns() - m->time > (__u64)MEMORY_SECONDS * NS_PER_SECOND ||
	    !judge_datagrams(&s, m, &f, &v))
		return 0;
	if (!can_destroy()) {
		ask_daemon(meta, &s, cookie, skc->skc_family, IPPROTO_UDP);
	} else if (bpf_sock_destroy(skc)) {
		progress.failed++;
		return 0;
	}
	progress.ended++;
	record(&f, &v);
	return 0;
}

#endif
