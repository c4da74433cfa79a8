/* Whose context a hart runs (<arch/task.h>); switching is the harts' (harts.c). */
#include <kernel/process.h>
#include <arch/task.h>
#include <kernel/cpu.h>

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
	*c = (struct arch_context){.entry = entry};
}

/* There are no processes. */
void process_tick(struct process *p, uint64_t used)
{
	(void)p;
	(void)used;
}
