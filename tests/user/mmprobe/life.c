/*
 * Cases of processes: how they begin, become programs, are waited for.
 */
#include <fcntl.h>
#include <sys/resource.h>

#include "probe.h"

static int ended_with(int status)
{
	int pid = fork_raw();

	if (!pid)
		exit_raw(status);
	return pid;
}

PROBE(wait, whom)
{
	static const long whom[] = {1,	0x7fffffff, -0x7fffffff, INT32_MIN,
				    -1, 0,	    1l << 32};

	for (int i = 0; i < 7; i++)
		answer("%s", res(call(SYS_wait4, whom[i], 0, 0, 0)));
	answer("self: %s", res(call(SYS_wait4, getpid(), 0, 0, 0)));
	for (int i = 0; i < 7; i++) {
		int pid = ended_with(1);
		long r = call(SYS_wait4, whom[i], 0, 0, 0);

		answer("%s", r == pid ? "child" : res(r));
		call(SYS_wait4, pid, 0, 0, 0);
	}
}

PROBE(wait, options)
{
	for (int bit = 0; bit < 32; bit++) {
		int pid = ended_with(1);
		long r;

		do
			r = call(SYS_wait4, pid, 0, 1u << bit, 0);
		while (!r);
		answer("%s", r == pid ? "child" : res(r));
		call(SYS_wait4, pid, 0, 0x40000000, 0);
	}
	answer("none: %s %s", res(call(SYS_wait4, -1, 0, 1, 0)),
	       res(call(SYS_wait4, -1, 8, 16, 0)));
	answer("2^32: %s", res(call(SYS_wait4, -1, 0, 1ul << 32, 0)));
}

PROBE(wait, not_over_yet)
{
	int pid = fork_raw(), status = 77;
	long r;

	if (!pid)
		for (;;)
			call(SYS_sched_yield);
	answer("%s", res(call(SYS_wait4, pid, &status, 1, 0)));
	answer("%s", res(call(SYS_wait4, pid, 8, 1, 8)));
	answer("%s", res(call(SYS_wait4, pid + 1, 0, 1, 0)));
	answer("%d", status);
	call(SYS_kill, pid, SIGKILL);
	r = call(SYS_wait4, pid, &status, 0, 0);
	answer("%s %#x", r == pid ? "child" : res(r), status);
	answer("%s", res(call(SYS_wait4, pid, &status, 0, 0)));
}

PROBE(wait, statuses)
{
	static const int statuses[] = {0, 1, 255, 256, -1, 0x12345678};
	int status;

	for (int i = 0; i < 6; i++) {
		call(SYS_wait4, ended_with(statuses[i]), &status, 0, 0);
		answer("%#x", status);
	}
	for (int signal = 1; signal < 10; signal++) {
		int pid = fork_raw();

		if (!pid) {
			call(SYS_kill, getpid(), signal);
			exit_raw(0);
		}
		call(SYS_wait4, pid, &status, 0, 0);
		answer("%#x", status & ~0x80);
	}
}

PROBE(wait, usage)
{
	struct rusage r;
	int pid = ended_with(3);

	memset(&r, 0x55, sizeof(r));
	answer("%d", call(SYS_wait4, pid, 0, 0, &r) == pid);
	answer("%d %d", r.ru_utime.tv_sec < 10 && r.ru_utime.tv_usec < 1000000,
	       r.ru_stime.tv_sec < 10 && r.ru_stime.tv_usec < 1000000);
	answer("%d", r.ru_minflt > 0);
	answer("%ld %ld %ld %ld %ld %ld", r.ru_ixrss, r.ru_idrss, r.ru_isrss,
	       r.ru_nswap, r.ru_msgsnd, r.ru_nsignals);
	answer("bad: %d", call(SYS_wait4, ended_with(3), 0, 0, 8) == -EFAULT);
	answer("gone: %s", res(call(SYS_wait4, -1, 0, 0, 0)));
}

/* Memory that a process had, but has no more. */
PROBE(wait, most_memory)
{
	struct rusage r;
	int pid = fork_raw();

	if (!pid) {
		map(0, 2048, RW);
		for (int i = 0; i < 2048; i++)
			*AT(i) = 1;
		munmap_(P(0), 2048 * PAGE);
		exit_raw(0);
	}
	call(SYS_wait4, pid, 0, 0, &r);
	answer("%s",
	       r.ru_maxrss >= 8192 && r.ru_maxrss < 16384 ? "8 MiB" : "others");
	call(SYS_getrusage, RUSAGE_CHILDREN, &r);
	answer("%s",
	       r.ru_maxrss >= 8192 && r.ru_maxrss < 16384 ? "8 MiB" : "others");
	call(SYS_getrusage, RUSAGE_SELF, &r);
	answer("%s", r.ru_maxrss < 8192 ? "less" : "as much");
}

/* --- execve --- */

static char *const no_strings[] = {NULL};

static void run_file(unsigned long path)
{
	char *argv[] = {"name", "x", NULL};
	long r = call(SYS_execve, path, argv, no_strings);

	answer("%s", res(r));
	exit_raw(100);
}

PROBE(exec, files)
{
	static const char *const names[] = {"/data/empty",
					    "/data/empty_program",
					    "/data/garbage",
					    "/data/garbage_not_to_run",
					    "/data/elf_without_more",
					    "/data",
					    "/data/script",
					    "/data/script_of_script",
					    "/data/script_of_itself",
					    "/data/script_of_nothing",
					    "/data/script_without",
					    "/data/script_of_garbage",
					    "/data/script_not_to_run",
					    "/nothing",
					    "/data/loop",
					    "/mmprobe"};

	for (int i = 0; i < 16; i++)
		answer("%s", child(run_file, (unsigned long)names[i]));
}

/* Strings of `size` bytes with their NULs, so many of them; status 2 is that of
 * this program without a group. */
static const char *run_with(unsigned long count, unsigned long size)
{
	char **argv = malloc((count + 2) * sizeof(*argv));
	char *string = malloc(size), *s;
	int pid, status;

	memset(string, 'x', size);
	string[size - 1] = '\0';
	argv[0] = "name";
	for (unsigned long i = 1; i <= count; i++)
		argv[i] = string;
	argv[count + 1] = NULL;
	pid = fork_raw();
	if (!pid) {
		long r = call(SYS_execve, "/mmprobe", argv, no_strings);

		exit_raw(r == -E2BIG ? 98 : 99);
	}
	status = wait_for(pid);
	free(string);
	free(argv);
	s = status == 98 ? "E2BIG" : status == 2 ? "runs" : "fails";
	return s;
}

PROBE(exec, sizes)
{
	answer("%s %s", run_with(1, 131072), run_with(1, 131073));
	answer("%s %s", run_with(15, 131072), run_with(16, 131072));
	answer("%s %s", run_with(100000, 2), run_with(300000, 2));
	limit_(RLIMIT_STACK, 1 << 20);
	answer("%s %s", run_with(1, 131000), run_with(2, 131072));
	limit_(RLIMIT_STACK, 256 << 10);
	answer("%s %s", run_with(1, 100000), run_with(1, 131072));
	limit_(RLIMIT_STACK, 65536);
	answer("%s %s", run_with(1, 40000), run_with(1, 100000));
}

PROBE(exec, arguments)
{
	char *one[] = {"name", NULL};
	char *bad[] = {"name", (char *)8, NULL};

	answer("%s", res(call(SYS_execve, "/nothing", 8, 8)));
	answer("%s", res(call(SYS_execve, "/data/garbage", 8, 8)));
	answer("%s", res(call(SYS_execve, "/data/garbage_not_to_run", 8, 8)));
	answer("%s", res(call(SYS_execve, "/data/garbage", one, 8)));
	answer("%s", res(call(SYS_execve, "/data/garbage", bad, no_strings)));
	answer("%s", res(call(SYS_execve, "/data/garbage", one, bad)));
	answer("%s", res(call(SYS_execve, "/data/garbage", 0, 0)));
	answer("%s", res(call(SYS_execve, "", one, 0)));
	answer("%s", res(call(SYS_execve, 0, one, 0)));
}

/* --- what is kept --- */

PROBE(tid, calls)
{
	int self = (int)call(SYS_getpid);

	answer("%d", call(SYS_gettid) == self);
	answer("%d", call(SYS_set_tid_address, 0) == self);
	answer("%d", call(SYS_set_tid_address, KERNEL_ADDRESS) == self);
	answer("%d", call(SYS_getppid) > 0);
}

PROBE(tid, robust_list)
{
	static const unsigned long sizes[] = {0, 23, 24, 25, (1ul << 32) + 24};

	for (int i = 0; i < 5; i++)
		answer("%s", res(call(SYS_set_robust_list, P(0), sizes[i])));
}

/* --- clone --- */

static void clone_with(int bit)
{
	long pid = call(SYS_clone, 1u << bit | SIGCHLD, 0, P(0), 0, P(0));

	if (!pid)
		exit_raw(0);
	answer("%d: %s", bit, pid > 0 ? "+" : res(pid));
	if (pid > 0)
		call(SYS_wait4, pid, 0, 0x40000000, 0);
}

/* Those that change nothing for a child that goes on with what it has; and those
 * that want others. */
PROBE(clone, flags)
{
	static const int bits[] = {11, 13, 16, 18, 20, 21, 22, 23, 24, 31};

	for (unsigned i = 0; i < sizeof(bits) / sizeof(*bits); i++)
		clone_with(bits[i]);
}

/* Files, directory, parent, a descriptor. */
PROBE(clone, of_threads)
{
	clone_with(9);
	clone_with(10);
	clone_with(12);
	clone_with(15);
}

PROBE(clone, of_spaces)
{
	clone_with(17);
	for (int bit = 25; bit < 31; bit++)
		clone_with(bit);
}

PROBE(clone, signals)
{
	static const int signals[] = {0, 65, 66, 100, 255};

	for (int i = 0; i < 5; i++) {
		long pid = call(SYS_clone, signals[i]), r;

		if (!pid)
			exit_raw(0);
		if (pid < 0) {
			answer("%s", res(pid));
			continue;
		}
		r = call(SYS_wait4, pid, 0, 0x40000000, 0);
		answer("%s", r == pid ? "+" : res(r));
	}
}
