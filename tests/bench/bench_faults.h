/* Page faults on two harts, for the `scaling` command: see bench_faults.c. */
#pragma once

#include <kernel/types.h>

/* Two spaces with memory; false: there is none. */
bool bench_faults_get(void);
void bench_faults_put(void);

/*
 * About n faults on each of the harts `who` (bits 0 and 1), at the same time: in a
 * space of its own each, or both in one. ticks[], both, is what they took. On the first
 * hart, and the second idles.
 */
void bench_faults_run(bool one_space, unsigned n, unsigned who,
		      uint64_t ticks[2]);
