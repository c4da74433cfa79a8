/*
 * Page frames on all harts of the machine at once: with their caches, with
 * memory reclaimed and caches bypassed in between.
 */
#include <kernel/smp.h>
#include <mm/fail.h>

#include "../unit/frames_stress.h"
#include "../unit/slab_bed.h"

static struct smp_work works[MAX_CPUS];

static void run(void *arg)
{
	stress_run(arg);
}

/* The first hart makes allocations fail now and then, on all harts. */
static void run_and_fail(struct stress_hart *h)
{
	uint64_t steps = h->steps;

	h->steps = steps / 8;
	for (unsigned i = 0; i < 8; i++) {
		if (i % 4 == 2)
			fail_arm(100, false);
		stress_run(h);
		fail_arm(0, false);
	}
}

/* Locks are handed from hart to hart in turn. With more harts than processors to
 * emulate them, each time may take as long as a processor's time slice. */
static uint64_t steps_of_each(void)
{
	unsigned harts = (unsigned)__builtin_popcountll(cpus_online());

	return ktest_ops() / 16 / (harts > 2 ? 64 * harts * harts : 1);
}

KTEST(frames_smp, blocks_have_one_owner)
{
	cpumask_t others = cpus_online() & ~cpu_bit(arch_cpu());
	struct stress_hart *hart = ktest_alloc(MAX_CPUS * sizeof(*hart));
	uint64_t before = frames_used(), foreign = 0;
	pfn_t at = 0;

	REQUIRE(hart);
	for_each_cpu (cpu, cpus_online()) {
		hart[cpu] = (struct stress_hart){
			.rng = rng_seed(ktest_seed() + cpu),
			.steps = steps_of_each(),
		};
		works[cpu] = (struct smp_work){.fn = run, .arg = &hart[cpu]};
	}
	for_each_cpu (cpu, others)
		smp_run((unsigned)cpu, &works[cpu]);
	run_and_fail(&hart[arch_cpu()]);
	for_each_cpu (cpu, others)
		smp_wait(&works[cpu]);
	stress_end(&hart[arch_cpu()]);
	for_each_cpu (cpu, cpus_online())
		foreign += hart[cpu].foreign;
	EXPECT_EQ(foreign, 0);
	EXPECT(!page_audit(&at));
	EXPECT_EQ(frames_used(), before);
}
