/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a CNI plugin as a container runtime does, and says how long it took.
 *
 *   attach NAMESPACE PROGRAM CONFIG
 *
 * NAMESPACE is a file: the node's network namespace. Each line of standard
 * input, "ADD|DEL CONTAINER NETNS UID", starts PROGRAM once with CONFIG as its
 * standard input; each is answered by a line "MICROSECONDS STATUS OUTPUT".
 */
#define _GNU_SOURCE
#include "program.h"
#include <sys/wait.h>

#define OUTPUT 8192

static void child(const char *program, const char *config, int out)
{
	int in = open(config, O_RDONLY);

	if (in < 0 || dup2(in, STDIN_FILENO) < 0 ||
	    dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0)
		_exit(126);
	execl(program, program, (char *)NULL);
	_exit(127);
}

/* One line, whatever the program printed. */
static void read_all(int fd, char *text)
{
	size_t length = 0;
	ssize_t n;

	while (length < OUTPUT - 1) {
		n = read(fd, text + length, OUTPUT - 1 - length);
		if (n <= 0)
			break;
		length += n;
	}
	text[length] = 0;
	for (char *c = text; *c; c++) {
		if (*c == '\n' || *c == '\r')
			*c = ' ';
	}
}

static void run(const char *program, const char *config)
{
	static char output[OUTPUT];
	double start = now_us();
	int ends[2], status;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		fail("pipe");
	pid = vfork();
	if (pid < 0)
		fail("fork");
	if (!pid)
		child(program, config, ends[1]);
	close(ends[1]);
	read_all(ends[0], output);
	if (waitpid(pid, &status, 0) < 0)
		fail("waitpid");
	close(ends[0]);
	printf("%.0f %d %s\n", now_us() - start,
	       WIFEXITED(status) ? WEXITSTATUS(status) : 128, output);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	char line[1024], command[8], container[128], netns[256], uid[128];
	char arguments[256];
	int namespace;

	if (argc != 4) {
		fprintf(stderr, "usage: attach NAMESPACE PROGRAM CONFIG\n");
		return 2;
	}
	namespace = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (namespace < 0 || setns(namespace, CLONE_NEWNET))
		fail(argv[1]);
	setenv("CNI_IFNAME", "eth0", 1);
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "%7s %127s %255s %127s", command, container,
			   netns, uid) != 4) {
			errno = EINVAL;
			fail(line);
		}
		snprintf(arguments, sizeof(arguments),
			 "IgnoreUnknown=1;K8S_POD_UID=%s", uid);
		setenv("CNI_COMMAND", command, 1);
		setenv("CNI_CONTAINERID", container, 1);
		setenv("CNI_NETNS", netns, 1);
		setenv("CNI_ARGS", arguments, 1);
		run(argv[2], argv[3]);
	}
	return 0;
}
