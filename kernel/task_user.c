/* What a task has to do before it goes (back) to user mode (<kernel/task.h>). */
#include <kernel/sched.h>

void task_return_to_user(struct user_regs *regs)
{
	struct task *t = task_current();
	uint32_t flags;

	while ((flags = __atomic_load_n(&t->flags, __ATOMIC_RELAXED))) {
		arch_irq_enable();
		if (flags & TASK_RESCHED)
			task_yield();
		if (flags & (TASK_KILLED | TASK_SIGNAL))
			process_return_to_user(regs);
		arch_irq_save();
	}
}
