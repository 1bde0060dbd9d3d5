/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What a connection carried, read from its socket when that is closed: nothing is counted on the way. The kernel's own numbers
 * are exact by then but for what is still under way.
 */
#ifndef COFFERDAM_TOTALS_H
#define COFFERDAM_TOTALS_H

#include "resolve.h"

/* What connections carried that have ended. Written by sock_release, read by the daemon, which removes what does not grow any
 * more. Full: what that connection carried is not told, counted in FULL_MEMORY. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, struct totals_key);
	__type(value, struct totals);
} ended_connections SEC(".maps");

/* Since 6.2 a field is a load, and before that a call. */
#define FIELD(p, field) (bpf_ksym_exists(bpf_rdonly_cast) ? (p)->field : BPF_CORE_READ(p, field))

static __always_inline const struct tcp_sock *tcp_sock_of(const void *sk)
{
	if (bpf_ksym_exists(bpf_rdonly_cast))
		return bpf_rdonly_cast(sk, bpf_core_type_id_kernel(struct tcp_sock));
	return (const struct tcp_sock *)sock_by_number(sk);
}

/* A socket that was accepted has its listener's backlog, and no port that it asked for itself. */
static __always_inline int was_accepted(const struct sock *sk)
{
	return FIELD(sk, sk_max_ack_backlog) && !(BPF_CORE_READ_BITFIELD_PROBED(sk, sk_userlocks) & SOCK_BINDPORT_LOCK);
}

static __always_inline void remote_of(struct address *a, const struct sock *sk)
{
	if (FIELD(sk, __sk_common.skc_family) == AF_INET)
		address_v4(a, FIELD(sk, __sk_common.skc_daddr));
	else
		BPF_CORE_READ_INTO(a, sk, __sk_common.skc_v6_daddr);
}

static __always_inline void local_of(struct address *a, const struct sock *sk)
{
	if (FIELD(sk, __sk_common.skc_family) == AF_INET)
		address_v4(a, FIELD(sk, __sk_common.skc_rcv_saddr));
	else
		BPF_CORE_READ_INTO(a, sk, __sk_common.skc_v6_rcv_saddr);
}

static __always_inline void totals_key_of(struct totals_key *key, const struct sock *sk)
{
	if (was_accepted(sk)) {
		key->accepted = 1;
		key->port = FIELD(sk, __sk_common.skc_num);
		local_of(&key->addr, sk);
		remote_of(&key->peer, sk);
	} else {
		key->port = bpf_ntohs(FIELD(sk, __sk_common.skc_dport));
		remote_of(&key->addr, sk);
	}
}

static __always_inline void read_totals(struct totals *t, const struct tcp_sock *tp)
{
	const struct sock *sk = (const struct sock *)tp;

	t->connections = 1;
	/* What was written and not sent yet is sent after the close. */
	t->bytes_out =
		FIELD(tp, bytes_sent) - FIELD(tp, bytes_retrans) + (__u32)(FIELD(tp, write_seq) - FIELD(tp, snd_nxt));
	/* The other end's FIN counts as a byte. */
	t->bytes_in = FIELD(tp, bytes_received) - !!(FIELD(sk, __sk_common.skc_flags) & SOCK_DONE);
	t->packets_out = FIELD(tp, segs_out);
	t->packets_in = FIELD(tp, segs_in);
	t->retransmits = FIELD(tp, total_retrans);
	t->rtt_us = FIELD(tp, srtt_us) >> 3; /* kept in eighths */
	t->last = bpf_ktime_get_boot_ns();
}

static __always_inline void add_to_totals(const void *closing)
{
	const struct tcp_sock *tp = tcp_sock_of(closing);
	struct totals_key key = {};
	struct totals fresh, *t;

	const struct settings *s = get_settings();

	/* Never answered: there was no connection. */
	if ((s && s->denials_only) || !FIELD(tp, segs_in))
		return;
	key.cgroup = cgroup_of(closing);
	totals_key_of(&key, (const struct sock *)tp);
	read_totals(&fresh, tp);
	t = bpf_map_lookup_elem(&ended_connections, &key);
	if (!t) {
		if (!bpf_map_update_elem(&ended_connections, &key, &fresh, BPF_NOEXIST))
			return;
		t = bpf_map_lookup_elem(&ended_connections, &key); /* another one was faster */
	}
	if (!t) {
		count(FULL_MEMORY);
		return;
	}
	__sync_fetch_and_add(&t->connections, 1);
	__sync_fetch_and_add(&t->bytes_out, fresh.bytes_out);
	__sync_fetch_and_add(&t->bytes_in, fresh.bytes_in);
	__sync_fetch_and_add(&t->packets_out, fresh.packets_out);
	__sync_fetch_and_add(&t->packets_in, fresh.packets_in);
	__sync_fetch_and_add(&t->retransmits, fresh.retransmits);
	__sync_fetch_and_add(&t->rtt_us, fresh.rtt_us);
	t->last = fresh.last;
}

#endif
