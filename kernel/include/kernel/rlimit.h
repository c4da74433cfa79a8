/* Limits of a process, with Linux's numbers. */
#pragma once

#include <kernel/types.h>

enum {
	RLIMIT_CPU,
	RLIMIT_FSIZE,
	RLIMIT_DATA,
	RLIMIT_STACK,
	RLIMIT_CORE,
	RLIMIT_RSS,
	RLIMIT_NPROC,
	RLIMIT_NOFILE,
	RLIMIT_MEMLOCK,
	RLIMIT_AS,
	RLIMIT_LOCKS,
	RLIMIT_SIGPENDING,
	RLIMIT_MSGQUEUE,
	RLIMIT_NICE,
	RLIMIT_RTPRIO,
	RLIMIT_RTTIME,
	RLIMITS
};

#define RLIM_INFINITY UINT64_MAX

struct rlimit {
	uint64_t cur, max;
};

/* Those of the first process. */
void rlimit_defaults(struct rlimit limit[RLIMITS]);
