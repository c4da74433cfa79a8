/*
 * Native side of <arch/task.h>. There are tasks where a test makes some, on
 * simulated harts (<host/harts.h>), with stacks of its own; elsewhere arch_task() is
 * NULL.
 */
#pragma once

struct task;

struct arch_context {
	void *regs[5];	     /* of __builtin_setjmp() */
	void (*entry)(void); /* NULL: it has begun */
	void *fake_stack;    /* AddressSanitizer's */
};

struct task *arch_task(void);
void arch_task_set(struct task *t);
