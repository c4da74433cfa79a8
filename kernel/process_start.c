/*
 * How processes begin and become other programs (<kernel/process.h>).
 *
 * A new one is built from the inside out, and is found by others only when
 * nothing can fail any more: files, space, task with the registers that it will
 * have, then its number. A program is loaded into a space of its own; only once
 * that is complete does the process change over. So what fails has changed
 * nothing.
 *
 * The reference on the space is the task's; process.aspace is the same one.
 *
 * vfork: the child is in its parent's space, and the parent sleeps until the
 * child has left that: `vfork` says so.
 *
 * Cost of a fork: by what the parent has mapped (aspace_fork()) and its open
 * files.
 */
#include <string.h>

#include <arch/user.h>
#include <fs/memfs.h>
#include <kernel/clone.h>
#include <kernel/exec.h>
#include <kernel/fdtable.h>
#include <kernel/files.h>
#include <kernel/printk.h>
#include <kernel/process.h>
#include <kernel/task.h>
#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <mm/aspace.h>
#include <mm/kmalloc.h>

#include "process_impl.h"

_Static_assert(PROCESS_NAME == EXEC_NAME, "names are copied");

static struct process *create(void)
{
	struct process *p = kzalloc(sizeof(*p), 0);

	if (!p)
		return NULL;
	p->refs = 1;
	p->exit_signal = SIGCHLD;
	list_init(&p->children);
	wait_queue_init(&p->child_changed);
	wait_queue_init(&p->ended);
	return p;
}

/* It was never found. */
static void discard(struct process *p)
{
	fd_table_destroy(p->files);
	process_put(p);
}

/* The task's first function. */
static void begin(void *arg)
{
	struct process *p = arg;
	int pid = process_pid(p);

	if (p->set_tid)
		copy_to_user(p->set_tid, &pid, sizeof(pid));
	arch_user_enter(arch_user_regs(task_current()->stack));
}

/* p, which has a space, and its task, with the registers, belong together. */
static void join(struct process *p, struct task *t, struct aspace *as)
{
	p->task = t;
	p->aspace = as;
	t->process = process_get(p);
	t->aspace = as;
	t->umap = &as->map;
}

/* The reverse. The space's reference is the caller's. */
static void part(struct process *p, struct task *t)
{
	t->process = NULL;
	t->aspace = NULL;
	t->umap = NULL;
	process_put(p);
}

/* --- programs --- */

void process_limit_space(const struct process *p, struct aspace *as)
{
	static const uint8_t of[ASPACE_LIMITS] = {
		[LIMIT_AS] = RLIMIT_AS,
		[LIMIT_DATA] = RLIMIT_DATA,
		[LIMIT_STACK] = RLIMIT_STACK,
		[LIMIT_MEMLOCK] = RLIMIT_MEMLOCK,
	};

	for (unsigned i = 0; i < ASPACE_LIMITS; i++)
		__atomic_store_n(&as->limit[i], p->limit[of[i]].cur,
				 __ATOMIC_RELAXED);
}

/* A new space with that program in it. */
static int load(struct process *p, const struct exec_program *program,
		struct exec_start *start, struct aspace **out)
{
	struct aspace *as = aspace_create();
	int err;

	if (!as)
		return -ENOMEM;
	process_limit_space(p, as);
	as->may_lock = user_is_root(&p->user);
	as->no_huge = p->aspace && p->aspace->no_huge;
	aspace_layout(as);
	err = exec_load(as, program, start);
	if (err) {
		aspace_put(as);
		return err;
	}
	*out = as;
	return 0;
}

/* 0, 1 and 2 are the console. */
static struct fd_table *first_files(void)
{
	struct fd_table *t = fd_table_create();
	struct file *f = file_create(FILE_CONSOLE, O_RDWR, NULL);

	if (!t || !f) {
		fd_table_destroy(t);
		kfree(f);
		return NULL;
	}
	/* The first slots are there from the start. */
	fd_open(t, f, false, 0, 3);
	fd_open(t, file_get(f), false, 0, 3);
	fd_open(t, file_get(f), false, 0, 3);
	return t;
}

static int spawn(struct process *p, const struct exec_program *program,
		 bool as_init)
{
	struct exec_start start = {0};
	struct aspace *as;
	struct task *t;
	int err = load(p, program, &start, &as);

	/* Nobody but the console is there to be told. */
	if (err && start.why)
		pr_err("%s: %s\n", program->path, start.why);
	if (err)
		return err;
	p->exe = start.exe;
	exec_name(program->path, p->name);
	t = task_create(p->name, begin, p);
	if (!t) {
		aspace_put(as);
		return -ENOMEM;
	}
	arch_user_init(arch_user_regs(t->stack), start.pc, start.sp);
	join(p, t, as);
	err = process_enter(p, NULL, as_init);
	if (err) {
		part(p, t);
		aspace_put(as);
		task_put(t);
	}
	return err;
}

void process_start(struct process *p)
{
	struct task *t = p->task;

	/* It has been there, and with our reference, since spawn(). */
	task_start(t);
	task_put(t);
}

/* What a path means, to p. */
static int find(const struct process *p, struct exec_program *program)
{
	program->cwd = p->cwd;
	return memfs_lookup(p->cwd, program->path, 0, &program->file);
}

static int spawn_first(struct process *p, struct exec_program *program,
		       bool as_init)
{
	int err;

	rlimit_defaults(p->limit);
	p->limit[RLIMIT_NPROC].cur = process_most() / 2;
	p->limit[RLIMIT_NPROC].max = process_most() / 2;
	p->umask = 022;
	p->timer_slack = p->usual_slack = PROCESS_TIMER_SLACK;
	p->files = first_files();
	p->cwd = files_root();
	if (!p->files || !p->cwd)
		return -ENOMEM;
	err = find(p, program);
	return err ? err : spawn(p, program, as_init);
}

static struct process *spawn_program(struct exec_program *program, bool as_init,
				     int *err)
{
	struct process *p = create();

	*err = p ? spawn_first(p, program, as_init) : -ENOMEM;
	if (!*err)
		return p;
	if (p)
		discard(p);
	return NULL;
}

struct process *process_spawn(const char *path, char *const argv[],
			      char *const envp[], int *err)
{
	return spawn_program(&(struct exec_program){.path = path,
						    .argv = argv,
						    .envp = envp},
			     false, err);
}

struct process *process_spawn_init(const char *path, char *const argv[],
				   char *const envp[], int *err)
{
	return spawn_program(&(struct exec_program){.path = path,
						    .argv = argv,
						    .envp = envp},
			     true, err);
}

int process_exec(struct user_regs *regs, const char *path, char *const argv[],
		 char *const envp[])
{
	struct exec_program program = {
		.path = path, .argv = argv, .envp = envp};
	struct process *p = process_current();
	struct exec_start start;
	struct aspace *as;
	int err = find(p, &program);

	if (!err)
		err = load(p, &program, &start, &as);
	if (err)
		return err;
	p->exe = start.exe;
	exec_name(path, p->name);
	p->user.saved = p->user.effective;
	p->user_group.saved = p->user_group.effective;
	p->not_dumpable = false;
	p->exit_signal = SIGCHLD;
	fd_table_exec(p->files);
	signal_exec(&p->signals);
	process_change_space(p, as);
	arch_fp_clear(&task_current()->context);
	arch_user_init(regs, start.pc, start.sp);
	return 0;
}

/* --- fork --- */

static void inherit(struct process *p, const struct process *parent,
		    const struct fork *f)
{
	memcpy(p->name, parent->name, sizeof(p->name));
	memcpy(p->limit, parent->limit, sizeof(p->limit));
	p->umask = parent->umask;
	p->not_dumpable = parent->not_dumpable;
	p->no_new_privs = parent->no_new_privs;
	p->timer_slack = p->usual_slack = parent->timer_slack;
	p->user = parent->user;
	p->user_group = parent->user_group;
	p->exe = parent->exe;
	p->cwd = parent->cwd;
	p->exit_signal = (int)(f->flags & CSIGNAL);
	p->vfork = f->flags & CLONE_VFORK;
	p->set_tid = f->flags & CLONE_CHILD_SETTID ? f->child_tid : 0;
	p->clear_tid = f->flags & CLONE_CHILD_CLEARTID ? f->child_tid : 0;
}

/* A task that returns 0 from the system call that its parent is in. */
static struct task *twin(struct process *p, const struct user_regs *regs,
			 const struct fork *f)
{
	struct task *t = task_create(p->name, begin, p);
	struct user_regs *r;

	if (!t)
		return NULL;
	r = arch_user_regs(t->stack);
	*r = *regs;
	user_set_result(r, 0);
	if (f->stack)
		user_set_sp(r, f->stack);
	if (f->flags & CLONE_SETTLS)
		user_set_tls(r, f->tls);
	arch_fp_copy(&t->context, &task_current()->context);
	return t;
}

/* p's space and task; it goes on its way. */
static int split(struct process *p, struct process *parent,
		 const struct user_regs *regs, const struct fork *f)
{
	struct aspace *as;
	struct task *t;
	int err = 0, pid;

	if (f->flags & CLONE_VM) {
		as = aspace_get(parent->aspace);
		/* Those up to now are not p's. */
		p->used.faults -= aspace_faults(as);
	} else {
		err = aspace_fork(parent->aspace, &as);
	}
	if (err)
		return err;
	t = twin(p, regs, f);
	if (!t) {
		aspace_put(as);
		return -ENOMEM;
	}
	join(p, t, as);
	err = process_enter(p, parent, false);
	if (err) {
		part(p, t);
		aspace_put(as);
	} else {
		pid = process_pid(p);
		if (f->flags & CLONE_PARENT_SETTID)
			copy_to_user(f->parent_tid, &pid, sizeof(pid));
		task_start(t);
	}
	task_put(t);
	return err;
}

int process_fork(const struct user_regs *regs, const struct fork *f)
{
	struct process *parent = process_current(), *p = create();
	int err, pid;

	if (!p)
		return -ENOMEM;
	inherit(p, parent, f);
	p->files = fd_table_copy(parent->files);
	err = p->files ? signals_copy(&p->signals, &parent->signals) : -ENOMEM;
	if (!err)
		err = split(p, parent, regs, f);
	if (err) {
		discard(p);
		return err;
	}
	pid = process_pid(p);
	if (f->flags & CLONE_VFORK)
		(void)wait_on_killable(
			&p->ended,
			!__atomic_load_n(&p->vfork, __ATOMIC_ACQUIRE));
	process_put(p);
	return pid;
}
