/*
 * Processes: numbers, the tree, the end (<kernel/process.h>). How one begins is
 * process_start.c's.
 *
 *	NEW --found by others--> ALIVE --process_exit--> EXITING --> ZOMBIE
 *	                                                   |           | reap
 *	                                  nobody asks      +----> REAPED
 *
 * The tree. Each process has a parent, which waits for it; where that is over,
 * number 1 is; where there is none, or its parent was a task of the kernel, the
 * parent is NULL, and nobody asks: such a process is reaped as it ends. What
 * holds a reference: the tree of numbers, its own task until it is
 * over, and whoever got one by process_spawn() or process_find(). So the
 * kernel, which waits by process_wait(), reads the status of what is long gone
 * from the tree.
 *
 * The end. Only a process's own task ends it: it gives its memory back, hands
 * its children on, and leaves the rest to who waits. Others ask for it:
 * process_kill() notes the signal and tells its task, whose sleeps end if they
 * can; on the way to user mode process_return_to_user() finds it. So whatever
 * the kernel does for a process is done orderly, and is over before it ends.
 *
 * I1  A process is in its parent's list of children from ALIVE until it is REAPED,
 *     and as long in the tree of numbers; there it stays as long as its number
 *     is that of a group, too, which others are in (`leader`), so that nobody
 *     gets that number. But nobody finds it.
 * I2  Its parent is ALIVE or EXITING with its children not handed on yet, or
 *     NULL.
 * I3  `task` is not NULL exactly as long as that task may be killed, so whoever
 *     holds the lock may do that.
 * I4  `aspace` changes only by its own task, with the lock held; so who holds
 *     the lock can take a reference.
 *
 * Locking: `all.lock`, LOCK_PROCESS, with interrupts off, for the keys (t).
 * Wait queues are woken under it; memory is given back after it.
 *
 * Cost: constant, but for numbers (kernel/pid.c) and for handing on children, a
 * step for each.
 */
#include <arch/cpu.h>
#include <kernel/console.h>
#include <kernel/fdtable.h>
#include <kernel/process.h>
#include <kernel/ram.h>
#include <kernel/spinlock.h>
#include <kernel/task.h>
#include <kernel/tty.h>
#include <kernel/uaccess.h>
#include <lib/cas.h>
#include <lib/errno.h>
#include <lib/printable.h>
#include <mm/aspace.h>
#include <mm/kmalloc.h>
#include <mm/memblock.h>

#include "process_impl.h"

#define INIT 1

static struct {
	struct spinlock lock;
	struct pid_map pids;  /* (t) */
	unsigned count;	      /* of those that can be found (t) (a) */
	struct list orphans;  /* those without a parent (t) */
	struct process *init; /* number 1, as long as it lives (t) */
} all = {
	.lock = SPINLOCK_INIT(LOCK_PROCESS),
	.orphans = LIST_INIT(all.orphans),
};

static struct process *of_entry(struct pid_entry *e)
{
	return e ? container_of(e, struct process, id) : NULL;
}

/* The first from that number on that can be found; NULL: there is none. */
static struct process *from_locked(int pid)
{
	struct process *p;

	do {
		p = of_entry(pid_from(&all.pids, pid));
		pid = p ? process_pid(p) + 1 : 0;
	} while (p && p->state == PROCESS_REAPED);
	return p;
}

/* --- references --- */

struct process *process_get(struct process *p)
{
	__atomic_fetch_add(&p->refs, 1, __ATOMIC_RELAXED);
	return p;
}

void process_put(struct process *p)
{
	/* What others did with it is over before it is freed. */
	if (__atomic_fetch_sub(&p->refs, 1, __ATOMIC_ACQ_REL) != 1)
		return;
	signals_destroy(&p->signals);
	kfree(p);
}

struct process *process_find(int pid)
{
	uint64_t flags = spin_lock_irqsave(&all.lock);
	struct process *p = from_locked(pid);

	if (p && process_pid(p) != pid)
		p = NULL;
	if (p)
		process_get(p);
	spin_unlock_irqrestore(&all.lock, flags);
	return p;
}

static struct process *next_from(int pid)
{
	uint64_t flags = spin_lock_irqsave(&all.lock);
	struct process *p = from_locked(pid);

	if (p)
		process_get(p);
	spin_unlock_irqrestore(&all.lock, flags);
	return p;
}

int process_each(int (*each)(void *ctx, struct process *p), void *ctx)
{
	struct process *p;
	int result = 0;

	for (int pid = 1; !result && (p = next_from(pid));) {
		pid = process_pid(p) + 1;
		result = each(ctx, p);
		process_put(p);
		task_resched();
	}
	return result;
}

void process_show_name(const struct process *p, char name[PROCESS_NAME])
{
	copy_printable(name, PROCESS_NAME, p->name);
}

unsigned process_count(void)
{
	return __atomic_load_n(&all.count, __ATOMIC_RELAXED);
}

struct aspace *process_aspace(struct process *p)
{
	uint64_t flags = spin_lock_irqsave(&all.lock);
	struct aspace *as = p->aspace ? aspace_get(p->aspace) : NULL;

	spin_unlock_irqrestore(&all.lock, flags);
	return as;
}

/* --- the tree --- */

static void count_locked(unsigned more)
{
	__atomic_store_n(&all.count, all.count + more, __ATOMIC_RELAXED);
}

static void adopt_locked(struct process *p, struct process *parent)
{
	p->parent = parent;
	__atomic_store_n(&p->parent_pid, parent ? process_pid(parent) : 0,
			 __ATOMIC_RELAXED);
	list_add_tail(parent ? &parent->children : &all.orphans, &p->sibling);
}

/* So many that their stacks fit into an eighth of all RAM: what they need
 * besides must leave room for others. */
unsigned process_most(void)
{
	static unsigned most; /* (a) */

	if (!__atomic_load_n(&most, __ATOMIC_RELAXED))
		__atomic_store_n(
			&most,
			(unsigned)min_u64(memblock_total(&ram) / 8 / TASK_STACK,
					  PID_MAX),
			__ATOMIC_RELAXED);
	return __atomic_load_n(&most, __ATOMIC_RELAXED);
}

static unsigned count_of_user_locked(uint32_t user)
{
	struct process *p = from_locked(1);
	unsigned n = 0;

	for (; p; p = from_locked(process_pid(p) + 1))
		n += p->user.real == user;
	return n;
}

/* May the parent have no child now? RLIMIT_NPROC is not for root; nobody is
 * counted where all are fewer. */
static bool too_many_locked(const struct process *parent)
{
	const struct user_ids *user = &parent->user;
	uint64_t most = parent->limit[RLIMIT_NPROC].cur;

	if (all.count >= process_most())
		return true;
	return user->real && user->effective && all.count >= most &&
	       count_of_user_locked(user->real) >= most;
}

int process_enter(struct process *p, struct process *parent, bool as_init)
{
	uint64_t flags = spin_lock_irqsave(&all.lock);
	int due = parent ? process_due(parent) : 0;
	int err = 0;

	if (due)
		err = -EINTR;
	else if (parent && too_many_locked(parent))
		err = -EAGAIN;
	if (!err)
		err = as_init ? pid_take(&all.pids, &p->id, INIT)
			      : pid_new(&all.pids, &p->id);
	if (!err) {
		p->state = PROCESS_ALIVE;
		count_locked(1);
		p->started = arch_time();
		if (as_init)
			all.init = p;
		p->leader = parent ? parent->leader : p;
		p->leader->members++;
		p->group = p->session = process_pid(p->leader);
		adopt_locked(p, parent);
		process_get(p);
	}
	spin_unlock_irqrestore(&all.lock, flags);
	if (due)
		process_kill(parent, due);
	return err;
}

/* Its number is free. It is in `dead` now; the caller puts what is in there once the
 * lock is free. */
static void forget_locked(struct process *p, struct list *dead)
{
	pid_free(&all.pids, &p->id);
	list_add(dead, &p->sibling);
}

/* It leaves the tree, and perhaps its leader can be forgotten, too. */
static void reap_locked(struct process *p, struct list *dead)
{
	struct process *leader = p->leader;

	p->state = PROCESS_REAPED;
	count_locked(-1u);
	list_del(&p->sibling);
	if (p != leader)
		forget_locked(p, dead);
	if (!--leader->members)
		forget_locked(leader, dead);
}

static void put_all(struct list *dead)
{
	list_for_each_safe (p, dead)
		process_put(list_entry(p, struct process, sibling));
}

/* Does nobody want to know how a child of this one ended? */
static bool nobody_asks(const struct process *parent, int signal)
{
	struct sigaction_abi a;

	if (!parent)
		return true;
	a = signal_get(&parent->signals, SIGCHLD);
	return signal == SIGCHLD &&
	       (a.handler == SIG_IGN || (a.flags & SA_NOCLDWAIT));
}

static void hand_on_children_locked(struct process *p, struct list *dead)
{
	struct process *heir = all.init;

	list_for_each_safe (link, &p->children) {
		struct process *c = list_entry(link, struct process, sibling);

		list_del(link);
		adopt_locked(c, heir);
		/* What its parent wanted to be sent is of no use to another, who
		 * waits for any child. */
		c->exit_signal = SIGCHLD;
		if (c->state == PROCESS_ZOMBIE && nobody_asks(heir, SIGCHLD))
			reap_locked(c, dead);
	}
	list_init(&p->children);
	if (heir)
		wake_all(&heir->child_changed);
}

/* --- the end --- */

/* In all it is exact; how much of that was in the kernel is what ticks found. What
 * was told of the one or the other never goes back. */
static void split_time_locked(struct process *p, const struct task *t,
			      struct usage *u)
{
	uint64_t sum = t->time_user, system;

	if (t == task_current())
		sum += arch_time() - t->since;
	system = min_u64(__atomic_load_n(&t->time_system, __ATOMIC_RELAXED),
			 sum);
	u->user = min_u64(max_u64(sum - system, p->user_told), sum);
	u->kernel = sum - u->user;
	p->user_told = u->user;
}

static struct usage usage_locked(struct process *p)
{
	struct usage u = p->used;
	const struct task *t = p->task;

	if (t) {
		split_time_locked(p, t, &u);
		u.switches = t->switches;
	}
	/* What is in `used` was before it had this space. */
	if (p->aspace)
		u.faults += aspace_faults(p->aspace);
	return u;
}

struct usage process_usage(struct process *p)
{
	uint64_t flags = spin_lock_irqsave(&all.lock);
	struct usage u = usage_locked(p);

	spin_unlock_irqrestore(&all.lock, flags);
	return u;
}

/* The number at clear_tid becomes 0, for others in the space that p leaves. */
static void clear_tid(struct process *p)
{
	int zero = 0;

	if (p->clear_tid &&
	    __atomic_load_n(&p->aspace->refs, __ATOMIC_RELAXED) > 1)
		copy_to_user(p->clear_tid, &zero, sizeof(zero));
	p->clear_tid = 0;
}

/* Its space, if it still has one, is `as` (NULL: none) from now on. What it had
 * goes, and a parent that lent it its own goes on: for that one what p did in there
 * does not count. */
void process_change_space(struct process *p, struct aspace *as)
{
	struct aspace *old = p->aspace;
	uint64_t flags;

	clear_tid(p);
	flags = spin_lock_irqsave(&all.lock);
	p->used = usage_locked(p);
	for (struct process *q = p->parent; q && q->aspace == old;
	     q = q->parent)
		q->used.faults -= p->used.faults;
	p->aspace = as;
	spin_unlock_irqrestore(&all.lock, flags);
	task_set_aspace(as);
	__atomic_store_n(&p->vfork, false, __ATOMIC_RELEASE);
	wake_all(&p->ended);
	if (old)
		aspace_put(old);
}

static void bury(struct process *p, int status)
{
	struct list dead = LIST_INIT(dead);
	struct process *parent;
	uint64_t flags = spin_lock_irqsave(&all.lock);

	if (all.init == p)
		all.init = NULL;
	hand_on_children_locked(p, &dead);
	p->task = NULL;
	p->status = status;
	__atomic_store_n(&p->state, PROCESS_ZOMBIE, __ATOMIC_RELEASE);
	parent = p->parent;
	if (parent)
		wake_all(&process_get(parent)->child_changed);
	if (nobody_asks(parent, p->exit_signal))
		reap_locked(p, &dead);
	wake_all(&p->ended);
	if (p->waiter)
		task_wake(p->waiter);
	spin_unlock_irqrestore(&all.lock, flags);
	put_all(&dead);
	if (!parent)
		return;
	if (p->exit_signal && p->exit_signal <= SIGNALS)
		signal_send(parent, p->exit_signal);
	process_put(parent);
}

struct usage process_children_usage(struct process *p)
{
	uint64_t flags = spin_lock_irqsave(&all.lock);
	struct usage u = p->children_used;

	spin_unlock_irqrestore(&all.lock, flags);
	return u;
}

void process_exit(int status)
{
	struct process *p = process_current();
	uint64_t flags = spin_lock_irqsave(&all.lock);

	/* The first signal counts. */
	if (p->fatal)
		status = process_killed((int)p->fatal);
	p->state = PROCESS_EXITING;
	spin_unlock_irqrestore(&all.lock, flags);
	fd_table_destroy(p->files);
	p->files = NULL;
	process_change_space(p, NULL);
	bury(p, status);
	task_current()->process = NULL;
	process_put(p);
	task_exit();
}

void process_kill(struct process *p, int signal)
{
	uint32_t none = 0;
	uint64_t flags;

	__atomic_compare_exchange_n(&p->fatal, &none, (uint32_t)signal, false,
				    CAS_RELEASE, CAS_RELEASE);
	flags = spin_lock_irqsave(&all.lock);
	if (p->task)
		task_notify(p->task, TASK_KILLED);
	spin_unlock_irqrestore(&all.lock, flags);
}

bool process_sleeps(struct process *p)
{
	uint64_t flags = spin_lock_irqsave(&all.lock);
	bool sleeps = p->task && task_state(p->task) == TASK_BLOCKED;

	spin_unlock_irqrestore(&all.lock, flags);
	return sleeps;
}

bool process_dying(void)
{
	return task_killed();
}

void process_return_to_user(struct user_regs *regs)
{
	const struct process *p = process_current();

	(void)regs;
	if (!p)
		task_exit();
	process_exit(process_killed((int)p->fatal));
}

/* --- waiting --- */

static void add_usage(struct usage *sum, const struct usage *u)
{
	sum->user += u->user;
	sum->kernel += u->kernel;
	sum->faults += u->faults;
	sum->switches += u->switches;
	sum->max_rss = max_u64(sum->max_rss, u->max_rss);
}

static bool is_meant(const struct process *c, int pid, unsigned options)
{
	bool clone = c->exit_signal != SIGCHLD;

	if (!(options & WALL) && clone != !!(options & WCLONE))
		return false;
	if (pid > 0)
		return process_pid(c) == pid;
	if (pid == 0)
		return c->group == c->parent->group;
	return pid == -1 || c->group == -pid;
}

/* One look: a number, 0 or -ECHILD. */
static int try_reap(struct process *p, int pid, unsigned options,
		    struct child_end *end)
{
	struct list dead = LIST_INIT(dead);
	uint64_t flags = spin_lock_irqsave(&all.lock);
	int result = -ECHILD;

	list_for_each (link, &p->children) {
		struct process *c = list_entry(link, struct process, sibling);

		if (!is_meant(c, pid, options))
			continue;
		result = 0;
		if (c->state != PROCESS_ZOMBIE)
			continue;
		result = process_pid(c);
		*end = (struct child_end){c->status, c->used};
		add_usage(&end->used, &c->children_used);
		add_usage(&p->children_used, &end->used);
		reap_locked(c, &dead);
		break;
	}
	spin_unlock_irqrestore(&all.lock, flags);
	put_all(&dead);
	return result;
}

int process_reap(int pid, unsigned options, struct child_end *end)
{
	struct process *p = process_current();
	int result = -EINTR;

	if (options & WNOHANG)
		return try_reap(p, pid, options, end);
	if (wait_on_killable(&p->child_changed,
			     (result = try_reap(p, pid, options, end))))
		return result;
	return -EINTR;
}

int process_wait(struct process *p)
{
	uint64_t flags = spin_lock_irqsave(&all.lock);
	int status;

	p->waiter = task_current();
	spin_unlock_irqrestore(&all.lock, flags);
	tty_serve(p->group);
	process_start(p);
	while (__atomic_load_n(&p->state, __ATOMIC_ACQUIRE) < PROCESS_ZOMBIE) {
		tty_look();
		console_wait(UINT64_MAX);
	}
	tty_serve(0);
	/* The console is gone for those that it leaves behind. */
	process_signal_group(p->group, SIGHUP, NULL);
	flags = spin_lock_irqsave(&all.lock);
	p->waiter = NULL;
	status = p->status;
	spin_unlock_irqrestore(&all.lock, flags);
	process_put(p);
	return status;
}
