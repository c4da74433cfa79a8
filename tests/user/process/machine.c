/* Time, limits, and what the machine is called. */
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <time.h>

#include "process.h"

void times_and_limits(void)
{
	struct timespec a, b, t = {0, 2000000}, bad = {0, 1000000000};
	struct rlimit64 {
		uint64_t cur, max;
	} l, small = {16 << 20, -1ul}, wrong = {2, 1};
	struct rusage u;
	struct sysinfo s;
	struct tms tms;
	int pid;

	IS(call(SYS_clock_gettime, CLOCK_MONOTONIC, &a), 0);
	IS(call(SYS_nanosleep, &t, 0), 0);
	IS(call(SYS_clock_gettime, CLOCK_MONOTONIC, &b), 0);
	check((b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec - a.tv_nsec >=
		      2000000,
	      "nanosleep", "too short");
	IS(call(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &a, 0), 0);
	IS(call(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &bad, 0), -EINVAL);
	IS(call(SYS_clock_nanosleep, 99, 0, &t, 0), -EINVAL);
	IS(call(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &t, 0),
	   -EOPNOTSUPP);
	IS(call(SYS_clock_nanosleep, CLOCK_MONOTONIC_RAW, 0, &t, 0),
	   -EOPNOTSUPP);
	IS(call(SYS_nanosleep, 8, 0), -EFAULT);
	IS(call(SYS_clock_gettime, 99, &a), -EINVAL);
	IS(call(SYS_clock_gettime, CLOCK_REALTIME, 8), -EFAULT);
	IS(call(SYS_clock_gettime, CLOCK_PROCESS_CPUTIME_ID, &a), 0);
	IS(call(SYS_clock_getres, CLOCK_MONOTONIC, &a), 0);
	IS(call(SYS_clock_getres, CLOCK_MONOTONIC, 0), 0);
	IS(call(SYS_gettimeofday, &a, 0), 0);
	IS(call(SYS_gettimeofday, 0, 0), 0);
	check(call(SYS_times, &tms) > 0, "times", "none");
	IS(call(SYS_prlimit64, 0, RLIMIT_STACK, 0, &l), 0);
	check(l.cur == 8 << 20 && l.max == -1ul, "RLIMIT_STACK", "%#lx",
	      (long)l.cur);
	IS(call(SYS_prlimit64, 0, 99, 0, &l), -EINVAL);
	IS(call(SYS_prlimit64, 0, RLIMIT_AS, &wrong, 0), -EINVAL);
	IS(call(SYS_prlimit64, 32760, RLIMIT_AS, 0, &l), -ESRCH);
	IS(call(SYS_prlimit64, 0, RLIMIT_AS, 8, 0), -EFAULT);
	IS(call(SYS_getrlimit, RLIMIT_NOFILE, &l), 0);
	check(l.cur == 1024, "RLIMIT_NOFILE", "%ld", (long)l.cur);
	IS(call(SYS_setrlimit, 99, &l), -EINVAL);
	if (!(pid = fork_raw())) {
		/* It acts, and is inherited. */
		call(SYS_setrlimit, RLIMIT_AS, &small);
		if ((pid = fork_raw()))
			exit_raw(wait_for(pid));
		exit_raw(call(SYS_mmap, 0, 32 << 20, 3, 0x22, -1) == -ENOMEM
				 ? 3
				 : 4);
	}
	IS(child_status(pid), 3 << 8);
	IS(call(SYS_getrusage, RUSAGE_SELF, &u), 0);
	check(u.ru_minflt > 0 && u.ru_maxrss > 0, "getrusage", "%ld %ld",
	      u.ru_minflt, u.ru_maxrss);
	IS(call(SYS_getrusage, RUSAGE_CHILDREN, &u), 0);
	check(u.ru_minflt > 0, "of children", "%ld", u.ru_minflt);
	IS(call(SYS_getrusage, 5, &u), -EINVAL);
	IS(call(SYS_getrusage, RUSAGE_SELF, 8), -EFAULT);
	IS(call(SYS_sysinfo, &s), 0);
	check(s.totalram >= s.freeram && s.freeram && s.mem_unit == 1,
	      "sysinfo", "%lu", s.freeram);
}

void names(void)
{
	struct utsname u;
	char buf[16] = "", random[300] = {0};
	int zeros = 0;

	IS(call(SYS_uname, &u), 0);
	check(!strcmp(u.sysname, "Linux") && !strncmp(u.release, "6.1", 3) &&
		      !strcmp(u.machine, "riscv64"),
	      "uname", "%s %s", u.sysname, u.release);
	IS(call(SYS_uname, 8), -EFAULT);
	IS(call(SYS_prctl, PR_SET_NAME, "a name that is long"), 0);
	IS(call(SYS_prctl, PR_GET_NAME, buf), 0);
	check(!strcmp(buf, "a name that is "), "PR_GET_NAME", "%s", buf);
	IS(call(SYS_prctl, PR_SET_NAME, 8), -EFAULT);
	IS(call(SYS_prctl, 12345, 0), -EINVAL);
	IS(call(SYS_getrandom, random, 300, 0), 300);
	for (int i = 0; i < 300; i++)
		zeros += !random[i];
	check(zeros < 30, "getrandom", "%d zeros", zeros);
	IS(call(SYS_getrandom, random, 0, 0), 0);
	IS(call(SYS_getrandom, random, 1, 8), -EINVAL);
	IS(call(SYS_getrandom, random, 1, 6), -EINVAL);
	IS(call(SYS_getrandom, 8, 1, 0), -EFAULT);
	IS(call(SYS_set_tid_address, 0), call(SYS_getpid));
	IS(call(SYS_gettid), call(SYS_getpid));
	IS(call(SYS_set_robust_list, 0, 24), 0);
	IS(call(SYS_set_robust_list, 0, 23), -EINVAL);
	IS(call(SYS_getuid) | call(SYS_geteuid) | call(SYS_getgid) |
		   call(SYS_getegid),
	   0);
	IS(call(SYS_umask, 022) & ~0777, 0);
	IS(call(SYS_umask, 01022), 022);
	IS(call(SYS_sched_yield), 0);
	IS(call(9999), -ENOSYS);
	IS(call(-1), -ENOSYS);
}
