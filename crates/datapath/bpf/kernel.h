/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The few kernel fields that the programs read, relocated by CO-RE on load. Written down here instead of a generated
 * vmlinux.h so that a reader sees at a glance what we depend on.
 */
#ifndef COFFERDAM_KERNEL_H
#define COFFERDAM_KERNEL_H

#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct kernfs_node {
	__u64 id;
	const char *name;
};

struct cgroup_root {
	int hierarchy_id;
};

struct cgroup;

struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent;
};

struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
	struct cgroup_root *root;
};

struct sockaddr_un {
	unsigned short sun_family;
	char sun_path[108];
};

struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

struct unix_table {
	struct hlist_head *buckets;
};

struct netns_unix {
	struct unix_table table;
};

struct net {
	__u64 net_cookie;
	struct netns_unix unx;
};

typedef struct {
	struct net *net;
} possible_net_t;

typedef struct {
	long long counter;
} atomic64_t;

struct in6_addr {
	union {
		__u8 u6_addr8[16];
	} in6_u;
};

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	unsigned char skc_reuseport : 1;
	unsigned char skc_ipv6only : 1;
	unsigned char skc_net_refcnt : 1;
	possible_net_t skc_net;
	struct hlist_node skc_node;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	unsigned long skc_flags;
	atomic64_t skc_cookie;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct task_struct {
	struct css_set *cgroups;
};

struct sock_cgroup_data {
	struct cgroup *cgroup;
};

struct sock {
	struct sock_common __sk_common;
	__u32 sk_max_ack_backlog;
	__u8 sk_userlocks : 4;
	__u16 sk_type;
	struct sock_cgroup_data sk_cgrp_data;
};

struct socket {
	struct sock *sk;
};

struct unix_address {
	int len;
	struct sockaddr_un name[];
};

struct unix_sock {
	struct unix_address *addr;
};

struct bpf_sock_addr_kern {
	struct sock *sk;
	void *uaddr;
	__u32 uaddrlen;
};

struct tcp_fastopen_request;

struct tcp_options_received {
	int ts_recent_stamp;
};

struct tcp_sock {
	__u32 rcv_nxt;
	__u32 snd_una;
	__u32 segs_in;
	__u32 segs_out;
	__u32 write_seq;
	__u32 snd_nxt;
	__u32 srtt_us;
	__u32 total_retrans;
	__u64 bytes_sent;
	__u64 bytes_retrans;
	__u64 bytes_received;
	__u64 bytes_acked;
	struct tcp_options_received rx_opt;
	struct tcp_fastopen_request *fastopen_req;
};

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
};

struct inet_sock {
	struct sock sk;
	unsigned long inet_flags;
};

/* Before 6.6. */
struct inet_sock___before {
	unsigned char transparent : 1;
};

struct inet_bind_bucket {
	signed char fastreuse;
};

struct inet_connection_sock {
	struct inet_bind_bucket *icsk_bind_hash;
};

struct udp_sock {
	struct inet_sock inet;
};

struct bpf_iter__udp {
	struct bpf_iter_meta *meta;
	struct udp_sock *udp_sk;
};

#pragma clang attribute pop

/* INET_FLAGS_TRANSPARENT; no other number since there are flags. */
#define INET_TRANSPARENT     15
#define AF_INET              2
#define AF_INET6             10
#define AF_NETLINK           16
#define AF_PACKET            17
#define AF_VSOCK             40
#define AF_XDP               44
#define NETLINK_ROUTE        0
#define SOCK_DGRAM           2
#define SOCK_RAW             3
#define IPPROTO_ICMP         1
#define IPPROTO_TCP          6
#define IPPROTO_UDP          17
#define IPPROTO_ICMPV6       58
#define IPPROTO_UDPLITE      136
#define IPPROTO_MPTCP        262
#define EPERM                1
#define EADDRINUSE           98
#define EPROTONOSUPPORT      93
#define E2BIG                7
#define ECONNREFUSED         111
#define TCP_ESTABLISHED      1
#define TCP_SYN_SENT         2
#define TCP_SYN_RECV         3
#define TCP_FIN_WAIT1        4
#define TCP_FIN_WAIT2        5
#define TCP_CLOSE            7
#define TCP_LISTEN           10
#define TCP_NEW_SYN_RECV     12
#define TCP_FASTOPEN         23
#define TCP_FASTOPEN_CONNECT 30
#define EOPNOTSUPP           95
#define SOCK_BINDPORT_LOCK   8
/* In skc_flags: the other end has closed. */
#define SOCK_DONE 2

#endif
