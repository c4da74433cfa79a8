/*
 * The scheduler's own: queues (sched_queue.c), timers (sched_timer.c), and who goes
 * from task to task (sched.c, which has the theory).
 */
#pragma once

#include <arch/cpu.h>
#include <kernel/sched.h>
#include <kernel/spinlock.h>
#include <kernel/wait.h>
#include <lib/cas.h>

struct sched_hart {
	struct spinlock lock;
	struct list ready;  /* struct task.run (l) */
	unsigned count;	    /* of these (l, a) */
	unsigned movable;   /* of these, such as others may steal (l, a) */
	struct tree timers; /* struct task.timer, by wake_at (l) */
	uint64_t first;	    /* of these, the first; UINT64_MAX: none (l) */

	/* The hart's own, interrupts off: */
	struct task *left; /* who ran before */
	enum task_state left_is;
	bool ticking; /* (a) */
	bool napping;
	unsigned held;	/* (a) */
	unsigned turns; /* ticks with one more than others */
	uint64_t tick_at;
	uint32_t news;
	struct wait_queue idlers; /* in smp_idle() */
	struct task own;
};

extern struct sched_hart sched_harts; /* PERCPU */
extern cpumask_t sched_present;	      /* harts that take tasks (a) */
extern cpumask_t sched_idlers;	      /* those that have nothing to run (a) */

/* All with interrupts off. */

/* It is READY, and nobody else's (I1). */
void sched_enqueue(struct task *t);

/* A task of another hart's queue, RUNNING; NULL: none. */
struct task *sched_steal(void);

/* These harts idle, and are told that they do not: false, none does. */
bool sched_rouse(cpumask_t cpus);

/* Once a tick: one of this hart's goes to the shortest queue, if that has two fewer;
 * or now and then one fewer, so that all have their turn in short ones (I6). */
void sched_balance(struct sched_hart *h);

/* I4: this hart runs something, and others may want it. */
void sched_check_tick(struct sched_hart *h);

/* The current task will sleep until a time; it is awake. */
void sched_timer_start(struct sched_hart *h, struct task *t, uint64_t time);
void sched_timer_stop(struct task *t);

static inline cpumask_t sched_mask(const cpumask_t *mask)
{
	return __atomic_load_n(mask, __ATOMIC_RELAXED);
}

static inline bool cas_state(struct task *t, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(&t->state, &from, to, false,
					   CAS_RELEASE, CAS_RELEASE);
}

static inline bool has_token(const struct task *t)
{
	return __atomic_load_n(&t->state, __ATOMIC_RELAXED) & TASK_TOKEN;
}

/* By whose it is now; the token may come meanwhile. */
static inline void becomes(struct task *t, uint32_t from, uint32_t to)
{
	__atomic_fetch_add(&t->state, to - from, __ATOMIC_RELAXED);
}

static inline unsigned get_count(const unsigned *count)
{
	return __atomic_load_n(count, __ATOMIC_RELAXED);
}

static inline bool is_movable(const struct task *t)
{
	return t->allowed == ~(cpumask_t)0;
}

/* The lock is held; others look without. A plain store: for an atomic one, gcc
 * makes a swap. */
static inline void set_count(unsigned *count, unsigned n)
{
	*(volatile unsigned *)count = n;
}

static inline void add_counts(struct sched_hart *h, const struct task *t,
			      unsigned n)
{
	set_count(&h->count, h->count + n);
	if (is_movable(t))
		set_count(&h->movable, h->movable + n);
}

/* At the end; but a hart's own task, which does what others want of the hart, and
 * is the shell, comes second: it waits for one turn, and has every other one, however
 * many tasks are ready. Interrupts are off. */
static inline void push(struct sched_hart *h, struct task *t)
{
	bool second;

	spin_lock(&h->lock);
	second = t->bound && !list_empty(&h->ready);
	list_add(second ? h->ready.next : h->ready.prev, &t->run);
	add_counts(h, t, 1);
	spin_unlock(&h->lock);
}

/* It runs on this hart now. */
static inline struct task *runs(struct task *t)
{
	t->cpu = arch_cpu();
	becomes(t, TASK_READY, TASK_RUNNING);
	return t;
}

/* The first of this hart's, RUNNING. NULL: there is none. */
static inline struct task *pop(struct sched_hart *h)
{
	struct task *t = NULL;

	if (!get_count(&h->count))
		return NULL;
	spin_lock(&h->lock);
	if (h->count) {
		t = list_entry(h->ready.next, struct task, run);
		list_del(&t->run);
		add_counts(h, t, -1u);
	}
	spin_unlock(&h->lock);
	return t ? runs(t) : NULL;
}
