/*
 * prctl(): what a process says of itself. Names are for reports. Two things are only
 * kept and told again, since there is nothing that they could change: whether it may
 * gain rights by execve(), which gives nobody any, and how late its timers may be,
 * which are exact.
 */
#include <string.h>

#include <kernel/process.h>
#include <kernel/task.h>
#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <mm/aspace.h>

#include <kernel/syscall.h>

enum {
	PR_GET_DUMPABLE = 3,
	PR_SET_DUMPABLE = 4,
	PR_SET_NAME = 15,
	PR_GET_NAME = 16,
	PR_SET_TIMERSLACK = 29,
	PR_GET_TIMERSLACK = 30,
	PR_SET_NO_NEW_PRIVS = 38,
	PR_GET_NO_NEW_PRIVS = 39,
	PR_SET_THP_DISABLE = 41,
	PR_GET_THP_DISABLE = 42,
	PR_SET_VMA = 0x53564d41,
	PR_SET_VMA_ANON_NAME = 0,
};

static int64_t set_name(uaddr_t from)
{
	char name[PROCESS_NAME];
	int64_t n = strncpy_from_user(name, from, sizeof(name) - 1);

	if (n < 0 && n != -ENAMETOOLONG)
		return n;
	if (n < 0)
		n = sizeof(name) - 1;
	memset(name + n, 0, sizeof(name) - (size_t)n);
	memcpy(process_current()->name, name, sizeof(name));
	memcpy(task_current()->name, name, sizeof(name));
	return 0;
}

static int set_dumpable(struct process *p, uint64_t value)
{
	if (value > 1)
		return -EINVAL;
	p->not_dumpable = !value;
	return 0;
}

static int set_timer_slack(struct process *p, uint64_t ns)
{
	p->timer_slack = ns ? ns : p->usual_slack;
	return 0;
}

/* Are those from `n` on 0? New options want that. */
static bool are_zero(const uint64_t arg[6], unsigned n)
{
	while (n < 5 && !arg[n])
		n++;
	return n == 5;
}

static int64_t yes_or_no(struct process *p, const uint64_t arg[6])
{
	switch ((int)arg[0]) {
	case PR_SET_NO_NEW_PRIVS:
		if (arg[1] != 1 || !are_zero(arg, 2))
			return -EINVAL;
		p->no_new_privs = true;
		return 0;
	case PR_GET_NO_NEW_PRIVS:
		return are_zero(arg, 1) ? p->no_new_privs : -EINVAL;
	case PR_SET_THP_DISABLE:
		if (!are_zero(arg, 2))
			return -EINVAL;
		p->aspace->no_huge = arg[1];
		return 0;
	case PR_GET_THP_DISABLE:
		return are_zero(arg, 1) ? p->aspace->no_huge : -EINVAL;
	}
	return -EINVAL;
}

/* prctl(option, ...). */
int64_t sys_prctl(const uint64_t arg[6])
{
	struct process *p = process_current();

	switch ((int)arg[0]) {
	case PR_SET_NAME:
		return set_name(arg[1]);
	case PR_GET_NAME:
		return copy_to_user(arg[1], p->name, PROCESS_NAME);
	case PR_GET_DUMPABLE:
		return !p->not_dumpable;
	case PR_SET_DUMPABLE:
		return set_dumpable(p, arg[1]);
	case PR_SET_TIMERSLACK:
		return set_timer_slack(p, arg[1]);
	case PR_GET_TIMERSLACK:
		return (int64_t)p->timer_slack;
	case PR_SET_VMA: /* names of memory are for reports only */
		return arg[1] == PR_SET_VMA_ANON_NAME ? 0 : -EINVAL;
	}
	return yes_or_no(p, arg);
}
