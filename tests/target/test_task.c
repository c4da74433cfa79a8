/*
 * Tasks, on all harts: who runs, who wakes, what is left of those that end. What
 * the invariants of kernel/sched.c forbid shows as a count that is wrong, or as a
 * test that never ends.
 */
#include <arch/cpu.h>
#include <kernel/console.h>
#include <kernel/ktest.h>
#include <kernel/mutex.h>
#include <kernel/smp.h>
#include <kernel/task.h>
#include <kernel/time.h>
#include <kernel/wait.h>
#include <lib/rng.h>
#include <mm/kmalloc.h>
#include <mm/reclaim.h>
#include <mm/vmalloc.h>
#include <mm/zone.h>

/* Who waits for all that were started. */
static struct wait_queue ended = WAIT_QUEUE_INIT(ended);
static unsigned running; /* (a) */

static void ends(void)
{
	__atomic_fetch_sub(&running, 1, __ATOMIC_RELEASE);
	wake_all(&ended);
}

static bool start_on(cpumask_t allowed, void (*fn)(void *arg), void *arg)
{
	struct task *t = task_create("test", fn, arg);

	if (!t)
		return false;
	t->allowed = allowed;
	__atomic_fetch_add(&running, 1, __ATOMIC_RELAXED);
	task_start(t);
	task_put(t);
	return true;
}

static bool start(void (*fn)(void *arg), void *arg)
{
	return start_on(~(cpumask_t)0, fn, arg);
}

static void wait_for_all(void)
{
	wait_on(&ended, !__atomic_load_n(&running, __ATOMIC_ACQUIRE));
}

static unsigned harts(void)
{
	return (unsigned)__builtin_popcountll(cpus_online());
}

/* Frames in use when nothing is kept for later. */
static uint64_t frames(void)
{
	/* The last one's stack goes when its hart has left it. */
	for (unsigned i = 0; i < 100; i++)
		smp_idle(arch_time() + time_ticks(100));
	vmalloc_purge();
	reclaim();
	return zone_used_frames();
}

static uint64_t count; /* (a) */

static void add_one(void *arg)
{
	(void)arg;
	__atomic_fetch_add(&count, 1, __ATOMIC_RELAXED);
	ends();
}

static int count_tasks(void *ctx, struct task *t)
{
	(void)t;
	(*(unsigned *)ctx)++;
	return 0;
}

static unsigned tasks(void)
{
	unsigned n = 0;

	task_each(count_tasks, &n);
	return n;
}

KTEST(task, thousands_come_and_go_and_leave_nothing)
{
	uint64_t before = frames();
	unsigned others = tasks();

	EXPECT(others >= harts());
	count = 0;
	for (unsigned i = 0; i < 20; i++) {
		for (unsigned n = 0; n < 100; n++)
			EXPECT(start(add_one, NULL));
		EXPECT(tasks() >= others);
		wait_for_all();
	}
	EXPECT_EQ(count, 2000);
	EXPECT_EQ(frames(), before);
	EXPECT_EQ(tasks(), others);
}

static void give_way(void *arg)
{
	bool *stop = arg;

	while (!__atomic_load_n(stop, __ATOMIC_RELAXED)) {
		count++;
		task_yield();
	}
	ends();
}

/* Others may have stored the old value again. */
KTEST(task, what_one_reserves_is_not_for_the_next)
{
	uint64_t word = 0, failed;
	bool stop = false;
	struct task *me = task_current();
	cpumask_t allowed = me->allowed;

	me->allowed = cpu_bit(arch_cpu());
	count = 0;
	REQUIRE(start_on(me->allowed, give_way, &stop));
	while (!count)
		task_yield();
	__asm__ volatile("lr.d zero, (%0)" : : "r"(&word) : "memory");
	task_yield();
	__asm__ volatile("sc.d %0, %1, (%2)"
			 : "=&r"(failed)
			 : "r"(count), "r"(&word)
			 : "memory");
	EXPECT(failed);
	EXPECT_EQ(word, 0);
	EXPECT(count > 1);
	stop = true;
	me->allowed = allowed;
	wait_for_all();
}

KTEST(task, one_that_never_starts_is_freed)
{
	uint64_t before = frames();
	struct task *t = task_create("never", add_one, NULL);

	REQUIRE(t);
	EXPECT_EQ(task_state(t), TASK_NEW);
	task_put(t);
	EXPECT_EQ(frames(), before);
}

/* --- wake-ups --- */

#define RING 8

/* A token goes around; so does a number, which each increments. */
static struct player {
	struct task *task;
	uint64_t turns, to;
	uint32_t mine; /* (a) */
} ring[RING];

static void play(void *arg)
{
	struct player *me = arg;
	struct player *next = &ring[(me - ring + 1) % RING];

	while (me->turns < me->to) {
		while (!__atomic_exchange_n(&me->mine, 0, __ATOMIC_ACQUIRE))
			task_block();
		me->turns++;
		count++; /* by one at a time */
		__atomic_store_n(&next->mine, 1, __ATOMIC_RELEASE);
		task_wake(next->task);
	}
	ends();
}

KTEST(task, no_wakeup_is_lost_in_a_ring)
{
	uint64_t turns = 100 + ktest_ops() / 2000;

	count = 0;
	for (unsigned i = 0; i < RING; i++) {
		ring[i] = (struct player){.to = turns};
		ring[i].task = task_create("ring", play, &ring[i]);
		REQUIRE(ring[i].task);
	}
	running = RING;
	for (unsigned i = 0; i < RING; i++)
		task_start(ring[i].task);
	ring[0].mine = 1;
	task_wake(ring[0].task);
	wait_for_all();
	EXPECT_EQ(count, RING * turns);
	for (unsigned i = 0; i < RING; i++)
		task_put(ring[i].task);
}

/* Producers and consumers with little room between them. */
static struct {
	struct mutex lock;
	struct wait_queue room, things;
	unsigned n;		  /* (l) */
	uint64_t in, out, rounds; /* (l) */
} store;

static void produce(void *arg)
{
	(void)arg;
	for (uint64_t i = 0; i < store.rounds; i++) {
		mutex_lock(&store.lock);
		while (store.n == 3) {
			mutex_unlock(&store.lock);
			wait_on(&store.room,
				*(volatile unsigned *)&store.n < 3);
			mutex_lock(&store.lock);
		}
		store.n++;
		store.in++;
		mutex_unlock(&store.lock);
		wake_one(&store.things);
	}
	ends();
}

static void consume(void *arg)
{
	(void)arg;
	for (uint64_t i = 0; i < store.rounds; i++) {
		mutex_lock(&store.lock);
		while (!store.n) {
			mutex_unlock(&store.lock);
			wait_on(&store.things, *(volatile unsigned *)&store.n);
			mutex_lock(&store.lock);
		}
		store.n--;
		store.out++;
		mutex_unlock(&store.lock);
		wake_one(&store.room);
	}
	ends();
}

KTEST(task, wake_one_reaches_one_that_can_use_it)
{
	unsigned n = 6;

	mutex_init(&store.lock);
	wait_queue_init(&store.room);
	wait_queue_init(&store.things);
	store.n = 0;
	store.in = store.out = 0;
	store.rounds = 50 + ktest_ops() / 5000;
	for (unsigned i = 0; i < n; i++)
		EXPECT(start(produce, NULL) && start(consume, NULL));
	wait_for_all();
	EXPECT_EQ(store.in, n * store.rounds);
	EXPECT_EQ(store.out, store.in);
	EXPECT_EQ(store.n, 0);
}

/* --- mutexes --- */

static struct {
	struct mutex lock;
	uint64_t value, rounds; /* (l) */
	uint64_t most;		/* rounds that others had in one wait (a) */
} contest;

static void contend(void *arg)
{
	struct rng rng = rng_seed(ktest_seed() + (uintptr_t)arg);

	for (uint64_t i = 0; i < contest.rounds; i++) {
		uint64_t v;

		mutex_lock(&contest.lock);
		EXPECT(mutex_is_mine(&contest.lock));
		EXPECT(!mutex_trylock(&contest.lock));
		v = contest.value;
		if (!rng_below(&rng, 4))
			task_yield();
		contest.value = v + 1;
		mutex_unlock(&contest.lock);
		if (!rng_below(&rng, 8))
			task_yield();
	}
	ends();
}

KTEST(task, mutex_lets_one_in)
{
	unsigned n = 12;

	mutex_init(&contest.lock);
	contest.value = 0;
	contest.rounds = 50 + ktest_ops() / 5000;
	for (uintptr_t i = 0; i < n; i++)
		EXPECT(start(contend, (void *)i));
	wait_for_all();
	EXPECT_EQ(contest.value, n * contest.rounds);
	EXPECT_EQ(contest.lock.state, 0);
	EXPECT(!mutex_is_mine(&contest.lock));
	EXPECT(mutex_trylock(&contest.lock));
	EXPECT(mutex_is_mine(&contest.lock));
	mutex_unlock(&contest.lock);
}

/* --- where tasks run --- */

static cpumask_t seen; /* (a) */

static void stay_busy(void *arg)
{
	uint64_t end = arch_time() + time_ticks(20000);

	(void)arg;
	while (arch_time() < end) {
		__atomic_fetch_or(&seen, cpu_bit(arch_cpu()), __ATOMIC_RELAXED);
		task_resched();
	}
	ends();
}

/* All are queued here; others are idle, and come for them. */
KTEST(task, idle_harts_take_what_waits)
{
	seen = 0;
	/* Harts that are emulated may stand still for longer than it lasts. */
	for (unsigned round = 0; round < 50 && seen != cpus_online(); round++) {
		for (unsigned i = 0; i < 3 * harts(); i++)
			EXPECT(start(stay_busy, NULL));
		wait_for_all();
	}
	EXPECT_EQ(seen, cpus_online());
}

static void note_cpu(void *arg)
{
	for (unsigned i = 0; i < 20; i++) {
		if (arch_cpu() != *(unsigned *)arg)
			__atomic_fetch_add(&count, 1, __ATOMIC_RELAXED);
		task_yield();
	}
	ends();
}

KTEST(task, runs_only_where_it_may)
{
	unsigned cpu_of[MAX_CPUS];

	count = 0;
	for_each_cpu (cpu, cpus_online()) {
		cpu_of[cpu] = (unsigned)cpu;
		for (unsigned i = 0; i < 3; i++)
			EXPECT(start_on(cpu_bit((unsigned)cpu), note_cpu,
					&cpu_of[cpu]));
	}
	wait_for_all();
	EXPECT_EQ(count, 0);
}

static void loop_until(void *arg)
{
	while (!__atomic_load_n((bool *)arg, __ATOMIC_RELAXED))
		task_resched();
	ends();
}

static void set(void *arg)
{
	__atomic_store_n((bool *)arg, true, __ATOMIC_RELAXED);
	ends();
}

/* The one that would end the loop wants the same hart: only the tick helps. */
KTEST(task, time_slices_end)
{
	cpumask_t here = cpu_bit(lowest_bit(cpus_online()));
	uint64_t ticks = smp_counters(0)->timers;
	bool stop = false;

	if (!arch_timer_works())
		return ktest_skip("no timer");
	EXPECT(start_on(here, loop_until, &stop));
	EXPECT(start_on(here, loop_until, &stop));
	EXPECT(start_on(here, set, &stop));
	wait_for_all();
	EXPECT(smp_counters(0)->timers > ticks);
}

static struct task *napper;
static bool shared;

/* A task for the napper's hart, and at once its own goes on, too. */
static void wake_two(void *arg)
{
	unsigned cpu = *(unsigned *)arg;
	struct task *t = napper;
	uint64_t end = arch_time() + time_ticks(200);

	while (arch_time() < end)
		;
	start_on(cpu_bit(cpu), set, &shared);
	task_wake(t);
	ends();
}

/* What was queued for an idle hart whose own task goes on instead gets its turn. */
KTEST(task, a_hart_that_was_idle_shares)
{
	uint64_t patience = time_ticks(10000000);
	unsigned here = arch_cpu();

	if (!arch_timer_works() || harts() == 1)
		return ktest_skip("no timer, or one hart");
	napper = task_current();
	for (unsigned i = 0; i < 100; i++) {
		uint64_t end;

		shared = false;
		EXPECT(start_on(cpus_online() & ~cpu_bit(here), wake_two,
				&here));
		task_block();
		end = arch_time() + patience;
		while (!__atomic_load_n(&shared, __ATOMIC_RELAXED) &&
		       arch_time() < end)
			task_resched();
		EXPECT(shared);
		wait_for_all();
	}
}

/* --- time --- */

static struct sleeper {
	uint64_t until, woke;
	bool token;
} sleepers[16];

static void sleep_until(void *arg)
{
	struct sleeper *s = arg;

	s->token = task_block_until(s->until);
	s->woke = arch_time();
	ends();
}

KTEST(task, sleep_ends_when_its_time_has_come)
{
	uint64_t now = arch_time();

	if (!time_known() || !arch_timer_works())
		return ktest_skip("no timer");
	for (unsigned i = 0; i < ARRAY_SIZE(sleepers); i++) {
		sleepers[i].until = now + time_ticks(1000 * (i * 7 % 16));
		EXPECT(start(sleep_until, &sleepers[i]));
	}
	wait_for_all();
	for (unsigned i = 0; i < ARRAY_SIZE(sleepers); i++) {
		EXPECT(!sleepers[i].token);
		EXPECT(sleepers[i].woke >= sleepers[i].until);
	}
}

static void sleep_long(void *arg)
{
	struct sleeper *s = arg;

	for (s->woke = 0; s->woke < 50; s->woke++)
		if (!task_block_until(arch_time() + time_ticks(10000000)))
			break;
	ends();
}

KTEST(task, wakeup_comes_before_the_time)
{
	struct task *t = task_create("sleeper", sleep_long, &sleepers[0]);

	REQUIRE(t);
	running = 1;
	task_start(t);
	while (__atomic_load_n(&running, __ATOMIC_ACQUIRE)) {
		task_wake(t);
		task_yield();
	}
	EXPECT_EQ(sleepers[0].woke, 50);
	EXPECT(!t->timed);
	task_put(t);
}

/* --- work, and what tasks ask of harts --- */

static void ask_harts(void *arg)
{
	struct smp_work w[2];

	(void)arg;
	for_each_cpu (cpu, cpus_online()) {
		unsigned at = (unsigned)cpu;

		for (unsigned i = 0; i < 2; i++) {
			w[i] = (struct smp_work){.fn = add_one};
			__atomic_fetch_add(&running, 1, __ATOMIC_RELAXED);
			smp_run(at, &w[i]);
		}
		smp_wait(&w[0]);
		smp_wait(&w[1]);
	}
	ends();
}

KTEST(task, tasks_send_work_to_harts)
{
	count = 0;
	for (unsigned i = 0; i < 8; i++)
		EXPECT(start(ask_harts, NULL));
	wait_for_all();
	EXPECT_EQ(count, 16 * harts());
}

/* --- being told to end --- */

static struct wait_queue never = WAIT_QUEUE_INIT(never);

static void wait_for_nothing(void *arg)
{
	*(bool *)arg = wait_on_killable(&never, false);
	ends();
}

KTEST(task, a_killable_sleep_ends_with_a_kill)
{
	bool so = true;
	struct task *t = task_create("sleeper", wait_for_nothing, &so);

	REQUIRE(t);
	running = 1;
	task_start(t);
	for (unsigned i = 0; i < 3; i++)
		task_yield();
	task_notify(t, TASK_KILLED);
	wait_for_all();
	EXPECT(!so);
	EXPECT(list_empty(&never.waiters));
	EXPECT(!wait_on_until(&never, false, arch_time() + time_ticks(100)));
	task_put(t);
}
