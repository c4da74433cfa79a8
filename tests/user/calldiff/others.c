/*
 * calldiff's steps with limits, time, and the process itself.
 */
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#include "calldiff.h"

void step_limit(void)
{
	static const unsigned long resources[] = {RLIMIT_CORE,
						  RLIMIT_RSS,
						  RLIMIT_NOFILE,
						  RLIMIT_MSGQUEUE,
						  RLIMIT_NICE,
						  RLIMIT_RTPRIO,
						  RLIMIT_LOCKS,
						  RLIMIT_FSIZE,
						  RLIMIT_NPROC,
						  RLIMIT_SIGPENDING,
						  16,
						  -1ul,
						  (1ul << 32) + RLIMIT_CORE};
	static const long pids[] = {0, 0, 0, 0, -1, 0x7ffffff, 1l << 32};
	unsigned long resource = SOME(resources), new = 0, old = 0;
	struct rlimit l = {below(2) ? 20 : some_number(),
			   below(2) ? 30 : some_number()};
	long pid = SOME(pids), r;

	/* Files are still to be opened. */
	if (resource == RLIMIT_NOFILE && l.rlim_cur != 20)
		l.rlim_cur = 8 + below(12);
	if (below(2))
		new = below(8) ? (unsigned long)&l : some_place(16);
	if (new >= P(0) && new < P(6))
		new = 8;
	if (below(3))
		old = some_place(16);
	tell("prlimit %ld %#lx {%#lx %#lx} %s %#lx", pid, resource, l.rlim_cur,
	     l.rlim_max, new ? new == (unsigned long)&l ? "new" : "bad" : "-",
	     old);
	switch (below(4)) {
	case 0:
		tell(" get");
		old = old ? old : P(0);
		r = note(call(SYS_getrlimit, resource, old));
		break;
	case 1:
		tell(" set");
		r = note(call(SYS_setrlimit, resource, new ? new : 8));
		old = 0;
		break;
	default:
		r = note(call(SYS_prlimit64, pid, resource, new, old));
	}
	if (!r && old)
		sum_bytes(old, 16);
}

static long some_clock(void)
{
	static const long odd[] = {-1, -5, 1l << 32, 0x7fffffff};

	return below(6) ? (long)below(14) : SOME(odd);
}

void step_clock(void)
{
	unsigned long p = some_place(16);
	long clock = some_clock();

	switch (below(4)) {
	case 0:
		tell("clock_getres %ld %#lx", clock, p);
		note(call(SYS_clock_getres, clock, p));
		break;
	case 1:
		tell("gettimeofday %#lx", p);
		note(call(SYS_gettimeofday, p, below(2) ? 0 : some_place(8)));
		break;
	default:
		tell("clock_gettime %ld %#lx", clock, p);
		note(call(SYS_clock_gettime, clock, p));
	}
}

void step_sleep(void)
{
	static const struct timespec times[] = {
		{0, 0}, {0, 1000}, {0, 1000000000}, {-1, 0}, {0, -1}};
	const struct timespec *t = &SOME(times);
	unsigned long p = below(4) ? (unsigned long)t : some_place(16);
	long clock = some_clock(), flags = below(4);

	if (p >= P(0) && p < P(6))
		p = 8;
	/* One that never comes. */
	if (clock == 2 && t->tv_nsec == 1000)
		clock = 1;
	tell("sleep %ld %ld {%ld %ld} %s", clock, flags, t->tv_sec, t->tv_nsec,
	     p == (unsigned long)t ? "" : "bad");
	if (below(2))
		note(call(SYS_nanosleep, p, some_place(16)));
	else
		note(call(SYS_clock_nanosleep, clock, flags, p,
			  some_place(16)));
}

void step_random(void)
{
	unsigned long n = some_size(), p = some_place(n);
	long flags = below(4) ? below(4) : some_number();

	tell("getrandom %#lx %#lx %#lx", p, n, flags);
	note(call(SYS_getrandom, p, n, flags));
}

void step_prctl(void)
{
	static const int options[] = {PR_SET_NAME,
				      PR_GET_NAME,
				      PR_GET_DUMPABLE,
				      PR_SET_DUMPABLE,
				      PR_SET_TIMERSLACK,
				      PR_GET_TIMERSLACK,
				      PR_SET_NO_NEW_PRIVS,
				      PR_GET_NO_NEW_PRIVS,
				      PR_SET_THP_DISABLE,
				      PR_GET_THP_DISABLE,
				      -1,
				      0,
				      99};
	int option = SOME(options);
	unsigned long a = below(2) ? below(3) : some_number();
	unsigned long b = below(4) ? 0 : some_number();
	long r;

	if (option == PR_SET_NAME || option == PR_GET_NAME)
		a = some_place(16);
	/* What a call left at a bad byte is nobody's business. */
	if (a > P(3) && a < P(4))
		a = 8;
	if (option == PR_SET_NAME && a >= P(0) && a < P(4))
		memcpy((void *)a, "a name of 17 bytes", 19);
	/* Of a slack, the sign counts. */
	if (option == PR_SET_TIMERSLACK)
		a = below(3) * 1000;
	tell("prctl %d %#lx %#lx", option, a, b);
	r = note(call(SYS_prctl, option, a, b, 0, 0));
	if (!r && option == PR_GET_NAME)
		sum_bytes(a, 16);
}

/* A child that ends, and whom is waited for. */
void step_wait(void)
{
	static const long whom[] = {-1,		 0,	   1l << 32, 0x7fffffff,
				    -0x7fffffff, 1l << 31, 99999999};
	static const unsigned long kinds[] = {
		0,	   0,	      1,	 2,	    8,	      4,
		1ul << 24, 1ul << 29, 1ul << 30, 1ul << 31, 1ul << 32};
	unsigned long options = SOME(kinds) | SOME(kinds);
	unsigned long status = below(4) ? P(0) : some_place(4);
	unsigned long usage = below(4) ? 0 : some_place(144);
	int code = (int)below(256), pid = fork_raw();
	long who, r;

	if (!pid)
		exit_raw(code);
	who = below(2) ? pid : SOME(whom);
	*(int *)P(0) = 0;
	do
		r = call(SYS_wait4, who, status, options, usage);
	while (!r);
	tell("wait4 %s %#lx %#lx %#lx", who == pid ? "child" : "other", status,
	     options, usage);
	note(r == pid ? 1 : r);
	if (r == pid && status >= P(0) && status < P(4) && usage < P(0))
		sum(*(unsigned *)status);
	while (call(SYS_wait4, -1, 0, 1 << 30, 0) > 0)
		;
}

/* What only tells something. */
void step_tell(void)
{
	static const long who[] = {0, 1, -1, 2, 99};
	unsigned long p = some_place(400);
	long w = SOME(who), n = (long)some_number();

	switch (below(8)) {
	case 0:
		tell("uname %#lx", p);
		note(call(SYS_uname, p));
		break;
	case 1:
		tell("sysinfo %#lx", p);
		note(call(SYS_sysinfo, p));
		break;
	case 2:
		tell("getrusage %ld %#lx", w, p);
		note(call(SYS_getrusage, w, p));
		break;
	case 3:
		tell("umask %#lx", n);
		note(call(SYS_umask, n));
		break;
	case 4:
		tell("times %#lx", p);
		n = call(SYS_times, p);
		note(is_error(n) ? n : 0);
		break;
	case 5:
		tell("set_robust_list %#lx", n);
		note(call(SYS_set_robust_list, p, below(2) ? 24 : n));
		break;
	case 6:
		tell("getcpu %#lx", p);
		note(call(SYS_getcpu, p, below(2) ? 0 : some_place(4), n));
		break;
	default:
		tell("kill %ld", n);
		note(call(SYS_kill, getpid(), below(2) ? 0 : 65 + below(9)));
	}
}
