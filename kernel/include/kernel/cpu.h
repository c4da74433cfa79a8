/*
 * The harts that run this kernel, by index: 0 is the one that booted, the
 * others follow. One that was to be started and did not come leaves a gap.
 * Firmware's hart ids are something else: any numbers, known to the
 * architecture and to commands that print them.
 */
#pragma once

#include <arch/cpu.h>
#include <kernel/types.h>
#include <lib/bits.h>

#define MAX_CPUS 64

/* A set of harts: bit n for cpu n. */
typedef uint64_t cpumask_t;

static inline cpumask_t cpu_bit(unsigned cpu)
{
	return (cpumask_t)1 << cpu;
}

#define for_each_cpu(cpu, mask)                                    \
	for (cpumask_t cpu##_left = (mask), cpu = 0;               \
	     cpu##_left && ((cpu = lowest_bit(cpu##_left)), true); \
	     cpu##_left &= cpu##_left - 1)

/* Those that run: started, with the kernel's tables, in reach of fences and
 * interrupts. A hart joins once and stays (a). */
extern cpumask_t cpus_online_;

static inline cpumask_t cpus_online(void)
{
	return __atomic_load_n(&cpus_online_, __ATOMIC_RELAXED);
}

/* Indices are below this: as many harts as can ever run (c). Set by boot before
 * memory is allocated by page. */
extern unsigned cpus_possible;

/*
 * Variables of which each hart has its own:
 *
 *	static PERCPU uint64_t calls;
 *	(*this_cpu(calls))++;
 *	sum += *cpu_var(calls, cpu);
 *
 * Their initial value is what is written at the definition. this_cpu() holds
 * good as long as the code can't move to another hart: interrupts off, or in
 * code that is bound to one.
 */
#define PERCPU __attribute__((section("percpu")))

/* From the address of a variable to that of each hart's copy; 0 for cpu 0, which
 * uses the variable itself (c, once the hart is online). */
extern uint64_t percpu_offset[MAX_CPUS];

#define percpu_at_(var, offset) \
	((__typeof__(&(var)))((uintptr_t) & (var) + (offset)))
#define cpu_var(var, cpu) percpu_at_(var, percpu_offset[cpu])
#define this_cpu(var)	  percpu_at_(var, arch_percpu_offset())
