/* Committed memory (<mm/commit.h>). */
#include <lib/relaxed.h>
#include <mm/commit.h>
#include <mm/zone.h>

PERCPU int64_t commit_here;
uint64_t commit_most;

bool commit_fits_now(uint64_t bytes)
{
	uint64_t ram = zone_sums().total << PAGE_SHIFT;

	store_relaxed(&commit_most, ram);
	return bytes <= ram;
}

uint64_t commit_sum(void)
{
	int64_t sum = 0;

	for_each_cpu (cpu, cpus_online())
		sum += __atomic_load_n(cpu_var(commit_here, cpu),
				       __ATOMIC_RELAXED);
	return (uint64_t)sum;
}
