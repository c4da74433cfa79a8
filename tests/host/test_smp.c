/* kernel/smp.c on simulated harts: calls and work among them. */
#include <host/harts.h>
#include <kernel/ktest.h>
#include <kernel/smp.h>

#define HARTS 4

static const struct harts_hooks hooks;

static PERCPU uint64_t hits;

static struct {
	uint64_t calls; /* (a) */
	unsigned rounds;
	bool irqs_off;
	unsigned returned; /* (a) */
} t;

static void hit(void *arg)
{
	(void)arg;
	EXPECT(!arch_irq_enabled());
	harts_yield();
	(*this_cpu(hits))++;
	__atomic_fetch_add(&t.calls, 1, __ATOMIC_RELAXED);
}

static void storm(void)
{
	for (unsigned i = 0; i < t.rounds; i++) {
		uint64_t flags = t.irqs_off ? arch_irq_save() : 0;

		smp_call(cpus_online(), hit, NULL);
		if (t.irqs_off)
			arch_irq_restore(flags);
	}
}

KTEST(smp, harts_call_all_with_interrupts_on_and_off)
{
	void (*const fn[HARTS])(void) = {storm, storm, storm, storm};

	t.rounds = 20;
	for (unsigned n = 1; n <= HARTS; n++)
		for (uint64_t seed = 0; seed < 20; seed++) {
			uint64_t before = *cpu_var(hits, n - 1);

			t.irqs_off = seed & 1;
			t.calls = 0;
			harts_run(n, fn, &hooks, ktest_seed() + seed);
			EXPECT_EQ(t.calls, (uint64_t)n * n * t.rounds);
			EXPECT_EQ(*cpu_var(hits, n - 1) - before,
				  (uint64_t)n * t.rounds);
		}
	EXPECT_EQ(cpus_online(), 1);
	EXPECT_EQ(cpus_possible, HARTS_MAX);
}

static void nothing(void)
{
	__atomic_fetch_add(&t.returned, 1, __ATOMIC_RELAXED);
}

static void call_late(void)
{
	while (__atomic_load_n(&t.returned, __ATOMIC_RELAXED) < HARTS - 1)
		arch_relax();
	smp_call(cpus_online(), hit, NULL);
}

KTEST(smp, harts_that_have_nothing_to_do_serve_calls)
{
	void (*const fn[HARTS])(void) = {nothing, call_late, nothing, nothing};

	t.calls = t.returned = 0;
	harts_run(HARTS, fn, &hooks, ktest_seed());
	EXPECT_EQ(t.calls, HARTS);
}

static void run_here(void *arg)
{
	EXPECT(arch_irq_enabled());
	EXPECT_EQ(arch_cpu(), *(unsigned *)arg);
	__atomic_fetch_add(&t.calls, 1, __ATOMIC_RELAXED);
}

/* In a ring, each hart waits for the next. */
static void ring(void)
{
	unsigned next = (arch_cpu() + 1) % HARTS;
	struct smp_work w[5];

	for (unsigned i = 0; i < ARRAY_SIZE(w); i++) {
		w[i] = (struct smp_work){.fn = run_here, .arg = &next};
		smp_run(next, &w[i]);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(w); i++)
		smp_wait(&w[i]);
	/* Others may still want something. */
	__atomic_fetch_add(&t.returned, 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(&t.returned, __ATOMIC_RELAXED) < HARTS)
		smp_idle(UINT64_MAX);
}

KTEST(smp, harts_that_wait_work)
{
	void (*const fn[HARTS])(void) = {ring, ring, ring, ring};

	for (uint64_t seed = 0; seed < 50; seed++) {
		t.calls = t.returned = 0;
		harts_run(HARTS, fn, &hooks, ktest_seed() + seed);
		EXPECT_EQ(t.calls, 5 * HARTS);
	}
}

/* The program's thread is a hart, too, and alone. */
KTEST(smp, one_hart_calls_and_waits_for_itself)
{
	unsigned me = arch_cpu();
	struct smp_work w = {.fn = run_here, .arg = &me};

	t.calls = 0;
	smp_call(cpus_online(), hit, NULL);
	smp_run(me, &w);
	smp_wait(&w);
	EXPECT_EQ(t.calls, 2);
}
