/* The data of <kernel/cpu.h>: with one hart it holds good as it stands. */
#include <kernel/cpu.h>

cpumask_t cpus_online_ = 1;
unsigned cpus_possible = 1;
uint64_t percpu_offset[MAX_CPUS];
