/*
 * kernel/sched.c, mutex.c and wait.c on simulated harts: tasks that take turns
 * between any two steps of theirs and of interrupts, as a seed draws it. A wake-up
 * that is lost shows as harts that all idle, on and on.
 */
#include <limits.h>
#include <string.h>

#include <host/harts.h>
#include <kernel/ktest.h>
#include <kernel/mutex.h>
#include <kernel/sched.h>
#include <kernel/smp.h>
#include <kernel/wait.h>
#include <lib/rng.h>

#include "../../kernel/sched_impl.h"

#define HARTS 4
#define TASKS 8
#define STACK KIB(64)

/* So many yields without any progress: somebody waits for ever. */
#define PATIENCE 300000u

static uint8_t stacks[TASKS][STACK] __attribute__((aligned(64)));

static struct {
	struct task task[TASKS];
	void (*body)(unsigned me);
	unsigned n, harts; /* of each */
	unsigned met;	   /* harts that are there (a) */
	unsigned done;	   /* tasks (a) */
	struct wait_queue over;
	unsigned idle; /* yields since anybody made progress */
	uint64_t seed;
} t;

static void progress(void)
{
	t.idle = 0;
}

static void watch(void *ctx)
{
	(void)ctx;
	if (t.idle++ == PATIENCE)
		panic("seed %#llx: %u of %u tasks have ended, and no other does",
		      (unsigned long long)t.seed, t.done, t.n);
}

static const struct harts_hooks hooks = {.yield = watch, .sleep = true};

static void task_entry(void)
{
	struct task *me = task_current();

	sched_begin();
	arch_irq_restore(true);
	t.body((unsigned)(me - t.task));
	__atomic_fetch_add(&t.done, 1, __ATOMIC_RELAXED);
	progress();
	wake_all(&t.over);
	/* Its stack is the test's. */
	for (;;)
		task_block();
}

static void make(unsigned i)
{
	struct task *task = &t.task[i];
	uintptr_t stack = (uintptr_t)stacks[i];

	task_init(task, "test");
	task->stack = range_make(stack, stack + STACK);
	task->cpu = i % t.harts;
	arch_context_init(&task->context, task->stack, task_entry);
}

static void run_hart(void)
{
	uint64_t flags = arch_irq_save();

	sched_adopt("hart");
	arch_irq_restore(flags);
	__atomic_fetch_add(&t.met, 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(&t.met, __ATOMIC_RELAXED) < t.harts)
		arch_relax();
	for (unsigned i = arch_cpu(); i < t.n; i += t.harts)
		sched_ready(&t.task[i]);
	wait_on(&t.over, __atomic_load_n(&t.done, __ATOMIC_RELAXED) == t.n);
	list_del(&task_current()->all);
	arch_task_set(NULL);
}

/* n tasks run the body, on all harts. */
static void run(unsigned n, void (*body)(unsigned me), uint64_t seed)
{
	void (*const fn[HARTS])(void) = {run_hart, run_hart, run_hart,
					 run_hart};

	t.n = n;
	t.harts = HARTS;
	t.body = body;
	t.met = t.done = t.idle = 0;
	t.seed = seed;
	wait_queue_init(&t.over);
	for (unsigned i = 0; i < n; i++)
		make(i);
	harts_run(HARTS, fn, &hooks, seed);
	for (unsigned i = 0; i < n; i++)
		list_del(&t.task[i].all);
}

static void run_many(unsigned n, void (*body)(unsigned me), void (*reset)(void),
		     void (*check)(void))
{
	uint64_t seeds = 20 + ktest_ops() / 5000;

	KTEST_STEPS (i, seeds) {
		reset();
		run(n, body, ktest_seed() + i);
		check();
	}
}

/* --- tokens --- */

static struct {
	uint32_t mine[TASKS]; /* (a) */
	uint64_t turns;
	uint64_t wakeups; /* for nothing (a) */
} ring;

static void ring_reset(void)
{
	memset(&ring, 0, sizeof(ring));
	ring.mine[0] = 1;
}

static void ring_turn(unsigned me)
{
	unsigned next = (me + 1) % t.n;

	for (unsigned i = 0; i < 5; i++) {
		while (!__atomic_exchange_n(&ring.mine[me], 0,
					    __ATOMIC_ACQUIRE))
			task_block();
		progress();
		ring.turns++;
		__atomic_store_n(&ring.mine[next], 1, __ATOMIC_RELEASE);
		task_wake(&t.task[next]);
	}
}

/* On a hart of its own, which nobody else can relieve. */
static void bound_turn(unsigned me)
{
	t.task[me].allowed = cpu_bit(me % HARTS);
	ring_turn(me);
}

static void ring_check(void)
{
	EXPECT_EQ(ring.turns, 5 * t.n);
}

KTEST(sched, no_wakeup_is_lost)
{
	run_many(TASKS, ring_turn, ring_reset, ring_check);
	run_many(2, ring_turn, ring_reset, ring_check);
	run_many(HARTS, bound_turn, ring_reset, ring_check);
}

/* --- mutex --- */

static struct {
	struct mutex lock;
	unsigned inside; /* (l) */
	uint64_t rounds; /* (l) */
} m;

static void mutex_reset(void)
{
	mutex_init(&m.lock);
	m.inside = 0;
	m.rounds = 0;
}

static void mutex_rounds(unsigned me)
{
	for (unsigned i = 0; i < 6; i++) {
		mutex_lock(&m.lock);
		EXPECT_EQ(m.inside++, 0);
		EXPECT(mutex_is_mine(&m.lock));
		harts_yield();
		if ((i + me) % 3 == 0)
			task_yield();
		EXPECT_EQ(--m.inside, 0);
		m.rounds++;
		mutex_unlock(&m.lock);
		progress();
		harts_yield();
	}
}

static void mutex_check(void)
{
	EXPECT_EQ(m.rounds, 6 * t.n);
	EXPECT_EQ(m.lock.state, 0);
	EXPECT(list_empty(&m.lock.waiters));
}

KTEST(sched, a_mutex_lets_one_in_and_none_waits_for_ever)
{
	run_many(TASKS, mutex_rounds, mutex_reset, mutex_check);
}

/* Harts without tasks use them, too. */
static void without_tasks(void)
{
	EXPECT(!task_current());
	for (unsigned i = 0; i < 10; i++) {
		mutex_lock(&m.lock);
		EXPECT_EQ(m.inside++, 0);
		harts_yield();
		EXPECT_EQ(--m.inside, 0);
		m.rounds++;
		mutex_unlock(&m.lock);
		progress();
	}
}

KTEST(sched, a_mutex_works_without_tasks)
{
	void (*const fn[HARTS])(void) = {without_tasks, without_tasks,
					 without_tasks, without_tasks};

	mutex_reset();
	t.idle = 0;
	harts_run(HARTS, fn, &hooks, ktest_seed());
	EXPECT_EQ(m.rounds, 10 * HARTS);
	without_tasks();
	EXPECT_EQ(m.lock.state, 0);
}

/* --- wait queues --- */

static struct {
	struct wait_queue room, things;
	unsigned n; /* things; 2 at most (a) */
	uint64_t in, out;
} store;

static void store_reset(void)
{
	wait_queue_init(&store.room);
	wait_queue_init(&store.things);
	store.n = 0;
	store.in = store.out = 0;
}

/* One more or one fewer, if that can be. */
static bool change(bool more)
{
	unsigned n = __atomic_load_n(&store.n, __ATOMIC_RELAXED);

	do {
		if (n == (more ? 2 : 0))
			return false;
	} while (!__atomic_compare_exchange_n(
		&store.n, &n, more ? n + 1 : n - 1, false, __ATOMIC_RELAXED,
		__ATOMIC_RELAXED));
	progress();
	return true;
}

/* Even ones bring, odd ones take. */
static void trade(unsigned me)
{
	for (unsigned i = 0; i < 6; i++)
		if (me % 2) {
			wait_on(&store.things, change(false));
			store.out++;
			wake_one(&store.room);
		} else {
			wait_on(&store.room, change(true));
			store.in++;
			wake_one(&store.things);
		}
}

static void store_check(void)
{
	EXPECT_EQ(store.in, 3 * t.n);
	EXPECT_EQ(store.out, 3 * t.n);
	EXPECT_EQ(store.n, 0);
	EXPECT(list_empty(&store.room.waiters));
	EXPECT(list_empty(&store.things.waiters));
}

KTEST(sched, wake_one_is_enough_for_what_one_uses_up)
{
	run_many(TASKS, trade, store_reset, store_check);
}

/* Much may happen between the look and what follows. */
static bool take_slowly(void)
{
	bool got = change(false);

	harts_yield();
	return got;
}

static void bring(void)
{
	__atomic_fetch_add(&store.n, 1, __ATOMIC_RELAXED);
	progress();
	wake_one(&store.things);
}

/* The first brings one for each odd one, and tells the even ones to give up: what
 * these were woken for must reach the others. */
static void give_up(unsigned me)
{
	bool got;

	for (unsigned i = 2; me == 0 && i <= t.n; i += 2) {
		if (i < t.n)
			task_notify(&t.task[i], TASK_KILLED);
		for (uint64_t n = t.seed % 32; n; n--)
			harts_yield();
		bring();
	}
	if (me == 0)
		return;
	got = wait_on_killable(&store.things, take_slowly());
	EXPECT(got || me % 2 == 0);
	if (got && me % 2 == 0)
		bring();
}

static void give_up_check(void)
{
	EXPECT_EQ(store.n, 0);
	EXPECT(list_empty(&store.things.waiters));
}

KTEST(sched, who_gives_up_passes_its_wakeup_on)
{
	run_many(TASKS, give_up, store_reset, give_up_check);
}

/* --- where --- */

static uint64_t ran[HARTS];

static void yield_often(unsigned me)
{
	t.task[me].allowed = me % 2 ? ~(cpumask_t)0 : cpu_bit(me % HARTS);
	task_yield();
	for (unsigned i = 0; i < 10; i++) {
		progress();
		ran[arch_cpu()]++;
		task_yield();
	}
}

static void where_reset(void)
{
	memset(ran, 0, sizeof(ran));
}

static void where_check(void)
{
	EXPECT_EQ(ran[0] + ran[1] + ran[2] + ran[3], 10 * t.n);
}

KTEST(sched, all_that_is_ready_runs)
{
	run_many(TASKS, yield_often, where_reset, where_check);
}

static uint64_t arrived; /* (a) */

/* As many as there are harts, and none of them sleeps: all must run, so none may
 * be left in a queue. */
static void meet_often(unsigned me)
{
	struct rng rng = rng_seed(t.seed + me);

	for (unsigned i = 1; i <= 10; i++) {
		__atomic_fetch_add(&arrived, 1, __ATOMIC_RELAXED);
		progress();
		if (!rng_below(&rng, 2))
			task_yield();
		while (__atomic_load_n(&arrived, __ATOMIC_RELAXED) < i * t.n)
			harts_yield();
	}
}

static void meet_reset(void)
{
	arrived = 0;
}

static void meet_check(void)
{
	EXPECT_EQ(arrived, 10 * t.n);
}

KTEST(sched, none_waits_while_a_hart_idles)
{
	run_many(HARTS, meet_often, meet_reset, meet_check);
}

/* --- shares --- */

#define SHARE 4000 /* turns */

static unsigned turns[TASKS];
static uint64_t computed; /* (a) */

/* It never sleeps, and has a tick after each step. */
static void compute(unsigned me)
{
	while (__atomic_fetch_add(&computed, 1, __ATOMIC_RELAXED) <
	       SHARE * t.n) {
		uint64_t flags;

		turns[me]++;
		progress();
		harts_yield();
		flags = arch_irq_save();
		sched_balance(this_cpu(sched_harts));
		arch_irq_restore(flags);
		task_yield();
	}
}

static void compute_reset(void)
{
	memset(turns, 0, sizeof(turns));
	computed = 0;
}

static void compute_check(void)
{
	unsigned least = UINT_MAX, most = 0;

	for (unsigned i = 0; i < t.n; i++) {
		if (turns[i] < least)
			least = turns[i];
		if (turns[i] > most)
			most = turns[i];
	}
	/* Harts are drawn at random. */
	if (2 * most > 3 * least)
		EXPECT_EQ(least, most);
}

/* I6, whatever the number of tasks. */
KTEST(sched, who_computes_has_a_share)
{
	for (unsigned n = HARTS + 1; n <= TASKS; n++)
		for (unsigned i = 0; i < 4; i++) {
			compute_reset();
			run(n, compute, ktest_seed() + i);
			compute_check();
		}
}
