/*
 * Committed memory (<mm/commit.h>).
 *
 * Each hart has a sum of its own, which may be negative: no line is shared and
 * nothing is atomic where memory is mapped. Interrupts don't map memory.
 */
#include <kernel/cpu.h>
#include <lib/relaxed.h>
#include <mm/commit.h>
#include <mm/zone.h>

static PERCPU int64_t committed;

bool commit_fits(uint64_t bytes)
{
	static uint64_t ram; /* what there was at the last look (a) */
	uint64_t now;

	if (bytes <= __atomic_load_n(&ram, __ATOMIC_RELAXED))
		return true;
	now = zone_sums().total << PAGE_SHIFT;
	store_relaxed(&ram, now);
	return bytes <= now;
}

void commit_add(int64_t bytes)
{
	*this_cpu(committed) += bytes;
}

uint64_t commit_sum(void)
{
	int64_t sum = 0;

	for_each_cpu (cpu, cpus_online())
		sum += __atomic_load_n(cpu_var(committed, cpu),
				       __ATOMIC_RELAXED);
	return (uint64_t)sum;
}
