/*
 * The hart's wire for interrupts of devices.
 */
#pragma once

#include <kernel/types.h>

/* May devices interrupt this hart? Not, until this is called. */
void arch_external_enable(bool on);

/* One does: called with interrupts off, on the stack of what is interrupted. It
 * goes on interrupting until the controller takes it back (kernel/irq.c). */
void kernel_external(void);

/* By kernel_external(), before anything else: where the interrupted code goes on. */
vaddr_t arch_interrupted(void);
