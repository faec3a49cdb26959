/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The least that a CNI plugin can be in front of the node agent: reads what the
 * runtime says in its environment, and asks the agent on its unix socket
 * (PILUS_SOCKET). Stands where kubelet runs the plugin when attaching is timed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void fail(const char *what)
{
	fprintf(stderr, "post: %s: %s\n", what, strerror(errno));
	exit(1);
}

static const char *need(const char *name)
{
	const char *value = getenv(name);

	if (!value) {
		fprintf(stderr, "post: %s is not set\n", name);
		exit(2);
	}
	return value;
}

static int dial(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(to.sun_path)) {
		errno = ENAMETOOLONG;
		fail(path);
	}
	strcpy(to.sun_path, path);
	if (fd < 0 || connect(fd, (void *)&to, sizeof(to)))
		fail(path);
	return fd;
}

static size_t request(char *text, size_t size)
{
	const char *container = need("CNI_CONTAINERID");
	const char *uid = strstr(need("CNI_ARGS"), "K8S_POD_UID=");
	char body[1024];

	if (!strcmp(need("CNI_COMMAND"), "DEL"))
		return snprintf(text, size,
				"DELETE /v1/endpoints/%s HTTP/1.1\r\n"
				"Host: agent\r\nConnection: close\r\n\r\n",
				container);
	if (!uid) {
		errno = EINVAL;
		fail("CNI_ARGS");
	}
	snprintf(body, sizeof(body),
		 "{\"uid\":\"%s\",\"containerId\":\"%s\",\"netns\":\"%s\","
		 "\"interface\":\"%s\"}",
		 uid + strlen("K8S_POD_UID="), container, need("CNI_NETNS"),
		 need("CNI_IFNAME"));
	return snprintf(
		text, size,
		"POST /v1/endpoints HTTP/1.1\r\nHost: agent\r\n"
		"Connection: close\r\nContent-Type: application/json\r\n"
		"Content-Length: %zu\r\n\r\n%s",
		strlen(body), body);
}

int main(void)
{
	int fd = dial(need("PILUS_SOCKET"));
	size_t length, got = 0;
	char text[4096];
	ssize_t n;

	length = request(text, sizeof(text));
	if (write(fd, text, length) != (ssize_t)length)
		fail("write");
	while (got < sizeof(text) - 1) {
		n = read(fd, text + got, sizeof(text) - 1 - got);
		if (n < 0)
			fail("read");
		if (!n)
			break;
		got += n;
	}
	text[got] = 0;
	puts(text);
	return strncmp(text, "HTTP/1.1 2", strlen("HTTP/1.1 2")) ? 1 : 0;
}
