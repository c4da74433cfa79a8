/*
 * Cases of limits: how they are set, and what they do.
 */
#include <fcntl.h>
#include <sys/resource.h>

#include "probe.h"

enum { USER = 1000 };

static long prlimit_(int pid, unsigned long resource, const struct rlimit *new,
		     struct rlimit *old)
{
	return call(SYS_prlimit64, pid, resource, new, old);
}

/* Two reasons to refuse at once: which is told? */
PROBE(rlimit, order_of_errors)
{
	static const struct rlimit upside_down = {2, 1};
	struct rlimit *bad = (struct rlimit *)8, old;

	answer("new, resource: %s", res(prlimit_(0, 99, bad, 0)));
	answer("new, nobody: %s", res(prlimit_(0x7ffffff, 0, bad, 0)));
	answer("old, nobody: %s", res(prlimit_(0x7ffffff, 0, 0, bad)));
	answer("resource, nobody: %s", res(prlimit_(0x7ffffff, 99, 0, 0)));
	answer("upside down, nobody: %s",
	       res(prlimit_(0x7ffffff, 0, &upside_down, 0)));
	answer("upside down, resource: %s",
	       res(prlimit_(0, 99, &upside_down, 0)));
	answer("upside down, old: %s", res(prlimit_(0, 0, &upside_down, bad)));
	answer("-1: %s", res(prlimit_(-1, 0, 0, &old)));
	answer("2^32: %s", res(prlimit_(0, 1ul << 32, 0, &old)));
	answer("set: %s %s", res(call(SYS_setrlimit, 99, bad)),
	       res(call(SYS_setrlimit, 99, &upside_down)));
	answer("get: %s", res(call(SYS_getrlimit, 99, bad)));
}

/* Where the new limit is that and the old one can't be told. */
PROBE(rlimit, set_but_not_told)
{
	struct rlimit l = {3, 4};

	answer("%s", res(prlimit_(0, RLIMIT_CORE, &l, (struct rlimit *)8)));
	l = (struct rlimit){7, 7};
	prlimit_(0, RLIMIT_CORE, 0, &l);
	answer("%lu %lu", l.rlim_cur, l.rlim_max);
}

PROBE(rlimit, defaults)
{
	for (int i = 0; i < 16; i++) {
		struct rlimit l = {7, 7};

		prlimit_(0, (unsigned long)i, 0, &l);
		/* These depend on how much RAM there is. */
		if (i != RLIMIT_NPROC && i != RLIMIT_SIGPENDING)
			answer("%d: %ld/%ld", i, (long)l.rlim_cur,
			       (long)l.rlim_max);
	}
}

PROBE(rlimit, files_at_most)
{
	static const unsigned long most[] = {1 << 20, (1 << 20) + 1, -1};

	for (int i = 0; i < 3; i++) {
		struct rlimit l = {10, most[i]};

		answer("%s", res(prlimit_(0, RLIMIT_NOFILE, &l, 0)));
	}
}

PROBE(rlimit, of_others)
{
	struct rlimit l = {5, 6}, old;
	int pid = fork_raw();

	if (!pid)
		for (;;)
			call(SYS_sched_yield);
	answer("%s", res(prlimit_(pid, RLIMIT_CORE, &l, 0)));
	answer("%s", res(prlimit_(pid, RLIMIT_CORE, 0, &old)));
	answer("%lu %lu", old.rlim_cur, old.rlim_max);
	call(SYS_setresuid, USER, USER, USER);
	answer("%s", res(prlimit_(pid, RLIMIT_CORE, 0, &old)));
	answer("%s", res(prlimit_(pid, RLIMIT_CORE, (void *)8, 0)));
	answer("%s", res(prlimit_(1, RLIMIT_CORE, 0, &old)));
	call(SYS_kill, pid, SIGKILL);
}

PROBE(rlimit, of_users)
{
	struct rlimit l = {10, 20};

	call(SYS_setresuid, USER, USER, USER);
	answer("%s", res(prlimit_(0, RLIMIT_CORE, &l, 0)));
	l.rlim_cur = 20;
	answer("%s", res(prlimit_(0, RLIMIT_CORE, &l, 0)));
	l.rlim_max = 21;
	answer("%s", res(prlimit_(0, RLIMIT_CORE, &l, 0)));
	l.rlim_cur = 22;
	answer("%s", res(prlimit_(0, RLIMIT_CORE, &l, 0)));
	l = (struct rlimit){0, 0};
	answer("%s", res(prlimit_(0, RLIMIT_CORE, &l, 0)));
	l.rlim_cur = l.rlim_max = 2ul << 20;
	answer("%s", res(prlimit_(0, RLIMIT_NOFILE, &l, 0)));
}

/* --- what they do --- */

static const char *forks(void)
{
	int pid = fork_raw();

	if (!pid)
		exit_raw(0);
	if (pid < 0)
		return res(pid);
	wait_for(pid);
	return "child";
}

/* Processes of a user: root has as many as it likes. */
PROBE(rlimit, processes)
{
	answer("%s", res(limit_(RLIMIT_NPROC, 0)));
	answer("%s", forks());
	limit_(RLIMIT_NPROC, 2);
	call(SYS_setresuid, USER, USER, USER);
	answer("%s", forks());
	if (!fork_raw())
		for (;;)
			call(SYS_sched_yield);
	answer("%s", forks());
	limit_(RLIMIT_NPROC, 3);
	answer("%s", forks());
	limit_(RLIMIT_NPROC, 0);
	answer("%s", forks());
	call(SYS_kill, -1, SIGKILL);
}

static void burn(unsigned long seconds)
{
	struct rlimit l = {seconds, seconds + 1};

	if (seconds == 2) /* the hard one alone */
		l = (struct rlimit){1, 1};
	prlimit_(0, RLIMIT_CPU, &l, 0);
	for (;;)
		;
}

/* Of processor time, in seconds. */
PROBE(rlimit, time)
{
	answer("%s", child(burn, 1));
	answer("%s", child(burn, 2));
	answer("%s", child(burn, 0));
}

static void grow_stack(unsigned long bytes)
{
	char *sp = __builtin_frame_address(0);

	sp[-(long)bytes] = 1;
}

PROBE(rlimit, stack_of_those_that_run)
{
	answer("%s", child(grow_stack, 7 << 20));
	limit_(RLIMIT_STACK, 1 << 20);
	answer("%s %s", child(grow_stack, 900 << 10),
	       child(grow_stack, 7 << 20));
	limit_(RLIMIT_STACK, 32 << 20);
	answer("%s %s", child(grow_stack, 20 << 20),
	       child(grow_stack, 40 << 20));
}
