/*
 * System calls of signals. What they set is kept and what they send ends
 * processes; handlers are not called yet (kernel/signal.c).
 */
#include <kernel/process.h>

#include <kernel/uaccess.h>
#include <lib/errno.h>

#include <kernel/syscall.h>

#define SET_SIZE 8 /* bytes of a set of signals */

static bool is_signal(uint64_t n)
{
	return n >= 1 && n <= SIGNALS;
}

/* No program expects that this fails for lack of memory, or goes on rightly if
 * it does: so it waits for some, as a page fault does. */
static int set_action(struct signals *s, int signal,
		      const struct sigaction_abi *to)
{
	int err;

	while ((err = signal_set(s, signal, to)) == -ENOMEM &&
	       process_out_of_memory())
		;
	return err;
}

/* rt_sigaction(signal, new, old, size). */
int64_t sys_rt_sigaction(const uint64_t arg[6])
{
	struct signals *s = &process_current()->signals;
	struct sigaction_abi to, was;
	uint32_t n = (uint32_t)arg[0];
	int err = 0;

	if (arg[3] != SET_SIZE)
		return -EINVAL;
	if (arg[1])
		err = copy_from_user(&to, arg[1], sizeof(to));
	if (err)
		return err;
	if (!is_signal(n) || (arg[1] && (n == SIGKILL || n == SIGSTOP)))
		return -EINVAL;
	was = signal_get(s, (int)n);
	if (arg[1])
		err = set_action(s, (int)n, &to);
	if (err)
		return err;
	return arg[2] ? copy_to_user(arg[2], &was, sizeof(was)) : 0;
}

enum { SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK };

/* rt_sigprocmask(how, new, old, size). */
int64_t sys_rt_sigprocmask(const uint64_t arg[6])
{
	struct process *p = process_current();
	uint64_t was = p->signals.blocked, set;
	int how = (int)arg[0];

	if (arg[3] != SET_SIZE)
		return -EINVAL;
	if (arg[1]) {
		if (copy_from_user(&set, arg[1], sizeof(set)))
			return -EFAULT;
		if (how != SIG_BLOCK && how != SIG_UNBLOCK &&
		    how != SIG_SETMASK)
			return -EINVAL;
		signal_block(p, how == SIG_BLOCK     ? was | set
				: how == SIG_UNBLOCK ? was & ~set
						     : set);
	}
	return arg[2] ? copy_to_user(arg[2], &was, sizeof(was)) : 0;
}

/* rt_sigpending(set, size). */
int64_t sys_rt_sigpending(const uint64_t arg[6])
{
	const struct signals *s = &process_current()->signals;
	uint64_t set;

	if (arg[1] > SET_SIZE)
		return -EINVAL;
	set = __atomic_load_n(&s->pending, __ATOMIC_RELAXED) & s->blocked;
	return copy_to_user(arg[0], &set, arg[1]);
}

/* --- kill --- */

static int64_t send_to(int pid, int signal)
{
	struct process *p = process_find(pid);
	int err = 0;

	if (!p)
		return -ESRCH;
	if (!process_may_signal(process_current(), p, signal))
		err = -EPERM;
	else if (signal)
		signal_send(p, signal);
	process_put(p);
	return err;
}

/* kill(pid, signal). */
int64_t sys_kill(const uint64_t arg[6])
{
	int pid = (int)arg[0], signal = (int)arg[1];

	if (signal && !is_signal((uint64_t)signal))
		return -EINVAL;
	if (pid > 0)
		return send_to(pid, signal);
	if (pid == -1)
		return process_signal_all(signal, process_current());
	if (pid == INT32_MIN)
		return -ESRCH;
	return process_signal_group(pid ? -pid : process_current()->group,
				    signal, process_current());
}

/* tkill(tid, signal). */
int64_t sys_tkill(const uint64_t arg[6])
{
	int tid = (int)arg[0], signal = (int)arg[1];

	if (tid <= 0 || (signal && !is_signal((uint64_t)signal)))
		return -EINVAL;
	return send_to(tid, signal);
}

/* tgkill(tgid, tid, signal): a process has one task, with the same number. */
int64_t sys_tgkill(const uint64_t arg[6])
{
	int tgid = (int)arg[0], tid = (int)arg[1], signal = (int)arg[2];

	if (tgid <= 0 || tid <= 0 || (signal && !is_signal((uint64_t)signal)))
		return -EINVAL;
	return tgid == tid ? send_to(tid, signal) : -ESRCH;
}
