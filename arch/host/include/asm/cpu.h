/* Native side of <arch/cpu.h>: one hart, the thread that runs the tests. */
#pragma once

#include <stdint.h>

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
