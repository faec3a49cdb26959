/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a policy begins to let a packet through, and when it ends to.
 *
 *   flip CLIENT SERVER ADDRESS PORT
 *
 * Sends a datagram every PERIOD_US until standard input ends, and prints a line
 * at each change: "allowed NS" or "denied NS", with the monotonic clock at which
 * the first packet was sent that was judged so. One thread holds both sockets:
 * nobody is woken up.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PERIOD_US 100
#define LATE_NS 2000000 /* a packet that is not there by then was dropped */

static void fail(const char *what)
{
	fprintf(stderr, "flip: %s: %s\n", what, strerror(errno));
	exit(1);
}

static long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

static int open_socket(const char *namespace, int port)
{
	struct sockaddr_in any = { .sin_family = AF_INET,
				   .sin_port = htons(port) };
	int file = open(namespace, O_RDONLY | O_CLOEXEC);
	int fd;

	if (file < 0 || setns(file, CLONE_NEWNET))
		fail(namespace);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (void *)&any, sizeof(any)))
		fail(namespace);
	close(file);
	return fd;
}

static void say(const char *what, long when)
{
	printf("%s %ld\n", what, when);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const struct timespec period = { .tv_nsec = PERIOD_US * 1000 };
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	struct sockaddr_in to = { .sin_family = AF_INET };
	int client, server;
	bool allowed = false;
	long missing =
		0; /* the first packet that has not come, while allowed */
	long packet;

	if (argc != 5) {
		fprintf(stderr, "usage: flip CLIENT SERVER ADDRESS PORT\n");
		return 2;
	}
	to.sin_port = htons(atoi(argv[4]));
	if (inet_pton(AF_INET, argv[3], &to.sin_addr) != 1)
		fail(argv[3]);
	client = open_socket(argv[1], 0);
	server = open_socket(argv[2], atoi(argv[4]));
	while (!poll(&in, 1, 0)) {
		packet = now_ns();
		if (!missing)
			missing = packet;
		if (sendto(client, &packet, sizeof(packet), 0, (void *)&to,
			   sizeof(to)) < 0)
			fail("sendto");
		while (recv(server, &packet, sizeof(packet), 0) ==
		       sizeof(packet)) {
			if (!allowed)
				say("allowed", packet);
			allowed = true;
			if (packet >= missing)
				missing = 0;
		}
		if (allowed && missing && now_ns() - missing > LATE_NS) {
			say("denied", missing);
			allowed = false;
		}
		nanosleep(&period, NULL);
	}
	return 0;
}
