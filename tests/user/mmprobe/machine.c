/*
 * Cases of what the machine is and what time it is.
 */
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <time.h>

#include "probe.h"

PROBE(machine, uname)
{
	struct utsname u;

	memset(&u, 0x55, sizeof(u));
	answer("%s", res(call(SYS_uname, &u)));
	answer("%s %s %s", u.sysname, u.machine, u.domainname);
	answer("%.3s", u.release);
	answer("%d", u.sysname[64] | u.release[64] | u.domainname[64]);
}

PROBE(machine, sysinfo)
{
	struct sysinfo s;
	unsigned long total;

	memset(&s, 0x55, sizeof(s));
	answer("%s", res(call(SYS_sysinfo, &s)));
	total = s.totalram * s.mem_unit;
	answer("unit %u", s.mem_unit);
	answer("%d", total > 1 << 20 && s.freeram && s.freeram <= s.totalram);
	answer("%d", s.uptime >= 0 && s.uptime < 100000);
	answer("swap %lu %lu high %lu %lu", s.totalswap, s.freeswap,
	       s.totalhigh, s.freehigh);
	answer("%d", s.procs > 1 && s.procs < 1000);
}

PROBE(machine, sysinfo_uptime)
{
	struct timespec t;
	struct sysinfo s;

	call(SYS_clock_gettime, CLOCK_BOOTTIME, &t);
	call(SYS_sysinfo, &s);
	answer("%d", s.uptime - t.tv_sec <= 1);
	answer("%s", s.totalram < s.freeram ? "no" : "yes");
}

PROBE(machine, umask)
{
	static const unsigned long masks[] = {0777, 0, -1, 01777, 022};

	for (int i = 0; i < 5; i++)
		answer("%lo", call(SYS_umask, masks[i]));
}

PROBE(machine, getcpu)
{
	unsigned cpu = 99, node = 99;

	answer("%s", res(call(SYS_getcpu, &cpu, &node, 8)));
	answer("%d %u", cpu < 8, node);
	answer("%s", res(call(SYS_getcpu, 0, 0, 0)));
	answer("%s", res(call(SYS_getcpu, 8, 0, 0)));
	answer("%s", res(call(SYS_getcpu, 0, 8, 0)));
}

/* --- clocks --- */

PROBE(clock, kinds)
{
	struct timespec t;

	for (int clock = -3; clock < 20; clock++) {
		answer("%d: %s", clock,
		       res(call(SYS_clock_gettime, clock, &t)));
		answer("%s", res(call(SYS_clock_getres, clock, &t)));
	}
	answer("2^32: %s", res(call(SYS_clock_gettime, 1ul << 32, &t)));
	answer("none: %s %s", res(call(SYS_clock_gettime, 99, 8)),
	       res(call(SYS_clock_gettime, 0, 8)));
	answer("%s %s %s", res(call(SYS_clock_getres, 0, 0)),
	       res(call(SYS_clock_getres, 99, 0)),
	       res(call(SYS_clock_getres, 0, 8)));
}

/* Those that are as fine as the counter. */
PROBE(clock, resolution)
{
	static const int clocks[] = {0, 1, 2, 3, 4, 7, 11};
	struct timespec t;

	for (int i = 0; i < 7; i++) {
		t = (struct timespec){7, 7};
		call(SYS_clock_getres, clocks[i], &t);
		answer("%d: %ld %ld", clocks[i], t.tv_sec, t.tv_nsec);
	}
}

PROBE(clock, resolution_of_coarse_clocks)
{
	struct timespec t;

	call(SYS_clock_getres, 5, &t);
	answer("%ld", t.tv_nsec);
	call(SYS_clock_getres, 6, &t);
	answer("%ld", t.tv_nsec);
}

/* The clock of a process: 2 what it used of processors. */
static int clock_of(unsigned pid, unsigned kind)
{
	return (int)(~pid << 3 | kind);
}

/* Those of this one by its number, of one that is not, and by 0. */
PROBE(clock, of_processes)
{
	int self = clock_of((unsigned)getpid(), 2);
	int nobody = clock_of(0x3fffff, 2);
	struct timespec t;

	answer("%s", res(call(SYS_clock_gettime, self, &t)));
	answer("%s", res(call(SYS_clock_getres, self, &t)));
	answer("%s", res(call(SYS_clock_gettime, nobody, &t)));
	answer("%s", res(call(SYS_clock_getres, nobody, &t)));
	for (unsigned kind = 0; kind < 8; kind++)
		answer("%s",
		       res(call(SYS_clock_gettime, clock_of(0, kind), &t)));
}

PROBE(clock, goes_on)
{
	static const int clocks[] = {0, 1, 2, 3, 4, 7, 11};

	for (int i = 0; i < 7; i++) {
		struct timespec a, b;

		call(SYS_clock_gettime, clocks[i], &a);
		for (volatile int n = 0; n < 100000; n++)
			;
		call(SYS_clock_gettime, clocks[i], &b);
		answer("%d", b.tv_sec > a.tv_sec || (b.tv_sec == a.tv_sec &&
						     b.tv_nsec > a.tv_nsec));
	}
}

PROBE(clock, sleep)
{
	static const struct timespec times[] = {
		{0, 0},	 {0, 1000}, {0, 999999999},  {0, 1000000000},
		{-1, 0}, {0, -1},   {-1, 1000000000}};

	for (int i = 0; i < 7; i++)
		if (i != 2)
			answer("%s", res(call(SYS_nanosleep, &times[i], 0)));
	answer("%s %s", res(call(SYS_nanosleep, 0, 0)),
	       res(call(SYS_nanosleep, 8, 0)));
	answer("%s", res(call(SYS_nanosleep, &times[1], 8)));
}

PROBE(clock, sleep_on)
{
	static const struct timespec zero = {0, 0}, wrong = {0, -1};

	for (int clock = -1; clock < 14; clock++)
		answer("%d: %s %s", clock,
		       res(call(SYS_clock_nanosleep, clock, 1, &zero, 0)),
		       res(call(SYS_clock_nanosleep, clock, 0, &zero, 0)));
	answer("%s", res(call(SYS_clock_nanosleep, 1, 0, &wrong, 0)));
	answer("%s", res(call(SYS_clock_nanosleep, 99, 0, 8, 0)));
	answer("%s", res(call(SYS_clock_nanosleep, 1, 0, 8, 0)));
	answer("%s", res(call(SYS_clock_nanosleep, 4, 0, 8, 0)));
	for (int flags = 0; flags < 40; flags = 2 * flags + 1)
		answer("%s",
		       res(call(SYS_clock_nanosleep, 1, flags, &zero, 0)));
}

PROBE(clock, gettimeofday)
{
	struct timeval t = {7, -7};
	int zone[2] = {7, 7};

	answer("%s", res(call(SYS_gettimeofday, &t, zone)));
	answer("%d %d %d", t.tv_usec >= 0 && t.tv_usec < 1000000, zone[0],
	       zone[1]);
	answer("%s %s %s", res(call(SYS_gettimeofday, 0, 0)),
	       res(call(SYS_gettimeofday, 8, 0)),
	       res(call(SYS_gettimeofday, 0, 8)));
}

static volatile unsigned long work;

static void be_busy(unsigned long n)
{
	for (unsigned long i = 0; i < n * 1000; i++)
		work += i;
}

static void call_often(unsigned long n)
{
	static char page[PAGE];

	for (unsigned long i = 0; i < n; i++)
		call(SYS_getrandom, page, PAGE, 4);
}

/* Which of the two grows, while this is done for some time? */
static const char *whose(void (*fn)(unsigned long n))
{
	struct tms a, b;

	call(SYS_times, &a);
	do {
		fn(100);
		call(SYS_times, &b);
	} while (b.tms_utime + b.tms_stime < a.tms_utime + a.tms_stime + 40);
	return b.tms_utime - a.tms_utime > b.tms_stime - a.tms_stime
		       ? "the user's"
		       : "the kernel's";
}

/* Time in user mode is a user's, that of calls is the kernel's. */
PROBE(clock, whose_time)
{
	answer("%s %s", whose(be_busy), whose(call_often));
}

/* A process that waits uses no time, and its children's is told apart. */
PROBE(clock, of_children)
{
	struct tms a, b;

	call(SYS_times, &a);
	child(be_busy, 100000);
	call(SYS_times, &b);
	answer("%s", b.tms_cutime > a.tms_cutime ? "children's" : "nobody's");
	answer("%s", b.tms_utime - a.tms_utime < 5 ? "not mine" : "mine");
	answer("%s %s", res(call(SYS_times, 0) > 0), res(call(SYS_times, 8)));
}

/* --- random numbers --- */

PROBE(random, flags)
{
	char buf[16];

	for (int flags = -1; flags < 17; flags++)
		answer("%s", res(call(SYS_getrandom, buf, 16, flags)));
	answer("%s", res(call(SYS_getrandom, buf, 16, 1ul << 32)));
	answer("%s", res(call(SYS_getrandom, 8, 0, 0)));
	answer("%s", res(call(SYS_getrandom, 8, 0, 8)));
	answer("%s", res(call(SYS_getrandom, -8, 0, 0)));
	answer("%s", res(call(SYS_getrandom, 1ul << 62, 0, 0)));
}

PROBE(random, sizes)
{
	static const unsigned long sizes[] = {0x7fffffff, 0x80000000,
					      LAST_PLACE, -1};

	map(0, 2, RW);
	for (int i = 0; i < 4; i++)
		answer("%s", res(call(SYS_getrandom, P(0), sizes[i], 0)));
	answer("%s", res(call(SYS_getrandom, P(2) - 1000, 2000, 0)));
	answer("%s", res(call(SYS_getrandom, P(2) - 1, 2, 0)));
	answer("%s", res(call(SYS_getrandom, P(0), 2 * PAGE, 0)));
}

/* --- prctl --- */

PROBE(prctl, names)
{
	char name[17] = "xxxxxxxxxxxxxxxx";

	answer("%s", res(call(SYS_prctl, PR_GET_NAME, name)));
	answer("%.16s/%d", name, name[15]);
	call(SYS_prctl, PR_SET_NAME, "one that is longer than 15");
	call(SYS_prctl, PR_GET_NAME, name);
	answer("%.16s", name);
	call(SYS_prctl, PR_SET_NAME, "");
	call(SYS_prctl, PR_GET_NAME, name);
	answer("%.16s.", name);
	answer("%s %s", res(call(SYS_prctl, PR_SET_NAME, 8)),
	       res(call(SYS_prctl, PR_GET_NAME, 8)));
	map(0, 1, RW);
	memset((void *)P(0), 'n', PAGE);
	answer("%s", res(call(SYS_prctl, PR_SET_NAME, P(1) - 10)));
	answer("%s", res(call(SYS_prctl, PR_SET_NAME, P(1) - 15)));
	answer("%s", res(call(SYS_prctl, PR_SET_NAME, P(1) - 16)));
	answer("%s", res(call(SYS_prctl, PR_GET_NAME, P(1) - 15)));
}

PROBE(prctl, dumpable)
{
	answer("%s", res(call(SYS_prctl, PR_GET_DUMPABLE)));
	for (long value = -1; value < 4; value++)
		answer("%s %s", res(call(SYS_prctl, PR_SET_DUMPABLE, value)),
		       res(call(SYS_prctl, PR_GET_DUMPABLE)));
}

/* Of what no process has here: capabilities, and what some machines' processors
 * can do. */
static const int others[] = {
	PR_GET_KEEPCAPS,   PR_SET_KEEPCAPS,	   PR_GET_TIMING,
	PR_SET_TIMING,	   PR_CAPBSET_READ,	   PR_CAPBSET_DROP,
	PR_GET_SECUREBITS, PR_SET_SECUREBITS,	   PR_MCE_KILL,
	PR_MCE_KILL_GET,   PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER,
	PR_SET_IO_FLUSHER, PR_GET_IO_FLUSHER,	   PR_SET_PDEATHSIG,
	PR_GET_PDEATHSIG};

enum { OTHERS = sizeof(others) / sizeof(*others) };

PROBE(prctl, of_others)
{
	for (int i = 0; i < OTHERS; i++)
		answer("%d:%s", others[i],
		       res(call(SYS_prctl, others[i], 0, 0, 0, 0)));
}

PROBE(prctl, options)
{
	static const int ours[] = {PR_SET_NAME, PR_GET_NAME, PR_SET_DUMPABLE,
				   PR_GET_DUMPABLE};

	for (int option = -1; option < 70; option++) {
		int told = 0;

		for (int i = 0; i < 4; i++)
			told |= ours[i] == option;
		for (int i = 0; i < OTHERS; i++)
			told |= others[i] == option;
		if (!told)
			answer("%d:%s", option,
			       res(call(SYS_prctl, option, 0, 0, 0, 0)));
	}
}

PROBE(prctl, no_new_privs)
{
	answer("%s", res(call(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)));
	answer("%s", res(call(SYS_prctl, PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0)));
	answer("%s", res(call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0)));
	answer("%s", res(call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 1)));
	answer("%s", res(call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)));
	answer("%s", res(call(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)));
}

static void thp_of_child(unsigned long arg)
{
	(void)arg;
	exit_raw((int)call(SYS_prctl, PR_GET_THP_DISABLE, 0, 0, 0, 0));
}

PROBE(prctl, no_huge_pages)
{
	answer("%s", res(call(SYS_prctl, PR_GET_THP_DISABLE, 0, 0, 0, 0)));
	answer("%s", res(call(SYS_prctl, PR_GET_THP_DISABLE, 1, 0, 0, 0)));
	answer("%s", res(call(SYS_prctl, PR_SET_THP_DISABLE, 1, 1, 0, 0)));
	answer("%s", res(call(SYS_prctl, PR_SET_THP_DISABLE, 7, 0, 0, 0)));
	answer("%s", res(call(SYS_prctl, PR_GET_THP_DISABLE, 0, 0, 0, 0)));
	answer("%s", child(thp_of_child, 0));
	answer("%s", res(call(SYS_prctl, PR_SET_THP_DISABLE, 0, 0, 0, 0)));
	answer("%s", res(call(SYS_prctl, PR_GET_THP_DISABLE, 0, 0, 0, 0)));
}

PROBE(prctl, timer_slack)
{
	answer("%s", res(call(SYS_prctl, PR_GET_TIMERSLACK)));
	answer("%s", res(call(SYS_prctl, PR_SET_TIMERSLACK, 77)));
	answer("%s", res(call(SYS_prctl, PR_GET_TIMERSLACK)));
	answer("%s", res(call(SYS_prctl, PR_SET_TIMERSLACK, 0)));
	answer("%s", res(call(SYS_prctl, PR_GET_TIMERSLACK)));
}

PROBE(prctl, name_of_memory)
{
	answer("%s", res(call(SYS_prctl, 0x53564d41, 0, P(0), PAGE, 0)));
	answer("%s", res(call(SYS_prctl, 0x53564d41, 1, P(0), PAGE, 0)));
}
