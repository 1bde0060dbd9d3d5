// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The hooks. Each is a few lines; what they do is in the headers, one a subject. */
#include "anchor.h"
#include "directory.h"
#include "filter.h"
#include "handshake.h"
#include "lifecycle.h"
#include "lsm.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* === on the cgroup root: everybody === */

SEC("cgroup/connect4")
int on_connect4(struct bpf_sock_addr *ctx)
{
	return reach_v4(ctx, HOOK_CONNECT);
}

SEC("cgroup/connect6")
int on_connect6(struct bpf_sock_addr *ctx)
{
	return reach_v6(ctx, HOOK_CONNECT);
}

SEC("cgroup/sendmsg4")
int on_sendmsg4(struct bpf_sock_addr *ctx)
{
	return reach_v4(ctx, HOOK_SENDMSG);
}

SEC("cgroup/sendmsg6")
int on_sendmsg6(struct bpf_sock_addr *ctx)
{
	return reach_v6(ctx, HOOK_SENDMSG);
}

/* === on protected subtrees === */

SEC("cgroup/sock_create")
int on_create(struct bpf_sock *ctx)
{
	if (ctx->type == SOCK_RAW && may_be_raw(ctx) == REFUSE)
		return REFUSE;
	return created(ctx);
}

SEC("cgroup/bind4")
int on_bind4(struct bpf_sock_addr *ctx)
{
	return bind_v4(ctx);
}

SEC("cgroup/bind6")
int on_bind6(struct bpf_sock_addr *ctx)
{
	return bind_v6(ctx);
}

SEC("cgroup/post_bind4")
int on_bound4(struct bpf_sock *ctx)
{
	return bound(ctx);
}

SEC("cgroup/post_bind6")
int on_bound6(struct bpf_sock *ctx)
{
	return bound(ctx);
}

SEC("cgroup/sock_release")
int on_release(struct bpf_sock *ctx)
{
	released(ctx);
	return 1;
}

SEC("cgroup_skb/egress")
int on_egress(struct __sk_buff *skb)
{
	return may_leave(skb) ? PASS : egress(skb);
}

SEC("cgroup_skb/ingress")
int on_ingress(struct __sk_buff *skb)
{
	return may_enter(skb) ? PASS : ingress(skb);
}

SEC("cgroup/setsockopt")
int on_setsockopt(struct bpf_sockopt *ctx)
{
	return set_option(ctx);
}

SEC("sockops")
int on_handshake(struct bpf_sock_ops *ctx)
{
	return handshake(ctx);
}

/* Only where the kernel has the hook. */
SEC("cgroup/connect_unix")
int on_connect_unix(struct bpf_sock_addr *ctx)
{
	return reach_abstract(ctx);
}

SEC("cgroup/sendmsg_unix")
int on_sendmsg_unix(struct bpf_sock_addr *ctx)
{
	return reach_abstract(ctx);
}

SEC("cgroup/sysctl")
int on_sysctl(struct bpf_sysctl *ctx)
{
	return may_write_sysctl(ctx);
}

/* Only where BPF is one of the active LSMs. */
SEC("lsm_cgroup/socket_create")
int BPF_PROG(on_socket, int family, int type, int protocol, int kern)
{
	return kern ? PROCEED : may_create(family, protocol);
}

/* And where there is no hook for calls to unix sockets. */
SEC("lsm_cgroup/unix_stream_connect")
int BPF_PROG(on_unix_stream, struct sock *sock, struct sock *other)
{
	return may_reach(other);
}

SEC("lsm_cgroup/unix_may_send")
int BPF_PROG(on_unix_send, struct socket *sock, struct socket *other)
{
	return may_reach(BPF_CORE_READ(other, sk));
}

/* === where somebody has a loopback of its own, or ports that are really others === */

SEC("cgroup/getsockname4")
int on_sockname4(struct bpf_sock_addr *ctx)
{
	return show_v4(ctx, OWN_END);
}

SEC("cgroup/getsockname6")
int on_sockname6(struct bpf_sock_addr *ctx)
{
	return show_v6(ctx, OWN_END);
}

SEC("cgroup/getpeername4")
int on_peername4(struct bpf_sock_addr *ctx)
{
	return show_v4(ctx, OTHER_END);
}

SEC("cgroup/getpeername6")
int on_peername6(struct bpf_sock_addr *ctx)
{
	return show_v6(ctx, OTHER_END);
}

SEC("cgroup/recvmsg4")
int on_recvmsg4(struct bpf_sock_addr *ctx)
{
	return show_v4(ctx, OTHER_END);
}

SEC("cgroup/recvmsg6")
int on_recvmsg6(struct bpf_sock_addr *ctx)
{
	return show_v6(ctx, OTHER_END);
}

/* === on the machine === */

SEC("raw_tp/cgroup_mkdir")
int on_mkdir(struct bpf_raw_tracepoint_args *ctx)
{
	return made((struct cgroup *)ctx->args[0]);
}

SEC("raw_tp/cgroup_rmdir")
int on_rmdir(struct bpf_raw_tracepoint_args *ctx)
{
	return removed((struct cgroup *)ctx->args[0]);
}

/* === run by the daemon inside each namespace with protected workloads === */

SEC("iter/tcp")
int on_tcp_socket(struct bpf_iter__tcp *ctx)
{
	struct sock_common *sk = ctx->sk_common;

	if (sk && sk->skc_state == TCP_LISTEN)
		seen((struct sock *)sk, bpf_get_socket_cookie(sk), IPPROTO_TCP);
	return 0;
}

SEC("iter/udp")
int on_udp_socket(struct bpf_iter__udp *ctx)
{
	struct udp_sock *sk = ctx->udp_sk;

	if (sk)
		seen(&sk->inet.sk, bpf_get_socket_cookie(sk), IPPROTO_UDP);
	return 0;
}
