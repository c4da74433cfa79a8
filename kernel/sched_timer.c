/*
 * The timer of a hart: the tick, and tasks that sleep until a time. Theory: sched.c.
 *
 * A hart's tree has the tasks that went to sleep on it. One that wakes elsewhere
 * takes itself out. `timed` is cleared last, so a task that finds it clear is in
 * nobody's hands.
 */
#include <arch/irq.h>
#include <kernel/process.h>
#include <kernel/time.h>

#include "sched_impl.h"

#define SLICE_US 10000u

static void arm(struct sched_hart *h)
{
	arch_timer_set(h->ticking ? min_u64(h->tick_at, h->first) : h->first);
}

static void start_tick(struct sched_hart *h)
{
	if (h->ticking)
		return;
	__atomic_store_n(&h->ticking, true, __ATOMIC_RELAXED);
	h->tick_at = arch_time() + time_ticks(SLICE_US);
	arm(h);
}

void sched_check_tick(struct sched_hart *h)
{
	arch_smp_mb(); /* `ticking` before this; partner: tell() */
	if ((get_count(&h->count) || task_current()->process) && !h->napping)
		start_tick(h);
}

static struct task *timer_of(const struct tree_node *n)
{
	return n ? list_entry(n, struct task, timer) : NULL;
}

/* The tree has changed; the lock is held. */
static void find_first(struct sched_hart *h)
{
	const struct task *t = timer_of(tree_first(&h->timers));

	h->first = t ? t->wake_at : UINT64_MAX;
}

void sched_timer_start(struct sched_hart *h, struct task *t, uint64_t time)
{
	struct tree_node **link = &h->timers.root, *parent = NULL;

	spin_lock(&h->lock);
	t->wake_at = time;
	t->timer_cpu = arch_cpu();
	t->timed = true;
	while (*link) {
		parent = *link;
		link = &parent->child[timer_of(parent)->wake_at <= time];
	}
	tree_insert(&h->timers, &t->timer, parent, link);
	find_first(h);
	spin_unlock(&h->lock);
	if (h->first == time)
		arm(h);
}

void sched_timer_stop(struct task *t)
{
	struct sched_hart *h = cpu_var(sched_harts, t->timer_cpu);

	/* Acquire: what the timer did to it. */
	if (!__atomic_load_n(&t->timed, __ATOMIC_ACQUIRE))
		return;
	spin_lock(&h->lock);
	if (t->timed) {
		tree_erase(&h->timers, &t->timer);
		find_first(h);
		t->timed = false;
	}
	spin_unlock(&h->lock);
}

/* Those whose time has come, into `ready` if they sleep. */
static void expire(struct sched_hart *h, uint64_t now, struct list *ready)
{
	spin_lock(&h->lock);
	while (h->first <= now) {
		struct task *t = timer_of(tree_first(&h->timers));

		tree_erase(&h->timers, &t->timer);
		find_first(h);
		__atomic_store_n(&t->expired, true, __ATOMIC_RELAXED);
		if (cas_state(t, TASK_BLOCKED, TASK_READY))
			list_add_tail(ready, &t->run);
		__atomic_store_n(&t->timed, false, __ATOMIC_RELEASE);
	}
	spin_unlock(&h->lock);
}

/* What was used since the last tick was used where this one finds the process: in
 * the kernel, whose addresses are negative, or in user mode. */
static void count_time(struct task *t, uint64_t now)
{
	uint64_t used = t->time_user + now - t->since;
	uint64_t system =
		(int64_t)arch_interrupted() < 0 ? used - t->ticked : 0;

	__atomic_store_n(&t->time_system, t->time_system + system,
			 __ATOMIC_RELAXED);
	t->ticked = used;
	process_tick(t->process, used);
}

void sched_timer(void)
{
	struct sched_hart *h = this_cpu(sched_harts);
	struct list ready = LIST_INIT(ready);
	struct task *t = task_current();
	uint64_t now = arch_time();

	if (!t)
		return;
	expire(h, now, &ready);
	if (h->ticking && h->tick_at <= now) {
		__atomic_store_n(&h->ticking, false, __ATOMIC_RELAXED);
		if (t->process)
			count_time(t, now);
		sched_balance(h);
		if (get_count(&h->count))
			__atomic_fetch_or(&t->flags, TASK_RESCHED,
					  __ATOMIC_RELAXED);
		sched_check_tick(h);
	}
	list_for_each_safe (l, &ready)
		sched_enqueue(list_entry(l, struct task, run));
	arm(h);
}
