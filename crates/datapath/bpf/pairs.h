/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The two ends of an established TCP connection, by what both of them still know of its handshake: the two initial sequence
 * numbers. NAT and namespaces do not change those, so the peer of a socket is found wherever on this host it is, and
 * nothing has to be written down while connections are made.
 */
#ifndef COFFERDAM_PAIRS_H
#define COFFERDAM_PAIRS_H

#include "sender.h"

/* Bits: a socket that may be either is entered as both. */
enum role { ROLE_CLIENT = 1, ROLE_SERVER = 2, ROLE_EITHER = 3 };

/* Enter what is there; judge it; enter what came since; judge what had to wait for that. */
enum sweep { SWEEP_FIRST = 1, SWEEP_JUDGE = 2, SWEEP_AGAIN = 3, SWEEP_LAST = 4 };

struct end_key {
	__u32 client; /* initial sequence numbers */
	__u32 server;
	__u32 role;
};

struct end {
	__u64 cgroup;
	__u64 netns;
	__u16 port;
	__u8 sweep; /* enum sweep: that saw it first */
	__u8 is_ended;
	__u8 pad[4];
	struct address remote;
};

/* Written and read by the sweeps of one run, emptied after it. Full: counted in `missed`, and what was not entered is not
 * judged. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144);
	__type(key, struct end_key);
	__type(value, struct end);
} ends SEC(".maps");

/* One socket that is looked at: this end, and who holds it. */
struct side {
	struct party self;
	struct address local;
	struct address remote;
	__u64 netns;
	__u32 own; /* the initial sequence number of a client; a server's is one less, see own_number() */
	__u32 peer;
	__u16 local_port;
	__u16 remote_port;
	__u8 state;
	__u8 role;
};

static __always_inline int read_addresses(struct side *s, const struct sock_common *sk)
{
	if (sk->skc_family == AF_INET) {
		address_v4(&s->local, sk->skc_rcv_saddr);
		address_v4(&s->remote, sk->skc_daddr);
	} else if (sk->skc_family == AF_INET6) {
		s->local = *(const struct address *)&sk->skc_v6_rcv_saddr;
		s->remote = *(const struct address *)&sk->skc_v6_daddr;
	} else {
		return 0;
	}
	s->local_port = sk->skc_num;
	s->remote_port = bpf_ntohs(sk->skc_dport);
	s->netns = sk->skc_net.net->net_cookie;
	s->state = sk->skc_state;
	return 1;
}

/*
 * Who called whom? The kernel keeps no flag for it, but the traces of how a socket got its port: connect() gives a port of
 * its own choice the mark -1; one that was bound to a number is locked to it, which accepted sockets are not; and accepted
 * sockets keep their listener's backlog. A client that was bound to an address without a port looks like the child of a
 * listener with backlog 0: it may be either.
 */
static __always_inline int role_of(const struct tcp_sock *tp)
{
	const struct inet_connection_sock *icsk = (const struct inet_connection_sock *)tp;
	const struct sock *sk = (const struct sock *)tp;

	if (BPF_CORE_READ_BITFIELD(sk, sk_userlocks) & SOCK_BINDPORT_LOCK)
		return ROLE_CLIENT;
	if (icsk->icsk_bind_hash && icsk->icsk_bind_hash->fastreuse < 0)
		return ROLE_CLIENT;
	return sk->sk_max_ack_backlog ? ROLE_SERVER : ROLE_EITHER;
}

/* What was acknowledged and received since the handshake leads back to its numbers. A client's own SYN counts as one
 * acknowledged byte, a server's does not. */
static __always_inline void read_numbers(struct side *s, const struct tcp_sock *tp)
{
	s->own = tp->snd_una - (__u32)tp->bytes_acked;
	s->peer = tp->rcv_nxt - (__u32)tp->bytes_received - 1;
}

static __always_inline struct end_key end_key(const struct side *s, __u32 role, int of_peer)
{
	struct end_key key = {};

	key.client = role == ROLE_CLIENT ? s->own : s->peer;
	key.server = role == ROLE_CLIENT ? s->peer : s->own - 1;
	key.role = of_peer ? ROLE_EITHER - role : role;
	return key;
}

static __always_inline struct end *find_end(const struct side *s, __u32 role, int of_peer)
{
	struct end_key key = end_key(s, role, of_peer);

	return bpf_map_lookup_elem(&ends, &key);
}

/* The numbers of the other end are known; a listener or a socket that waits for an answer has none. */
static __always_inline int has_numbers(const struct side *s)
{
	return s->state != TCP_SYN_SENT;
}

/* Has the other end said that it sends no more? Then its socket may be gone, and be rightly found nowhere. */
static __always_inline int peer_is_open(const struct side *s)
{
	return s->state == TCP_ESTABLISHED || s->state == TCP_SYN_RECV || s->state == TCP_FIN_WAIT1 ||
	       s->state == TCP_FIN_WAIT2;
}

/* 0: no room. */
static __always_inline int enter_end(const struct side *s, __u32 role, __u32 sweep)
{
	struct end_key key = end_key(s, role, 0);
	struct end e = {
		.cgroup = s->self.cgroup, .netns = s->netns, .port = s->local_port, .sweep = sweep, .remote = s->remote
	};

	return bpf_map_update_elem(&ends, &key, &e, BPF_NOEXIST) != -E2BIG;
}

#endif
