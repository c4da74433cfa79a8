/* Other harts: starting, interrupting and stopping them. */
#pragma once

#include <kernel/cpu.h>
#include <lib/range.h>

/* What the firmware lacks to run more than one hart, in words; NULL when it
 * has all that is needed. */
const char *arch_smp_missing(void);

struct cpu_start {
	unsigned cpu;		/* index, in no other use */
	uint64_t hartid;	/* as firmware and device tree know it */
	struct range stack;	/* virtual, mapped in the kernel's tables */
	struct range emergency; /* for traps when that has overflowed */
	void (*entry)(void);	/* never returns */
};

/*
 * Ask firmware to start a hart. It enters `entry` on its stack: interrupts off,
 * MMU on with the tables that the calling hart has, nothing remembered of
 * others, arch_cpu() and per-hart variables working (percpu_offset[cpu] is set
 * and its copy filled). Returns at once: 0 if firmware agreed, or -EIO. What
 * comes of it, only the hart can tell.
 */
int arch_cpu_start(const struct cpu_start *s);

/* Leave the kernel for ever: back to the firmware, or, if it does not take the
 * hart, idle. For a hart that is not online. */
__attribute__((noreturn)) void arch_cpu_stop(void);

/* Make kernel_ipi() be called on these harts, this one may be among them: soon,
 * at least once after this call. Returns 0, or -EIO when firmware refuses. */
int arch_ipi_send(cpumask_t cpus);

/* As firmware numbers it. For cpus that were started, and 0. */
uint64_t arch_hartid(unsigned cpu);
