/*
 * Queues of tasks that are ready, and how they come there: invariants I1 to I4 of
 * sched.c.
 */
#include <kernel/smp.h>

#include "sched_impl.h"

/* Ticks until a difference of one goes to another hart. Even: of two that take turns
 * it is then not always the same that goes. */
#define TURNS 8

cpumask_t sched_present, sched_idlers;

/* The first in its queue that may go elsewhere, READY still; NULL: there is none. */
static struct task *take_movable(struct sched_hart *h)
{
	struct task *found = NULL;

	spin_lock(&h->lock);
	list_for_each (l, &h->ready) {
		struct task *t = list_entry(l, struct task, run);

		if (is_movable(t)) {
			found = t;
			list_del(&t->run);
			add_counts(h, t, -1u);
			break;
		}
	}
	spin_unlock(&h->lock);
	return found;
}

struct task *sched_steal(void)
{
	cpumask_t others = sched_mask(&sched_present) & ~cpu_bit(arch_cpu());

	for_each_cpu (cpu, others) {
		struct sched_hart *h = cpu_var(sched_harts, cpu);
		struct task *t =
			get_count(&h->movable) ? take_movable(h) : NULL;

		if (t)
			return runs(t);
	}
	return NULL;
}

bool sched_rouse(cpumask_t cpus)
{
	cpumask_t old;

	if (!cpus)
		return false;
	old = __atomic_fetch_and(&sched_idlers, ~cpus, __ATOMIC_RELAXED);
	if (!(old & cpus))
		return false;
	smp_wake(cpus);
	return true;
}

static unsigned choose(const struct task *t)
{
	cpumask_t able = t->allowed & sched_mask(&sched_present);
	cpumask_t free = able & sched_mask(&sched_idlers);
	cpumask_t last = cpu_bit(t->cpu);

	if (free)
		return free & last ? t->cpu : lowest_bit(free);
	return able & last ? t->cpu : lowest_bit(able);
}

/* One that may run on these harts was queued there: who must know? */
static void tell(unsigned cpu, cpumask_t allowed)
{
	struct sched_hart *h = cpu_var(sched_harts, cpu);
	cpumask_t free;

	arch_smp_mb(); /* the queue, before who idles or ticks (I3, I4) */
	if (sched_rouse(cpu_bit(cpu) & sched_mask(&sched_idlers)))
		return;
	if (cpu == arch_cpu())
		sched_check_tick(h);
	else if (!__atomic_load_n(&h->ticking, __ATOMIC_RELAXED))
		smp_wake(cpu_bit(cpu));
	/* It may steal. */
	free = sched_mask(&sched_idlers);
	if (~allowed == 0)
		sched_rouse(free & -free);
}

/* The hart with the shortest queue; of several the next behind `me`. */
static unsigned shortest(unsigned me)
{
	const cpumask_t all = sched_mask(&sched_present);
	unsigned least = get_count(&cpu_var(sched_harts, me)->count), to = me;

	for (unsigned i = 1; i < MAX_CPUS; i++) {
		unsigned cpu = (me + i) % MAX_CPUS, n;
		struct sched_hart *h;

		if (!(all & cpu_bit(cpu)))
			continue;
		h = cpu_var(sched_harts, cpu);
		n = get_count(&h->count);
		if (n < least && !get_count(&h->held)) {
			least = n;
			to = cpu;
		}
	}
	return to;
}

void sched_balance(struct sched_hart *h)
{
	unsigned to;
	int more;
	cpumask_t allowed;
	struct task *t;

	if (!get_count(&h->movable))
		return;
	to = shortest(arch_cpu());
	more = (int)(get_count(&h->count) -
		     get_count(&cpu_var(sched_harts, to)->count));
	if (more <= 0 || (more == 1 && ++h->turns % TURNS))
		return;
	t = take_movable(h);
	if (!t)
		return;
	allowed = t->allowed;
	push(cpu_var(sched_harts, to), t);
	/* From here on it may run, and end. */
	tell(to, allowed);
}

void sched_enqueue(struct task *t)
{
	uint64_t flags = arch_irq_save();
	cpumask_t allowed = t->allowed;
	unsigned cpu = choose(t);

	push(cpu_var(sched_harts, cpu), t);
	/* From here on it may run, and end. */
	tell(cpu, allowed);
	arch_irq_restore(flags);
}

void sched_ready(struct task *t)
{
	becomes(t, TASK_NEW, TASK_READY);
	sched_enqueue(t);
}

void task_wake(struct task *t)
{
	/* Awake, it may be gone as soon as it has the token. */
	bool bound = t->bound;
	unsigned cpu = t->cpu;
	/* No interrupt between the token and the queue: take_any() waits for the
	 * task in there, with interrupts off, and a handler may wait for that
	 * hart. */
	uint64_t flags = arch_irq_save();
	/* Release: what was stored before; acquire: its context. */
	uint32_t old =
		__atomic_fetch_or(&t->state, TASK_TOKEN, __ATOMIC_ACQ_REL);

	if (old == TASK_BLOCKED) {
		becomes(t, TASK_BLOCKED, TASK_READY);
		sched_enqueue(t);
	} else if (old == TASK_RUNNING && bound) {
		arch_smp_mb(); /* partner: nap() (I2) */
		sched_rouse(cpu_bit(cpu) & sched_mask(&sched_idlers));
	}
	arch_irq_restore(flags);
}
