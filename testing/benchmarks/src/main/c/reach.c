/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long after the agent's answer a new pod is reached from elsewhere.
 *
 *   reach SOCKET PORT NAMESPACE...
 *
 * SOCKET is the agent's, the NAMESPACEs are files: of pods from which packets
 * are sent. Each line of standard input is answered by one:
 *
 *   ADD CONTAINER NETNS UID    attaches NETNS and then sends it a packet every
 *                              PERIOD_US from everywhere until it has answered
 *                              everywhere: "NOW US US...": the monotonic clock
 *                              at the agent's answer, in us; how long that took,
 *                              and from there to the first answer from each
 *   DEL CONTAINER NETNS UID    detaches: "US"
 *
 * One thread holds all sockets, the new pod's too: nobody is woken up.
 */
#define _GNU_SOURCE
#include "program.h"
#include <arpa/inet.h>
#include <stdbool.h>
#include <sys/un.h>

#define MAX_PROBERS 16
#define PERIOD_US 250
#define PATIENCE_US 10e6

struct probe {
	int generation;
	int prober;
};

static const char *agent;
static int port;
static int own_namespace;
static int probers[MAX_PROBERS];
static int count;

/* A datagram socket in the namespace, on the port or on any. */
static int open_socket(const char *namespace, int on)
{
	int fd = datagram_socket(namespace, on);

	enter(own_namespace);
	return fd;
}

/* What the agent answered, all of it; ends the program unless that is a yes. */
static void ask(const char *request, char *answer, size_t size)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t got = 0;
	ssize_t n;

	if (strlen(agent) >= sizeof(to.sun_path)) {
		errno = ENAMETOOLONG;
		fail(agent);
	}
	strcpy(to.sun_path, agent);
	if (fd < 0 || connect(fd, (void *)&to, sizeof(to)))
		fail(agent);
	if (write(fd, request, strlen(request)) != (ssize_t)strlen(request))
		fail("write");
	while (got < size - 1) {
		n = read(fd, answer + got, size - 1 - got);
		if (n < 0)
			fail("read");
		if (!n)
			break;
		got += n;
	}
	close(fd);
	answer[got] = 0;
	if (strncmp(answer, "HTTP/1.1 2", strlen("HTTP/1.1 2"))) {
		fprintf(stderr, "reach: the agent says: %s\n", answer);
		exit(1);
	}
}

/* The IPv4 address among "addresses":["...","..."]. */
static struct sockaddr_in address_in(const char *answer)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(port) };
	const char *from = strstr(answer, "\"addresses\":[");
	char text[INET6_ADDRSTRLEN];

	for (from = from ? strchr(from, '[') : NULL; from && *from != ']';
	     from = strpbrk(from + 1, ",]")) {
		if (sscanf(from + 1, "\"%45[^\"]", text) == 1 &&
		    inet_pton(AF_INET, text, &to.sin_addr) == 1)
			return to;
	}
	fprintf(stderr, "reach: no IPv4 address in %s\n", answer);
	exit(1);
}

static void echo(int fd)
{
	struct sockaddr_in from;
	socklen_t length = sizeof(from);
	struct probe probe;

	while (recvfrom(fd, &probe, sizeof(probe), 0, (void *)&from, &length) ==
	       sizeof(probe))
		sendto(fd, &probe, sizeof(probe), 0, (void *)&from, length);
}

static bool is_answered(int prober, int generation)
{
	struct probe probe;

	while (recv(probers[prober], &probe, sizeof(probe), 0) ==
	       sizeof(probe)) {
		if (probe.generation == generation)
			return true;
	}
	return false;
}

/* Until it has answered everywhere; in us from the start. */
static void reach(int target, struct sockaddr_in to, double start,
		  int generation, double *times)
{
	const struct timespec period = { .tv_nsec = PERIOD_US * 1000 };
	int left = count;

	for (int i = 0; i < count; i++)
		times[i] = -1;
	while (left && now_us() - start < PATIENCE_US) {
		for (int i = 0; i < count; i++) {
			struct probe probe = { generation, i };

			if (times[i] >= 0)
				continue;
			sendto(probers[i], &probe, sizeof(probe), 0,
			       (void *)&to, sizeof(to));
			echo(target);
			if (is_answered(i, generation)) {
				times[i] = now_us() - start;
				left--;
			}
		}
		if (left)
			nanosleep(&period, NULL);
	}
}

static void add(const char *container, const char *netns, const char *uid)
{
	static int generation;
	double times[MAX_PROBERS], start, answered;
	char body[1024], request[2048], answer[8192];
	int target = open_socket(netns, port);

	snprintf(body, sizeof(body),
		 "{\"uid\":\"%s\",\"containerId\":\"%s\",\"netns\":\"%s\","
		 "\"interface\":\"eth0\"}",
		 uid, container, netns);
	snprintf(request, sizeof(request),
		 "POST /v1/endpoints HTTP/1.1\r\nHost: agent\r\n"
		 "Connection: close\r\nContent-Type: application/json\r\n"
		 "Content-Length: %zu\r\n\r\n%s",
		 strlen(body), body);
	start = now_us();
	ask(request, answer, sizeof(answer));
	answered = now_us();
	reach(target, address_in(answer), answered, ++generation, times);
	close(target);
	printf("%.0f %.0f", answered, answered - start);
	for (int i = 0; i < count; i++) {
		if (times[i] < 0) {
			fprintf(stderr,
				"reach: prober %d had no answer from %s in "
				"%.0f s\n",
				i, netns, PATIENCE_US / 1e6);
			exit(1);
		}
		printf(" %.0f", times[i]);
	}
	printf("\n");
}

static void detach(const char *container)
{
	char request[512], answer[8192];
	double start = now_us();

	snprintf(request, sizeof(request),
		 "DELETE /v1/endpoints/%s HTTP/1.1\r\n"
		 "Host: agent\r\nConnection: close\r\n\r\n",
		 container);
	ask(request, answer, sizeof(answer));
	printf("%.0f\n", now_us() - start);
}

int main(int argc, char **argv)
{
	char line[1024], command[8], container[128], netns[256], uid[128];

	if (argc < 4 || argc - 3 > MAX_PROBERS) {
		fprintf(stderr, "usage: reach SOCKET PORT NAMESPACE...\n");
		return 2;
	}
	agent = argv[1];
	port = atoi(argv[2]);
	own_namespace = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (own_namespace < 0)
		fail("/proc/self/ns/net");
	for (int i = 3; i < argc; i++)
		probers[count++] = open_socket(argv[i], 0);
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "%7s %127s %255s %127s", command, container,
			   netns, uid) != 4) {
			errno = EINVAL;
			fail(line);
		}
		if (!strcmp(command, "ADD"))
			add(container, netns, uid);
		else
			detach(container);
		fflush(stdout);
	}
	return 0;
}
