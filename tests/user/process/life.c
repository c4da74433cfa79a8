/* How processes begin and end. */
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>

#include "process.h"

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
	IS(call(SYS_wait4, -(b + 1000), &status, 0, 0), -ECHILD);
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
		/* Without a signal for its parent: until it has another one. */
		if (!call(SYS_clone, 0, 0, 0, 0, 0)) {
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
		IS(call(SYS_wait4, -1, 0, 0, 0) > 0, 1);
	IS(call(SYS_wait4, -1, 0, WNOHANG, 0), -ECHILD);
}

void ends(void)
{
	statuses();
	waiting();
	orphans();
}

/* --- beginnings --- */

static void nothing(int signal)
{
	(void)signal;
}

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
	signal(SIGUSR1, nothing);
	signal(SIGUSR2, SIG_IGN);
	call(SYS_dup3, 1, 50, O_CLOEXEC);
	call(SYS_dup3, 1, 51, 0);
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
	IS(call(SYS_execve, "", 8, envp), -ENOENT);
	IS(call(SYS_execve, "/none", 8, envp), -EFAULT);
	IS(call(SYS_execve, 8, argv, envp), -EFAULT);
	IS(call(SYS_execve, self, 8, envp), -EFAULT);
	IS(call(SYS_execve, self, argv, 8), -EFAULT);
	IS(call(SYS_execve, self, bigv, envp), -E2BIG);
	if (!(pid = fork_raw())) {
		call(SYS_execve, self, 0, 0);
		exit_raw(98);
	}
	signal(SIGUSR1, SIG_DFL);
	signal(SIGUSR2, SIG_DFL);
	IS(call(SYS_close, 50), 0);
	IS(call(SYS_close, 51), 0);
	status = child_status(pid);
	check(status != 98 << 8, "exec without arguments", "%#x", status);
}

/* What a program sees that `programs` starts: its words, its environment, no
 * handler, but what is ignored, and no file that closes. */
int echo(int argc, char **argv)
{
	int words = argc == 5 && !strcmp(argv[2], "a") && !*argv[3] &&
		    !strcmp(argv[4], "b c") && getenv("X");
	int signals = signal(SIGUSR1, SIG_DFL) == SIG_DFL &&
		      signal(SIGUSR2, SIG_DFL) == SIG_IGN;
	int files = call(SYS_close, 50) == -EBADF && call(SYS_close, 51) == 0;

	return words && signals && files ? 42 : words + 2 * signals + 4 * files;
}

static void lent_memory(void)
{
	int pid = vfork();

	if (!pid) {
		sleep_ms(30);
		shared[3] = 1;
		_exit(4);
	}
	IS((long)shared[3], 1);
	IS(child_status(pid), 4 << 8);
}

/* What is stored when a task leaves memory that others are in, too: by exec as well. */
static void cleared_by_exec(void)
{
	static volatile int word;
	int pid;

	word = 1;
	pid = vfork();
	if (!pid) {
		char *argv[] = {self, "echo", NULL};

		call(SYS_set_tid_address, &word);
		call(SYS_execve, self, argv, NULL);
		_exit(99);
	}
	IS((long)word, 0);
	IS(child_status(pid) != 99 << 8, 1);
}

static long faults(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_minflt;
}

/* Who has which faults, of two in the same memory. */
static void faults_in_lent_memory(void)
{
	const size_t size = 64 * PAGE;
	char *p = mmap(NULL, 2 * size, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long before, child;
	int pid;

	memset(p, 1, size);
	before = faults();
	check(before >= 64, "faults", "%ld", before);
	pid = vfork();
	if (!pid) {
		shared[3] = (uint32_t)faults();
		memset(p + size, 1, size);
		shared[4] = (uint32_t)faults();
		_exit(0);
	}
	IS(child_status(pid), 0);
	child = (long)shared[4] - (long)shared[3];
	check(shared[3] < 32, "faults of a child", "%u", shared[3]);
	check(child >= 64, "its new ones", "%ld", child);
	check(faults() - before < 32, "are not ours", "%ld", faults() - before);
	munmap(p, 2 * size);
}

/* Of users but root; zombies count. */
static void limit_of_processes(void)
{
	uint64_t most[2] = {2, 2};
	int pid = fork_raw(), child;

	if (!pid) {
		call(SYS_setrlimit, RLIMIT_NPROC, most);
		child = fork_raw();
		if (!child)
			exit_raw(0);
		child_status(child);
		call(SYS_setresuid, 4711, 4711, 4711);
		for (int i = 0; i < 2; i++) {
			child = fork_raw();
			if (!child)
				exit_raw(0);
			if (child < 0 || fork_raw() != -EAGAIN)
				exit_raw(1);
			child_status(child);
		}
		exit_raw(2);
	}
	IS(child_status(pid), 2 << 8);
}

/* Another program has no way back to rights that were given up. */
static void users_of_programs(void)
{
	int pid = fork_raw();

	if (!pid) {
		char *argv[] = {self, "regain", NULL};

		call(SYS_setresuid, 4711, 4711, 0);
		call(SYS_execve, self, argv, NULL);
		exit_raw(99);
	}
	IS(child_status(pid), 0);
}

/* Who may signal a process need not see its limits. */
static void limits_of_others(void)
{
	int pid = fork_raw(), child;
	long may_signal, may_limit;

	if (!pid) {
		call(SYS_setresuid, 4711, 0, 0);
		child = fork_raw();
		if (child)
			exit_raw(child_status(child) >> 8);
		pid = (int)call(SYS_getppid);
		call(SYS_setresuid, 4711, 4711, 4711);
		may_signal = call(SYS_kill, pid, 0);
		may_limit = call(SYS_prlimit64, pid, RLIMIT_CORE, 0, 0);
		exit_raw(!may_signal + 2 * (may_limit == -EPERM));
	}
	IS(child_status(pid), 3 << 8);
}

void beginnings(void)
{
	users_of_programs();
	limits_of_others();
	limit_of_processes();
	clones();
	programs();
	lent_memory();
	cleared_by_exec();
	faults_in_lent_memory();
}
