/* Signals that end processes, are ignored, or wait. */
#include "process.h"

static void nothing(int signal)
{
	(void)signal;
}

/* With SIGCHLD ignored nobody is waited for. */
static void children_ignored(void)
{
	int child;

	signal(SIGCHLD, SIG_IGN);
	if (!(child = fork_raw()))
		exit_raw(0);
	IS(call(SYS_wait4, child, 0, 0, 0), -ECHILD);
	/* Nor are those that number 1 inherits. */
	if (!fork_raw()) {
		signal(SIGCHLD, SIG_DFL);
		if (fork_raw())
			sleep_ms(50);
		exit_raw(0);
	}
	IS(call(SYS_wait4, -1, 0, 0, 0), -ECHILD);
	signal(SIGCHLD, nothing);
	if (!(child = fork_raw()))
		exit_raw(0);
	IS(child_status(child), 0);
	signal(SIGCHLD, SIG_DFL);
}

void signals(void)
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
	/* Of a group, those that one may. */
	if (!(child = fork_raw())) {
		call(SYS_setresuid, 1000, 1000, 1000);
		exit_raw(call(SYS_kill, 0, SIGTERM) ? 1 : 2);
	}
	IS(child_status(child) & 0x7f, SIGTERM);
	/* Of all, too; but then it is no error if there are none of them, as
	 * long as there are others than number 1. */
	if (!(child = fork_raw())) {
		call(SYS_setresuid, 4711, 4711, 4711);
		exit_raw(call(SYS_kill, -1, SIGTERM) == (pid == 1 ? -ESRCH : 0)
				 ? 2
				 : 1);
	}
	IS(child_status(child), 2 << 8);
	/* A session's members may be told to go on. */
	if (!(child = fork_raw())) {
		call(SYS_setresuid, 4711, 4711, 4711);
		exit_raw(call(SYS_kill, pid, SIGTERM) != -EPERM ? 1
			 : call(SYS_kill, pid, SIGCONT)		? 2
								: 3);
	}
	IS(child_status(child), 3 << 8);
	children_ignored();
}
