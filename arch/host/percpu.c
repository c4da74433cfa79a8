/* The harts' variables (<kernel/cpu.h>): there from before main() on. */
#include <string.h>

#include <host/harts.h>
#include <kernel/assert.h>

#define PERCPU_MAX 16384

extern uint8_t __start_percpu[], __stop_percpu[];

static uint8_t copies[HARTS_MAX][PERCPU_MAX] __attribute__((aligned(64)));

__attribute__((constructor)) static void copy_percpu(void)
{
	size_t size = (size_t)(__stop_percpu - __start_percpu);

	assert(size <= PERCPU_MAX);
	for (unsigned cpu = 1; cpu < HARTS_MAX; cpu++) {
		memcpy(copies[cpu], __start_percpu, size);
		percpu_offset[cpu] =
			(uintptr_t)copies[cpu] - (uintptr_t)__start_percpu;
	}
	cpus_possible = HARTS_MAX;
}

uint64_t arch_percpu_offset(void)
{
	return percpu_offset[arch_cpu()];
}
