/*
 * Native side of <arch/task.h>. There are tasks where a test makes some, on simulated
 * harts (<host/harts.h>); elsewhere arch_task() is NULL.
 */
#pragma once

struct task;

struct arch_context {
	void (*entry)(void);
};

struct task *arch_task(void);
void arch_task_set(struct task *t);
