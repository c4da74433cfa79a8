/*
 * kernel/smp.c and spinlocks on all harts of the machine. With one hart, most
 * of it has nothing to test; with more harts than processors to emulate them,
 * waiting is long: so counts are small.
 */
#include <arch/cpu.h>
#include <arch/smp.h>
#include <kernel/console.h>
#include <kernel/ktest.h>
#include <kernel/printk.h>
#include <kernel/smp.h>
#include <kernel/spinlock.h>
#include <kernel/time.h>

static struct smp_work works[MAX_CPUS];

static unsigned harts(void)
{
	return (unsigned)__builtin_popcountll(cpus_online());
}

/* Run fn(arg) on all harts at once, this one last. */
static void on_all(void (*fn)(void *arg), void *arg)
{
	cpumask_t others = cpus_online() & ~cpu_bit(arch_cpu());

	for_each_cpu (cpu, others) {
		works[cpu] = (struct smp_work){.fn = fn, .arg = arg};
		smp_run((unsigned)cpu, &works[cpu]);
	}
	fn(arg);
	for_each_cpu (cpu, others)
		smp_wait(&works[cpu]);
}

/* Wait until all harts have come here; they come once. */
static void meet(unsigned *count)
{
	__atomic_fetch_add(count, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(count, __ATOMIC_ACQUIRE) < harts())
		arch_relax();
}

/* --- calls --- */

static PERCPU uint64_t hits;
static bool irqs_on; /* in a call (a) */

static void hit(void *arg)
{
	(*this_cpu(hits))++;
	if (arch_irq_enabled())
		__atomic_store_n(&irqs_on, true, __ATOMIC_RELAXED);
	if (arg)
		__atomic_fetch_add((uint64_t *)arg, 1, __ATOMIC_RELAXED);
}

KTEST(smp, call_reaches_each_hart_named_and_no_other)
{
	uint64_t before[MAX_CPUS] = {0}, seen = 0;
	cpumask_t online = cpus_online();

	irqs_on = false;
	for_each_cpu (cpu, online)
		before[cpu] = *cpu_var(hits, cpu);
	smp_call(online, hit, &seen);
	EXPECT_EQ(seen, harts());
	for_each_cpu (cpu, online) {
		EXPECT_EQ(*cpu_var(hits, cpu), before[cpu] + 1);
		smp_call(cpu_bit((unsigned)cpu), hit, NULL);
	}
	for_each_cpu (cpu, online)
		EXPECT_EQ(*cpu_var(hits, cpu), before[cpu] + 2);
	smp_call(0, hit, &seen);
	EXPECT_EQ(seen, harts());
	EXPECT(!irqs_on);
}

struct storm {
	unsigned met;
	unsigned rounds;
	uint64_t seen;
	bool irqs_off;
};

static void storm(void *arg)
{
	struct storm *s = arg;
	uint64_t flags;

	meet(&s->met);
	for (unsigned i = 0; i < s->rounds; i++) {
		flags = s->irqs_off ? arch_irq_save() : 0;
		smp_call(cpus_online(), hit, &s->seen);
		if (s->irqs_off)
			arch_irq_restore(flags);
	}
}

/* All harts call all harts: a hart that waits must serve, interrupts or not. */
KTEST(smp, all_call_all)
{
	unsigned n = harts();

	for (int off = 0; off < 2; off++) {
		struct storm s = {.rounds = 100 / (n * n) + 1, .irqs_off = off};

		on_all(storm, &s);
		EXPECT_EQ(s.seen, (uint64_t)n * n * s.rounds);
	}
}

/* --- work --- */

static void note_cpu(void *arg)
{
	*(int *)arg = arch_irq_enabled() ? (int)arch_cpu() : -1;
}

KTEST(smp, work_runs_where_it_was_sent_with_interrupts_on)
{
	cpumask_t online = cpus_online();
	int ran[MAX_CPUS] = {0};

	for_each_cpu (cpu, online) {
		ran[cpu] = -2;
		works[cpu] =
			(struct smp_work){.fn = note_cpu, .arg = &ran[cpu]};
		smp_run((unsigned)cpu, &works[cpu]);
	}
	for_each_cpu (cpu, online) {
		smp_wait(&works[cpu]);
		EXPECT_EQ(ran[cpu], cpu);
	}
}

static void add_one(void *arg)
{
	__atomic_fetch_add((uint64_t *)arg, 1, __ATOMIC_RELAXED);
}

static void send_around(void *arg)
{
	unsigned next = (arch_cpu() + 1) % harts();
	struct smp_work w[8];

	for (unsigned i = 0; i < ARRAY_SIZE(w); i++) {
		w[i] = (struct smp_work){.fn = add_one, .arg = arg};
		smp_run(next, &w[i]);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(w); i++)
		smp_wait(&w[i]);
}

/* In a ring, each hart waits for the next. */
KTEST(smp, harts_that_wait_do_the_work_of_others)
{
	uint64_t done = 0;

	if (cpus_online() & (cpus_online() + 1))
		return ktest_skip("a hart is missing in the ring");
	on_all(send_around, &done);
	EXPECT_EQ(done, 8 * harts());
}

/* --- time --- */

KTEST(smp, sleep_ends_in_time)
{
	uint64_t start, timers = smp_counters(arch_cpu())->timers;

	if (!time_known() || !arch_timer_works())
		return ktest_skip("no timer");
	start = time_us();
	for (unsigned i = 0; i < 10; i++) {
		uint64_t end = arch_time() + time_ticks(1000);

		while (arch_time() < end)
			smp_idle(end);
	}
	EXPECT(time_us() - start >= 10000);
	EXPECT(smp_counters(arch_cpu())->timers > timers);
}

/* An interrupt between the last look and the sleep. */
KTEST(smp, news_are_not_slept_through)
{
	uint64_t ipis = smp_counters(arch_cpu())->ipis, end;

	if (!time_known() || !arch_timer_works() ||
	    arch_ipi_send(cpu_bit(arch_cpu())))
		return ktest_skip("no timer, or no interrupts");
	while (*(volatile uint64_t *)&smp_counters(arch_cpu())->ipis == ipis)
		arch_relax();
	end = arch_time() + time_ticks(1000000);
	smp_idle(end);
	EXPECT(arch_time() < end);
}

static void nap(void *arg)
{
	uint64_t end = arch_time() + time_ticks(2000);

	while (arch_time() < end)
		smp_idle(end);
	add_one(arg);
}

KTEST(smp, each_hart_has_a_timer)
{
	uint64_t woken = 0;

	if (!time_known() || !arch_timer_works())
		return ktest_skip("no timer");
	on_all(nap, &woken);
	EXPECT_EQ(woken, harts());
}

/* --- locks --- */

struct contest {
	struct spinlock lock;
	unsigned met, rounds;
	bool try;
	uint64_t count; /* (l) */
};

static void take(struct spinlock *l, bool try)
{
	if (!try)
		spin_lock(l);
	while (try && !spin_trylock(l))
		arch_relax();
}

static void contend(void *arg)
{
	struct contest *c = arg;

	meet(&c->met);
	for (unsigned i = 0; i < c->rounds; i++) {
		uint64_t v;

		take(&c->lock, c->try);
		/* Read, wait, write: who is not alone loses one. */
		v = c->count;
		for (unsigned wait = 0; wait < 5000; wait++)
			arch_relax();
		c->count = v + 1;
		spin_unlock(&c->lock);
	}
}

KTEST(smp, spinlock_lets_one_hart_in)
{
	unsigned n = harts();

	for (int try = 0; try < 2; try++) {
		struct contest c = {.lock = SPINLOCK_INIT(LOCK_TEST),
				    .rounds = 1000 / (n * n) + 2,
				    .try = try};

		on_all(contend, &c);
		EXPECT_EQ(c.count, (uint64_t)n * c.rounds);
	}
}

/* --- console --- */

static void talk(void *arg)
{
	unsigned lines = harts() > 8 ? 2 : 20;

	meet(arg);
	for (unsigned i = 0; i < lines; i++)
		kprintf("# cpu %2u says line %2u, abcdefghijklmnopqrstuvwxyz\n",
			arch_cpu(), i);
}

/* What comes out is for the eyes of tests/qemu/smp.py. */
KTEST(smp, lines_stay_whole)
{
	unsigned met = 0;

	on_all(talk, &met);
}
