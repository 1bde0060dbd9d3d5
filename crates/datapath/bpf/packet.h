/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* From a packet to addresses, protocol and ports; from those to the sender's identity. */
#ifndef COFFERDAM_PACKET_H
#define COFFERDAM_PACKET_H

#include "memory.h"
#include "wire.h"

struct packet {
	struct address source;
	struct address destination;
	struct wire_option option;
	__u32 sequence;
	__u32 acknowledgement;
	__u16 source_port;
	__u16 destination_port;
	__u8 protocol;
	__u8 tcp_flags;
	__u8 fragment; /* not the first fragment, so there are no ports */
	__u8 has_option;
	__u8 has_payload; /* bytes after the TCP header */
	__u8 has_cookie; /* of TCP Fast Open: the server may go on before the handshake is complete, also without payload */
};

/* The packet that comes in on this CPU. Not on the stack, which has 512 bytes for all calls; ingress runs with bottom halves
 * off, so it is never interrupted by itself. (Egress is, and keeps its packet on the stack.) */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct packet);
} incoming SEC(".maps");

enum {
	PARSED = 0,
	NOT_PARSED = -1,
	TCP_SYN = 0x02,
	TCP_ACK = 0x10,
	EXTENSION_HEADERS = 8, /* as many as Linux itself would be asked to walk in practice */
	TCP_HEADER = 20,
	TCP_OPTIONS = 24,   /* one byte each at worst, padding mostly */
	USUAL_OPTIONS = 20, /* segment size 4, SACK 2, timestamps 10, padding 1, window scale 3 */
	FAST_OPEN_KIND = 34,
	FAST_OPEN_EXPERIMENT = 0xf989, /* of kind 254, as before RFC 7413; Linux takes it still */
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

static __always_inline int is_cookie(struct __sk_buff *skb, __u32 at, const __u8 head[2])
{
	__be16 experiment = 0;

	if (head[0] == FAST_OPEN_KIND)
		return head[1] > 2; /* else it only asks for one */
	if (head[0] != WIRE_KIND || head[1] <= 4)
		return 0;
	return !bpf_skb_load_bytes(skb, at + 2, &experiment, 2) && experiment == bpf_htons(FAST_OPEN_EXPERIMENT);
}

/* What Linux asks for in a SYN, and ours: then there is no cookie. */
static __always_inline int is_usual(struct __sk_buff *skb, __u32 at, __u32 length)
{
	__u8 o[USUAL_OPTIONS];

	return length == TCP_HEADER + USUAL_OPTIONS + WIRE_LENGTH && !bpf_skb_load_bytes(skb, at, o, sizeof(o)) &&
	       o[0] == 2 && o[4] == 4 && o[6] == 8 && o[16] == 1 && o[17] == 3;
}

/* The kernel puts our option last, so one load finds it; a middlebox may have moved it, so look everywhere then. What else
 * a SYN has matters too. */
__noinline int find_option(struct __sk_buff *skb, __u32 offset, __u32 length, struct packet *p)
{
	__u32 at = offset + TCP_HEADER, end = offset + length;
	__u8 head[2];
	int i;

	if (!p)
		return 0;
	if (length >= TCP_HEADER + WIRE_LENGTH &&
	    !bpf_skb_load_bytes(skb, end - WIRE_LENGTH, &p->option, WIRE_LENGTH) && wire_is_ours(&p->option)) {
		p->has_option = 1;
		if (!(p->tcp_flags & TCP_SYN) || is_usual(skb, at, length))
			return 0;
	}
	for (i = 0; i < TCP_OPTIONS && at + sizeof(head) <= end; i++) {
		if (bpf_skb_load_bytes(skb, at, head, sizeof(head)) || head[0] == 0)
			return 0;
		if (is_cookie(skb, at, head))
			p->has_cookie = 1;
		if (!p->has_option && head[0] == WIRE_KIND && at + WIRE_LENGTH <= end &&
		    !bpf_skb_load_bytes(skb, at, &p->option, WIRE_LENGTH) && wire_is_ours(&p->option))
			p->has_option = 1;
		at += head[0] == 1 ? 1 : head[1] < 2 ? 40 : head[1];
	}
	return 0;
}

/* Ports and, for TCP, flags, numbers and our option. */
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
		p->acknowledgement = tcp.acknowledgement;
		find_option(skb, offset, (tcp.offset >> 4) * 4, p);
		p->has_payload = skb->len > offset + (tcp.offset >> 4) * 4;
	} else if (is_datagram(p->protocol)) {
		if (bpf_skb_load_bytes(skb, offset, &tcp, 4))
			return NOT_PARSED;
	} else if (is_icmp(p->protocol)) {
		/* Rules name its type where they name a port. */
		if (bpf_skb_load_bytes(skb, offset, &tcp, 1))
			return NOT_PARSED;
		p->destination_port = *(__u8 *)&tcp;
		return PARSED;
	} else {
		return PARSED;
	}
	p->source_port = bpf_ntohs(tcp.source);
	p->destination_port = bpf_ntohs(tcp.destination);
	return PARSED;
}

static __always_inline int parse_v4(struct __sk_buff *skb, const struct ipv4_header *ip, struct packet *p)
{
	address_v4(&p->source, ip->source);
	address_v4(&p->destination, ip->destination);
	p->protocol = ip->protocol;
	p->fragment = (ip->fragment & bpf_htons(0x1fff)) != 0;
	return parse_transport(skb, (ip->version_length & 0xf) * 4, p);
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
	struct ipv4_header ip; /* IPv6's is longer */

	if (!p)
		return NOT_PARSED;

	__builtin_memset(p, 0, sizeof(*p));
	if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)))
		return NOT_PARSED;
	/* Not skb->protocol or the socket's family: IPv4 arrives on AF_INET6 sockets (dataplane 9). */
	if (ip.version_length >> 4 == 4)
		return parse_v4(skb, &ip, p);
	if (ip.version_length >> 4 == 6)
		return parse_v6(skb, p);
	return NOT_PARSED;
}

/* Where nearly every packet has it; NULL means: look closer. */
static __always_inline const struct tcp_start *tcp_header(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ipv4_header *ip4 = data;
	struct ipv6_header *ip6 = data;

	if (data + sizeof(*ip4) + sizeof(struct tcp_start) > end)
		return NULL;
	if (ip4->version_length == 0x45 && ip4->protocol == IPPROTO_TCP && !(ip4->fragment & bpf_htons(0x1fff)))
		return data + sizeof(*ip4);
	if (data + sizeof(*ip6) + sizeof(struct tcp_start) <= end && ip4->version_length >> 4 == 6 &&
	    ip6->next == IPPROTO_TCP)
		return data + sizeof(*ip6);
	return NULL;
}

/*
 * The first instructions of every packet of an established connection: TCP without SYN, no fragment. One comparison for
 * IPv4, because a branch that is not yet predicted costs more than the rest; packets shorter than a TCP header can be
 * are left to the full look.
 */
static __always_inline int is_plain_tcp(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ipv4_header *ip4 = data;
	struct tcp_start *tcp = data + sizeof(*ip4);
	const struct tcp_start *found;

	if ((void *)tcp + TCP_HEADER > end)
		return 0;
	if (!((ip4->version_length ^ 0x45) | (ip4->fragment & bpf_htons(0x1fff)) | (ip4->protocol ^ IPPROTO_TCP) |
	      (tcp->flags & TCP_SYN)))
		return 1;
	found = tcp_header(skb);
	return found && !(found->flags & TCP_SYN);
}

#endif
