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
 *  I2  A hart that idles with the stack of its own task sets its bit in `idle`
 *      instead, then looks for the token; who wakes adds the token, then looks
 *      at `idle` (Dekker).
 *  I3  No ready task waits while a hart idles that may run it, for the same reason:
 *      who queues it looks at `idle` afterwards; a hart sets its bit, then looks at
 *      all queues. Who clears another's bit interrupts it, once.
 *  I4  While a queue is not empty and its hart runs something, the hart's timer
 *      ticks: who queues starts it, or has the hart do so.
 *  I5  A hart is in the space of the task that it runs; a task that is DEAD or READY
 *      is in none. So a space that no task has is on no hart.
 *
 * A hart's own task is what it fell out of boot with. It is what runs when nothing
 * else does, even while it waits for something itself: then it is RUNNING without
 * a token, sleeps in nap(), and goes on when there is one, or somebody to run.
 *
 * Timers: each hart has a tree of the tasks that went to sleep there until a time.
 * One that wakes elsewhere takes itself out. `timed` is cleared last, so a task
 * that finds it clear is in nobody's hands (I6).
 *
 * Locking: a queue's lock (LOCK_RUN), one at a time, interrupts off; it covers the
 * list and the timers. State and masks are atomic.
 *
 * Cost: task_yield() to another and back twice some 200 instructions, with an
 * address space of its own half as much more; nothing for a task alone, no tick.
 */
#include <arch/cpu.h>
#include <kernel/sched.h>
#include <kernel/smp.h>
#include <kernel/spinlock.h>
#include <kernel/time.h>
#include <kernel/wait.h>
#include <mm/umap.h>

#define SLICE_US 10000u

struct hart {
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
	unsigned held;
	uint64_t tick_at;
	uint32_t news;
	struct wait_queue idlers; /* in smp_idle() */
	struct task own;
};

static PERCPU struct hart harts;
static cpumask_t present; /* harts that take tasks (a) */
static cpumask_t idle;	  /* those that have nothing to run (a) */

static bool cas_state(struct task *t, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(&t->state, &from, to, false,
					   __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static bool has_token(const struct task *t)
{
	return __atomic_load_n(&t->state, __ATOMIC_RELAXED) & TASK_TOKEN;
}

/* Acquire: what was stored before the wake-up. */
static bool take_token(struct task *t)
{
	return __atomic_fetch_and(&t->state, ~TASK_TOKEN, __ATOMIC_ACQUIRE) &
	       TASK_TOKEN;
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

/* --- the clock --- */

static void arm(struct hart *h)
{
	arch_timer_set(h->ticking ? min_u64(h->tick_at, h->first) : h->first);
}

static void start_tick(struct hart *h)
{
	if (h->ticking)
		return;
	__atomic_store_n(&h->ticking, true, __ATOMIC_RELAXED);
	h->tick_at = arch_time() + time_ticks(SLICE_US);
	arm(h);
}

/* I4: the hart runs something and others may want it. */
static void check_tick(struct hart *h)
{
	arch_smp_mb(); /* `ticking` before this; partner: tell() */
	if (get_count(&h->count) && !h->napping)
		start_tick(h);
}

/* --- queues --- */

static bool is_movable(const struct task *t)
{
	return t->allowed == ~(cpumask_t)0;
}

/* The lock is held; others look without. A plain store: for an atomic one, gcc
 * makes a swap. */
static inline void set_count(unsigned *count, unsigned n)
{
	*(volatile unsigned *)count = n;
}

static inline void add_counts(struct hart *h, const struct task *t, unsigned n)
{
	set_count(&h->count, h->count + n);
	if (is_movable(t))
		set_count(&h->movable, h->movable + n);
}

/* Interrupts are off. */
static inline void push(struct hart *h, struct task *t)
{
	spin_lock(&h->lock);
	list_add_tail(&h->ready, &t->run);
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
static inline struct task *pop(struct hart *h)
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

/* The first of another's that may go. */
static struct task *steal_from(struct hart *h)
{
	struct task *found = NULL;

	spin_lock(&h->lock);
	list_for_each (l, &h->ready) {
		struct task *t = list_entry(l, struct task, run);

		if (is_movable(t)) {
			found = t;
			list_del(&t->run);
			add_counts(h, t, -1u);
			break;
		}
	}
	spin_unlock(&h->lock);
	return found ? runs(found) : NULL;
}

static struct task *steal(void)
{
	cpumask_t others = __atomic_load_n(&present, __ATOMIC_RELAXED) &
			   ~cpu_bit(arch_cpu());

	for_each_cpu (cpu, others) {
		struct hart *h = cpu_var(harts, cpu);
		struct task *t = get_count(&h->movable) ? steal_from(h) : NULL;

		if (t)
			return t;
	}
	return NULL;
}

/* This hart was idle, and is told that it is not. */
static bool rouse(cpumask_t cpus)
{
	cpumask_t old;

	if (!cpus)
		return false;
	old = __atomic_fetch_and(&idle, ~cpus, __ATOMIC_RELAXED);
	if (!(old & cpus))
		return false;
	smp_wake(cpus);
	return true;
}

static unsigned choose(const struct task *t)
{
	cpumask_t able =
		t->allowed & __atomic_load_n(&present, __ATOMIC_RELAXED);
	cpumask_t free = able & __atomic_load_n(&idle, __ATOMIC_RELAXED);
	cpumask_t last = cpu_bit(t->cpu);

	if (free)
		return free & last ? t->cpu : lowest_bit(free);
	return able & last ? t->cpu : lowest_bit(able);
}

/* One that may run on these harts was queued there: who must know? */
static void tell(unsigned cpu, cpumask_t allowed)
{
	struct hart *h = cpu_var(harts, cpu);
	cpumask_t free;

	arch_smp_mb(); /* the queue, before who idles or ticks (I3, I4) */
	if (rouse(cpu_bit(cpu) & __atomic_load_n(&idle, __ATOMIC_RELAXED)))
		return;
	if (cpu == arch_cpu())
		check_tick(h);
	else if (!__atomic_load_n(&h->ticking, __ATOMIC_RELAXED))
		smp_wake(cpu_bit(cpu));
	/* It may steal. */
	free = __atomic_load_n(&idle, __ATOMIC_RELAXED);
	if (~allowed == 0)
		rouse(free & -free);
}

/* It is READY, and nobody else's (I1). */
static void enqueue(struct task *t)
{
	uint64_t flags = arch_irq_save();
	cpumask_t allowed = t->allowed;
	unsigned cpu = choose(t);

	push(cpu_var(harts, cpu), t);
	/* From here on it may run, and end. */
	tell(cpu, allowed);
	arch_irq_restore(flags);
}

/* The same, of the one that ran here before; the tick is looked after. */
static inline void requeue(struct hart *h, struct task *t)
{
	bool movable = is_movable(t);
	cpumask_t free;

	becomes(t, TASK_RUNNING, TASK_READY);
	push(h, t);
	arch_smp_mb(); /* as in tell() */
	free = __atomic_load_n(&idle, __ATOMIC_RELAXED);
	if (free && movable)
		rouse(free & -free);
}

void sched_ready(struct task *t)
{
	becomes(t, TASK_NEW, TASK_READY);
	enqueue(t);
}

void task_wake(struct task *t)
{
	/* Awake, it may be gone as soon as it has the token. */
	bool bound = t->bound;
	unsigned cpu = t->cpu;
	/* Release: what was stored before; acquire: its context. */
	uint32_t old =
		__atomic_fetch_or(&t->state, TASK_TOKEN, __ATOMIC_ACQ_REL);

	if (old == TASK_BLOCKED) {
		becomes(t, TASK_BLOCKED, TASK_READY);
		enqueue(t);
	} else if (old == TASK_RUNNING && bound) {
		arch_smp_mb(); /* partner: nap() (I2) */
		rouse(cpu_bit(cpu) & __atomic_load_n(&idle, __ATOMIC_RELAXED));
	}
}

/* --- timers --- */

static struct task *timer_of(const struct tree_node *n)
{
	return n ? list_entry(n, struct task, timer) : NULL;
}

/* The tree has changed; the lock is held. */
static void find_first(struct hart *h)
{
	const struct task *t = timer_of(tree_first(&h->timers));

	h->first = t ? t->wake_at : UINT64_MAX;
}

static void timer_start(struct hart *h, struct task *t, uint64_t time)
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

static void timer_stop(struct task *t)
{
	struct hart *h = cpu_var(harts, t->timer_cpu);

	/* Acquire: I6. */
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
static void expire(struct hart *h, uint64_t now, struct list *ready)
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

void sched_timer(void)
{
	struct hart *h = this_cpu(harts);
	struct list ready = LIST_INIT(ready);
	struct task *t = task_current();
	uint64_t now = arch_time();

	if (!t)
		return;
	expire(h, now, &ready);
	if (h->ticking && h->tick_at <= now) {
		__atomic_store_n(&h->ticking, false, __ATOMIC_RELAXED);
		if (get_count(&h->count))
			__atomic_fetch_or(&t->flags, TASK_RESCHED,
					  __ATOMIC_RELAXED);
		check_tick(h);
	}
	list_for_each_safe (l, &ready)
		enqueue(list_entry(l, struct task, run));
	arm(h);
}

/* --- from task to task --- */

/* Others may now do with the one before what they like (I1). */
static void arrive(void)
{
	struct hart *h = this_cpu(harts);
	struct task *t = h->left;

	switch (h->left_is) {
	case TASK_READY:
		requeue(h, t);
		break;
	case TASK_BLOCKED:
		/* From here on it may run, and end; or it has a token. */
		if (!cas_state(t, TASK_RUNNING, TASK_BLOCKED)) {
			becomes(t, TASK_RUNNING, TASK_READY);
			enqueue(t);
		}
		break;
	default:
		task_reap(t);
	}
	if (!h->ticking)
		check_tick(h);
}

/* Whoever lets others run has done what the tick wanted. */
static inline void rested(struct task *t)
{
	if (__atomic_load_n(&t->flags, __ATOMIC_RELAXED) & TASK_RESCHED)
		__atomic_fetch_and(&t->flags, ~(uint32_t)TASK_RESCHED,
				   __ATOMIC_RELAXED);
}

static void switch_to(struct hart *h, struct task *me, struct task *to,
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
static struct task *take(struct hart *h)
{
	struct task *t = pop(h);

	return t ? t : steal();
}

/* The same, and if need be the hart's own. */
static struct task *take_any(struct hart *h)
{
	struct task *t;

	while (!(t = take(h))) {
		if (cas_state(&h->own, TASK_BLOCKED, TASK_RUNNING))
			return &h->own;
		/* Somebody wakes it; it will be in the queue. */
		arch_relax();
	}
	return t;
}

static bool may_go_on(const struct task *t)
{
	return has_token(t) || __atomic_load_n(&t->expired, __ATOMIC_RELAXED);
}

static bool any_to_run(const struct hart *h)
{
	cpumask_t all = __atomic_load_n(&present, __ATOMIC_RELAXED);

	if (get_count(&h->count))
		return true;
	for_each_cpu (cpu, all)
		if (get_count(&cpu_var(harts, cpu)->movable))
			return true;
	return false;
}

/* Nothing is to run: wait for an interrupt, and take it. `flags`: interrupts were
 * on before. */
static void nap(struct hart *h, uint64_t flags)
{
	cpumask_t me = cpu_bit(arch_cpu());

	__atomic_fetch_or(&idle, me, __ATOMIC_RELAXED);
	arch_smp_mb(); /* partners: tell(), task_wake() (I2, I3) */
	h->napping = true;
	if (!may_go_on(&h->own) && !any_to_run(h))
		smp_doze();
	__atomic_fetch_and(&idle, ~me, __ATOMIC_RELAXED);
	arch_irq_restore(flags);
	arch_irq_save();
	h->napping = false;
}

/* Leave the hart until there is a token, or its time has come. */
static void leave(struct task *me, uint64_t flags)
{
	while (!may_go_on(me)) {
		struct hart *h = this_cpu(harts);
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
	struct hart *h = this_cpu(harts);

	if (DEBUG_CHECKS)
		spin_check_none();
	assert(!h->held);
	if (!has_token(me)) {
		me->expired = false;
		if (time != UINT64_MAX)
			timer_start(h, me, time);
		leave(me, flags);
		timer_stop(me);
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
	struct hart *h;
	uint64_t flags;

	if (!me)
		return;
	if (DEBUG_CHECKS)
		spin_check_none();
	flags = arch_irq_save();
	h = this_cpu(harts);
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
	struct hart *h = this_cpu(harts);

	switch_to(h, task_current(), take_any(h), TASK_DEAD);
	__builtin_unreachable();
}

/* --- idling --- */

/* On the spot: this hart is nobody else's. */
static void wait_here(struct hart *h, uint64_t until)
{
	arch_timer_set(min_u64(until, h->first));
	smp_doze();
}

/* It is this hart's interrupts that count, so the task stays here. */
void sched_idle(uint64_t until)
{
	struct task *me = task_current();
	cpumask_t allowed = me->allowed;
	struct hart *h;
	struct waiter w;
	uint64_t flags;

	if (!until || (until != UINT64_MAX && !arch_timer_works())) {
		task_yield();
		arch_relax();
		return;
	}
	flags = arch_irq_save();
	h = this_cpu(harts);
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
	me->news = this_cpu(harts)->news;
}

void sched_news(void)
{
	struct hart *h = this_cpu(harts);

	if (!task_current())
		return;
	h->news++;
	if (!list_empty(&h->idlers.waiters))
		wake_all(&h->idlers);
	check_tick(h);
}

void sched_hold(bool on)
{
	this_cpu(harts)->held += on ? 1u : -1u;
}

/* --- boot --- */

void sched_adopt(const char *name)
{
	struct hart *h = this_cpu(harts);

	*h = (struct hart){
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
	__atomic_fetch_or(&present, cpu_bit(arch_cpu()), __ATOMIC_RELEASE);
}
