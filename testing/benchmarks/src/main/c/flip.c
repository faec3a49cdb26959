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
#include "program.h"
#include <arpa/inet.h>
#include <poll.h>
#include <stdbool.h>

#define PERIOD_US 100
#define LATE_NS 2000000 /* a packet that is not there by then was dropped */

static long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
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
	client = datagram_socket(argv[1], 0);
	server = datagram_socket(argv[2], atoi(argv[4]));
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
