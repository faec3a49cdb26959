/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Preloaded into a process: its wall clock is off by the nanoseconds (int64) in
 * the file PILUS_CLOCK. What counts from boot is left alone. libfaketime would
 * do the same, but a JVM hangs in its condition variables.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

#define NSEC_PER_SEC 1000000000LL

static const volatile int64_t *offset;
static int (*real_gettime)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void)
{
	int fd = open(getenv("PILUS_CLOCK"), O_RDONLY | O_CLOEXEC);

	real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
	offset = mmap(NULL, sizeof(*offset), PROT_READ, MAP_SHARED, fd, 0);
	if (offset == MAP_FAILED) {
		perror("PILUS_CLOCK");
		exit(125);
	}
}

int clock_gettime(clockid_t id, struct timespec *now)
{
	int64_t nanos;
	int result = real_gettime(id, now);

	if (result || (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE))
		return result;
	nanos = now->tv_sec * NSEC_PER_SEC + now->tv_nsec + *offset;
	now->tv_sec = nanos / NSEC_PER_SEC;
	now->tv_nsec = nanos % NSEC_PER_SEC;
	return 0;
}

int gettimeofday(struct timeval *now, void *zone)
{
	struct timespec exact;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &exact);
	now->tv_sec = exact.tv_sec;
	now->tv_usec = exact.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *seconds)
{
	struct timespec exact;

	clock_gettime(CLOCK_REALTIME, &exact);
	if (seconds)
		*seconds = exact.tv_sec;
	return exact.tv_sec;
}
