/*
 * execve(): the strings that a program is to begin with are copied out of the
 * one that runs, since its memory is gone when the new one begins. They take as
 * much of the kernel's memory as Linux allows them on the new stack, a quarter
 * of that, as long as the call takes.
 */
#include <string.h>

#include <arch/user.h>
#include <fs/memfs.h>
#include <kernel/exec.h>
#include <kernel/process.h>

#include <kernel/task.h>
#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <mm/kmalloc.h>

#include <kernel/syscall.h>

#define FIRST_ROOM 1024u

/* Strings one behind the other, then where each begins. */
struct strings {
	char *text;
	size_t used, room;
	char **at; /* offsets in `text`, until finish() */
	size_t n, slots;
};

static int grow(void **p, size_t *room, size_t item)
{
	size_t want = *room ? *room * 2 : FIRST_ROOM;
	void *q = krealloc(*p, want * item, 0);

	if (!q)
		return -ENOMEM;
	*p = q;
	*room = want;
	return 0;
}

/* Both lists have `left` bytes to go. */
static int take(uint64_t *left, uint64_t bytes)
{
	if (bytes > *left)
		return -E2BIG;
	*left -= bytes;
	return 0;
}

/* Copy the string at `from` behind the others. */
static int add_text(struct strings *s, uaddr_t from, uint64_t *left)
{
	size_t most = (size_t)min_u64(EXEC_STRING_MAX, *left);
	int64_t n = -ENAMETOOLONG;
	int err = 0;

	while (!err) {
		size_t room = (size_t)min_u64(s->room - s->used, most);

		n = strncpy_from_user(s->text + s->used, from, room);
		if (n != -ENAMETOOLONG)
			break;
		if (room == most)
			return -E2BIG;
		err = grow((void **)&s->text, &s->room, 1);
	}
	if (err || n < 0)
		return err ? err : (int)n;
	s->used += (size_t)n + 1;
	return take(left, (uint64_t)n + 1);
}

static int add(struct strings *s, uaddr_t from, uint64_t *left)
{
	size_t offset = s->used;
	int err = take(left, sizeof(uaddr_t));

	if (!err && s->n == s->slots)
		err = grow((void **)&s->at, &s->slots, sizeof(*s->at));
	if (!err)
		err = add_text(s, from, left);
	if (!err)
		s->at[s->n++] = (char *)(uintptr_t)offset;
	return err;
}

/* The list of strings at `list`, which ends with NULL; none, if it is NULL. */
static int add_list(struct strings *s, uaddr_t list, uint64_t *left)
{
	uaddr_t from;

	for (; list; list += sizeof(from)) {
		int err = copy_from_user(&from, list, sizeof(from));

		if (err || !from)
			return err;
		if (process_dying())
			return -EINTR;
		task_resched();
		err = add(s, from, left);
		if (err)
			return err;
	}
	return 0;
}

/* The text does not move any more. */
static int finish(struct strings *s)
{
	int err = 0;

	if (s->n == s->slots)
		err = grow((void **)&s->at, &s->slots, sizeof(*s->at));
	if (err)
		return err;
	for (size_t i = 0; i < s->n; i++)
		s->at[i] = s->text + (uintptr_t)s->at[i];
	s->at[s->n] = NULL;
	return 0;
}

static void destroy(struct strings *s)
{
	kfree(s->text);
	kfree(s->at);
}

static int copy_lists(struct strings *argv, struct strings *envp,
		      const uint64_t arg[6])
{
	uint64_t left =
		exec_args_max(process_current()->limit[RLIMIT_STACK].cur);
	int err = add_list(argv, arg[1], &left);

	if (!err)
		err = add_list(envp, arg[2], &left);
	if (!err)
		err = finish(argv);
	return err ? err : finish(envp);
}

static int64_t exec(const char *path, const uint64_t arg[6])
{
	struct user_regs *regs = user_call_regs(arg);
	/* A program always has a name, if an empty one. */
	static char nothing[1];
	static char *const no_name[] = {nothing, NULL};
	struct strings argv = {0}, envp = {0};
	int err = copy_lists(&argv, &envp, arg);

	if (!err)
		err = process_exec(regs, path, argv.n ? argv.at : no_name,
				   envp.at);
	destroy(&argv);
	destroy(&envp);
	return err;
}

/* execve(path, argv, envp). */
int64_t sys_execve(const uint64_t arg[6])
{
	char *path = kmalloc(MEMFS_PATH_MAX, 0);
	int64_t err;

	if (!path)
		return -ENOMEM;
	err = strncpy_from_user(path, arg[0], MEMFS_PATH_MAX);
	/* Before the lists are looked at, as on Linux. */
	if (!err)
		err = -ENOENT;
	if (err > 0)
		err = exec(path, arg);
	kfree(path);
	if (err)
		return err;
	/* All registers are new ones. */
	arch_user_enter(user_call_regs(arg));
}
