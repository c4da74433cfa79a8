/*
 * The scheduler, for those that work with it; everybody else has <kernel/task.h>.
 */
#pragma once

#include <kernel/task.h>

/* What runs now is this hart's own task from now on. Once per hart, interrupts off,
 * by itself. tasks_boot() does it for the boot hart, which is the first. */
void sched_adopt(const char *name);
void tasks_boot(void);

/* All fields but those that the caller sets; into the list of all. One reference. */
void task_init(struct task *t, const char *name);

/* A task that nobody runs: READY, into a queue. Any context. */
void sched_ready(struct task *t);

/* The current one is over: the next does the rest (task_reap). Interrupts are off. */
__attribute__((noreturn)) void sched_exit(void);

/* Its stack is nobody's any more; drops the task's own reference. Interrupts are
 * off (kernel/task.c). */
void task_reap(struct task *t);

/* The first thing that a new context does. */
void sched_begin(void);

/* smp_idle()'s sleep, of a task. */
void sched_idle(uint64_t until);

/* In interrupts, off: something has come that this hart's idlers look for; the
 * timer has. */
void sched_news(void);
void sched_timer(void);

/* Between these two the hart runs nobody else, and smp_idle() waits on the spot; the
 * task must not block. Counted. */
void sched_hold(bool on);

/* The hart waits for an interrupt, which are off (kernel/smp.c). */
void smp_doze(void);

/* The rest of task_return_to_user(), for TASK_KILLED and TASK_SIGNAL: of a process
 * (kernel/process.c); a task without one ends. Interrupts are on. */
void process_return_to_user(struct user_regs *regs);
