/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversations between network namespaces that something happens to.
 *
 *   converse {allowed|forbidden CLIENT SERVER ADDRESS PORT}...
 *
 * CLIENT and SERVER are files of network namespaces, ADDRESS is the server's.
 * Every PERIOD_US each allowed pair exchanges a byte on its one TCP connection,
 * a datagram between sockets that stay and one from a socket that is new; each
 * forbidden pair sends one. Prints "talking" once every allowed pair has, and
 * after the end of standard input
 *
 *   SENT LOST NEW_SENT NEW_LOST TCP_SENT RETRANSMITTED BROKEN FORBIDDEN LEAKED
 *
 * all summed over the pairs. One thread holds all sockets: nobody is woken up.
 */
#define _GNU_SOURCE
#include "program.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>

#define MAX_PAIRS 16
#define PERIOD_US 1000
#define PATIENCE_MS 2000
#define NEW_KEPT 64 /* sockets that may still get an answer */

struct pair {
	bool allowed;
	int client_ns;
	int server_ns;
	struct sockaddr_in to;
	int client; /* TCP */
	int peer;
	int talker; /* UDP */
	int echo;
	int fresh[NEW_KEPT];
	int next;
	long sent, received, fresh_sent, fresh_received, tcp_sent, broken;
};

static struct pair pairs[MAX_PAIRS];
static int count;
static int own_namespace;

static int open_socket(int namespace, int type, int port)
{
	struct sockaddr_in any = { .sin_family = AF_INET,
				   .sin_port = htons(port) };
	int one = 1;
	int fd;

	enter(namespace);
	fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		fail("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (port && bind(fd, (void *)&any, sizeof(any)))
		fail("bind");
	enter(own_namespace);
	return fd;
}

static void set_nonblocking(int fd)
{
	if (fcntl(fd, F_SETFL, O_NONBLOCK))
		fail("fcntl");
}

static void connect_pair(struct pair *pair)
{
	int listener = open_socket(pair->server_ns, SOCK_STREAM,
				   ntohs(pair->to.sin_port));
	struct timeval patience = { .tv_sec = PATIENCE_MS / 1000 };
	int one = 1;

	if (listen(listener, 1))
		fail("listen");
	pair->client = open_socket(pair->client_ns, SOCK_STREAM, 0);
	setsockopt(pair->client, SOL_SOCKET, SO_SNDTIMEO, &patience,
		   sizeof(patience));
	if (connect(pair->client, (void *)&pair->to, sizeof(pair->to)))
		fail("connect");
	pair->peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (pair->peer < 0)
		fail("accept");
	close(listener);
	setsockopt(pair->client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(pair->peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	set_nonblocking(pair->client);
	set_nonblocking(pair->peer);
}

static void open_pair(struct pair *pair, char **words)
{
	pair->allowed = !strcmp(words[0], "allowed");
	pair->client_ns = open_namespace(words[1]);
	pair->server_ns = open_namespace(words[2]);
	pair->to.sin_family = AF_INET;
	pair->to.sin_port = htons(atoi(words[4]));
	if (inet_pton(AF_INET, words[3], &pair->to.sin_addr) != 1)
		fail(words[3]);
	memset(pair->fresh, -1, sizeof(pair->fresh));
	pair->echo = open_socket(pair->server_ns, SOCK_DGRAM, atoi(words[4]));
	pair->talker = open_socket(pair->client_ns, SOCK_DGRAM, 0);
	set_nonblocking(pair->echo);
	set_nonblocking(pair->talker);
	if (pair->allowed)
		connect_pair(pair);
}

static void talk_over_tcp(struct pair *pair)
{
	char bytes[64];
	ssize_t n;

	if (pair->broken)
		return;
	if (send(pair->client, "a", 1, MSG_NOSIGNAL) == 1)
		pair->tcp_sent++;
	else if (errno != EAGAIN)
		pair->broken = 1;
	n = recv(pair->peer, bytes, sizeof(bytes), 0);
	if (!n || (n < 0 && errno != EAGAIN))
		pair->broken = 1;
	if (n > 0 && send(pair->peer, bytes, n, MSG_NOSIGNAL) < 0)
		pair->broken = 1;
	n = recv(pair->client, bytes, sizeof(bytes), 0);
	if (!n || (n < 0 && errno != EAGAIN))
		pair->broken = 1;
}

static long drain(int fd)
{
	char byte;
	long got = 0;

	while (fd >= 0 && recv(fd, &byte, 1, 0) == 1)
		got++;
	return got;
}

static void answer(struct pair *pair)
{
	struct sockaddr_in from;
	socklen_t length = sizeof(from);
	char byte;

	while (recvfrom(pair->echo, &byte, 1, 0, (void *)&from, &length) == 1) {
		if (!pair->allowed)
			pair->received++;
		sendto(pair->echo, &byte, 1, 0, (void *)&from, length);
	}
}

static void collect(struct pair *pair)
{
	answer(pair);
	if (!pair->allowed)
		return;
	pair->received += drain(pair->talker);
	for (int i = 0; i < NEW_KEPT; i++)
		pair->fresh_received += drain(pair->fresh[i]);
}

static void say(int fd, struct pair *pair)
{
	sendto(fd, "u", 1, 0, (void *)&pair->to, sizeof(pair->to));
}

static void step(struct pair *pair)
{
	say(pair->talker, pair);
	pair->sent++;
	if (pair->allowed) {
		int *fresh = &pair->fresh[pair->next++ % NEW_KEPT];

		if (*fresh >= 0)
			close(*fresh);
		*fresh = open_socket(pair->client_ns, SOCK_DGRAM, 0);
		set_nonblocking(*fresh);
		say(*fresh, pair);
		pair->fresh_sent++;
		talk_over_tcp(pair);
	}
	collect(pair);
}

static bool is_talking(void)
{
	for (int i = 0; i < count; i++) {
		if (pairs[i].allowed && !pairs[i].received)
			return false;
	}
	return true;
}

static void report(void)
{
	long sent = 0, lost = 0, fresh = 0, fresh_lost = 0, tcp = 0;
	long again = 0, broken = 0, forbidden = 0, leaked = 0;

	for (int i = 0; i < count; i++) {
		struct pair *pair = &pairs[i];
		struct tcp_info there, back;
		socklen_t size = sizeof(there);

		if (!pair->allowed) {
			forbidden += pair->sent;
			leaked += pair->received;
			continue;
		}
		sent += pair->sent;
		lost += pair->sent - pair->received;
		fresh += pair->fresh_sent;
		fresh_lost += pair->fresh_sent - pair->fresh_received;
		tcp += pair->tcp_sent;
		broken += pair->broken;
		if (getsockopt(pair->client, IPPROTO_TCP, TCP_INFO, &there,
			       &size) ||
		    getsockopt(pair->peer, IPPROTO_TCP, TCP_INFO, &back, &size))
			fail("TCP_INFO");
		again += there.tcpi_total_retrans + back.tcpi_total_retrans;
	}
	printf("%ld %ld %ld %ld %ld %ld %ld %ld %ld\n", sent, lost, fresh,
	       fresh_lost, tcp, again, broken, forbidden, leaked);
}

int main(int argc, char **argv)
{
	const struct timespec period = { .tv_nsec = PERIOD_US * 1000 };
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	bool talking = false;

	if (argc < 6 || (argc - 1) % 5 || (argc - 1) / 5 > MAX_PAIRS) {
		fprintf(stderr, "usage: converse {allowed|forbidden CLIENT "
				"SERVER ADDRESS PORT}...\n");
		return 2;
	}
	own_namespace = open_namespace("/proc/self/ns/net");
	for (int i = 1; i < argc; i += 5)
		open_pair(&pairs[count++], argv + i);
	while (!poll(&in, 1, 0)) {
		for (int i = 0; i < count; i++)
			step(&pairs[i]);
		if (!talking && is_talking()) {
			talking = true;
			puts("talking");
			fflush(stdout);
		}
		nanosleep(&period, NULL);
	}
	for (int i = 0; i < 100; i++) {
		nanosleep(&period, NULL);
		for (int j = 0; j < count; j++)
			collect(&pairs[j]);
	}
	report();
	return 0;
}
