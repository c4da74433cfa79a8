/*
 * Cases of a process that is not root: low addresses, and limits of locked memory.
 */
#include <sys/resource.h>

#include "probe.h"

enum { FUTURE = 2, USER = 1000 };

/* Nobody in particular from now on, who may lock so much. */
static void begin(unsigned long may_lock)
{
	limit_(RLIMIT_MEMLOCK, may_lock);
	if (call(SYS_setresuid, USER, USER, USER))
		skip("no users");
}

PROBE(unpriv, low_addresses)
{
	begin(0);
	answer("0: %s", res(mmap_(0, PAGE, RW, ANON | MAP_FIXED, -1, 0)));
	answer("0, a hint: %s", res(mmap_(0, PAGE, RW, ANON, -1, 0)));
	answer("4096: %s", res(mmap_(PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0)));
	map(0, 1, RW);
	answer("mremap to 0: %s", res(mremap_(P(0), PAGE, PAGE, 3, 0)));
}

PROBE(unpriv, nothing_to_lock)
{
	begin(0);
	map(0, 2, RW);
	answer("mlock: %s", res(call(SYS_mlock, P(0), PAGE)));
	answer("mlock 0: %s", res(call(SYS_mlock, P(0), 0)));
	answer("mlock2: %s", res(call(SYS_mlock2, P(0), PAGE, 1)));
	answer("mlockall: %s", res(call(SYS_mlockall, 1)));
	answer("munlock: %s", res(call(SYS_munlock, P(0), PAGE)));
	answer("munlockall: %s", res(call(SYS_munlockall)));
	answer("MAP_LOCKED: %s",
	       res(mmap_(P(4), PAGE, RW, ANON | MAP_FIXED | MAP_LOCKED, -1,
			 0)));
	answer("%s", shown(0, 5));
}

PROBE(unpriv, four_pages_to_lock)
{
	begin(4 * PAGE);
	map(0, 8, RW);
	answer("5: %s", res(call(SYS_mlock, P(0), 5 * PAGE)));
	answer("4: %s", res(call(SYS_mlock, P(0), 4 * PAGE)));
	answer("again: %s", res(call(SYS_mlock, P(0), 4 * PAGE)));
	answer("shifted: %s", res(call(SYS_mlock, P(1), 4 * PAGE)));
	answer("%s", locks(0, 8));
	answer("1 less: %s", res(call(SYS_munlock, P(0), PAGE)));
	answer("shifted: %s", res(call(SYS_mlock, P(1), 4 * PAGE)));
	answer("%s", locks(0, 8));
	answer("MAP_LOCKED: %s",
	       res(mmap_(P(10), PAGE, RW, ANON | MAP_FIXED | MAP_LOCKED, -1,
			 0)));
	answer("over what is locked: %s",
	       res(mmap_(P(1), PAGE, RW, ANON | MAP_FIXED | MAP_LOCKED, -1,
			 0)));
	answer("mlockall: %s", res(call(SYS_mlockall, 1)));
}

PROBE(unpriv, growth_of_locked)
{
	begin(4 * PAGE);
	map(0, 3, RW);
	answer("%s", res(call(SYS_mlock, P(0), 3 * PAGE)));
	answer("to 4: %s", res(mremap_(P(0), 3 * PAGE, 4 * PAGE, 0, 0)));
	answer("to 5: %s", res(mremap_(P(0), 4 * PAGE, 5 * PAGE, 0, 0)));
	answer("to 5, elsewhere: %s",
	       res(mremap_(P(0), 4 * PAGE, 5 * PAGE, 3, P(16))));
	answer("moved: %s", res(mremap_(P(0), 4 * PAGE, 4 * PAGE, 3, P(16))));
	answer("%s %s", locks(0, 4), locks(16, 4));
}

PROBE(unpriv, future_locks)
{
	unsigned long end = (unsigned long)call(SYS_brk, 0);

	begin(4 * PAGE);
	answer("%s", res(call(SYS_mlockall, FUTURE)));
	answer("5 pages: %s",
	       res(mmap_(P(0), 5 * PAGE, RW, ANON | MAP_FIXED, -1, 0)));
	answer("4 pages: %s",
	       res(mmap_(P(0), 4 * PAGE, RW, ANON | MAP_FIXED, -1, 0)));
	answer("1 more: %s",
	       res(mmap_(P(8), PAGE, RW, ANON | MAP_FIXED, -1, 0)));
	answer("brk: %+ld",
	       (long)((unsigned long)call(SYS_brk, end + 2 * PAGE) - end));
}

PROBE(unpriv, stack_under_future_locks)
{
	begin(4 * PAGE);
	call(SYS_mlockall, FUTURE);
	answer("%s", res(mmap_(P(1000), PAGE, RW,
			       ANON | MAP_FIXED | MAP_GROWSDOWN, -1, 0)));
	*AT(997) = 'x';
	answer("%s", shown(996, 5));
	*AT(996) = 'x';
}

PROBE(unpriv, limits_of_others)
{
	struct rlimit up = {1ul << 40, RLIM_INFINITY};

	begin(4 * PAGE);
	answer("init: %s", res(call(SYS_prlimit64, 1, RLIMIT_AS, 0, &up)));
	up.rlim_max = RLIM_INFINITY;
	answer("raise MEMLOCK: %s",
	       res(call(SYS_prlimit64, 0, RLIMIT_MEMLOCK, &up, 0)));
}
