/*
 * The `scaling` command: what do two harts get done, compared with one? For loops
 * over the allocators' hot paths, for the memory tester, and for a control loop of
 * the allocators' kind of instructions that shares nothing. On an emulator two harts
 * that share nothing already scale by anything but two, so what counts is the
 * quotient.
 *
 * A round measures, one right after the other and each TRIES times,
 *
 *	control on each hart alone, the loop on each alone, control on both, the
 *	loop on both
 *
 * by time; disturbances only ever make things slower, so the fastest of the tries
 * counts. scaling = what both harts get done in a time / what the slower one does
 * alone: harts can differ, even emulated ones, where what a hart touches may collide
 * in the emulator's caches or not, and that is nothing that they do to each other.
 * The median of the rounds' quotients is the result.
 *
 * memtest: the memory tester's engine, with one worker on a mebibyte of its own,
 * and with two that have one each, and meet after each stage.
 *
 * spaces, space: page faults, in two address spaces and in one (bench_faults.c).
 * A lock around them was seen: 505 and 488 of 1000.
 */
#include <arch/cpu.h>
#include <kernel/printk.h>
#include <kernel/shell.h>
#include <kernel/smp.h>
#include <kernel/spinlock.h>
#include <kernel/time.h>
#include <mm/kmalloc.h>

#include "bench_faults.h"
#include "bench_memtest.h"

#define ROUNDS	  25u
#define TRIES	  3
#define WARM_UP	  100u
#define TRY_US	  4000u /* one try, about */
#define PERMILLE  1000u
#define OWN_DEPTH 6

struct loop {
	const char *name;
	void (*body)(void);
	/* Instead of that: about as much as `n` times, by some harts. */
	void (*whole)(unsigned n, unsigned who);
};

/* Who takes part. */
#define HART0 1u
#define HART1 2u
#define BOTH  (HART0 | HART1)

/* --- what is looped over --- */

/* A hart's own stack of pointers, as the allocators have them. */
struct own {
	void **top;
	void *slot[OWN_DEPTH];
	uint64_t state[2];
} __attribute__((aligned(64)));

static PERCPU struct own own;

static __attribute__((noinline)) void *take(void)
{
	uint64_t flags = arch_irq_save();
	struct own *o = this_cpu(own);
	uint64_t *p = *o->top;

	o->top++;
	p[0] = 1;
	arch_irq_restore(flags);
	return p;
}

static __attribute__((noinline)) void give(void *p)
{
	uint64_t flags = arch_irq_save();
	struct own *o = this_cpu(own);

	if (((uint64_t *)p)[0] == 1)
		*--o->top = p;
	((uint64_t *)p)[1]++;
	arch_irq_restore(flags);
}

static void control(void)
{
	give(take());
}

static void fill_own(void)
{
	struct own *o = this_cpu(own);

	o->top = o->slot;
	for (unsigned i = 0; i < OWN_DEPTH; i++)
		o->slot[i] = o->state;
}

static struct kmem_cache *cache;

static void frames(void)
{
	page_free(page_alloc(0, 0), 0);
}

static void sizes(void)
{
	kfree(kmalloc(64, 0));
}

static void objects(void)
{
	kmem_cache_free(cache, kmem_cache_alloc(cache, 0));
}

/* What one lock for all harts would do to that, to see that it is seen. */
static struct spinlock lock = SPINLOCK_INIT(LOCK_TEST);

static void planted(void)
{
	spin_lock(&lock);
	control();
	spin_unlock(&lock);
}

static struct {
	const struct loop *loop;
	unsigned n;	  /* times */
	unsigned waiting; /* for all to be there (a) */
	uint64_t ticks[2];
} run;

/* --- the memory tester --- */

/* A pass is so many times. */
#define PASS 500

static struct bench_memory memory;
static unsigned who_tests;

struct stage {
	void (*fn)(void *ctx, unsigned worker);
	void *ctx;
};

static void stage_on_1(void *arg)
{
	const struct stage *s = arg;

	s->fn(s->ctx, who_tests == BOTH);
}

static void spread(void (*fn)(void *ctx, unsigned worker), void *ctx)
{
	struct stage s = {fn, ctx};
	struct smp_work w = {.fn = stage_on_1, .arg = &s};

	if (who_tests & HART1)
		smp_run(1, &w);
	if (who_tests & HART0)
		fn(ctx, 0);
	if (who_tests & HART1)
		smp_wait(&w);
}

static void test_memory(unsigned n, unsigned who)
{
	struct bench_memory m = memory;
	uint64_t start;

	who_tests = who;
	if (who != BOTH)
		m.nwords /= 2;
	if (who == HART1)
		m.words += m.nwords;
	m.workers = who == BOTH ? 2 : 1;
	bench_memory_run(&m, "marchc1", 1);
	start = arch_time();
	bench_memory_run(&m, "marchc1", n / PASS);
	run.ticks[0] = arch_time() - start + 1;
}

/* --- page faults --- */

static void faults_in_two(unsigned n, unsigned who)
{
	bench_faults_run(false, n, who, run.ticks);
}

static void faults_in_one(unsigned n, unsigned who)
{
	bench_faults_run(true, n, who, run.ticks);
}

static const struct loop control_loop = {"control", control, NULL};
static const struct loop loops[] = {
	{"frames", frames, NULL},	{"kmalloc", sizes, NULL},
	{"objects", objects, NULL},	{"planted", planted, NULL},
	{"memtest", NULL, test_memory}, {"spaces", NULL, faults_in_two},
	{"space", NULL, faults_in_one},
};

/* --- measuring --- */

static void hart_runs(void *arg)
{
	const struct loop *l = run.loop;
	uint64_t start;

	(void)arg;
	fill_own();
	for (unsigned i = 0; i < WARM_UP; i++)
		l->body();
	__atomic_fetch_sub(&run.waiting, 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(&run.waiting, __ATOMIC_RELAXED))
		arch_relax();
	start = arch_time();
	for (unsigned i = 0; i < run.n; i++)
		l->body();
	run.ticks[arch_cpu() != 0] = arch_time() - start + 1;
}

/* Times per second, by who takes part together, until the last is through; the scale
 * is of no matter. */
static uint64_t rate(const struct loop *l, unsigned n, unsigned who)
{
	struct smp_work w = {.fn = hart_runs};
	unsigned harts = who == BOTH ? 2 : 1;

	run.loop = l;
	run.n = n;
	run.waiting = harts;
	run.ticks[0] = run.ticks[1] = 0;
	if (l->whole) {
		l->whole(n, who);
	} else {
		if (who & HART1)
			smp_run(1, &w);
		if (who & HART0)
			hart_runs(NULL);
		if (who & HART1)
			smp_wait(&w);
	}
	return ((uint64_t)n * harts << 20) /
	       max_u64(run.ticks[0], run.ticks[1]);
}

/* So many times take TRY_US. */
static unsigned times_of(const struct loop *l)
{
	uint64_t want = time_ticks(TRY_US);
	unsigned n = 1000;

	while (n < 1u << 24) {
		rate(l, n, HART0);
		if (run.ticks[0] >= want)
			break;
		n *= 2;
	}
	return n;
}

static uint64_t best(const struct loop *l, unsigned n, unsigned who)
{
	uint64_t most = 0;

	for (unsigned i = 0; i < TRIES; i++)
		most = max_u64(most, rate(l, n, who));
	return most;
}

static uint64_t alone(const struct loop *l, unsigned n)
{
	return min_u64(best(l, n, HART0), best(l, n, HART1));
}

struct round {
	uint64_t control, loop, quotient; /* permille */
};

static struct round measure(const struct loop *l, unsigned n, unsigned ncontrol)
{
	uint64_t c1 = alone(&control_loop, ncontrol), l1 = alone(l, n);
	uint64_t c2 = best(&control_loop, ncontrol, BOTH),
		 l2 = best(l, n, BOTH);
	struct round r = {.control = c2 * PERMILLE / c1,
			  .loop = l2 * PERMILLE / l1};

	r.quotient = r.loop * PERMILLE / r.control;
	return r;
}

static uint64_t median(uint64_t *v, unsigned n)
{
	for (unsigned i = 1; i < n; i++)
		for (unsigned k = i; k && v[k - 1] > v[k]; k--) {
			uint64_t x = v[k];

			v[k] = v[k - 1];
			v[k - 1] = x;
		}
	return v[n / 2];
}

static bool scale(const struct loop *l)
{
	uint64_t c[ROUNDS], s[ROUNDS], q[ROUNDS];
	unsigned n = times_of(l), ncontrol = times_of(&control_loop);

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct round r = measure(l, n, ncontrol);

		c[i] = r.control;
		s[i] = r.loop;
		q[i] = r.quotient;
		if (shell_interrupted())
			return false;
	}
	kprintf("scaling: %-8s %llu of 1000 (%llu to %llu); 2 harts: %llu, "
		"control %llu; medians of %u\n",
		l->name, (unsigned long long)median(q, ROUNDS),
		(unsigned long long)q[0], (unsigned long long)q[ROUNDS - 1],
		(unsigned long long)median(s, ROUNDS),
		(unsigned long long)median(c, ROUNDS), ROUNDS);
	return true;
}

static bool get_all(void)
{
	memory.spread = spread;
	cache = kmem_cache_create("scaling", 200, 0, 0, NULL);
	if (!cache)
		return false;
	if (bench_memory_get(&memory)) {
		if (bench_faults_get())
			return true;
		bench_memory_put(&memory);
	}
	kmem_cache_destroy(cache);
	return false;
}

static void put_all(void)
{
	bench_faults_put();
	bench_memory_put(&memory);
	kmem_cache_destroy(cache);
}

static int cmd_scaling(int argc, char **argv)
{
	bool done = true;

	(void)argc;
	(void)argv;
	if (!(cpus_online() & cpu_bit(1)) || arch_cpu() || !time_known()) {
		kprintf("scaling: needs cpus 0 and 1, and time\n");
		return 1;
	}
	if (!get_all())
		return 1;
	for (unsigned i = 0; i < ARRAY_SIZE(loops) && done; i++)
		done = scale(&loops[i]);
	put_all();
	return done ? 0 : SHELL_INTERRUPTED;
}
COMMAND(scaling, cmd_scaling, "",
	"do allocators, the memory tester and page faults get more done on two "
	"harts?");
