/*
 * System calls of processes: who they are, how they begin and end. Linux's
 * numbers, results and errors; docs/syscalls.md has the list.
 */
#include <arch/cpu.h>
#include <arch/user.h>
#include <kernel/clone.h>
#include <kernel/process.h>

#include <kernel/task.h>
#include <kernel/uaccess.h>
#include <kernel/usage_abi.h>
#include <lib/errno.h>

#include <kernel/syscall.h>

/* --- who --- */

int64_t sys_getpid(const uint64_t arg[6])
{
	(void)arg;
	return process_pid(process_current());
}

/* One task each: its number is the process's. */
int64_t sys_gettid(const uint64_t arg[6])
{
	return sys_getpid(arg);
}

int64_t sys_getppid(const uint64_t arg[6])
{
	(void)arg;
	return process_parent_pid(process_current());
}

int64_t sys_set_tid_address(const uint64_t arg[6])
{
	struct process *p = process_current();

	p->clear_tid = arg[0];
	return process_pid(p);
}

/* What only threads need; a process that ends wakes nobody who shares its
 * memory. */
int64_t sys_set_robust_list(const uint64_t arg[6])
{
	return arg[1] == 24 ? 0 : -EINVAL;
}

/* --- fork --- */

/* The last two lines: of what no process has here, so they change nothing. */
#define FORK_FLAGS                                                         \
	(CSIGNAL | CLONE_VM | CLONE_VFORK | CLONE_SETTLS |                 \
	 CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | \
	 CLONE_UNTRACED | CLONE_DETACHED | CLONE_PTRACE | CLONE_SYSVSEM |  \
	 CLONE_IO)
#define NEW_SPACES                                                     \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | \
	 CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

/* 0, -EINVAL for what Linux refuses as well, -ENOSYS for what it can do and
 * this kernel can't: threads, and processes that share more than vfork's do. */
static int check_clone(uint64_t flags)
{
	if (flags & NEW_SPACES)
		return -EINVAL;
	if ((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND))
		return -EINVAL;
	if ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM))
		return -EINVAL;
	if (flags & ~(uint64_t)FORK_FLAGS)
		return -ENOSYS;
	if (!!(flags & CLONE_VM) != !!(flags & CLONE_VFORK))
		return flags & CLONE_VM ? -ENOSYS : 0;
	return 0;
}

/* clone(flags, stack, parent_tid, tls, child_tid), as riscv has it. */
int64_t sys_clone(const uint64_t arg[6])
{
	struct fork f = {
		.flags = (uint32_t)arg[0],
		.stack = arg[1],
		.parent_tid = arg[2],
		.tls = arg[3],
		.child_tid = arg[4],
	};
	int err = check_clone(f.flags);

	if (err)
		return err;
	return process_fork(user_call_regs(arg), &f);
}

/* --- the end --- */

int64_t sys_exit(const uint64_t arg[6])
{
	process_exit(process_exited((int)arg[0]));
}

int64_t sys_exit_group(const uint64_t arg[6])
{
	process_exit(process_exited((int)arg[0]));
}

/* wait4(pid, status, options, rusage). */
int64_t sys_wait4(const uint64_t arg[6])
{
	int pid = (int)arg[0];
	unsigned options = (unsigned)arg[2];
	struct usage_abi usage;
	struct child_end end;
	int result;

	if (options &
	    ~(WNOHANG | WUNTRACED | WCONTINUED | WNOTHREAD | WALL | WCLONE))
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	result = process_reap(pid, options, &end);
	if (result <= 0)
		return result;
	usage = usage_to_abi(&end.used);
	if ((arg[1] && copy_to_user(arg[1], &end.status, sizeof(end.status))) ||
	    (arg[3] && copy_to_user(arg[3], &usage, sizeof(usage))))
		return -EFAULT;
	return result;
}
