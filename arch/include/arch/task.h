/*
 * Contexts: what a task is to the processor while it does not run. Registers that
 * functions keep, the stack, and the floating-point registers of its program.
 *
 *	struct task *arch_task(void)		whose context this hart runs; NULL
 *						before there are tasks
 *	void arch_task_set(struct task *t)	interrupts off
 *
 * The kernel has no floating point. A program's registers stay in the hart for as
 * long as nobody else's must be in there: they are saved on a switch, and only if
 * they were changed; they are loaded when the program next uses them. Until then
 * it has none: the first use traps, and arch_fp_use() lets it go on. So while the
 * kernel runs for a task, the hart's switch for these registers (RISC-V:
 * sstatus.FS) says what holds for this task on this hart *now*; it must not be
 * restored from a trap's frame by code that has let others run in between, and no
 * more must whatever else there tells which hart it is (tp):
 * arch_frame_moved() puts that right.
 */
#pragma once

#include <asm/task.h>
#include <kernel/types.h>
#include <lib/range.h>

/* A context that will begin with entry(), which never returns, at the stack's
 * end; interrupts are off there. Its program has not used floating point yet. */
void arch_context_init(struct arch_context *c, struct range stack,
		       void (*entry)(void));

/* The stack that this hart is on. */
struct range arch_stack(void);

/*
 * Leave for `to`, which has that stack and runs nowhere; returns when somebody
 * switches back to `from`, maybe on another hart. Interrupts are off. The hart's
 * address space is the caller's business.
 */
void arch_context_switch(struct arch_context *from, struct arch_context *to,
			 struct range stack);

/* The floating-point registers of the program of the current context `c`. */

/* It has used one, and that trapped: from now on it can. False: it could already,
 * or the harts have none; so that is not why it trapped. */
bool arch_fp_use(struct arch_context *c);

/* They are all 0, as if never used: a new program begins. */
void arch_fp_clear(struct arch_context *c);

/* `child`, which has never run, gets the same. */
void arch_fp_copy(struct arch_context *child, struct arch_context *c);
