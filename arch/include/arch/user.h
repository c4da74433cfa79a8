/*
 * User mode: its registers, how it is entered, and what the architecture calls
 * when it comes back.
 *
 * Into the kernel it comes by a system call, an exception or an interrupt, always on
 * the stack of its task, whose first bytes take its registers:
 *
 *	stack.end	+------------------+
 *			| struct user_regs |	arch_user_regs(stack)
 *			+------------------+
 *			| the kernel's ... |
 *
 * A system call is a function of <kernel/syscall.h>, called with interrupts on;
 * what it returns is the result. Calls are many and short, so they leave the
 * registers that C functions keep anyway where they are: in the call itself,
 * those are not in *r, unless it is a whole call (below). In all else that is
 * called with a struct user_regs, it is complete, and may be changed.
 *
 * A page fault of a load or store goes to kernel_page_fault() in the same way. What
 * that does not serve, and all else, goes to kernel_user_trap().
 *
 * Before it goes on in user mode, with interrupts off, task_return_to_user() of
 * <kernel/task.h> is called, if the task has something to do first.
 *
 * Supplied by <asm/user.h>, as inline functions:
 *
 *	uint64_t user_pc(const struct user_regs *r)
 *	uint64_t user_sp(const struct user_regs *r)
 *	uint64_t user_syscall_number(const struct user_regs *r)
 *	uint64_t user_arg(const struct user_regs *r, unsigned i)   i < 6
 *	void user_set_result(struct user_regs *r, int64_t result)
 *	void user_set_sp(struct user_regs *r, vaddr_t sp)
 *	void user_set_tls(struct user_regs *r, uint64_t tls)	   thread pointer
 *
 *	struct user_regs *user_call_regs(const uint64_t arg[6])
 *				of the call that has these arguments
 *
 *	USER_WHOLE_CALL(sys_x)	defines whole_sys_x(), a system call that
 *				completes the registers, then calls sys_x()
 */
#pragma once

#include <asm/user.h>
#include <kernel/types.h>
#include <lib/range.h>

/* Where those of a task are that runs on this stack. */
static inline struct user_regs *arch_user_regs(struct range stack)
{
	return (struct user_regs *)(uintptr_t)(stack.end -
					       sizeof(struct user_regs));
}

/* Those of a new program: all 0 but these two. A copy of complete registers is
 * that of a fork; floating point is the task's (<arch/task.h>). */
void arch_user_init(struct user_regs *r, vaddr_t pc, vaddr_t sp);

/*
 * Go to user mode, by task_return_to_user(): for a task's first time there, and
 * for a system call that has changed all registers. `r` is that of the task on
 * whose stack this is; what is on it besides is forgotten.
 */
__attribute__((noreturn)) void arch_user_enter(struct user_regs *r);

/* Print them through kprintf. */
void arch_print_user(const struct user_regs *r);

struct user_trap {
	enum {
		TRAP_FAULT,	 /* the page's rights, or no page */
		TRAP_ILLEGAL,	 /* no instruction, or not for programs */
		TRAP_BREAK,	 /* a breakpoint */
		TRAP_MISALIGNED, /* the address, or pc */
		TRAP_ACCESS,	 /* memory or bus refused */
	} what;
	enum access access; /* FAULT, MISALIGNED, ACCESS */
	vaddr_t addr;	    /* the same; else 0 */
};

/* A program met a page fault: 0, if it is to try again. Interrupts are on; may
 * sleep. */
int kernel_page_fault(vaddr_t addr, enum access kind);

/* A program did what can't be done: called with interrupts on, may sleep. When it
 * returns, the program goes on at its pc. */
void kernel_user_trap(struct user_regs *r, const struct user_trap *t);
