/* What programs are told of time and usage, in Linux's structures. */
#pragma once

#include <kernel/process.h>

struct timeval_abi {
	int64_t seconds, us;
};

struct timespec_abi {
	int64_t seconds, ns;
};

/* struct rusage. */
struct usage_abi {
	struct timeval_abi user, kernel;
	int64_t max_rss; /* KiB */
	int64_t unused1[3];
	int64_t minor_faults, major_faults;
	int64_t unused2[6];
	int64_t switches, preempted;
};

_Static_assert(sizeof(struct usage_abi) == 144, "struct rusage");

struct usage_abi usage_to_abi(const struct usage *u);
