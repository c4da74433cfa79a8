/*
 * Calls, work, sleep and stop: <kernel/smp.h>.
 *
 * smp_call. There is one call at a time in the machine, in `call`; its lock is
 * only ever tried, with interrupts off, and between the tries the hart serves.
 * So it has no rank: nobody stands still for it, and a call that has begun may
 * last, its holder having interrupts on and locks of its own.
 *
 * I1  Bits of call.pending are set by the lock's holder, each is cleared by its
 *     hart once fn has returned; fn and arg hold good as long as one is set.
 * I2  The holder waits for harts that are not in a call of their own, or serve
 *     while they try: nobody waits in a circle. So the holder itself need not
 *     serve: no bit can be its own.
 *
 * smp_run. Each hart has a stack of work. Others push, only the hart itself
 * pops: so the first entry's `next` can't change under it, and one compare and
 * exchange is enough (no ABA).
 *
 * Sleep. Whoever has news stores them and interrupts; the handler notes that. A
 * hart that waits looks for its news, then sleeps unless there was an interrupt:
 * looked at with interrupts off, since a pending one ends the wait even so. With
 * tasks it is a task that waits, and the hart runs others meanwhile: the note is a
 * count then, and each task knows up to where it has looked (kernel/sched.c).
 * Work is done by the hart's own task, whenever that idles.
 */
#include <arch/cpu.h>
#include <arch/firmware.h>
#include <arch/smp.h>
#include <kernel/assert.h>
#include <kernel/sched.h>
#include <kernel/smp.h>
#include <kernel/spinlock.h>
#include <kernel/time.h>
#include <lib/cas.h>
#include <mm/tlb.h>

#define STOP_US 100000u

static PERCPU struct smp_counters counters;
static PERCPU struct smp_work *work; /* the last one pushed (a) */
static PERCPU bool woken;

static struct {
	struct spinlock lock;
	cpumask_t pending; /* (a) */
	void (*fn)(void *arg);
	void *arg;
} call = {.lock = SPINLOCK_INIT(LOCK_UNRANKED)};

static bool stopping;	  /* (a) */
static cpumask_t stopped; /* (a) */

const struct smp_counters *smp_counters(unsigned cpu)
{
	return cpu_var(counters, cpu);
}

static void interrupt(cpumask_t cpus)
{
	if (cpus && arch_ipi_send(cpus))
		panic("firmware refuses to interrupt harts %#llx",
		      (unsigned long long)cpus);
}

/* Do what others want of this hart at once. Interrupts are off. */
static void serve(void)
{
	cpumask_t me = cpu_bit(arch_cpu());

	if (__atomic_load_n(&stopping, __ATOMIC_RELAXED))
		smp_stop_here();
	/* Acquire: fn and arg were stored before (I1). */
	if (!(__atomic_load_n(&call.pending, __ATOMIC_ACQUIRE) & me))
		return;
	this_cpu(counters)->calls++;
	if (DEBUG_CHECKS)
		spin_check_irq(true);
	call.fn(call.arg);
	if (DEBUG_CHECKS)
		spin_check_irq(false);
	/* Release: what fn stored is there before the call ends. */
	__atomic_fetch_and(&call.pending, ~me, __ATOMIC_RELEASE);
}

/* Another hart may panic while this one waits. */
void smp_relax(void)
{
	if (__atomic_load_n(&stopping, __ATOMIC_RELAXED))
		smp_stop_here();
	arch_relax();
}

void smp_call_begin(cpumask_t others, void (*fn)(void *arg), void *arg)
{
	uint64_t flags = arch_irq_save();

	while (!spin_trylock(&call.lock)) {
		serve();
		arch_relax();
	}
	call.fn = fn;
	call.arg = arg;
	__atomic_store_n(&call.pending, others, __ATOMIC_RELEASE);
	interrupt(others);
	arch_irq_restore(flags);
}

void smp_call_end(void)
{
	/* Acquire: pairs with the release in serve(). */
	while (__atomic_load_n(&call.pending, __ATOMIC_ACQUIRE))
		smp_relax();
	spin_unlock(&call.lock);
}

void smp_call(cpumask_t cpus, void (*fn)(void *arg), void *arg)
{
	uint64_t flags = arch_irq_save();
	cpumask_t others = cpus & ~cpu_bit(arch_cpu());

	if (DEBUG_CHECKS)
		spin_check_none();
	if (others != cpus)
		fn(arg);
	if (others) {
		smp_call_begin(others, fn, arg);
		smp_call_end();
	}
	arch_irq_restore(flags);
}

void smp_serve(void)
{
	uint64_t flags = arch_irq_save();

	serve();
	arch_irq_restore(flags);
}

void kernel_ipi(void)
{
	this_cpu(counters)->ipis++;
	*this_cpu(woken) = true;
	serve();
	sched_news();
}

void kernel_timer(void)
{
	this_cpu(counters)->timers++;
	*this_cpu(woken) = true;
	if (task_current())
		sched_timer();
	else
		arch_timer_set(UINT64_MAX);
}

bool smp_woken(void)
{
	bool first = !*this_cpu(woken);

	this_cpu(counters)->devices++;
	*this_cpu(woken) = true;
	sched_news();
	return first;
}

void smp_wake(cpumask_t cpus)
{
	interrupt(cpus);
}

/* As if an interrupt had come. */
static void tell_here(void)
{
	uint64_t flags = arch_irq_save();

	sched_news();
	arch_irq_restore(flags);
}

void smp_run(unsigned cpu, struct smp_work *w)
{
	struct smp_work **top = cpu_var(work, cpu);
	struct task *t = task_current();

	w->from = arch_cpu();
	w->task = t && !t->bound ? task_get(t) : NULL;
	w->done = false;
	w->next = __atomic_load_n(top, __ATOMIC_RELAXED);
	/* Release: the hart that pops it sees what is in it. */
	while (!__atomic_compare_exchange_n(top, &w->next, w, true, CAS_RELEASE,
					    CAS_RELEASE))
		;
	if (cpu != arch_cpu())
		interrupt(cpu_bit(cpu));
	else
		tell_here();
}

static struct smp_work *pop(void)
{
	struct smp_work **top = this_cpu(work);
	struct smp_work *w = __atomic_load_n(top, __ATOMIC_ACQUIRE);

	while (w &&
	       !__atomic_compare_exchange_n(top, &w, w->next, true,
					    __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
		;
	return w;
}

void smp_wait(const struct smp_work *w)
{
	const struct task *t = task_current();

	while (!__atomic_load_n(&w->done, __ATOMIC_ACQUIRE))
		if (t && !t->bound)
			task_block();
		else
			smp_idle(UINT64_MAX);
}

static void run(struct smp_work *w)
{
	struct task *task = w->task;
	unsigned from = w->from;

	this_cpu(counters)->work++;
	w->fn(w->arg);
	/* Who waits may be gone, and the work with it, from here on. */
	__atomic_store_n(&w->done, true, __ATOMIC_RELEASE);
	if (task) {
		task_wake(task);
		task_put(task);
	} else if (from != arch_cpu()) {
		interrupt(cpu_bit(from));
	}
}

void smp_doze(void)
{
	this_cpu(counters)->sleeps++;
	tlb_idle_enter();
	arch_wait_for_interrupt();
	tlb_idle_exit();
}

/* Before there are tasks. */
static void sleep(uint64_t until)
{
	uint64_t flags = arch_irq_save();

	if (!*this_cpu(woken) &&
	    !__atomic_load_n(this_cpu(work), __ATOMIC_RELAXED)) {
		if (!until || (until != UINT64_MAX && !arch_timer_works())) {
			arch_relax();
		} else {
			arch_timer_set(until);
			smp_doze();
		}
	}
	arch_irq_restore(flags);
}

void smp_idle(uint64_t until)
{
	const struct task *t = task_current();
	struct smp_work *w = !t || t->bound ? pop() : NULL;

	if (DEBUG_CHECKS)
		spin_check_none();
	if (w) {
		run(w);
		return;
	}
	if (t)
		sched_idle(until);
	else
		sleep(until);
	*this_cpu(woken) = false;
}

void smp_stop_here(void)
{
	__atomic_fetch_or(&stopped, cpu_bit(arch_cpu()), __ATOMIC_RELEASE);
	arch_halt();
}

bool smp_stopped(unsigned cpu)
{
	return __atomic_load_n(&stopped, __ATOMIC_ACQUIRE) & cpu_bit(cpu);
}

void smp_stop_others(void)
{
	cpumask_t others = cpus_online() & ~cpu_bit(arch_cpu());
	uint64_t end = arch_time() + time_ticks(STOP_US);

	if (!others)
		return;
	__atomic_store_n(&stopping, true, __ATOMIC_RELEASE);
	/* If firmware refuses, they stop when they next look. */
	arch_ipi_send(others);
	while ((__atomic_load_n(&stopped, __ATOMIC_ACQUIRE) & others) !=
		       others &&
	       arch_time() < end)
		arch_relax();
}
