/* Connects as its first act, then appends how that ended to /out/acts: first-act NAME ADDRESS PORT. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct timespec start, end;
	struct timeval patience = { .tv_sec = 4 };
	struct sockaddr_in to = { .sin_family = AF_INET };
	char line[128];
	int s, out, error, length;
	long long took;

	clock_gettime(CLOCK_MONOTONIC, &start);
	if (argc != 4 || inet_pton(AF_INET, argv[2], &to.sin_addr) != 1)
		return 2;
	to.sin_port = htons(atoi(argv[3]));
	s = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	error = connect(s, (struct sockaddr *)&to, sizeof(to)) ? errno : 0;
	clock_gettime(CLOCK_MONOTONIC, &end);
	took = (end.tv_sec - start.tv_sec) * 1000000000LL + end.tv_nsec - start.tv_nsec;
	length = snprintf(line, sizeof(line), "%s %d %lld\n", argv[1], error, took);
	out = open("/out/acts", O_WRONLY | O_APPEND);
	return write(out, line, length) == length ? 0 : 1;
}
