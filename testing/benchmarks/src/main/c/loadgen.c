/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time of a path between two network namespaces, without a scheduler in it:
 * one thread holds both sockets, so that a send runs the whole way to the
 * receiving socket's queue (transmit, BPF, peer, softirq) on the same CPU
 * before it returns. Nothing is woken up, and nothing waits.
 *
 *   loadgen MODE CLIENT SERVER ADDRESS PORT MILLISECONDS BATCH CPU
 *
 * MODE is rr (request and response on one connection), crr (connect, request,
 * response, reset) or udp; CLIENT and SERVER are files of network namespaces;
 * ADDRESS is the server's, IPv4 or IPv6. Prints, for batches of BATCH
 * exchanges: 5th, 50th and 95th percentile of ns an exchange, number of
 * batches, and how many receives found an empty queue (the path left the CPU,
 * so the figures are worth nothing when it is more than a few).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define MAX_BATCHES 1000000
#define PATIENCE_SECONDS 2

struct endpoint {
	struct sockaddr_storage address;
	socklen_t length;
	int family;
};

static const char *client_ns;
static const char *server_ns;
static long late;

static void fail(const char *what)
{
	fprintf(stderr, "loadgen: %s (%s to %s): %s\n", what, client_ns,
		server_ns, strerror(errno));
	exit(1);
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void enter(const char *namespace)
{
	int fd = open(namespace, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET))
		fail(namespace);
	close(fd);
}

static void parse(const char *text, const char *port, struct endpoint *to)
{
	struct sockaddr_in6 *six = (void *)&to->address;
	struct sockaddr_in *four = (void *)&to->address;

	memset(to, 0, sizeof(*to));
	if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
		to->family = four->sin_family = AF_INET;
		four->sin_port = htons(atoi(port));
		to->length = sizeof(*four);
	} else if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1) {
		to->family = six->sin6_family = AF_INET6;
		six->sin6_port = htons(atoi(port));
		to->length = sizeof(*six);
	} else {
		errno = EINVAL;
		fail(text);
	}
}

/* A lost packet must end the run, not hang it. */
static int open_socket(int family, int type)
{
	struct timeval patience = { .tv_sec = PATIENCE_SECONDS };
	int fd = socket(family, type | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0)
		fail("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return fd;
}

static void pass(int from, int to)
{
	char byte = 0;

	if (send(from, &byte, 1, MSG_NOSIGNAL) != 1)
		fail("send");
	if (recv(to, &byte, 1, MSG_DONTWAIT) == 1)
		return;
	if (errno != EAGAIN)
		fail("receive");
	late++;
	if (recv(to, &byte, 1, 0) != 1)
		fail("no packet arrived within two seconds");
}

static int dial(const struct endpoint *server)
{
	int fd = open_socket(server->family, SOCK_STREAM), one = 1;

	if (connect(fd, (const void *)&server->address, server->length))
		fail("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static int answer(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), one = 1;

	if (fd < 0)
		fail("accept");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static void connected_exchange(int listener, const struct endpoint *server)
{
	struct linger reset = { .l_onoff = 1 };
	int client = dial(server), peer = answer(listener);

	pass(client, peer);
	pass(peer, client);
	setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(client);
	close(peer);
}

/* Both ends of a UDP flow, each connected to the other. */
static int join_datagrams(int listener, const struct endpoint *server)
{
	struct endpoint from = { .length = sizeof(from.address) };
	int client = open_socket(server->family, SOCK_DGRAM);
	char byte = 0;

	if (connect(client, (const void *)&server->address, server->length))
		fail("connect");
	if (send(client, &byte, 1, 0) != 1)
		fail("send");
	if (recvfrom(listener, &byte, 1, 0, (void *)&from.address,
		     &from.length) != 1)
		fail("no packet arrived within two seconds");
	if (connect(listener, (void *)&from.address, from.length))
		fail("connect");
	return client;
}

static int listen_at(const struct endpoint *server, bool datagrams)
{
	struct endpoint any = *server;
	int fd = open_socket(server->family,
			     datagrams ? SOCK_DGRAM : SOCK_STREAM);

	if (bind(fd, (void *)&any.address, any.length))
		fail("bind");
	if (!datagrams && listen(fd, 64))
		fail("listen");
	return fd;
}

int main(int argc, char **argv)
{
	static double times[MAX_BATCHES];
	int listener, client = -1, peer = -1, batch, n = 0;
	bool connects, datagrams;
	struct endpoint server;
	double end;
	cpu_set_t cpus;

	if (argc != 9) {
		fprintf(stderr, "usage: loadgen rr|crr|udp CLIENT SERVER "
				"ADDRESS PORT MILLISECONDS BATCH CPU\n");
		return 2;
	}
	connects = !strcmp(argv[1], "crr");
	datagrams = !strcmp(argv[1], "udp");
	client_ns = argv[2];
	server_ns = argv[3];
	parse(argv[4], argv[5], &server);
	batch = atoi(argv[7]);
	CPU_ZERO(&cpus);
	CPU_SET(atoi(argv[8]), &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		fail("sched_setaffinity");

	enter(server_ns);
	listener = listen_at(&server, datagrams);
	enter(client_ns);
	if (datagrams) {
		client = join_datagrams(listener, &server);
		peer = listener;
	} else if (!connects) {
		client = dial(&server);
		peer = answer(listener);
	}

	end = now_ns() + atof(argv[6]) * 1e6;
	while (n < MAX_BATCHES) {
		double start = now_ns();

		if (start >= end)
			break;
		for (int i = 0; i < batch; i++) {
			if (connects) {
				connected_exchange(listener, &server);
			} else {
				pass(client, peer);
				pass(peer, client);
			}
		}
		times[n++] = (now_ns() - start) / batch;
	}
	if (!n) {
		errno = ETIME;
		fail("not one batch");
	}
	qsort(times, n, sizeof(times[0]), by_size);
	printf("%.0f %.0f %.0f %d %ld\n", times[n / 20], times[n / 2],
	       times[n * 95L / 100], n, late);
	return 0;
}
