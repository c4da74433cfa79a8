/* Limits of the first process; the others inherit theirs. As Linux has them. */
#include <kernel/rlimit.h>
#include <lib/bits.h>

#define FILES_CUR   1024
#define FILES_MAX   4096
#define STACK_CUR   MIB(8)
#define MEMLOCK_CUR MIB(8)

void rlimit_defaults(struct rlimit limit[RLIMITS])
{
	for (unsigned i = 0; i < RLIMITS; i++)
		limit[i] = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
	limit[RLIMIT_STACK].cur = STACK_CUR;
	limit[RLIMIT_CORE].cur = 0;
	limit[RLIMIT_NOFILE] = (struct rlimit){FILES_CUR, FILES_MAX};
	limit[RLIMIT_MEMLOCK] = (struct rlimit){MEMLOCK_CUR, MEMLOCK_CUR};
	limit[RLIMIT_MSGQUEUE] = (struct rlimit){819200, 819200};
	limit[RLIMIT_NICE] = limit[RLIMIT_RTPRIO] = (struct rlimit){0, 0};
}
