/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* From a packet to addresses, protocol and ports; from those to the sender's identity. */
#ifndef COFFERDAM_PACKET_H
#define COFFERDAM_PACKET_H

#include "memory.h"

struct packet {
	struct address source;
	struct address destination;
	__u16 source_port;
	__u16 destination_port;
	__u32 sequence;
	__u8 protocol;
	__u8 tcp_flags;
	__u8 fragment; /* 1: not the first fragment, so there are no ports */
	__u8 pad;
};

enum {
	PARSED = 0,
	NOT_PARSED = -1,
	TCP_SYN = 0x02,
	TCP_ACK = 0x10,
	EXTENSION_HEADERS = 8, /* as many as Linux itself would be asked to walk in practice */
	LOOPBACK_IFINDEX = 1,  /* in every network namespace */
};

struct ipv4_header {
	__u8 version_length;
	__u8 tos;
	__be16 total_length;
	__be16 id;
	__be16 fragment;
	__u8 ttl;
	__u8 protocol;
	__be16 checksum;
	__be32 source;
	__be32 destination;
};

struct ipv6_header {
	__be32 version_class_flow;
	__be16 payload_length;
	__u8 next;
	__u8 hops;
	__u8 source[16];
	__u8 destination[16];
};

struct tcp_start {
	__be16 source;
	__be16 destination;
	__be32 sequence;
	__be32 acknowledgement;
	__u8 offset;
	__u8 flags;
};

/* Ports and, for TCP, flags and sequence number. */
static __always_inline int parse_transport(struct __sk_buff *skb, __u32 offset, struct packet *p)
{
	struct tcp_start tcp;

	if (p->fragment)
		return PARSED;
	if (p->protocol == IPPROTO_TCP) {
		if (bpf_skb_load_bytes(skb, offset, &tcp, sizeof(tcp)))
			return NOT_PARSED;
		p->tcp_flags = tcp.flags;
		p->sequence = tcp.sequence;
	} else if (is_datagram(p->protocol)) {
		if (bpf_skb_load_bytes(skb, offset, &tcp, 4))
			return NOT_PARSED;
	} else {
		return PARSED;
	}
	p->source_port = bpf_ntohs(tcp.source);
	p->destination_port = bpf_ntohs(tcp.destination);
	return PARSED;
}

static __always_inline int parse_v4(struct __sk_buff *skb, struct packet *p)
{
	struct ipv4_header ip;

	if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)))
		return NOT_PARSED;
	address_v4(&p->source, ip.source);
	address_v4(&p->destination, ip.destination);
	p->protocol = ip.protocol;
	p->fragment = (ip.fragment & bpf_htons(0x1fff)) != 0;
	return parse_transport(skb, (ip.version_length & 0xf) * 4, p);
}

static __always_inline int is_extension(__u8 next)
{
	return next == 0 || next == 43 || next == 44 || next == 51 || next == 60 || next == 135;
}

static __always_inline int parse_v6(struct __sk_buff *skb, struct packet *p)
{
	__u32 offset = sizeof(struct ipv6_header);
	struct ipv6_header ip;
	__u8 ext[4];
	int i;

	if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)))
		return NOT_PARSED;
	__builtin_memcpy(p->source.bytes, ip.source, 16);
	__builtin_memcpy(p->destination.bytes, ip.destination, 16);
	p->protocol = ip.next;
	for (i = 0; i < EXTENSION_HEADERS && is_extension(p->protocol); i++) {
		if (bpf_skb_load_bytes(skb, offset, ext, sizeof(ext)))
			return NOT_PARSED;
		if (p->protocol == 44) {
			p->fragment = (ext[2] || (ext[3] & 0xf8)) != 0;
			offset += 8;
		} else {
			offset += p->protocol == 51 ? (ext[1] + 2) * 4 : (ext[1] + 1) * 8;
		}
		p->protocol = ext[0];
	}
	if (is_extension(p->protocol))
		return NOT_PARSED;
	return parse_transport(skb, offset, p);
}

__noinline int parse(struct __sk_buff *skb, struct packet *p)
{
	__u8 version;

	if (!p)
		return NOT_PARSED;

	__builtin_memset(p, 0, sizeof(*p));
	if (bpf_skb_load_bytes(skb, 0, &version, 1))
		return NOT_PARSED;
	/* Not skb->protocol or the socket's family: IPv4 arrives on AF_INET6 sockets (dataplane 9). */
	if (version >> 4 == 4)
		return parse_v4(skb, p);
	if (version >> 4 == 6)
		return parse_v6(skb, p);
	return NOT_PARSED;
}

/* The first instructions of every packet of an established connection: TCP without SYN. */
static __always_inline int is_plain_tcp(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ipv4_header *ip4 = data;
	struct ipv6_header *ip6 = data;
	struct tcp_start *tcp = NULL;

	if (data + sizeof(*ip4) + sizeof(*tcp) > end)
		return 0;
	if (ip4->version_length == 0x45 && ip4->protocol == IPPROTO_TCP && !(ip4->fragment & bpf_htons(0x1fff)))
		tcp = data + sizeof(*ip4);
	else if (data + sizeof(*ip6) + sizeof(*tcp) <= end && ip4->version_length >> 4 == 6 && ip6->next == IPPROTO_TCP)
		tcp = data + sizeof(*ip6);
	return tcp && !(tcp->flags & TCP_SYN);
}

/* === the sender === */

/* Same namespace: the socket that sent it, as the kernel finds it. -1: there is none, so NAT changed the source. */
static __always_inline int sender_by_socket(struct __sk_buff *skb, const struct packet *p, struct party *from)
{
	struct bpf_sock_tuple tuple = {};
	__u32 size = sizeof(tuple.ipv6);
	struct bpf_sock *sk;
	int found;

	/* Seen from the sender, this packet's source is the local end. */
	if (is_v4(&p->source)) {
		size = sizeof(tuple.ipv4);
		tuple.ipv4.saddr = *(const __u32 *)(p->destination.bytes + 12);
		tuple.ipv4.daddr = *(const __u32 *)(p->source.bytes + 12);
		tuple.ipv4.sport = bpf_htons(p->destination_port);
		tuple.ipv4.dport = bpf_htons(p->source_port);
	} else {
		__builtin_memcpy(tuple.ipv6.saddr, p->destination.bytes, 16);
		__builtin_memcpy(tuple.ipv6.daddr, p->source.bytes, 16);
		tuple.ipv6.sport = bpf_htons(p->destination_port);
		tuple.ipv6.dport = bpf_htons(p->source_port);
	}
	if (p->protocol == IPPROTO_TCP)
		sk = bpf_sk_lookup_tcp(skb, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	else if (p->protocol == IPPROTO_UDP)
		sk = bpf_sk_lookup_udp(skb, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	else
		return -1;
	if (!sk)
		return -1;
	found = party_of_cgroup(from, cgroup_of(sk));
	bpf_sk_release(sk);
	return found;
}

static __always_inline int is_on_this_host(const struct address *a)
{
	struct party p;

	/* Docker's subnets are `host` before the daemon has heard of a new container in them; a macvlan container has an
	 * address of the LAN, which only the daemon knows. */
	party_of_address(&p, a);
	return p.class == CLASS_HOST || bpf_map_lookup_elem(&addresses, a);
}

static __always_inline struct sender_key sender_key(struct __sk_buff *skb, const struct packet *p, const void *sk)
{
	return (struct sender_key){ .netns = skb->ifindex == LOOPBACK_IFINDEX ? netns_of(sk) : 0,
				    .addr = p->source,
				    .port = p->source_port,
				    .protocol = p->protocol };
}

/* Other namespace, or NAT on the way: what the sender's egress program left behind. Only for sources on this host: a SYN
 * from elsewhere that happens to have, or guesses, the sequence number of a handshake here borrows nothing. */
static __always_inline int sender_by_record(struct __sk_buff *skb, const struct packet *p, const void *sk,
					    struct party *from)
{
	struct sender_key key = sender_key(skb, p, sk);
	const struct sender *left;

	if (p->protocol == IPPROTO_TCP)
		left = bpf_map_lookup_elem(&handshakes, &p->sequence);
	else
		left = bpf_map_lookup_elem(&senders, &key);
	if (!left || bpf_ktime_get_boot_ns() - left->time > (__u64)HANDSHAKE_SECONDS * NS_PER_SECOND)
		return 0;
	return is_on_this_host(&p->source) && party_of_cgroup(from, left->cgroup);
}

static __always_inline void sender_of(struct __sk_buff *skb, const struct packet *p, const void *sk, struct party *from)
{
	int known = -1;

	if (skb->ifindex == LOOPBACK_IFINDEX)
		known = sender_by_socket(skb, p, from);
	if (known == -1)
		known = sender_by_record(skb, p, sk, from);
	if (known == 1)
		return;
	if (is_multicast(&p->destination))
		party_stranger(from, CLASS_MULTICAST);
	else
		party_of_address(from, &p->source);
}

static __always_inline void leave_record(struct __sk_buff *skb, const struct packet *p, __u64 cgroup, const void *sk)
{
	struct sender s = { .cgroup = cgroup, .time = bpf_ktime_get_boot_ns() };
	struct sender_key key;

	if (p->protocol == IPPROTO_TCP) {
		bpf_map_update_elem(&handshakes, &p->sequence, &s, BPF_ANY);
	} else if (is_datagram(p->protocol)) {
		key = sender_key(skb, p, sk);
		bpf_map_update_elem(&senders, &key, &s, BPF_ANY);
	}
}

#endif
