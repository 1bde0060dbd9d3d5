/*
 * The hastiest of clients: connecting is the first thing it does. Exit code: 100 if a connection ever succeeded, else
 * what the first one failed with.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { PORT = 7301, TRIES = 20, CONNECTED = 100, BROKEN = 101 };

static int try(void)
{
	struct timeval patience = { .tv_sec = 1, .tv_usec = 500 * 1000 };
	struct sockaddr_in peer = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), failed;

	if (fd < 0)
		return BROKEN;
	peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	failed = setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (failed)
		return BROKEN;
	failed = connect(fd, (struct sockaddr *)&peer, sizeof(peer)) ? errno : CONNECTED;
	close(fd);
	return failed;
}

int main(void)
{
	int first = try(), again = first;

	for (int i = 0; i < TRIES && again != CONNECTED; i++)
		again = try();
	return again == CONNECTED ? CONNECTED : first;
}
