/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time of paths between two network namespaces, without a scheduler in it: one
 * thread holds both sockets, so that a send runs the whole way to the receiving
 * socket's queue (transmit, BPF, peer, softirq) on the same CPU before it
 * returns. Nothing is woken up, and nothing waits.
 *
 *   loadgen MODE MILLISECONDS BATCH CPU PORT {CLIENT SERVER ADDRESS}...
 *
 * MODE is rr (request and response on one connection), crr (connect, request,
 * response, reset) or udp; CLIENT and SERVER are files of network namespaces;
 * ADDRESS is the server's, IPv4 or IPv6. The paths take turns, a batch of BATCH
 * exchanges each, in an order that is reversed from turn to turn, so that they
 * all meet the same machine. MILLISECONDS is for each path. Prints a line a
 * path: 5th, 50th and 95th percentile of ns an exchange, number of batches, and
 * how many receives found an empty queue (the path left the CPU, so the figures
 * are worth nothing when it is more than a few).
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

#define MAX_PATHS 16
#define MAX_BATCHES 200000
#define PATIENCE_SECONDS 2

enum mode {
	REQUESTS,
	CONNECTIONS,
	DATAGRAMS,
};

struct endpoint {
	struct sockaddr_storage address;
	socklen_t length;
	int family;
};

struct path {
	const char *client_ns;
	const char *server_ns;
	struct endpoint server;
	int namespace; /* the client's */
	int listener;
	int client; /* one connection; not where each exchange makes its own */
	int peer;
	double times[MAX_BATCHES];
	int batches;
	long late;
};

static struct path paths[MAX_PATHS];
static struct path *current;

static void fail(const char *what)
{
	fprintf(stderr, "loadgen: %s (%s to %s): %s\n", what,
		current ? current->client_ns : "",
		current ? current->server_ns : "", strerror(errno));
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

static int open_namespace(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fail(file);
	return fd;
}

static void enter(int namespace)
{
	if (setns(namespace, CLONE_NEWNET))
		fail("setns");
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
	current->late++;
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

static void exchange(struct path *path, enum mode mode)
{
	struct linger reset = { .l_onoff = 1 };

	if (mode == CONNECTIONS) {
		path->client = dial(&path->server);
		path->peer = answer(path->listener);
	}
	pass(path->client, path->peer);
	pass(path->peer, path->client);
	if (mode == CONNECTIONS) {
		setsockopt(path->client, SOL_SOCKET, SO_LINGER, &reset,
			   sizeof(reset));
		close(path->client);
		close(path->peer);
	}
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

static int listen_at(const struct endpoint *server, enum mode mode)
{
	int fd = open_socket(server->family,
			     mode == DATAGRAMS ? SOCK_DGRAM : SOCK_STREAM);

	if (bind(fd, (const void *)&server->address, server->length))
		fail("bind");
	if (mode != DATAGRAMS && listen(fd, 64))
		fail("listen");
	return fd;
}

static void prepare(struct path *path, char **words, const char *port,
		    enum mode mode)
{
	int server_namespace;

	current = path;
	path->client_ns = words[0];
	path->server_ns = words[1];
	parse(words[2], port, &path->server);
	path->namespace = open_namespace(path->client_ns);
	server_namespace = open_namespace(path->server_ns);
	enter(server_namespace);
	close(server_namespace);
	path->listener = listen_at(&path->server, mode);
	enter(path->namespace);
	if (mode == DATAGRAMS) {
		path->client = join_datagrams(path->listener, &path->server);
		path->peer = path->listener;
	} else if (mode == REQUESTS) {
		path->client = dial(&path->server);
		path->peer = answer(path->listener);
	}
}

static void measure(struct path *path, enum mode mode, int batch)
{
	double start;

	current = path;
	enter(path->namespace);
	start = now_ns();
	for (int i = 0; i < batch; i++)
		exchange(path, mode);
	path->times[path->batches++] = (now_ns() - start) / batch;
}

static void report(struct path *path)
{
	double *times = path->times;
	long n = path->batches;

	qsort(times, n, sizeof(times[0]), by_size);
	printf("%.0f %.0f %.0f %ld %ld\n", times[n / 20], times[n / 2],
	       times[n * 95 / 100], n, path->late);
}

static enum mode mode_of(const char *name)
{
	if (!strcmp(name, "rr"))
		return REQUESTS;
	if (!strcmp(name, "crr"))
		return CONNECTIONS;
	if (!strcmp(name, "udp"))
		return DATAGRAMS;
	errno = EINVAL;
	fail(name);
	return REQUESTS;
}

static void pin(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		fail("sched_setaffinity");
}

int main(int argc, char **argv)
{
	int count = (argc - 6) / 3, batch, turns = 0;
	enum mode mode;
	double end;

	if (argc < 9 || (argc - 6) % 3 || count > MAX_PATHS) {
		fprintf(stderr, "usage: loadgen rr|crr|udp MILLISECONDS BATCH "
				"CPU PORT {CLIENT SERVER ADDRESS}...\n");
		return 2;
	}
	mode = mode_of(argv[1]);
	batch = atoi(argv[3]);
	pin(atoi(argv[4]));
	for (int i = 0; i < count; i++)
		prepare(&paths[i], argv + 6 + i * 3, argv[5], mode);

	end = now_ns() + atof(argv[2]) * 1e6 * count;
	do {
		for (int i = 0; i < count; i++)
			measure(&paths[turns % 2 ? count - 1 - i : i], mode,
				batch);
	} while (++turns < MAX_BATCHES && now_ns() < end);
	for (int i = 0; i < count; i++)
		report(&paths[i]);
	return 0;
}
