/*
 * System calls of time. There is one counter; the time of day is that and what
 * the time-of-day clock said when it was first asked for, or since 1970, where
 * there is none. Nobody sets it, so all that count real time agree.
 */
#include <arch/cpu.h>
#include <kernel/date.h>
#include <kernel/process.h>
#include <kernel/task.h>
#include <kernel/time.h>
#include <kernel/uaccess.h>
#include <kernel/usage_abi.h>
#include <lib/errno.h>

#include <kernel/syscall.h>

#define SECOND 1000000000u /* ns */

enum {
	CLOCK_REALTIME,
	CLOCK_MONOTONIC,
	CLOCK_PROCESS_CPUTIME_ID,
	CLOCK_THREAD_CPUTIME_ID,
	CLOCK_MONOTONIC_RAW,
	CLOCK_REALTIME_COARSE,
	CLOCK_MONOTONIC_COARSE,
	CLOCK_BOOTTIME,
	CLOCK_REALTIME_ALARM,
	CLOCK_BOOTTIME_ALARM,
	CLOCK_TAI = 11,
};

/* Real time at boot, ns since 1970. */
static uint64_t boot_date(void)
{
	static uint64_t known; /* 1 more (a) */
	uint64_t date = __atomic_load_n(&known, __ATOMIC_RELAXED), now,
		 none = 0;

	if (date)
		return date - 1;
	date = date_now(&now) ? now - time_ns() : 0;
	date++;
	/* All say what the first one found. */
	if (__atomic_compare_exchange_n(&known, &none, date, false,
					__ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return date - 1;
	return none - 1;
}

static uint64_t ns_of(uint64_t ticks)
{
	return time_us_of(ticks) * 1000;
}

static uint64_t cpu_time(struct process *p)
{
	struct usage u = process_usage(p);

	return ns_of(u.user + u.kernel);
}

/*
 * Clocks below 0 are those of processes by their number n, 0 being the caller: ~n <<
 * 3, and with that what is counted, and whether n is a thread's.
 */
enum { TIME_IN_ALL, TIME_OF_USER, TIME_SCHEDULED, CLOCK_OF_FILE, OF_THREAD };

static int read_process_clock(int clock, uint64_t *ns)
{
	int pid = ~(clock >> 3), kind = clock & 3;
	struct process *p;

	if (kind == CLOCK_OF_FILE)
		return -EINVAL;
	p = pid ? process_find(pid) : process_get(process_current());
	if (!p)
		return -EINVAL;
	*ns = kind == TIME_OF_USER ? ns_of(process_usage(p).user) : cpu_time(p);
	process_put(p);
	return (clock & OF_THREAD) && p != process_current() ? -EINVAL : 0;
}

/* Of those that can wake the machine up (CLOCK_*_ALARM) there is none. */
static int read_clock(int clock, uint64_t *ns)
{
	if (clock < 0)
		return read_process_clock(clock, ns);
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_TAI:
		*ns = boot_date() + time_ns();
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
		*ns = time_ns();
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
	case CLOCK_THREAD_CPUTIME_ID:
		*ns = cpu_time(process_current());
		return 0;
	}
	return -EINVAL;
}

static int put_time(uaddr_t to, uint64_t ns)
{
	struct timespec_abi t = {(int64_t)(ns / SECOND),
				 (int64_t)(ns % SECOND)};

	return copy_to_user(to, &t, sizeof(t));
}

/* A time that may be slept for, in ns; what is too long is for ever. */
static int get_time(uaddr_t from, uint64_t *ns)
{
	struct timespec_abi t;

	if (copy_from_user(&t, from, sizeof(t)))
		return -EFAULT;
	if (t.seconds < 0 || t.ns < 0 || t.ns >= SECOND)
		return -EINVAL;
	if (__builtin_mul_overflow((uint64_t)t.seconds, SECOND, ns) ||
	    __builtin_add_overflow(*ns, (uint64_t)t.ns, ns))
		*ns = UINT64_MAX;
	return 0;
}

/* clock_gettime(clock, time). */
int64_t sys_clock_gettime(const uint64_t arg[6])
{
	uint64_t ns;
	int err = read_clock((int)arg[0], &ns);

	return err ? err : put_time(arg[1], ns);
}

/* clock_getres(clock, time). */
int64_t sys_clock_getres(const uint64_t arg[6])
{
	uint64_t ns;
	int err = read_clock((int)arg[0], &ns);

	return err || !arg[1] ? err : put_time(arg[1], 1);
}

/* gettimeofday(time, zone). */
int64_t sys_gettimeofday(const uint64_t arg[6])
{
	uint64_t us = (boot_date() + time_ns()) / 1000;
	struct timeval_abi t = {(int64_t)(us / 1000000),
				(int64_t)(us % 1000000)};
	uint32_t zone[2] = {0, 0};

	if ((arg[0] && copy_to_user(arg[0], &t, sizeof(t))) ||
	    (arg[1] && copy_to_user(arg[1], zone, sizeof(zone))))
		return -EFAULT;
	return 0;
}

/* --- sleeping --- */

/* Until that many ns are over, or the process is to end: it never sees the
 * result. */
static int64_t sleep_for(uint64_t ns)
{
	uint64_t ticks = time_ticks(ns / 1000 + 1), end;

	if (!ns)
		return 0;
	if (ns > UINT64_MAX / 2 ||
	    __builtin_add_overflow(arch_time(), ticks, &end))
		end = UINT64_MAX;
	while (!process_dying() && arch_time() < end)
		task_block_until(end);
	return process_dying() ? -EINTR : 0;
}

/* nanosleep(time, rest). */
int64_t sys_nanosleep(const uint64_t arg[6])
{
	uint64_t ns;
	int err = get_time(arg[0], &ns);

	return err ? err : sleep_for(ns);
}

/* Can it be slept on? Here are errors that come before those of the time, */
static int check_sleep(int clock)
{
	if (clock < 0)
		return (clock & (OF_THREAD | 3)) == CLOCK_OF_FILE ? -EOPNOTSUPP
								  : 0;
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
	case CLOCK_TAI:
	case CLOCK_PROCESS_CPUTIME_ID:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM:
		return 0;
	case CLOCK_THREAD_CPUTIME_ID:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE:
		return -EOPNOTSUPP;
	}
	return -EINVAL;
}

/* and here those that come after. */
static int check_sleep_more(int clock)
{
	if (clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM)
		return -EOPNOTSUPP;
	return clock < 0 ? -EINVAL : 0;
}

#define TIMER_ABSTIME 1

/* clock_nanosleep(clock, flags, time, rest). */
int64_t sys_clock_nanosleep(const uint64_t arg[6])
{
	int clock = (int)arg[0], err = check_sleep(clock);
	uint64_t ns, now = 0;

	if (!err)
		err = get_time(arg[2], &ns);
	if (!err)
		err = check_sleep_more(clock);
	if (!err && (arg[1] & TIMER_ABSTIME))
		err = read_clock(clock, &now);
	if (err)
		return err;
	if (ns != UINT64_MAX)
		ns = ns > now ? ns - now : 0;
	/* A process of one task uses no time while that sleeps. */
	return sleep_for(ns && clock == CLOCK_PROCESS_CPUTIME_ID ? UINT64_MAX
								 : ns);
}

int64_t sys_sched_yield(const uint64_t arg[6])
{
	(void)arg;
	task_yield();
	return 0;
}
