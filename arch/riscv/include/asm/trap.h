/* Traps, between trap.S, trap.c and user.c. */
#pragma once

#include <asm/hart.h>

/* Of scause. */
#define INTERRUPT (1ull << 63)

enum {
	CAUSE_FETCH_MISALIGNED = 0,
	CAUSE_FETCH_ACCESS = 1,
	CAUSE_ILLEGAL = 2,
	CAUSE_BREAKPOINT = 3,
	CAUSE_LOAD_MISALIGNED = 4,
	CAUSE_LOAD_ACCESS = 5,
	CAUSE_STORE_MISALIGNED = 6,
	CAUSE_STORE_ACCESS = 7,
	CAUSE_FETCH_PAGE = 12,
	CAUSE_LOAD_PAGE = 13,
	CAUSE_STORE_PAGE = 15,
};

/* What trap.S calls, interrupts off: traps in the kernel, and in user mode. */
void trap_handle(struct trap_frame *f);
void user_trap(struct user_regs *r);

/* Serve an interrupt, or panic, if nobody wants it. */
void trap_interrupt(struct trap_frame *f);

/* Go on where the exception table says: false, it says nothing. */
bool trap_fixup(struct trap_frame *f);

/* An exception in a copy routine: true, the copy goes on or comes to its end. */
bool user_copy_fault(struct trap_frame *f);

/* Is it in one of them? */
bool user_copy_has(uint64_t pc);
