/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Abstract unix sockets: whose is the name that somebody connects or sends to? There is no hook where it was bound, so the
 * kernel's own table is read, as unix_find_abstract() does. Sockets in the file system are the file system's.
 */
#ifndef COFFERDAM_UNIX_H
#define COFFERDAM_UNIX_H

#include "objects.h"

/* Since 6.2 and 6.7; the programs that need them are loaded only where there are their hooks (6.7). */
extern void *bpf_cast_to_kern_ctx(void *obj) __ksym __weak;

enum {
	UNIX_BUCKETS = 256, /* the second half is for abstract names */
	UNIX_CHAIN = 64,    /* a longer one is not walked to its end: as if nobody had the name */
	SUN_BYTES = sizeof(struct sockaddr_un),
	SUN_WORDS = NAME_BYTES / 8,
};

/* A socket's name as the kernel has it: family, a zero, then bytes without an end. */
struct unix_name {
	__u64 words[SUN_WORDS];
	__u32 length;
};

static __always_inline void read_name(struct unix_name *name, const void *from, __u32 length)
{
	__builtin_memset(name->words, 0, sizeof(name->words));
	if (length > SUN_BYTES)
		length = SUN_BYTES;
	name->length = length;
	barrier_var(length);
	if (length > SUN_BYTES)
		return;
	bpf_probe_read_kernel(name->words, length, from);
}

/* unix_abstract_hash(): the Internet checksum, and the type. */
static __always_inline __u32 hash_of(const struct unix_name *name, __u32 type)
{
	const __u16 *half = (const __u16 *)name->words;
	__u32 sum = 0, i;

	for (i = 0; i < SUN_WORDS * 4; i++)
		sum += half[i];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~sum & 0xffff;
	return UNIX_BUCKETS + ((sum ^ sum >> 8 ^ type) & (UNIX_BUCKETS - 1));
}

/* The bytes of a word that come first in memory. */
static __always_inline __u64 tail_mask(__u32 bytes)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (1ULL << (8 * bytes)) - 1;
#else
	return ~((1ULL << (64 - 8 * bytes)) - 1);
#endif
}

/* Global, so that it is verified once. Word by word: there is no room for two names on the stack. What lies behind the end of the other one does not count. */
__noinline int has_name(__u64 at_address, const struct unix_name *name)
{
	struct unix_address *address = (struct unix_address *)at_address;
	const char *at = (const char *)&address->name;
	__u64 difference, word, mask;
	__u32 i, left;

	if (!name)
		return 0;
	left = name->length;
	difference = BPF_CORE_READ(address, len) ^ left;

	for (i = 0; i < SUN_WORDS && left && !difference; i++) {
		if (bpf_probe_read_kernel(&word, sizeof(word), at + i * sizeof(word)))
			return 0;
		mask = left >= 8 ? ~0ULL : tail_mask(left);
		difference |= (word & mask) ^ name->words[i];
		left -= left >= 8 ? 8 : left;
	}
	return !difference;
}

static __always_inline struct sock *sock_of_node(struct hlist_node *node)
{
	return (void *)node - bpf_core_field_offset(struct sock_common, skc_node);
}

/* Where the names of the socket's namespace and type are that have this one's hash. */
static __always_inline __u64 bucket_of(struct sock *sk, const struct unix_name *name)
{
	struct hlist_head *buckets = BPF_CORE_READ(sk, __sk_common.skc_net.net, unx.table.buckets);

	return (__u64)&buckets[hash_of(name, BPF_CORE_READ(sk, sk_type))];
}

/* The cgroup of the socket that has the name; 0: nobody. The chain changes while it is read: what is read then is checked, and
 * at worst nobody is found. */
__noinline __u64 holder_of_name(const struct unix_name *name, __u64 bucket)
{
	struct hlist_node *node;
	struct unix_address *address;
	struct sock *sk;
	__u32 i;

	if (!name)
		return 0;
	if (bpf_probe_read_kernel(&node, sizeof(node), (const void *)bucket))
		return 0;
	for (i = 0; i < UNIX_CHAIN && node; i++) {
		sk = sock_of_node(node);
		address = BPF_CORE_READ((struct unix_sock *)sk, addr);
		if (address && has_name((__u64)address, name))
			return BPF_CORE_READ(sk, sk_cgrp_data.cgroup, kn, id);
		if (bpf_probe_read_kernel(&node, sizeof(node), &node->next))
			return 0;
	}
	return 0;
}

static __always_inline int is_declared_name(const struct party *self, const struct unix_name *name)
{
	struct name_key key = { .bits = NAME_BITS, .workload = self->workload };

	if (!(self->flags & ENTRY_CONTAINED))
		return 0;
	__builtin_memcpy(key.name, name->words, NAME_BYTES);
	return bpf_map_lookup_elem(&abstract_names, &key) != NULL;
}

static __always_inline int tell_name(const struct party *self, const struct unix_name *name, const struct verdict *v)
{
	struct object_event *e = object_of(self, HOOK_UNIX, v);

	if (e) {
		__builtin_memcpy(e->text, name->words, NAME_BYTES);
		bpf_ringbuf_submit(e, wakeup_for_object(v));
	}
	return 0;
}

/* Not where a namespace is its own: whoever joined it shares its names. */
static __noinline int reach_name(struct bpf_sock_addr *ctx, struct sock *sk, const struct party *self,
				 const struct unix_name *name, const struct settings *s)
{
	struct verdict v = { .action = ACT_ALLOW, .reason = WHY_NOT_JUDGED, .direction = DIR_EGRESS };
	__u64 holder;
	struct party to;

	if (netns_of(sk) == s->host_netns && !is_declared_name(self, name)) {
		holder = holder_of_name(name, bucket_of(sk, name));
		if (!holder) {
			refuse_with(ECONNREFUSED); /* as the kernel will say */
			return REFUSE;
		}
		party_of_cgroup(&to, holder);
		if (!is_same_workload(self, &to))
			v = (struct verdict){ .action = ACT_DENY,
					      .reason = WHY_UNDECLARED,
					      .direction = DIR_EGRESS,
					      .observed = !is_carried_out(s, self) };
	}
	tell_name(self, name, &v);
	return refused(&v) ? REFUSE : PROCEED;
}

static __always_inline int reach_abstract(struct bpf_sock_addr *ctx)
{
	struct bpf_sock_addr_kern *call = bpf_cast_to_kern_ctx(ctx);
	struct sockaddr_un *un = bpf_rdonly_cast(call->uaddr, bpf_core_type_id_kernel(struct sockaddr_un));
	const struct settings *s;
	struct unix_name name;
	struct party self;

	if (call->uaddrlen < NAME_START || call->uaddrlen > SUN_BYTES || un->sun_path[0])
		return PROCEED;
	s = get_settings();
	if (!s || s->off || !party_of_cgroup(&self, bpf_get_current_cgroup_id()))
		return PROCEED;
	read_name(&name, un, call->uaddrlen);
	return reach_name(ctx, call->sk, &self, &name, s);
}

#endif
