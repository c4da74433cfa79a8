/*
 * Tasks: their life, and what they have besides registers (<kernel/task.h>). Who
 * runs where is kernel/sched.c's.
 *
 * References: one is the task's own, until it ends; struct task lives as long as
 * there is one. The stack goes earlier, as soon as the hart has left it: the next
 * task takes it back (task_reap).
 *
 * A hart keeps one stack of a task that ended for the next one that begins: to map
 * one and to unmap it costs more than all the rest. It goes when memory is wanted.
 *
 * Locking: `lock` covers the list of all, and nothing else; references are atomic.
 * A task leaves the list with its last reference, so whoever has one can go on from
 * it to the next.
 */
#include <string.h>

#include <kernel/assert.h>
#include <kernel/sched.h>
#include <kernel/smp.h>
#include <kernel/spinlock.h>
#include <mm/aspace.h>
#include <mm/kmalloc.h>
#include <mm/reclaim.h>
#include <mm/umap.h>
#include <mm/vmalloc.h>

static struct spinlock lock = SPINLOCK_INIT(LOCK_RUN);
static struct list tasks = LIST_INIT(tasks);

static PERCPU struct range spare; /* a stack; empty: none */

/* --- stacks --- */

static void drop_spare(void)
{
	struct range stack = *this_cpu(spare);

	*this_cpu(spare) = range_make(0, 0);
	if (!range_empty(stack))
		kstack_free(stack);
}

static struct shrinker shrinker = {
	.name = "stacks",
	.drain_hart = drop_spare,
};

static struct range stack_get(void)
{
	uint64_t flags = arch_irq_save();
	struct range stack = *this_cpu(spare);

	*this_cpu(spare) = range_make(0, 0);
	arch_irq_restore(flags);
	return range_empty(stack) ? kstack_alloc(TASK_STACK) : stack;
}

/* Interrupts are off. */
static void stack_put(struct range stack)
{
	if (range_empty(*this_cpu(spare)) && !reclaim_bypassed())
		*this_cpu(spare) = stack;
	else
		kstack_free(stack);
}

/* --- life --- */

void task_init(struct task *t, const char *name)
{
	uint64_t flags;

	memset(t, 0, offsetof(struct task, context));
	t->state = TASK_NEW;
	t->allowed = ~(cpumask_t)0;
	t->cpu = arch_cpu();
	t->refs = 1;
	for (unsigned i = 0; i < TASK_NAME - 1 && name[i]; i++)
		t->name[i] = name[i];
	flags = spin_lock_irqsave(&lock);
	list_add_tail(&tasks, &t->all);
	spin_unlock_irqrestore(&lock, flags);
}

static void begin(void)
{
	struct task *t = task_current();

	sched_begin();
	arch_irq_enable();
	t->fn(t->arg);
	task_exit();
}

struct task *task_create(const char *name, void (*fn)(void *arg), void *arg)
{
	struct task *t = kmalloc(sizeof(*t), 0);
	struct range stack;

	if (!t)
		return NULL;
	stack = stack_get();
	if (range_empty(stack)) {
		kfree(t);
		return NULL;
	}
	task_init(t, name);
	t->stack = stack;
	t->fn = fn;
	t->arg = arg;
	arch_context_init(&t->context, stack, begin);
	return t;
}

void task_start(struct task *t)
{
	assert(task_state(t) == TASK_NEW);
	task_get(t);
	sched_ready(t);
}

void task_exit(void)
{
	struct task *t = task_current();

	assert(!t->bound);
	if (t->aspace)
		task_set_aspace(NULL);
	arch_irq_save();
	sched_exit();
}

void task_reap(struct task *t)
{
	stack_put(t->stack);
	__atomic_store_n(&t->state, TASK_DEAD, __ATOMIC_RELEASE);
	task_put(t);
}

struct task *task_get(struct task *t)
{
	__atomic_fetch_add(&t->refs, 1, __ATOMIC_RELAXED);
	return t;
}

void task_put(struct task *t)
{
	uint64_t flags;

	if (__atomic_fetch_sub(&t->refs, 1, __ATOMIC_ACQ_REL) != 1)
		return;
	flags = spin_lock_irqsave(&lock);
	list_del(&t->all);
	spin_unlock_irqrestore(&lock, flags);
	if (task_state(t) == TASK_NEW)
		kstack_free(t->stack);
	kfree(t);
}

/* --- user mode --- */

void task_set_aspace(struct aspace *as)
{
	struct task *t = task_current();
	uint64_t flags = arch_irq_save();

	t->aspace = as;
	t->umap = as ? &as->map : NULL;
	umap_activate(t->umap);
	arch_irq_restore(flags);
}

void task_notify(struct task *t, uint32_t flags)
{
	__atomic_fetch_or(&t->flags, flags, __ATOMIC_SEQ_CST);
	task_wake(t);
	/* In user mode it finds out when it is interrupted. */
	if (task_state(t) == TASK_RUNNING && t->cpu != arch_cpu())
		smp_wake(cpu_bit(t->cpu));
}

/* --- looking --- */

const char *task_state_name(const struct task *t)
{
	static const char *const name[] = {
		[TASK_NEW] = "new",	    [TASK_READY] = "ready",
		[TASK_RUNNING] = "running", [TASK_BLOCKED] = "blocked",
		[TASK_DEAD] = "dead",
	};

	return name[task_state(t)];
}

/* The last reference may be gone, and the task about to leave the list. */
static bool get_unless_gone(struct task *t)
{
	uint32_t refs = __atomic_load_n(&t->refs, __ATOMIC_RELAXED);

	while (refs &&
	       !__atomic_compare_exchange_n(&t->refs, &refs, refs + 1, true,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	return refs;
}

/* The one behind `t` (NULL: the first), with a reference. */
static struct task *next(const struct task *t)
{
	uint64_t flags = spin_lock_irqsave(&lock);
	struct list *l = t ? t->all.next : tasks.next;
	struct task *found = NULL;

	for (; l != &tasks && !found; l = l->next) {
		struct task *here = list_entry(l, struct task, all);

		if (get_unless_gone(here))
			found = here;
	}
	spin_unlock_irqrestore(&lock, flags);
	return found;
}

int task_each(int (*each)(void *ctx, struct task *t), void *ctx)
{
	struct task *t = next(NULL), *after;
	int result = 0;

	while (t) {
		result = each(ctx, t);
		after = result ? NULL : next(t);
		task_put(t);
		t = after;
	}
	return result;
}

void tasks_boot(void)
{
	reclaim_register(&shrinker);
	sched_adopt("shell");
}
