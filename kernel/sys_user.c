/*
 * System calls of users and groups. A process has real, effective and saved
 * numbers of both; groups are kept and decide nothing yet.
 */
#include <kernel/process.h>
#include <kernel/syscall.h>
#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <mm/aspace.h>

#define KEEP UINT32_MAX /* in place of a number: as it is */

static bool is_one_of(const struct user_ids *ids, uint32_t id)
{
	return id == ids->real || id == ids->effective || id == ids->saved;
}

/* What root alone may, this user may or may not from now on. */
static void change_powers(struct process *p)
{
	__atomic_store_n(&p->aspace->may_lock, user_is_root(&p->user),
			 __ATOMIC_RELAXED);
}

/* Each becomes what is asked for: root may choose, others have three to choose
 * from. */
static int set_all(struct user_ids *ids, const uint64_t arg[6])
{
	bool root = user_is_root(&process_current()->user);
	uint32_t *const to[] = {&ids->real, &ids->effective, &ids->saved};
	struct user_ids was = *ids;

	for (unsigned i = 0; i < 3; i++)
		if ((uint32_t)arg[i] != KEEP && !root &&
		    !is_one_of(&was, (uint32_t)arg[i]))
			return -EPERM;
	for (unsigned i = 0; i < 3; i++)
		if ((uint32_t)arg[i] != KEEP)
			*to[i] = (uint32_t)arg[i];
	change_powers(process_current());
	return 0;
}

/* setuid(), setgid(): root sets all three, others the effective one. */
static int set_one(struct user_ids *ids, uint32_t id)
{
	bool root = user_is_root(&process_current()->user);

	if (id == KEEP)
		return -EINVAL;
	if (!root && id != ids->real && id != ids->saved)
		return -EPERM;
	ids->effective = id;
	if (root)
		ids->real = ids->saved = id;
	change_powers(process_current());
	return 0;
}

static int put_all(const struct user_ids *ids, const uint64_t arg[6])
{
	const uint32_t from[] = {ids->real, ids->effective, ids->saved};

	for (unsigned i = 0; i < 3; i++)
		if (copy_to_user(arg[i], &from[i], sizeof(from[i])))
			return -EFAULT;
	return 0;
}

int64_t sys_setuid(const uint64_t arg[6])
{
	return set_one(&process_current()->user, (uint32_t)arg[0]);
}

int64_t sys_setgid(const uint64_t arg[6])
{
	return set_one(&process_current()->user_group, (uint32_t)arg[0]);
}

int64_t sys_setresuid(const uint64_t arg[6])
{
	return set_all(&process_current()->user, arg);
}

int64_t sys_setresgid(const uint64_t arg[6])
{
	return set_all(&process_current()->user_group, arg);
}

int64_t sys_getresuid(const uint64_t arg[6])
{
	return put_all(&process_current()->user, arg);
}

int64_t sys_getresgid(const uint64_t arg[6])
{
	return put_all(&process_current()->user_group, arg);
}

int64_t sys_getuid(const uint64_t arg[6])
{
	(void)arg;
	return process_current()->user.real;
}

int64_t sys_geteuid(const uint64_t arg[6])
{
	(void)arg;
	return process_current()->user.effective;
}

int64_t sys_getgid(const uint64_t arg[6])
{
	(void)arg;
	return process_current()->user_group.real;
}

int64_t sys_getegid(const uint64_t arg[6])
{
	(void)arg;
	return process_current()->user_group.effective;
}
