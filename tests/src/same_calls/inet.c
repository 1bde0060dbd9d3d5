/*
 * TCP and UDP of both families: connections that are taken and refused, ports that are free and taken, options.
 */
#include "sockets.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

enum { OTHER_TCP = 262 };

void converse(int listener, struct place place, int protocol)
{
	int client = make(place.at.any.sa_family, SOCK_STREAM, protocol), server;
	struct place from = { .size = sizeof(from.at) };
	char word[16];

	names(client);
	connect(client, &place.at.any, place.size);
	server = accept4(listener, &from.at.any, &from.size, SOCK_CLOEXEC);
	names(client);
	names(server);
	send(client, "hello", 5, MSG_NOSIGNAL);
	recv(server, word, sizeof(word), 0);
	send(server, "there", 5, MSG_NOSIGNAL);
	recv(client, word, sizeof(word), 0);
	shutdown(client, SHUT_WR);
	recv(server, word, sizeof(word), 0);
	close(client);
	close(server);
}

static void try_connect(int type, struct place place)
{
	int fd = make(place.at.any.sa_family, type, 0);
	char word[4];

	connect(fd, &place.at.any, place.size);
	send(fd, "hello", 5, MSG_NOSIGNAL);
	/* Of a datagram that nobody took the answer is an error. */
	recv(fd, word, sizeof(word), 0);
	names(fd);
	close(fd);
}

/* Not there yet, then there, or refused. */
static void try_later(struct place place)
{
	int fd = socket(place.at.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0), error;
	struct pollfd wait = { .fd = fd, .events = POLLOUT };
	socklen_t size = sizeof(error);

	connect(fd, &place.at.any, place.size);
	poll(&wait, 1, 2000);
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	close(fd);
}

static void streams(void)
{
	const char *one[] = { "127.0.0.1", "127.0.0.53", "192.168.77.1", "::1", "fd77::1" };
	struct place v4 = inet("0.0.0.0", SERVER), v6 = inet("::", SERVER);
	int listener, both;

	for (int i = 0; i < 5; i++) {
		struct place place = inet(one[i], SERVER);

		listener = bound(place.at.any.sa_family, SOCK_STREAM, place);
		listen(listener, 8);
		converse(listener, place, 0);
		converse(listener, place, OTHER_TCP);
		try_later(place);
		close(listener);
		try_later(inet(one[i], NOBODY));
		try_connect(SOCK_STREAM, inet(one[i], NOBODY));
	}
	both = bound(AF_INET6, SOCK_STREAM, v6);
	listen(both, 8);
	names(both);
	converse(both, inet("127.0.0.1", SERVER), 0);
	converse(both, inet("::ffff:127.0.0.1", SERVER), 0);
	converse(both, inet("::1", SERVER), 0);
	close(both);
	both = make(AF_INET6, SOCK_STREAM, 0);
	set(both, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	bind(both, &v6.at.any, v6.size);
	listen(both, 8);
	listener = bound(AF_INET, SOCK_STREAM, v4);
	listen(listener, 8);
	converse(listener, inet("192.168.77.1", SERVER), 0);
	try_connect(SOCK_STREAM, inet("192.168.77.2", LAN));
	try_connect(SOCK_STREAM, inet("fd77::2", LAN));
	try_connect(SOCK_STREAM, inet("203.0.113.9", LAN));
	close(both);
	close(listener);
}

/* Several datagrams in one call, and from whom each is. */
static void letters(int fd, struct place to)
{
	char word[2][16];
	struct place from[2];
	struct iovec text[2] = { { "first", 5 }, { "second", 6 } }, room[2];
	struct mmsghdr out[2] = {}, in[2] = {};

	for (int i = 0; i < 2; i++) {
		room[i] = (struct iovec){ word[i], sizeof(word[i]) };
		out[i].msg_hdr = (struct msghdr){ &to.at.any, to.size, text + i, 1 };
		in[i].msg_hdr = (struct msghdr){ &from[i].at.any, sizeof(from[i].at), room + i, 1 };
	}
	sendmmsg(fd, out, 2, 0);
	recvmmsg(fd, in, 2, MSG_WAITFORONE, NULL);
	sendmsg(fd, &out[0].msg_hdr, 0);
	recvmsg(fd, &in[0].msg_hdr, 0);
}

static void datagrams(void)
{
	const char *one[] = { "127.0.0.1", "192.168.77.1", "::1", "fd77::1" };

	for (int i = 0; i < 4; i++) {
		struct place place = inet(one[i], SERVER), from = { .size = sizeof(from.at) };
		int server = bound(place.at.any.sa_family, SOCK_DGRAM, place);
		int client = make(place.at.any.sa_family, SOCK_DGRAM, 0);
		char word[16];

		names(server);
		letters(server, place);
		sendto(client, "hello", 5, 0, &place.at.any, place.size);
		recvfrom(server, word, sizeof(word), 0, &from.at.any, &from.size);
		sendto(server, "there", 5, 0, &from.at.any, from.size);
		recvfrom(client, word, sizeof(word), 0, &from.at.any, &from.size);
		connect(client, &place.at.any, place.size);
		names(client);
		send(client, "again", 5, 0);
		recv(server, word, sizeof(word), 0);
		close(client);
		close(server);
		try_connect(SOCK_DGRAM, inet(one[i], NOBODY));
	}
}

/* Ports: taken, shared, low, any, and those that contained workloads have on loopbacks of their own. */
static void ports(int type)
{
	const char *one[] = { "127.0.0.1", "::1", "0.0.0.0", "::" };

	for (int i = 0; i < 4; i++) {
		struct place low = inet(one[i], LOW), any = inet(one[i], 0), server = inet(one[i], SERVER);
		int family = low.at.any.sa_family, first = bound(family, type, server), second;

		listen(first, 8);
		second = make(family, type, 0);
		bind(second, &server.at.any, server.size);
		set(second, SOL_SOCKET, SO_REUSEADDR, 1);
		set(second, SOL_SOCKET, SO_REUSEPORT, 1);
		bind(second, &server.at.any, server.size);
		close(second);
		close(first);
		first = make(family, type, 0);
		second = make(family, type, 0);
		set(first, SOL_SOCKET, SO_REUSEPORT, 1);
		set(second, SOL_SOCKET, SO_REUSEPORT, 1);
		bind(first, &server.at.any, server.size);
		bind(second, &server.at.any, server.size);
		listen(second, 8);
		close(first);
		close(second);
		close(bound(family, type, low));
		first = bound(family, type, any);
		listen(first, 8);
		names(first);
		close(first);
	}
	for (int i = 0; i < 2; i++) {
		struct place place = inet(one[i], CONTAINED);
		int fd = bound(place.at.any.sa_family, type, place);

		listen(fd, 8);
		names(fd);
		if (type == SOCK_STREAM)
			converse(fd, place, 0);
		else
			letters(fd, place);
		close(fd);
		try_connect(type, place);
	}
	close(bound(AF_INET, type, inet("198.51.100.1", SERVER)));
}

static void options(void)
{
	int fd = make(AF_INET, SOCK_STREAM, 0), six = make(AF_INET6, SOCK_STREAM, 0);
	struct place place = inet("127.0.0.1", SERVER);
	int listener = bound(AF_INET, SOCK_STREAM, place);

	set(listener, IPPROTO_TCP, TCP_FASTOPEN, 8);
	listen(listener, 8);
	set(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1);
	connect(fd, &place.at.any, place.size);
	send(fd, "early", 5, MSG_NOSIGNAL);
	close(accept(listener, NULL, NULL));
	close(fd);
	fd = make(AF_INET, SOCK_STREAM, 0);
	sendto(fd, "early", 5, MSG_FASTOPEN | MSG_NOSIGNAL, &place.at.any, place.size);
	close(accept(listener, NULL, NULL));
	close(fd);
	fd = make(AF_INET, SOCK_STREAM, 0);
	set(fd, IPPROTO_TCP, TCP_FASTOPEN, 8);
	set(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, 1);
	set(fd, IPPROTO_IP, IP_TRANSPARENT, 1);
	set(fd, IPPROTO_IP, IP_FREEBIND, 1);
	set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	set(fd, SOL_SOCKET, SO_MARK, 7);
	set(fd, SOL_SOCKET, SO_PRIORITY, 5);
	setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2);
	set(six, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	set(six, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	close(fd);
	close(six);
	close(listener);
}

void inet_calls(void)
{
	streams();
	datagrams();
	ports(SOCK_STREAM);
	ports(SOCK_DGRAM);
	options();
}
