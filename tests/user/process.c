/*
 * Processes and the small system calls, as seen by programs. Without arguments:
 * all checks, each of which holds on Linux as well. With one:
 *
 *	many N		N processes at once, which all sleep, then end
 *	chain N		each of N processes is the child of the one before
 *	storm N		N children that fork, map and exec, killed at some point
 *	eat		take memory until somebody kills
 *	eaters N	N processes do that at once; those that are killed are counted
 *	spin, sleep, read, deaf
 *			go on for ever: with instructions, asleep, for input,
 *			and without an ear for ^C
 */
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <time.h>

#include "user.h"

static char *self;
static volatile uint32_t *shared; /* a page that all have */

/* A call's result is what Linux says. */
#define IS(result, wanted)                                             \
	do {                                                           \
		long got_ = (result);                                  \
                                                                       \
		check(got_ == (wanted), #result, "%ld, not %ld", got_, \
		      (long)(wanted));                                 \
	} while (0)

static int child_status(int pid)
{
	int status = -1;

	return call(SYS_wait4, pid, &status, 0, 0) == pid ? status : -1;
}

static void sleep_ms(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	call(SYS_nanosleep, &t, 0);
}

/* --- ends --- */

static void statuses(void)
{
	static const int ends[] = {0, 1, 7, 255};
	int pid, status;

	for (int i = 0; i < 4; i++) {
		if (!(pid = fork_raw()))
			exit_raw(ends[i]);
		IS(child_status(pid), ends[i] << 8);
	}
	for (int signal = 1; signal < 16; signal++) {
		if (!(pid = fork_raw())) {
			call(SYS_kill, call(SYS_getpid), signal);
			for (;;)
				sleep_ms(1000);
		}
		status = child_status(pid);
		check((status & 0x7f) == signal, "killed by", "%d: %#x", signal,
		      status);
	}
	if (!(pid = fork()))
		abort();
	IS(child_status(pid) & 0x7f, SIGABRT);
}

static void waiting(void)
{
	int a, b, status;

	IS(call(SYS_wait4, -1, 0, 0, 0), -ECHILD);
	IS(call(SYS_wait4, -1, 0, WNOHANG, 0), -ECHILD);
	IS(call(SYS_wait4, -1, 0, 0x1000000, 0), -EINVAL);
	IS(call(SYS_wait4, INT32_MIN, 0, 0, 0), -ESRCH);
	if (!(a = fork_raw()))
		while (!shared[0])
			sleep_ms(1);
	if (!a)
		exit_raw(1);
	if (!(b = fork_raw()))
		exit_raw(2);
	IS(call(SYS_wait4, a, &status, WNOHANG, 0), 0);
	IS(call(SYS_wait4, b + 1000, &status, WNOHANG, 0), -ECHILD);
	IS(call(SYS_wait4, -1, &status, 0, 0), b);
	IS(status, 2 << 8);
	shared[0] = 1;
	IS(call(SYS_wait4, 0, &status, 0, 0), a);
	IS(status, 1 << 8);
	IS(call(SYS_wait4, a, &status, 0, 0), -ECHILD);
	shared[0] = 0;
	/* A bad place for the status: the child is gone all the same. */
	if (!(a = fork_raw()))
		exit_raw(3);
	IS(call(SYS_wait4, a, 8, 0, 0), -EFAULT);
	IS(call(SYS_wait4, a, 0, 0, 0), -ECHILD);
}

static void orphans(void)
{
	int middle = fork_raw();

	if (!middle) {
		middle = (int)call(SYS_getpid);
		if (!fork_raw()) {
			while (call(SYS_getppid) == middle)
				sleep_ms(1);
			shared[1] = (uint32_t)call(SYS_getppid) + 1;
		}
		exit_raw(0);
	}
	IS(child_status(middle), 0);
	for (int i = 0; i < 2000 && !shared[1]; i++)
		sleep_ms(1);
	check(shared[1] == 1 || shared[1] == 2, "an orphan's parent", "%d",
	      (int)shared[1] - 1);
	/* It is a child of the first process, which this may be. */
	if (call(SYS_getpid) == 1)
		call(SYS_wait4, -1, 0, 0, 0);
	IS(call(SYS_wait4, -1, 0, WNOHANG, 0), -ECHILD);
}

/* --- beginnings --- */

static void clones(void)
{
	static const struct {
		long flags, result;
	} bad[] = {
		{0x10011, -EINVAL}, /* THREAD without SIGHAND */
		{0x811, -EINVAL},   /* SIGHAND without VM */
	};
	int pid, tid = 0, tid2 = 0, status;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		long got = call(SYS_clone, bad[i].flags, 0, 0, 0, 0);

		if (!got)
			exit_raw(0);
		check(got == bad[i].result, "clone", "%#lx: %ld", bad[i].flags,
		      got);
	}
	/* CHILD_SETTID, PARENT_SETTID */
	pid = (int)call(SYS_clone, 0x1100011, 0, &tid, 0, &tid2);
	if (!pid)
		exit_raw(tid2 == call(SYS_gettid) && !tid ? 0 : 1);
	IS(child_status(pid), 0);
	IS(tid, pid);
	IS(tid2, 0);
	/* No signal at the end, or none that there is: only __WALL and __WCLONE
	 * see it. */
	pid = (int)call(SYS_clone, 65, 0, 0, 0, 0);
	if (!pid)
		exit_raw(8);
	IS(call(SYS_wait4, pid, &status, 0x40000000, 0), pid);
	IS(status, 8 << 8);
	pid = (int)call(SYS_clone, 0, 0, 0, 0, 0);
	if (!pid)
		exit_raw(9);
	IS(call(SYS_wait4, pid, &status, 0, 0), -ECHILD);
	IS(call(SYS_wait4, pid, &status, 0x80000000, 0), pid);
	IS(status, 9 << 8);
}

static void programs(void)
{
	char *const argv[] = {self, "echo", "a", "", "b c", NULL};
	char *const envp[] = {"X=1", NULL};
	static char big[200000];
	char *const bigv[] = {self, big, NULL};
	int pid, status;
	pid_t spawned;

	memset(big, 'x', sizeof(big) - 1);
	if (!(pid = fork_raw())) {
		call(SYS_execve, self, argv, envp);
		exit_raw(99);
	}
	IS(child_status(pid), 42 << 8);
	IS(posix_spawn(&spawned, self, NULL, NULL, argv, envp), 0);
	IS(child_status(spawned), 42 << 8);
	IS(posix_spawn(&spawned, "/none", NULL, NULL, argv, envp), ENOENT);
	IS(call(SYS_execve, "/none", argv, envp), -ENOENT);
	IS(call(SYS_execve, "", argv, envp), -ENOENT);
	IS(call(SYS_execve, "/", argv, envp), -EACCES);
	IS(call(SYS_execve, 8, argv, envp), -EFAULT);
	IS(call(SYS_execve, self, 8, envp), -EFAULT);
	IS(call(SYS_execve, self, argv, 8), -EFAULT);
	IS(call(SYS_execve, self, bigv, envp), -E2BIG);
	if (!(pid = fork_raw())) {
		call(SYS_execve, self, 0, 0);
		exit_raw(98);
	}
	status = child_status(pid);
	check(status != 98 << 8, "exec without arguments", "%#x", status);
}

/* What a program sees that `programs` starts. */
static int echo(int argc, char **argv)
{
	return argc == 5 && !strcmp(argv[2], "a") && !*argv[3] &&
			       !strcmp(argv[4], "b c") && getenv("X")
		       ? 42
		       : 1;
}

/* --- signals --- */

static void nothing(int signal)
{
	(void)signal;
}

static void signals(void)
{
	struct {
		uint64_t handler, flags, mask;
	} a = {1, 0, 0}, was;
	uint64_t set = 1ull << (SIGTERM - 1), old = 0, pending = 0;
	long pid = call(SYS_getpid);
	int child;

	IS(call(SYS_rt_sigaction, SIGTERM, &a, &was, 8), 0);
	IS((long)was.handler, 0);
	IS(call(SYS_kill, pid, SIGTERM), 0); /* ignored */
	a.handler = 0;
	IS(call(SYS_rt_sigaction, SIGTERM, &a, &was, 8), 0);
	IS((long)was.handler, 1);
	IS(call(SYS_rt_sigaction, SIGKILL, &a, 0, 8), -EINVAL);
	IS(call(SYS_rt_sigaction, SIGKILL, 0, &was, 8), 0);
	IS(call(SYS_rt_sigaction, 0, 0, 0, 8), -EINVAL);
	IS(call(SYS_rt_sigaction, 65, 0, 0, 8), -EINVAL);
	IS(call(SYS_rt_sigaction, SIGTERM, 0, 0, 4), -EINVAL);
	IS(call(SYS_rt_sigaction, SIGTERM, 8, 0, 8), -EFAULT);
	IS(call(SYS_rt_sigprocmask, SIG_BLOCK, &set, &old, 8), 0);
	IS((long)old, 0);
	IS(call(SYS_kill, pid, SIGTERM), 0); /* waits */
	IS(call(SYS_rt_sigpending, &pending, 8), 0);
	check(pending == set, "pending", "%#lx", (long)pending);
	if (!(child = fork_raw())) {
		/* It does not wait for the child. */
		call(SYS_rt_sigprocmask, SIG_UNBLOCK, &set, 0, 8);
		call(SYS_kill, call(SYS_getpid), SIGURG); /* ignored */
		exit_raw(5);
	}
	IS(child_status(child), 5 << 8);
	if (!(child = fork_raw())) {
		call(SYS_kill, call(SYS_getpid), SIGTERM);
		call(SYS_rt_sigprocmask, SIG_SETMASK, &old, 0, 8);
		exit_raw(6);
	}
	IS(child_status(child) & 0x7f, SIGTERM);
	signal(SIGTERM, SIG_IGN); /* takes it back */
	IS(call(SYS_rt_sigprocmask, SIG_UNBLOCK, &set, &pending, 8), 0);
	check(pending == set, "blocked", "%#lx", (long)pending);
	signal(SIGTERM, SIG_DFL);
	IS(call(SYS_rt_sigprocmask, 7, &set, 0, 8), -EINVAL);
	IS(call(SYS_rt_sigprocmask, 7, 0, 0, 8), 0);
	IS(call(SYS_kill, pid, 0), 0);
	IS(call(SYS_kill, pid, 65), -EINVAL);
	IS(call(SYS_kill, 32760, 0), -ESRCH);
	IS(call(SYS_tgkill, pid, pid, 0), 0);
	IS(call(SYS_tgkill, 0, pid, 0), -EINVAL);
	IS(call(SYS_tgkill, pid, 32760, 0), -ESRCH);
	IS(call(SYS_tkill, -1, 0), -EINVAL);
	signal(SIGCHLD, SIG_IGN); /* nobody is waited for */
	if (!(child = fork_raw()))
		exit_raw(0);
	IS(call(SYS_wait4, child, 0, 0, 0), -ECHILD);
	signal(SIGCHLD, nothing);
	if (!(child = fork_raw()))
		exit_raw(0);
	IS(child_status(child), 0);
	signal(SIGCHLD, SIG_DFL);
}

/* --- files --- */

static void files(void)
{
	char buf[64];
	struct iovec v[3] = {{"# ", 2}, {"", 0}, {"in pieces\n", 10}};
	struct stat st;
	long fd = call(SYS_openat, AT_FDCWD, self, O_RDONLY), fd2;

	check(fd >= 0, "open", "%ld", fd);
	IS(call(SYS_read, fd, buf, 4), 4);
	check(!memcmp(buf, "\177ELF", 4), "contents", "others");
	IS(call(SYS_lseek, fd, 1, SEEK_SET), 1);
	IS(call(SYS_read, fd, buf, 3), 3);
	check(!memcmp(buf, "ELF", 3), "contents after lseek", "others");
	IS(call(SYS_pread64, fd, buf, 3, 1), 3);
	IS(call(SYS_lseek, fd, 0, SEEK_CUR), 4);
	IS(call(SYS_lseek, fd, -5, SEEK_CUR), -EINVAL);
	IS(call(SYS_lseek, fd, 0, 9), -EINVAL);
	fd2 = call(SYS_dup, fd);
	check(fd2 > fd, "dup", "%ld", fd2);
	IS(call(SYS_read, fd2, buf, 4), 4);
	IS(call(SYS_lseek, fd, 0, SEEK_CUR), 8);
	IS(call(SYS_read, fd, buf, 0), 0);
	IS(call(SYS_read, fd, 8, 10), -EFAULT);
	IS(call(SYS_read, fd, -4096ul, 10), -EFAULT);
	IS(call(SYS_read, fd, buf, -1), -EFAULT);
	IS(call(SYS_write, fd, buf, 1), -EBADF);
	IS(call(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH), 0);
	check(S_ISREG(st.st_mode) && st.st_size > 1000, "stat", "%o",
	      st.st_mode);
	IS(call(SYS_lseek, fd, 0, SEEK_END), st.st_size);
	IS(call(SYS_read, fd, buf, 4), 0);
	IS(call(SYS_pread64, fd, buf, 64, st.st_size - 5), 5);
	IS(call(SYS_pread64, fd, buf, 4, -1), -EINVAL);
	IS(call(SYS_fcntl, fd, F_GETFD), 0);
	IS(call(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC), 0);
	IS(call(SYS_fcntl, fd, F_GETFD), FD_CLOEXEC);
	IS(call(SYS_fcntl, fd2, F_GETFD), 0);
	IS(call(SYS_fcntl, fd, F_DUPFD, 20), 20);
	IS(call(SYS_fcntl, fd, 999), -EINVAL);
	IS(call(SYS_dup3, fd, 30, O_CLOEXEC), 30);
	IS(call(SYS_dup3, fd, fd, 0), -EINVAL);
	IS(call(SYS_dup3, 99, 31, 0), -EBADF);
	IS(call(SYS_close, 20), 0);
	IS(call(SYS_close, 20), -EBADF);
	IS(call(SYS_close, 30), 0);
	IS(call(SYS_close, fd), 0);
	IS(call(SYS_close, fd2), 0);
	IS(call(SYS_close, -1), -EBADF);
	IS(call(SYS_read, 77, buf, 1), -EBADF);
	IS(call(SYS_writev, 1, v, 3), 12);
	IS(call(SYS_writev, 1, v, 1025), -EINVAL);
	IS(call(SYS_writev, 1, 8, 1), -EFAULT);
	IS(call(SYS_writev, 1, 0, 0), 0);
	v[0].iov_len = ~0ul;
	IS(call(SYS_writev, 1, v, 3), -EINVAL);
	IS(call(SYS_write, 1, 8, 5), -EFAULT);
	IS(call(SYS_ioctl, 99, TIOCGWINSZ, buf), -EBADF);
}

static void paths(void)
{
	char buf[128];
	struct stat st;
	long fd, n;

	IS(call(SYS_openat, AT_FDCWD, "/none/such", O_RDONLY), -ENOENT);
	IS(call(SYS_openat, AT_FDCWD, "", O_RDONLY), -ENOENT);
	IS(call(SYS_openat, AT_FDCWD, 8, O_RDONLY), -EFAULT);
	IS(call(SYS_openat, AT_FDCWD, "/", O_RDWR), -EISDIR);
	IS(call(SYS_openat, 99, "x", O_RDONLY), -EBADF);
	IS(call(SYS_openat, AT_FDCWD, self, O_RDONLY | O_DIRECTORY), -ENOTDIR);
	fd = call(SYS_openat, AT_FDCWD, "/", O_RDONLY);
	IS(call(SYS_read, fd, buf, 1), -EISDIR);
	n = call(SYS_openat, fd, self + 1, O_RDONLY);
	check(n > fd, "openat a directory", "%ld", n);
	IS(call(SYS_openat, n, "x", O_RDONLY), -ENOTDIR);
	IS(call(SYS_close, n), 0);
	IS(call(SYS_close, fd), 0);
	IS(call(SYS_newfstatat, AT_FDCWD, "/", &st, 0), 0);
	check(S_ISDIR(st.st_mode), "stat of /", "%o", st.st_mode);
	IS(call(SYS_newfstatat, AT_FDCWD, "/none", &st, 0), -ENOENT);
	IS(call(SYS_newfstatat, AT_FDCWD, "/", &st, 0x10), -EINVAL);
	IS(call(SYS_newfstatat, AT_FDCWD, "/", 8, 0), -EFAULT);
	IS(call(SYS_faccessat, AT_FDCWD, self, R_OK | X_OK), 0);
	IS(call(SYS_faccessat, AT_FDCWD, "/none", F_OK), -ENOENT);
	IS(call(SYS_faccessat, AT_FDCWD, self, 8), -EINVAL);
	IS(call(SYS_getcwd, buf, sizeof(buf)), 2);
	check(!strcmp(buf, "/"), "getcwd", "%s", buf);
	IS(call(SYS_getcwd, buf, 1), -ERANGE);
	IS(call(SYS_getcwd, 8, 100), -EFAULT);
	n = call(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", buf, sizeof(buf));
	check(n == (long)strlen(self) && !memcmp(buf, self, (size_t)n),
	      "/proc/self/exe", "%ld", n);
	IS(call(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", buf, 2), 2);
	IS(call(SYS_readlinkat, AT_FDCWD, "/", buf, 10), -EINVAL);
	IS(call(SYS_readlinkat, AT_FDCWD, "/", buf, 0), -EINVAL);
}

/* --- the rest --- */

static void times_and_limits(void)
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

static void names(void)
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

/* --- crowds --- */

static int many(int n)
{
	int made = 0, ended = 0;

	for (; made < n; made++) {
		int pid = fork_raw();

		if (pid < 0)
			break;
		if (pid)
			continue;
		__atomic_fetch_add(&shared[2], 1, __ATOMIC_SEQ_CST);
		while (!shared[0])
			sleep_ms(20);
		exit_raw(17);
	}
	while (shared[2] < (uint32_t)made)
		sleep_ms(5);
	shared[0] = 1;
	for (int status; call(SYS_wait4, -1, &status, 0, 0) > 0;)
		ended += status == 17 << 8;
	check(made == n && ended == n, "many", "%d made, %d ended", made,
	      ended);
	return checks_done();
}

__attribute__((noreturn)) static void link_chain(int left)
{
	int pid = 0;

	while (!pid) {
		__atomic_fetch_add(&shared[2], 1, __ATOMIC_SEQ_CST);
		if (!left--)
			exit_raw(0);
		pid = fork_raw();
	}
	exit_raw(pid < 0 ? 1 : wait_for(pid));
}

static int chain(int n)
{
	int pid = fork_raw();

	if (!pid)
		link_chain(n - 1);
	IS(child_status(pid), 0);
	IS((long)shared[2], n);
	return checks_done();
}

/* Something that can be killed anywhere. */
static void be_busy(uint64_t seed)
{
	char *const argv[] = {self, "busy", NULL};
	char *p;

	for (;;)
		switch (next_random(&seed) % 6) {
		case 0:
			if (!fork_raw())
				seed = seed * 77 + 1;
			break;
		case 1:
			p = mmap(NULL, 50 * PAGE, 3,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			if (p != MAP_FAILED)
				memset(p, 1, 50 * PAGE);
			break;
		case 2:
			call(SYS_execve, self, argv, environ);
			break;
		case 3:
			exit_raw(0);
		case 4:
			call(SYS_wait4, -1, 0, WNOHANG, 0);
			break;
		default:
			sleep_ms(1);
		}
}

static int storm(int n)
{
	uint64_t seed = 12345;

	/* Children of children are in this group, too. */
	for (int i = 0; i < n; i++) {
		int pid = fork_raw();

		if (!pid)
			be_busy(seed + (uint64_t)i * 1000003);
		sleep_ms((long)(next_random(&seed) % 8));
		call(SYS_kill, pid, SIGKILL);
		child_status(pid);
	}
	/* Those that are left. */
	signal(SIGTERM, SIG_IGN);
	for (int i = 0; i < 50; i++) {
		call(SYS_kill, 0, SIGTERM);
		sleep_ms(10);
	}
	check(1, "storm", "over");
	return checks_done();
}

static void eat(void)
{
	for (;;) {
		char *p = mmap(NULL, 1 << 20, 3, MAP_PRIVATE | MAP_ANONYMOUS,
			       -1, 0);

		for (long at = 0; p != MAP_FAILED && at < 1 << 20; at += 4096)
			p[at] = 1;
	}
}

static int eaters(int n)
{
	int killed = 0, status;

	for (int i = 0; i < n; i++)
		if (!fork_raw())
			eat();
	while (call(SYS_wait4, -1, &status, 0, 0) > 0)
		killed += status == SIGKILL;
	IS(killed, n);
	return checks_done();
}

static int forever(const char *how)
{
	char buf[100];

	say("%s\n", how);
	if (!strcmp(how, "spin") || !strcmp(how, "deaf"))
		for (;;)
			__asm__ volatile("");
	if (!strcmp(how, "sleep"))
		for (;;)
			sleep_ms(100000);
	for (;;) {
		long n = call(SYS_read, 0, buf, sizeof(buf) - 1);

		if (n <= 0) {
			say("end: %ld\n", n);
			return 0;
		}
		buf[n] = '\0';
		say("read %ld: %s", n, buf);
	}
}

static int all(void)
{
	statuses();
	waiting();
	orphans();
	clones();
	programs();
	signals();
	files();
	paths();
	times_and_limits();
	names();
	return checks_done();
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int n = argc > 2 ? atoi(argv[2]) : 0;

	/* Started without arguments. */
	if (!argc || !*argv[0])
		return 0;
	self = argv[0];
	shared = mmap(NULL, PAGE, 3, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!*what)
		return all();
	if (!strcmp(what, "echo"))
		return echo(argc, argv);
	if (!strcmp(what, "many"))
		return many(n);
	if (!strcmp(what, "chain"))
		return chain(n);
	if (!strcmp(what, "storm"))
		return storm(n);
	if (!strcmp(what, "busy"))
		be_busy((uint64_t)getpid() * 7919);
	if (!strcmp(what, "eat"))
		eat();
	if (!strcmp(what, "eaters"))
		return eaters(n);
	if (!strcmp(what, "deaf"))
		signal(SIGINT, SIG_IGN);
	return forever(what);
}
