/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attaches a reference datapath to one node's network namespace and holds it
 * until its standard input ends, so that nothing of it outlives its user.
 *
 *   reference OBJECT NAMESPACE [uplink DEVICE] [attach DEVICE PROGRAM]...
 *             [known ADDRESS]... [pod ADDRESS DEVICE HOST_MAC POD_MAC]...
 *
 * NAMESPACE is a file; DEVICE is the pod's host side or the uplink; addresses
 * are IPv4 or IPv6. "known" gives an address the identity that policy allows,
 * "pod" says where it is. The tries get 20,000 addresses and 10,000 rules beside
 * these. Prints "ready" when packets take the new way.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/bpf.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "reference.h"

#define TCX_INGRESS 46 /* BPF_TCX_INGRESS, since Linux 6.6 */
#define ADDRESSES 20000
#define IDENTITIES 5000
#define FIRST_IDENTITY 256
#define POD_IDENTITY 300
#define BENCH_PORT 7777

static struct bpf_object *object;

static void fail(const char *what)
{
	fprintf(stderr, "reference: %s: %s\n", what, strerror(errno));
	exit(1);
}

static __u32 device(const char *name)
{
	__u32 index = if_nametoindex(name);

	if (!index)
		fail(name);
	return index;
}

static void put(const char *map, const void *key, const void *value)
{
	int fd = bpf_object__find_map_fd_by_name(object, map);

	if (fd < 0 || bpf_map_update_elem(fd, key, value, BPF_ANY))
		fail(map);
}

static void set_uplink(const char *name)
{
	__u32 index = device(name);
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		if (strstr(bpf_map__name(map), ".rodata") &&
		    bpf_map__set_initial_value(map, &index, sizeof(index)))
			fail("the uplink's number");
	}
}

/* libbpf knows TCX links from 1.3 on; the system call is this. */
static void attach(const char *name, const char *program)
{
	struct bpf_program *found =
		bpf_object__find_program_by_name(object, program);
	union bpf_attr attr = { 0 };

	if (!found)
		fail(program);
	attr.link_create.prog_fd = bpf_program__fd(found);
	attr.link_create.target_fd = device(name);
	attr.link_create.attach_type = TCX_INGRESS;
	if (syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr)) < 0)
		fail("BPF_LINK_CREATE (TCX needs Linux 6.6)");
}

static void know(const struct address *address, __u32 identity)
{
	struct address_key key = { .prefixlen = 128, .address = *address };

	put("identities", &key, &identity);
}

static void add_pod(char **words)
{
	struct pod pod = { .ifindex = device(words[1]) };
	struct address address = { 0 };

	memcpy(pod.source, ether_aton(words[2]), ETH_ALEN);
	memcpy(pod.destination, ether_aton(words[3]), ETH_ALEN);
	if (inet_pton(AF_INET, words[0], &address.word[3]) == 1)
		put("pods_v4", &address.word[3], &pod);
	else if (inet_pton(AF_INET6, words[0], &address) == 1)
		put("pods_v6", &address, &pod);
	else
		fail(words[0]);
}

static void fill(void)
{
	struct address address = { 0 };
	__u64 packets = 0;

	for (__u32 i = 0; i < ADDRESSES; i++) {
		address.word[3] = htonl(0x0a640000u + i);
		know(&address, POD_IDENTITY);
	}
	for (__u32 i = 0; i < IDENTITIES * 2; i++) {
		struct policy_key key = {
			.prefixlen = POLICY_ONE_PORT,
			.identity = FIRST_IDENTITY + i / 2,
			.egress = i % 2,
			.protocol = IPPROTO_TCP,
			.port = htons(BENCH_PORT),
		};

		put("policy", &key, &packets);
	}
	for (int i = 0; i < 4; i++) {
		struct policy_key key = {
			.prefixlen = POLICY_ANY_PORT,
			.identity = POD_IDENTITY,
			.egress = i % 2,
			.protocol = i < 2 ? IPPROTO_TCP : IPPROTO_UDP,
		};

		put("policy", &key, &packets);
	}
}

static void learn(const char *text)
{
	struct address address = { 0 };

	if (inet_pton(AF_INET, text, &address.word[3]) != 1 &&
	    inet_pton(AF_INET6, text, &address) != 1)
		fail(text);
	know(&address, POD_IDENTITY);
}

int main(int argc, char **argv)
{
	int namespace, i;
	char byte;

	if (argc < 3) {
		fprintf(stderr, "usage: reference OBJECT NAMESPACE "
				"[uplink DEVICE] [attach DEVICE PROGRAM]... "
				"[known ADDRESS]... "
				"[pod ADDRESS DEVICE HOST_MAC POD_MAC]...\n");
		return 2;
	}
	namespace = open(argv[2], O_RDONLY | O_CLOEXEC);
	if (namespace < 0 || setns(namespace, CLONE_NEWNET))
		fail(argv[2]);
	object = bpf_object__open_file(argv[1], NULL);
	if (!object)
		fail(argv[1]);
	for (i = 3; i + 1 < argc; i++) {
		if (!strcmp(argv[i], "uplink"))
			set_uplink(argv[i + 1]);
	}
	if (bpf_object__load(object))
		fail(argv[1]);
	fill();
	for (i = 3; i < argc; i++) {
		if (!strcmp(argv[i], "known") && i + 1 < argc)
			learn(argv[i + 1]);
		else if (!strcmp(argv[i], "pod") && i + 4 < argc)
			add_pod(argv + i + 1);
	}
	for (i = 3; i + 2 < argc; i++) {
		if (!strcmp(argv[i], "attach"))
			attach(argv[i + 1], argv[i + 2]);
	}
	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}
