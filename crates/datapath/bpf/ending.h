/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Established flows that a new policy denies are ended. The question is always: might this connect be made now? Asked with
 * what connect and the packet hooks ask with; where that cannot be told, the flow is left alone, since a flow that ends
 * late does less harm than one that is cut by mistake.
 *
 * A sweep over the TCP sockets of every namespace with protected workloads enters what is there, the next judges it where
 * something has changed. Whatever is younger was judged under the new policy. Where an accepted socket's other end was not
 * seen, another such round comes before it is ended: the first may have passed that end before it was made.
 */
#ifndef COFFERDAM_ENDING_H
#define COFFERDAM_ENDING_H

#include "doomed.h"
#include "memory.h"

enum ending { LEAVE = 0, END = 1 };

/* The flow that is looked at. Not on the stack, which has 512 bytes for all calls; one thread looks, and at one at a time. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow);
} looked_at SEC(".maps");

static __always_inline struct flow *look_at(__u8 protocol)
{
	__u32 zero = 0;
	struct flow *f = bpf_map_lookup_elem(&looked_at, &zero);

	if (f)
		*f = (struct flow){ .protocol = protocol, .hook = HOOK_END };
	return f;
}

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
		know_address(&f->from, &f->to, &t.addr);
		return 1;
	}
	if (near && !peer && has_numbers(s))
		return 0; /* it has to be here, and was not seen */
	if (near || !party_of_target(&f->to, &t))
		party_of_address(&f->to, &s->remote);
	know_address(&f->from, &f->to, &t.addr);
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
	/* Identities are asked for where a client means an address of this host. */
	if (peer && is_on_this_host(&peer->remote) && party_of_cgroup(&f->from, peer->cgroup))
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
 * be compiled. And not a rule whose policy lets open flows go on.
 */
static __noinline int is_denied(struct flow *f, struct verdict *v)
{
	know_address(&f->to, &f->from, &f->source);
	judge(&f->from, &f->to, f->protocol, f->destination_port, v);
	return refused(v) && v->reason == WHY_RULE && !bpf_map_lookup_elem(&kept_rules, &v->rule) &&
	       is_still(&f->from) && is_still(&f->to);
}

static __noinline int judge_as(const struct side *s, __u32 role, struct flow *f, struct verdict *v)
{
	const struct settings *settings = get_settings();
	const struct end *peer = has_numbers(s) ? find_end(s, role, 1) : NULL;

	if (!settings || is_private(s, peer, settings) || (peer && peer->is_ended))
		return LEAVE;
	if (role == ROLE_CLIENT ? !called(s, peer, settings, f) : !was_called(s, peer, f))
		return LEAVE;
	progress.judged++;
	if (!is_denied(f, v))
		return LEAVE;
	if (peer || role == ROLE_CLIENT || progress.sweep == SWEEP_LAST)
		return END;
	progress.waits++;
	return LEAVE;
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

static __always_inline struct end *own_end(const struct side *s)
{
	return find_end(s, s->role & ROLE_CLIENT ? ROLE_CLIENT : ROLE_SERVER, 0);
}

/* Entered by the first sweep? */
static __always_inline int is_old(const struct side *s)
{
	const struct end *e = own_end(s);

	return e && e->sweep == SWEEP_FIRST;
}

/* The other end needs no second end, nor a second record. */
static __always_inline void has_ended(const struct side *s)
{
	struct end *e = has_numbers(s) ? own_end(s) : NULL;

	if (e)
		e->is_ended = 1;
	progress.ended++;
}

static __always_inline int is_judging(void)
{
	return progress.sweep == SWEEP_JUDGE || progress.sweep == SWEEP_LAST;
}

static __always_inline int is_off(void)
{
	const struct settings *s = get_settings();

	return !s || s->off || s->observe;
}

static __always_inline int stream(struct bpf_iter_meta *meta, struct sock_common *skc, struct tcp_sock *tp)
{
	struct side s = {};
	struct verdict v = {};
	struct flow *f;
	int is_judged = is_judging();

	if (skc->skc_state == TCP_LISTEN || skc->skc_state == TCP_CLOSE)
		return 0;
	s.self.cgroup = cgroup_of(skc);
	if (is_judged && !party_of_cgroup(&s.self, s.self.cgroup))
		return 0;
	if (!read_addresses(&s, skc))
		return 0;
	s.role = role_of(tp);
	read_numbers(&s, tp);
	if (!is_judged) {
		if (!has_numbers(&s))
			return 0;
		progress.seen++;
		if (s.role & ROLE_CLIENT && !enter_end(&s, ROLE_CLIENT, progress.sweep))
			progress.missed++;
		if (s.role & ROLE_SERVER && !enter_end(&s, ROLE_SERVER, progress.sweep))
			progress.missed++;
		return 0;
	}
	f = look_at(IPPROTO_TCP);
	if (!f || is_off() || (has_numbers(&s) && !is_old(&s)) || !judge_stream(&s, f, &v))
		return 0;
	if (!can_destroy()) {
		ask_daemon(meta, &s, bpf_get_socket_cookie(skc), skc->skc_family, IPPROTO_TCP);
	} else if (bpf_sock_destroy(skc)) {
		progress.failed++;
		return 0;
	}
	has_ended(&s);
	record(f, &v);
	return 0;
}

/*
 * A connected datagram socket: its datagrams are judged anew anyhow, this tells its owner. The memory of the exchange says
 * who began and who the other end was. Where that was a workload, it may be another one by now: only the directory says who
 * is there today, and where it does not know the socket is left alone.
 */
static __always_inline int judge_datagrams(const struct side *s, const struct memory *m, struct flow *f,
					   struct verdict *v)
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
	if (known)
		know_address(&f->from, &f->to, &t.addr);
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
	struct flow *f;
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
	f = look_at(IPPROTO_UDP);
	if (!f || !m || bpf_ktime_get_boot_ns() - m->time > (__u64)MEMORY_SECONDS * NS_PER_SECOND ||
	    !judge_datagrams(&s, m, f, &v))
		return 0;
	if (!can_destroy()) {
		ask_daemon(meta, &s, cookie, skc->skc_family, IPPROTO_UDP);
	} else if (bpf_sock_destroy(skc)) {
		progress.failed++;
		return 0;
	}
	progress.ended++;
	record(f, &v);
	return 0;
}

#endif
