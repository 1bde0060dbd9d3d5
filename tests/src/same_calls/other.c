/*
 * A stranger that makes about every call that a hook of the product is in the way of: TCP and UDP, then everything else.
 */
#include "sockets.h"

#include <fcntl.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROOM = 256, NOBODYS = 65534 };

static void echo(int type)
{
	struct icmphdr four = { .type = ICMP_ECHO, .checksum = htons(~(ICMP_ECHO << 8)) };
	struct icmp6_hdr six = { .icmp6_type = ICMP6_ECHO_REQUEST };
	struct place here = inet("127.0.0.1", 0), here6 = inet("::1", 0);
	int fd = make(AF_INET, type, IPPROTO_ICMP), fd6 = make(AF_INET6, type, IPPROTO_ICMPV6);
	char room[ROOM];

	/* Only how much comes: headers are numbered. */
	sendto(fd, &four, sizeof(four), 0, &here.at.any, here.size);
	recv(fd, room, 0, MSG_TRUNC);
	sendto(fd6, &six, sizeof(six), 0, &here6.at.any, here6.size);
	recv(fd6, room, 0, MSG_TRUNC);
	close(fd);
	close(fd6);
}

/* A datagram whose header is the sender's own. */
static void own_header(void)
{
	struct {
		struct iphdr ip;
		uint16_t udp[4];
	} packet = { { .version = 4, .ihl = 5, .ttl = 9, .protocol = IPPROTO_UDP }, {} };
	struct place here = inet("127.0.0.1", SERVER);
	int server = bound(AF_INET, SOCK_DGRAM, here), fd = make(AF_INET, SOCK_RAW, IPPROTO_RAW);
	char room[ROOM];

	packet.ip.saddr = packet.ip.daddr = here.at.v4.sin_addr.s_addr;
	packet.udp[0] = htons(NOBODY);
	packet.udp[1] = htons(SERVER);
	packet.udp[2] = htons(sizeof(packet.udp));
	sendto(fd, &packet, sizeof(packet), 0, &here.at.any, here.size);
	recv(server, room, sizeof(room), fd < 0 ? MSG_DONTWAIT : 0);
	close(fd);
	close(server);
}

static void packets(void)
{
	struct place lo = { .at.ll = { .sll_family = AF_PACKET }, .size = sizeof(lo.at.ll) };
	int fd = make(AF_PACKET, SOCK_RAW, htons(ETH_P_IP)), odd;

	lo.at.ll.sll_ifindex = if_nametoindex("lo");
	lo.at.ll.sll_protocol = htons(ETH_P_IP);
	bind(fd, &lo.at.any, lo.size);
	send(fd, "no packet", 9, 0);
	odd = make(AF_PACKET, SOCK_DGRAM, 0);
	close(odd);
	close(fd);
}

static void netlinks(void)
{
	const int families[] = { NETLINK_ROUTE,     NETLINK_SOCK_DIAG,      NETLINK_NETFILTER,
				 NETLINK_XFRM,      NETLINK_AUDIT,          NETLINK_GENERIC,
				 NETLINK_CONNECTOR, NETLINK_KOBJECT_UEVENT, NETLINK_CRYPTO };
	struct nlmsghdr ask = { sizeof(ask), NLMSG_NOOP, NLM_F_REQUEST | NLM_F_ACK, 1, 0 };
	struct place kernel = { .at.nl = { .nl_family = AF_NETLINK }, .size = sizeof(kernel.at.nl) };

	for (int i = 0; i < (int)(sizeof(families) / sizeof(*families)); i++) {
		int fd = make(AF_NETLINK, SOCK_RAW, families[i]);
		char room[ROOM];

		bind(fd, &kernel.at.any, kernel.size);
		sendto(fd, &ask, sizeof(ask), 0, &kernel.at.any, kernel.size);
		recv(fd, room, families[i] == NETLINK_KOBJECT_UEVENT ? 0 : ROOM, MSG_DONTWAIT);
		close(fd);
	}
}

static void local(int type, struct place place, struct place missing)
{
	int server = make(AF_UNIX, type, 0), client = make(AF_UNIX, type, 0), taken, got = server;
	char room[ROOM];

	bind(server, &place.at.any, place.size);
	listen(server, 8);
	taken = make(AF_UNIX, type, 0);
	bind(taken, &place.at.any, place.size);
	connect(client, &missing.at.any, missing.size);
	sendto(client, "hello", 5, MSG_NOSIGNAL, &missing.at.any, missing.size);
	connect(client, &place.at.any, place.size);
	if (type != SOCK_DGRAM)
		got = accept4(server, NULL, NULL, 0);
	names(client);
	sendto(client, "hello", 5, MSG_NOSIGNAL, NULL, 0);
	recv(got, room, sizeof(room), 0);
	if (type == SOCK_DGRAM)
		sendto(taken, "again", 5, 0, &place.at.any, place.size);
	close(client);
	close(taken);
	close(server);
}

static void locals(const char *folder)
{
	struct place path = { .at.un.sun_family = AF_UNIX, .size = sizeof(path.at.un) }, none = path;
	const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };

	strcat(strcpy(path.at.un.sun_path, folder), "/socket");
	strcat(strcpy(none.at.un.sun_path, folder), "/none");
	for (int i = 0; i < 3; i++) {
		local(types[i], abstract("cofferdam-test"), abstract("cofferdam-test-none"));
		local(types[i], path, none);
		unlink(path.at.un.sun_path);
	}
}

static void sysctls(void)
{
	const char *names[] = { "/proc/sys/net/ipv4/ip_default_ttl", "/proc/sys/net/core/somaxconn",
				"/proc/sys/net/ipv6/conf/lo/hop_limit", "/proc/sys/kernel/hostname" };

	for (int i = 0; i < 4; i++) {
		char room[ROOM];
		int fd = open(names[i], O_RDWR);
		int size = read(fd, room, sizeof(room));

		lseek(fd, 0, SEEK_SET);
		write(fd, room, size > 0 ? size : 0);
		close(fd);
	}
}

static void others(void)
{
	struct place vm = { .at.vm = { .svm_family = AF_VSOCK, .svm_port = SERVER, .svm_cid = VMADDR_CID_ANY },
			    .size = sizeof(vm.at.vm) };

	close(bound(AF_VSOCK, SOCK_STREAM, vm));
	close(make(AF_INET, SOCK_STREAM, IPPROTO_SCTP));
	close(make(AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP));
	close(make(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE));
	close(make(AF_INET, SOCK_RAW, 253));
	close(make(AF_INET6, SOCK_RAW, IPPROTO_TCP));
}

/* Argument: the folder for sockets that have a path. */
int main(int argc, char **argv)
{
	if (argc < 2)
		return 1;
	alarm(50);
	for (int turn = 0; turn < 2; turn++) {
		inet_calls();
		echo(SOCK_RAW);
		echo(SOCK_DGRAM);
		own_header();
		packets();
		netlinks();
		locals(argv[1]);
		sysctls();
		others();
		/* Once more as somebody who may do little of it. */
		if (setresgid(NOBODYS, NOBODYS, NOBODYS) || setresuid(NOBODYS, NOBODYS, NOBODYS))
			return 1;
	}
	return 0;
}
