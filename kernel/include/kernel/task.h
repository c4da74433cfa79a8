/*
 * Tasks: threads of the kernel, some of which run a program.
 *
 * User mode is preempted by the timer, which ticks only on a hart that several
 * tasks want, or that runs a process, whose time it counts. Kernel code runs until it blocks, yields or calls task_resched(); so
 * this_cpu() holds good between those, and not over them: the task may go on on
 * another hart. Blocking and yielding want interrupts on and no spinlock held.
 *
 * What a hart runs when it comes up is a task, too, bound to it: the shell on the
 * first, a loop around smp_idle() on the others. It does the hart's smp_run() work,
 * and when nobody wants the hart, it is the one that sleeps.
 *
 * A wake-up is never lost: it is a token. task_wake() gives the task its token;
 * task_block() takes it, and sleeps only while there is none. So
 *
 *	while (!*condition)		*condition = true;
 *		task_block();		task_wake(t);
 *
 * is right, whoever comes first; tokens do not add up. Who waits looks at the
 * condition again: a token may be of another matter. <kernel/wait.h> is for all
 * that has no task to name.
 *
 * A task costs its stack and some 700 bytes.
 */
#pragma once

#include <arch/task.h>
#include <kernel/cpu.h>
#include <lib/list.h>
#include <lib/tree.h>

struct aspace;
struct process;
struct umap;
struct user_regs;

enum task_state {
	TASK_NEW,
	TASK_READY,   /* in a queue, or on the way there */
	TASK_RUNNING, /* on a hart; its context is not saved */
	TASK_BLOCKED,
	TASK_DEAD,
};

/* With the state: a wake-up came. */
#define TASK_TOKEN 0x10u

/* struct task.flags: what there is to do on the way back to user mode. */
enum {
	TASK_RESCHED = 1u << 0, /* its time is over */
	TASK_KILLED = 1u << 1,
	TASK_SIGNAL = 1u << 2,
};

#define TASK_NAME  16
#define TASK_STACK KIB(16)

/* (o): only the task itself, or before it starts. (q): with its state, theory in
 * kernel/sched.c. */
struct task {
	uint32_t flags; /* (a) */
	uint32_t state; /* enum task_state, TASK_TOKEN (a) */
	bool bound;	/* a hart's own (c) */
	unsigned cpu;	/* where it runs, or ran last (a) */
	uint32_t news;	/* of this hart, as far as it has looked (o) */
	struct aspace
		*aspace;   /* the user space that it is in; NULL: none (o) */
	struct umap *umap; /* its page tables (o) */
	struct process *process; /* NULL: a task of the kernel (o) */
	struct range stack;	 /* (c) */
	cpumask_t allowed; /* harts that it may run on, one at least (o) */
	struct list run;   /* in a hart's queue (q) */

	struct tree_node timer; /* in the tree of timer_cpu, if timed (q) */
	uint64_t wake_at;
	unsigned timer_cpu;
	bool timed;   /* (a) */
	bool expired; /* the time has come (a) */

	/* Ticks of arch_time(), up to the last switch: in a process, of either
	 * mode; and as a task of the kernel. Written by the hart (a). */
	uint64_t time_user, time_kernel;
	uint64_t
		time_system; /* of time_user, in the kernel, as ticks found (a) */
	uint64_t ticked;     /* of it, what ticks have looked at (o) */
	uint64_t switches;   /* times that it was switched to (a) */
	uint64_t since;	     /* it runs (o) */

	void (*fn)(void *arg);
	void *arg;
	uint32_t refs;	 /* (a) */
	struct list all; /* of all tasks */
	char name[TASK_NAME];
	struct arch_context context; /* the last: arch_context_init() does it */
};

/* Who runs this; NULL before there are tasks, and in native tests. */
static inline struct task *task_current(void)
{
	return arch_task();
}

/* --- life --- */

/*
 * A task that will run fn(arg), and end when that returns. TASK_NEW: whoever made
 * it sets fields marked (o), then starts it. The caller has a reference; another
 * is the task's own, until it ends. NULL: no memory.
 */
struct task *task_create(const char *name, void (*fn)(void *arg), void *arg);
void task_start(struct task *t);

/* The end of the current task. Its stack goes when the hart has left it. */
__attribute__((noreturn)) void task_exit(void);

struct task *task_get(struct task *t);
/* One that never started is freed, too. Any task. */
void task_put(struct task *t);

/* --- waiting --- */

/* Sleep until there is a token, and take it. */
void task_block(void);

/* The same, until arch_time() >= time at the latest: false, there was no token. */
bool task_block_until(uint64_t time);

/* Any context. The task must not be gone: it is waited for by somebody who is
 * still to be woken, or there is a reference. */
void task_wake(struct task *t);

/* Others that want this hart come first. */
void task_yield(void);

/* The same, if its time is over: for long loops. Cheap; nothing happens where it is
 * not allowed, with interrupts off, for one. */
void task_resched(void);

/* --- user mode --- */

/* The current task is in another space from now on, or in none (NULL). The caller's
 * reference on it is the task's; the one on the former is the caller's again. */
void task_set_aspace(struct aspace *as);

/* It has something to do before it goes to user mode (flags, TASK_KILLED or
 * TASK_SIGNAL): soon, wherever it is; a sleep that can be, is cut short. Any
 * context. */
void task_notify(struct task *t, uint32_t flags);

/* The current task must come to an end: long waits give up. */
static inline bool task_killed(void)
{
	const struct task *t = task_current();

	return t && __atomic_load_n(&t->flags, __ATOMIC_RELAXED) & TASK_KILLED;
}

/*
 * On the way to user mode, interrupts off, if task_current()->flags is not 0: does
 * what is to do, with interrupts on, until it is. Then, or if flags is 0, the task
 * may go; off are interrupts still.
 */
void task_return_to_user(struct user_regs *regs);

/* --- looking --- */

/* Each task, with a reference for the time of the call and no lock held, the oldest
 * first; ends with the first result that is not 0, and returns it. */
int task_each(int (*each)(void *ctx, struct task *t), void *ctx);

static inline enum task_state task_state(const struct task *t)
{
	return __atomic_load_n(&t->state, __ATOMIC_ACQUIRE) & ~TASK_TOKEN;
}

/* As a word: "ready", ... */
const char *task_state_name(const struct task *t);
