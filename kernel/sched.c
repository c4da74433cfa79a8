/*
 * Who runs where.
 *
 * Each hart has a queue of tasks that are ready, and runs them in turn. One that
 * becomes ready goes to the hart where it ran last, if that idles; else to one
 * that does; else it joins the queue of the former. A hart with nothing to run
 * steals from others, then sleeps.
 *
 *	          task_wake            a hart is free
 *	BLOCKED ------------> READY -----------------> RUNNING
 *	   ^                    ^                      |  |  |
 *	   |                    '-----task_yield-------'  |  '--> DEAD
 *	   '------------------------task_block-----------'
 *
 * Leaving takes two: a task can't put itself anywhere before its context is saved.
 * So it goes on as RUNNING, and the one that the hart switches to makes it READY,
 * BLOCKED or DEAD: arrive().
 *
 *  I1  State and token are one word. RUNNING becomes BLOCKED only while there is no
 *      token; who adds the token to BLOCKED makes it READY and queues the task,
 *      and nobody else does. So no wake-up is lost, and a task is in one queue at
 *      most, once. READY -> RUNNING is by who took it from there.
 *  I2  A hart that idles with the stack of its own task sets its bit in
 *      sched_idlers instead, then looks for the token; who wakes adds the token,
 *      then looks at sched_idlers (Dekker).
 *  I3  No ready task waits while a hart idles that may run it, for the same reason:
 *      who queues it looks at sched_idlers afterwards; a hart sets its bit, then
 *      looks at all queues. Who clears another's bit interrupts it, once.
 *  I4  While a queue is not empty and its hart runs something, the hart's timer
 *      ticks: who queues starts it, or has the hart do so. And while it runs a
 *      process, whose time in user mode and in the kernel is what ticks find.
 *  I5  A hart is in the space of the task that it runs; a task that is DEAD or READY
 *      is in none. So a space that no task has is on no hart.
 *  I6  Queues of harts that never idle are levelled by the tick, down to a difference
 *      of one, and who has that one changes. So tasks that compute have equal
 *      shares in the long run, whatever number of them there is.
 *
 * A hart's own task is what it fell out of boot with. It is what runs when nothing
 * else does, even while it waits for something itself: then it is RUNNING without
 * a token, sleeps in nap(), and goes on when there is one, or somebody to run.
 *
 * Locking: a queue's lock (LOCK_RUN), one at a time, interrupts off; it covers the
 * list and the timers. State and masks are atomic. Queues are in sched_queue.c,
 * timers in sched_timer.c.
 *
 * Cost: task_yield() to another and back twice some 200 instructions, with an
 * address space of its own half as much more; nothing for a task of the kernel that
 * is alone, no tick.
 */
#include <kernel/assert.h>
#include <kernel/smp.h>
#include <mm/umap.h>

#include "sched_impl.h"

PERCPU struct sched_hart sched_harts;

/* Acquire: what was stored before the wake-up. */
static bool take_token(struct task *t)
{
	return __atomic_fetch_and(&t->state, ~TASK_TOKEN, __ATOMIC_ACQUIRE) &
	       TASK_TOKEN;
}

/* The one that ran here before is still ready. */
static inline void requeue(struct sched_hart *h, struct task *t)
{
	bool movable = is_movable(t);
	cpumask_t free;

	becomes(t, TASK_RUNNING, TASK_READY);
	push(h, t);
	arch_smp_mb(); /* partner: nap() (I3) */
	free = sched_mask(&sched_idlers);
	if (free && movable)
		sched_rouse(free & -free);
}

/* --- from task to task --- */

/* Others may now do with the one before what they like (I1). */
static void arrive(void)
{
	struct sched_hart *h = this_cpu(sched_harts);
	struct task *t = h->left;

	switch (h->left_is) {
	case TASK_READY:
		requeue(h, t);
		break;
	case TASK_BLOCKED:
		/* From here on it may run, and end; or it has a token. */
		if (!cas_state(t, TASK_RUNNING, TASK_BLOCKED)) {
			becomes(t, TASK_RUNNING, TASK_READY);
			sched_enqueue(t);
		}
		break;
	default:
		task_reap(t);
	}
	if (!h->ticking)
		sched_check_tick(h);
}

/* Whoever lets others run has done what the tick wanted. */
static inline void rested(struct task *t)
{
	if (__atomic_load_n(&t->flags, __ATOMIC_RELAXED) & TASK_RESCHED)
		__atomic_fetch_and(&t->flags, ~(uint32_t)TASK_RESCHED,
				   __ATOMIC_RELAXED);
}

static void switch_to(struct sched_hart *h, struct task *me, struct task *to,
		      enum task_state me_is)
{
	uint64_t now = arch_time();

	*(me->process ? &me->time_user : &me->time_kernel) += now - me->since;
	to->since = now;
	to->switches++;
	h->left = me;
	h->left_is = me_is;
	arch_task_set(to);
	if (to->umap != me->umap)
		umap_activate(to->umap);
	arch_context_switch(&me->context, &to->context, to->stack);
	arrive();
}

/* The next one, RUNNING; NULL: there is none. */
static struct task *take(struct sched_hart *h)
{
	struct task *t = pop(h);

	return t ? t : sched_steal();
}

/* The same, and if need be the hart's own. */
static struct task *take_any(struct sched_hart *h)
{
	struct task *t;

	while (!(t = take(h))) {
		if (cas_state(&h->own, TASK_BLOCKED, TASK_RUNNING))
			return &h->own;
		/* Somebody wakes it; it will be in the queue. */
		smp_relax();
	}
	return t;
}

static bool may_go_on(const struct task *t)
{
	return has_token(t) || __atomic_load_n(&t->expired, __ATOMIC_RELAXED);
}

static bool any_to_run(const struct sched_hart *h)
{
	cpumask_t all = sched_mask(&sched_present);

	if (get_count(&h->count))
		return true;
	for_each_cpu (cpu, all)
		if (get_count(&cpu_var(sched_harts, cpu)->movable))
			return true;
	return false;
}

/* This hart was to run what is queued here, but its own task goes on instead. */
static void pass_on(struct sched_hart *h)
{
	cpumask_t free;

	sched_check_tick(h);
	if (!get_count(&h->movable))
		return;
	free = sched_mask(&sched_idlers);
	sched_rouse(free & -free);
}

/* Nothing is to run: wait for an interrupt, and take it. `flags`: interrupts were
 * on before. */
static void nap(struct sched_hart *h, uint64_t flags)
{
	cpumask_t me = cpu_bit(arch_cpu());

	__atomic_fetch_or(&sched_idlers, me, __ATOMIC_RELAXED);
	arch_smp_mb(); /* partners: tell(), task_wake() (I2, I3) */
	h->napping = true;
	if (!may_go_on(&h->own) && !any_to_run(h))
		smp_doze();
	__atomic_fetch_and(&sched_idlers, ~me, __ATOMIC_RELAXED);
	arch_irq_restore(flags);
	arch_irq_save();
	h->napping = false;
	if (may_go_on(&h->own))
		pass_on(h);
}

/* Leave the hart until there is a token, or its time has come. */
static void leave(struct task *me, uint64_t flags)
{
	while (!may_go_on(me)) {
		struct sched_hart *h = this_cpu(sched_harts);
		struct task *to = me->bound ? take(h) : take_any(h);

		rested(me);
		if (to)
			switch_to(h, me, to, TASK_BLOCKED);
		else
			nap(h, flags);
	}
}

/* Interrupts are off; `flags`: how they were. */
static bool block(struct task *me, uint64_t time, uint64_t flags)
{
	struct sched_hart *h = this_cpu(sched_harts);

	if (DEBUG_CHECKS)
		spin_check_none();
	assert(!h->held);
	if (!has_token(me)) {
		me->expired = false;
		if (time != UINT64_MAX)
			sched_timer_start(h, me, time);
		leave(me, flags);
		sched_timer_stop(me);
	}
	return take_token(me);
}

bool task_block_until(uint64_t time)
{
	struct task *me = task_current();
	uint64_t flags;
	bool woken;

	/* Without a timer: look. */
	while (time != UINT64_MAX && !arch_timer_works() && !has_token(me) &&
	       arch_time() < time)
		sched_idle(0);
	if (time != UINT64_MAX && !arch_timer_works())
		return take_token(me);
	flags = arch_irq_save();
	woken = block(me, time, flags);
	arch_irq_restore(flags);
	return woken;
}

void task_block(void)
{
	task_block_until(UINT64_MAX);
}

void task_yield(void)
{
	struct task *me = task_current(), *to;
	struct sched_hart *h;
	uint64_t flags;

	if (!me)
		return;
	if (DEBUG_CHECKS)
		spin_check_none();
	flags = arch_irq_save();
	h = this_cpu(sched_harts);
	rested(me);
	to = h->held ? NULL : pop(h);
	if (to)
		switch_to(h, me, to, TASK_READY);
	arch_irq_restore(flags);
}

void task_resched(void)
{
	const struct task *t = task_current();

	if (t && __atomic_load_n(&t->flags, __ATOMIC_RELAXED) & TASK_RESCHED &&
	    arch_irq_enabled())
		task_yield();
}

void sched_begin(void)
{
	arrive();
}

void sched_exit(void)
{
	struct sched_hart *h = this_cpu(sched_harts);

	switch_to(h, task_current(), take_any(h), TASK_DEAD);
	__builtin_unreachable();
}

/* --- idling --- */

/* On the spot: this hart is nobody else's. */
static void wait_here(struct sched_hart *h, uint64_t until)
{
	uint64_t next = h->ticking ? min_u64(h->tick_at, h->first) : h->first;

	arch_timer_set(min_u64(until, next));
	smp_doze();
}

/* It is this hart's interrupts that count, so the task stays here. */
void sched_idle(uint64_t until)
{
	struct task *me = task_current();
	cpumask_t allowed = me->allowed;
	struct sched_hart *h;
	struct waiter w;
	uint64_t flags;

	if (!until || (until != UINT64_MAX && !arch_timer_works())) {
		task_yield();
		arch_relax();
		return;
	}
	flags = arch_irq_save();
	h = this_cpu(sched_harts);
	if (h->news != me->news) {
		/* It has not looked since. */
	} else if (h->held) {
		wait_here(h, until);
	} else {
		wait_begin(&h->idlers, &w);
		me->allowed = cpu_bit(arch_cpu());
		block(me, until, flags);
		me->allowed = allowed;
		wait_end(&h->idlers, &w);
	}
	arch_irq_restore(flags);
	me->news = this_cpu(sched_harts)->news;
}

void sched_news(void)
{
	struct sched_hart *h = this_cpu(sched_harts);

	if (!task_current())
		return;
	h->news++;
	if (!list_empty(&h->idlers.waiters))
		wake_all(&h->idlers);
	sched_check_tick(h);
}

void sched_hold(bool on)
{
	struct sched_hart *h = this_cpu(sched_harts);

	set_count(&h->held, h->held + (on ? 1u : -1u));
}

/* --- boot --- */

void sched_adopt(const char *name)
{
	struct sched_hart *h = this_cpu(sched_harts);

	*h = (struct sched_hart){
		.lock = SPINLOCK_INIT(LOCK_RUN),
		.first = UINT64_MAX,
	};
	list_init(&h->ready);
	tree_init(&h->timers, NULL);
	wait_queue_init(&h->idlers);
	task_init(&h->own, name);
	h->own.state = TASK_RUNNING;
	h->own.bound = true;
	h->own.cpu = arch_cpu();
	h->own.allowed = cpu_bit(arch_cpu());
	h->own.stack = arch_stack();
	h->own.since = arch_time();
	arch_task_set(&h->own);
	__atomic_fetch_or(&sched_present, cpu_bit(arch_cpu()),
			  __ATOMIC_RELEASE);
}
