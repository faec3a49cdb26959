/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PILUS_BENCH_PROGRAM_H
#define PILUS_BENCH_PROGRAM_H

/* What the programs of the benchmarks have in common; needs _GNU_SOURCE. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static inline void fail(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what,
		strerror(errno));
	exit(1);
}

static inline double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static inline int open_namespace(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fail(file);
	return fd;
}

static inline void enter(int namespace)
{
	if (setns(namespace, CLONE_NEWNET))
		fail("setns");
}

/* A datagram socket in the namespace, on the port or on any; stays there. */
static inline int datagram_socket(const char *namespace, int port)
{
	struct sockaddr_in any = { .sin_family = AF_INET,
				   .sin_port = htons(port) };
	int file = open_namespace(namespace);
	int fd;

	if (setns(file, CLONE_NEWNET))
		fail(namespace);
	close(file);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (void *)&any, sizeof(any)))
		fail(namespace);
	return fd;
}

#endif /* PILUS_BENCH_PROGRAM_H */
