/* Native side of <arch/cpu.h>: one hart, the thread that runs the tests. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

static inline unsigned arch_cpu(void)
{
	return 0;
}

static inline uint64_t arch_percpu_offset(void)
{
	return 0;
}

static inline bool arch_irq_enabled(void)
{
	return false;
}

static inline void arch_smp_mb(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

uint64_t arch_irq_save(void);
void arch_irq_restore(uint64_t flags);
uint64_t arch_time(void);
uint64_t arch_instret(void);

static inline void arch_relax(void)
{
}

static inline void arch_wait_for_interrupt(void)
{
}

static inline void arch_mb(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}
