/*
 * Sockets of a stranger whose calls are traced: it looks at no result itself, since what comes of a call is in the trace.
 */
#pragma once
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

enum { SERVER = 7401, NOBODY = 7402, CONTAINED = 7403, LAN = 7404, LOW = 81 };

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un un;
	struct sockaddr_ll ll;
	struct sockaddr_nl nl;
	struct sockaddr_vm vm;
	struct sockaddr_storage room;
};

struct place {
	union address at;
	socklen_t size;
};

static inline struct place inet(const char *text, int port)
{
	struct place place = {};

	if (inet_pton(AF_INET, text, &place.at.v4.sin_addr) == 1) {
		place.at.v4.sin_family = AF_INET;
		place.at.v4.sin_port = htons(port);
		place.size = sizeof(place.at.v4);
	} else {
		inet_pton(AF_INET6, text, &place.at.v6.sin6_addr);
		place.at.v6.sin6_family = AF_INET6;
		place.at.v6.sin6_port = htons(port);
		place.size = sizeof(place.at.v6);
	}
	return place;
}

static inline struct place abstract(const char *name)
{
	struct place place = { .at.un.sun_family = AF_UNIX };

	strcpy(place.at.un.sun_path + 1, name);
	place.size = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name);
	return place;
}

static inline void set(int fd, int level, int option, int value)
{
	socklen_t size = sizeof(value);

	setsockopt(fd, level, option, &value, size);
	getsockopt(fd, level, option, &value, &size);
}

/* A socket that waits for nothing for ever. */
static inline int make(int family, int type, int protocol)
{
	struct timeval patience = { .tv_sec = 2 };
	int fd = socket(family, type, protocol);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return fd;
}

static inline int bound(int family, int type, struct place place)
{
	int fd = make(family, type, 0);

	set(fd, SOL_SOCKET, SO_REUSEADDR, type == SOCK_STREAM && family != AF_UNIX);
	bind(fd, &place.at.any, place.size);
	return fd;
}

static inline void names(int fd)
{
	struct place here = { .size = sizeof(here.at) }, there = here;

	getsockname(fd, &here.at.any, &here.size);
	getpeername(fd, &there.at.any, &there.size);
}

/* Both ends of a connection: who they are to each other, and a word each way. */
void converse(int listener, struct place place, int protocol);
void inet_calls(void);
