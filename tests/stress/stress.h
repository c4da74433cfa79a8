/*
 * Allocators under load: several harts allocate, change, free and hand to each
 * other whatever there is to allocate, and look at every object before it goes.
 * One source for simulated harts, for harts that are threads, and for the
 * kernel.
 */
#pragma once

#include <kernel/types.h>

struct stress_config {
	unsigned harts; /* cpus 0 to harts - 1 take part */
	uint64_t seed;
	uint64_t ops; /* by each hart */
	bool virtual; /* may what vmalloc() gives be accessed? */
};

/*
 * All of these harts call this, about at the same time and with the same
 * configuration; interrupts on. Returns when all is over: on cpu 0 how many
 * errors there were, each told in a line, else 0. In the end, cpu 0 looks at every
 * allocator, and wants all to be as it was in the beginning.
 */
uint64_t stress_run(const struct stress_config *c);
