/*
 * The scheduler of the native machine (<host/harts.h>) and its share of
 * <arch/cpu.h>.
 *
 * Who is next is drawn, evenly; but now and then a hart stays away for some time,
 * for the errors that need others to do much in one small gap.
 *
 * A hart is a stack and what __builtin_setjmp() keeps, and so is a task
 * (<arch/task.h>), which takes the place of the hart's own while it runs there. The
 * first entry goes through ucontext, which can begin a stack; later switches are
 * __builtin_longjmp(). AddressSanitizer is told of each, where it is there: its own
 * longjmp() takes the stack for left, and asks the host's kernel about it each time.
 *
 *  I1  `now` is NULL when no harts run, and then the thread is hart 0
 *  I2  interrupts: each restore undoes the latest save, and is made with
 *      interrupts off
 *  I3  a hart whose function has returned is drawn while it serves an interrupt
 *      only, until the last of them has: then its stack is left as it is
 */
#include <string.h>
#include <ucontext.h>

#include <arch/cpu.h>
#include <arch/irq.h>
#include <arch/task.h>
#include <host/harts.h>
#include <kernel/assert.h>
#include <lib/rng.h>
#include <mm/reclaim.h>

#define STACK_SIZE ((size_t)512 << 10)

/* So many waits in a row, over all harts, are no coincidence. */
#define STUCK 10000000u

struct irq {
	bool off;
	unsigned depth;
	bool saved[16]; /* by the saves that are not undone yet */
};

struct hart {
	void *context[5];   /* of __builtin_setjmp() */
	void *fake_stack;   /* AddressSanitizer's */
	struct range stack; /* that it is on */
	void (*fn)(void);
	void (*entry)(void); /* of a task that begins */
	bool started, done;
	struct irq irq;
	bool pending;	 /* an interrupt */
	unsigned absent; /* not to be drawn so many times */
};

static struct {
	struct hart hart[HARTS_MAX];
	unsigned n, left;
	const struct harts_hooks *hooks;
	struct rng rng;
	void *home[5];
	void *home_fake_stack;
	const void *home_stack;
	size_t home_size;
	unsigned waits;	   /* arch_relax() since somebody did something else */
	unsigned branches; /* of mm/, until the next yield */
	unsigned rate;	   /* of these yields: one in so many, at least */
} h;

static uint8_t stacks[HARTS_MAX][STACK_SIZE] __attribute__((aligned(4096)));
static struct hart *now;

/* Threads of their own have interrupts of their own. */
static _Thread_local struct irq outside;

void __sanitizer_start_switch_fiber(void **save, const void *bottom,
				    size_t size) __attribute__((weak));
void __sanitizer_finish_switch_fiber(void *save, const void **bottom,
				     size_t *size) __attribute__((weak));
void __sanitizer_cov_trace_pc(void);

/* Functions that leave their stack behind: nothing of it may stay poisoned. */
#define UNCHECKED __attribute__((no_sanitize_address))

static unsigned index_of(const struct hart *hart)
{
	return (unsigned)(hart - h.hart);
}

static void leaving_for(void **save, const void *stack, size_t size)
{
	if (__sanitizer_start_switch_fiber)
		__sanitizer_start_switch_fiber(save, stack, size);
}

static void leaving(void **save, struct range stack)
{
	leaving_for(save, (void *)(uintptr_t)stack.start, range_size(stack));
}

static void arrived(void *saved, const void **from, size_t *size)
{
	if (__sanitizer_finish_switch_fiber)
		__sanitizer_finish_switch_fiber(saved, from, size);
}

static bool can_run(const struct hart *hart)
{
	/* One that is done still serves, and may be in the middle of it. */
	return !hart->done || hart->pending || hart->irq.off;
}

static struct hart *draw_any(void)
{
	unsigned n = 0;
	uint64_t k;

	for (unsigned i = 0; i < h.n; i++)
		n += can_run(&h.hart[i]);
	k = rng_below(&h.rng, n);
	for (unsigned i = 0;; i++)
		if (can_run(&h.hart[i]) && !k--)
			return &h.hart[i];
}

static struct hart *draw(void)
{
	struct hart *to = draw_any();

	while (to->absent) {
		to->absent--;
		to = draw_any();
	}
	return to;
}

static void begin(void);

/* Begin on a new stack; the caller has left its own behind. */
UNCHECKED __attribute__((noreturn)) static void begin_on(struct range stack,
							 void (*fn)(void))
{
	static ucontext_t start;

	getcontext(&start);
	start.uc_stack.ss_sp = (void *)(uintptr_t)stack.start;
	start.uc_stack.ss_size = range_size(stack);
	start.uc_link = NULL;
	makecontext(&start, fn, 0);
	setcontext(&start);
	panic("harts: no context");
}

/* Go on there; the caller has left its own stack behind. */
UNCHECKED __attribute__((noreturn)) static void enter(struct hart *to)
{
	now = to;
	if (to->started)
		__builtin_longjmp(to->context, 1);
	to->started = true;
	begin_on(to->stack, begin);
}

static void switch_to(struct hart *to);
static void interrupts(void);

UNCHECKED static void begin(void)
{
	const void *from;
	size_t size;

	arrived(NULL, &from, &size);
	if (!h.home_stack) {
		h.home_stack = from;
		h.home_size = size;
	}
	now->fn();
	/* Nobody can drain its caches once it is gone. */
	reclaim_drain_hart();
	assert(!now->irq.off && !now->irq.depth);
	now->done = true;
	h.waits = 0;
	h.left--;
	while (h.left) {
		switch_to(draw());
		interrupts();
	}
	now = NULL;
	leaving_for(NULL, h.home_stack, h.home_size);
	__builtin_longjmp(h.home, 1);
}

UNCHECKED static void switch_to(struct hart *to)
{
	struct hart *me = now;

	if (to == me)
		return;
	leaving(&me->fake_stack, to->stack);
	if (!__builtin_setjmp(me->context))
		enter(to);
	arrived(me->fake_stack, NULL, NULL);
}

struct range arch_stack(void)
{
	return now->stack;
}

static void task_begins(void)
{
	arrived(NULL, NULL, NULL);
	now->entry();
}

UNCHECKED void arch_context_switch(struct arch_context *from,
				   struct arch_context *to, struct range stack)
{
	assert(now && now->irq.off);
	leaving(&from->fake_stack, stack);
	now->stack = stack;
	if (!__builtin_setjmp(from->regs)) {
		if (!to->entry)
			__builtin_longjmp(to->regs, 1);
		now->entry = to->entry;
		to->entry = NULL;
		begin_on(stack, task_begins);
	}
	arrived(from->fake_stack, NULL, NULL);
}

static void interrupts(void)
{
	while (now->pending && !now->irq.off) {
		now->pending = false;
		now->irq.off = true;
		if (h.hooks->ipi)
			h.hooks->ipi(h.hooks->ctx);
		else
			kernel_ipi();
		now->irq.off = false;
	}
}

static void yield(void)
{
	if (h.hooks->yield)
		h.hooks->yield(h.hooks->ctx);
	/* Others get far while this hart is between two steps. */
	if (!rng_below(&h.rng, 32))
		now->absent = (unsigned)rng_below(&h.rng, 100);
	switch_to(draw());
	interrupts();
}

void harts_yield(void)
{
	if (!now)
		return;
	h.waits = 0;
	yield();
}

bool harts_running(void)
{
	return now;
}

void harts_interrupt(unsigned cpu)
{
	h.hart[cpu].pending = true;
}

void harts_run(unsigned n, void (*const fn[])(void),
	       const struct harts_hooks *hooks, uint64_t seed)
{
	cpumask_t online = cpus_online();

	assert(n && n <= HARTS_MAX && !now);
	memset(&h, 0, sizeof(h));
	h.n = h.left = n;
	h.hooks = hooks;
	h.rng = rng_seed(seed);
	h.rate = 4u << rng_below(&h.rng, 8);
	for (unsigned i = 0; i < n; i++) {
		uintptr_t stack = (uintptr_t)stacks[i];

		h.hart[i].fn = fn[i];
		h.hart[i].stack = range_make(stack, stack + STACK_SIZE);
	}
	if (!hooks->keep_online)
		cpus_online_ = cpu_bit(n) - 1;
	leaving(&h.home_fake_stack, h.hart[0].stack);
	if (!__builtin_setjmp(h.home))
		enter(&h.hart[0]);
	arrived(h.home_fake_stack, NULL, NULL);
	if (!hooks->keep_online)
		cpus_online_ = online;
}

/* The compiler puts calls of this at the branches of mm/; not where libFuzzer is,
 * which has its own. */
__attribute__((weak)) void __sanitizer_cov_trace_pc(void)
{
	if (!now || h.branches--)
		return;
	h.branches = (unsigned)rng_below(&h.rng, h.rate);
	yield();
}

unsigned arch_cpu(void)
{
	return now ? index_of(now) : 0;
}

void arch_relax(void)
{
	if (!now)
		return;
	if (h.waits++ == STUCK)
		panic("harts: all wait; hart %u is one", arch_cpu());
	yield();
}

void arch_wait_for_interrupt(void)
{
	do
		arch_relax();
	while (now && h.hooks->sleep && !now->pending);
}

void arch_smp_mb(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	harts_yield();
}

static struct irq *irq(void)
{
	return now ? &now->irq : &outside;
}

bool arch_irq_enabled(void)
{
	return !irq()->off;
}

/* Nothing interrupts here but who calls kernel_external(); it may ask. */
static bool external;

void arch_external_enable(bool on)
{
	external = on;
}

bool harts_external_enabled(void)
{
	return external;
}

static vaddr_t interrupted;
static bool stands;

void harts_stand(bool still)
{
	stands = still;
}

vaddr_t arch_interrupted(void)
{
	interrupted += !stands;
	return interrupted;
}

void arch_irq_enable(void)
{
	irq()->off = false;
}

uint64_t arch_irq_save(void)
{
	struct irq *i = irq();

	assert(i->depth < ARRAY_SIZE(i->saved));
	i->saved[i->depth++] = !i->off;
	i->off = true;
	return i->saved[i->depth - 1];
}

void arch_irq_restore(uint64_t flags)
{
	struct irq *i = irq();

	assert(i->off && i->depth && flags == i->saved[i->depth - 1]);
	i->depth--;
	i->off = !flags;
	harts_yield();
}
