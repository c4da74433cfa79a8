/*
 * Harts as threads: <host/harts.h> and its share of <arch/cpu.h> once more, for
 * sanitizers that watch real concurrency. Nothing is drawn here: harts run when
 * the host lets them.
 *
 * An interrupt is a flag that its hart looks at where interrupts come on again
 * and where it waits. Looking orders nothing, as a real interrupt does not: what
 * goes with it has to be published by who sends it.
 *
 *  I1  the thread that runs the tests is hart 0, with others or alone
 *  I2  each restore undoes the latest save, and is made with interrupts off
 */
#include <pthread.h>
#include <sched.h>

#include <arch/cpu.h>
#include <arch/irq.h>
#include <arch/task.h>
#include <host/harts.h>
#include <kernel/assert.h>

/* A hart that waits lets others run after so many looks. */
#define PATIENCE 64

static struct {
	const struct harts_hooks *hooks;
	void (*const *fn)(void);
	unsigned left;		 /* that have not returned (a) */
	bool pending[HARTS_MAX]; /* an interrupt (a) */
	pthread_barrier_t start;
} h;

static bool running; /* written while hart 0 is alone */

static _Thread_local unsigned me;
static _Thread_local unsigned looks;
static _Thread_local struct {
	bool off;
	unsigned depth;
	bool saved[16]; /* by the saves that are not undone yet */
} irq;

static void interrupts(void)
{
	while (!irq.off && __atomic_load_n(&h.pending[me], __ATOMIC_RELAXED)) {
		__atomic_store_n(&h.pending[me], false, __ATOMIC_RELAXED);
		irq.off = true;
		if (h.hooks && h.hooks->ipi)
			h.hooks->ipi(h.hooks->ctx);
		else
			kernel_ipi();
		irq.off = false;
	}
}

void harts_yield(void)
{
	interrupts();
}

bool harts_running(void)
{
	return running;
}

void harts_interrupt(unsigned cpu)
{
	__atomic_store_n(&h.pending[cpu], true, __ATOMIC_RELAXED);
}

static void run(unsigned cpu)
{
	me = cpu;
	pthread_barrier_wait(&h.start);
	h.fn[cpu]();
	assert(!irq.off && !irq.depth);
	__atomic_fetch_sub(&h.left, 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(&h.left, __ATOMIC_RELAXED)) {
		interrupts();
		sched_yield();
	}
}

static void *thread(void *cpu)
{
	run((unsigned)(uintptr_t)cpu);
	return NULL;
}

void harts_run(unsigned n, void (*const fn[])(void),
	       const struct harts_hooks *hooks, uint64_t seed)
{
	cpumask_t online = cpus_online();
	pthread_t threads[HARTS_MAX];

	(void)seed;
	assert(n && n <= HARTS_MAX && !running);
	running = true;
	h.hooks = hooks;
	h.fn = fn;
	h.left = n;
	pthread_barrier_init(&h.start, NULL, n);
	if (!hooks->keep_online)
		cpus_online_ = cpu_bit(n) - 1;
	for (uintptr_t cpu = 1; cpu < n; cpu++)
		if (pthread_create(&threads[cpu], NULL, thread, (void *)cpu))
			panic("harts: no thread");
	run(0);
	for (unsigned cpu = 1; cpu < n; cpu++)
		pthread_join(threads[cpu], NULL);
	if (!hooks->keep_online)
		cpus_online_ = online;
	pthread_barrier_destroy(&h.start);
	h.hooks = NULL;
	running = false;
}

unsigned arch_cpu(void)
{
	return me;
}

void arch_relax(void)
{
	interrupts();
	if (++looks % PATIENCE == 0)
		sched_yield();
}

void arch_wait_for_interrupt(void)
{
	interrupts();
	sched_yield();
}

void arch_smp_mb(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

bool arch_irq_enabled(void)
{
	return !irq.off;
}

/* Nothing interrupts here. */
void arch_external_enable(bool on)
{
	(void)on;
}

/* No device interrupts a thread. */
vaddr_t arch_interrupted(void)
{
	return 0;
}

void arch_irq_enable(void)
{
	irq.off = false;
}

uint64_t arch_irq_save(void)
{
	assert(irq.depth < ARRAY_SIZE(irq.saved));
	irq.saved[irq.depth++] = !irq.off;
	irq.off = true;
	return irq.saved[irq.depth - 1];
}

void arch_irq_restore(uint64_t flags)
{
	assert(irq.off && irq.depth && flags == irq.saved[irq.depth - 1]);
	irq.depth--;
	irq.off = !flags;
	interrupts();
}

/* No tasks here. */
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
	panic("no tasks run on threads");
}
