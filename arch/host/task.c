/* Tasks on the native machine: none yet. */
#include <arch/task.h>
#include <kernel/cpu.h>
#include <kernel/panic.h>

static PERCPU struct task *current;

struct task *arch_task(void)
{
	return *this_cpu(current);
}

void arch_task_set(struct task *t)
{
	*this_cpu(current) = t;
}

void arch_context_init(struct arch_context *c, struct range stack,
		       void (*entry)(void))
{
	(void)stack;
	c->entry = entry;
}

struct range arch_stack(void)
{
	return range_make(0, 0);
}

void arch_context_switch(struct arch_context *from, struct arch_context *to,
			 struct range stack)
{
	(void)from;
	(void)to;
	(void)stack;
	panic("no tasks run here");
}
