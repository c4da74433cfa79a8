/*
 * Several harts: having something done by others, waiting, stopping. How they
 * come up is <kernel/smp_boot.h>'s.
 *
 *	smp_call	at once, in interrupt context, on any set of harts
 *	smp_run		when the hart idles, in a context of its own, interrupts
 *			on: for what takes long
 */
#pragma once

#include <kernel/cpu.h>

/*
 * Call fn(arg) on each of these harts, all online, this one may be among them;
 * return when all have. Interrupts are off in fn, which must not wait for
 * another hart, nor call smp_call, and takes locks as an interrupt handler does.
 * Any other context, no spinlock held. Calls of several harts come one after the other; while a hart
 * waits for its turn it serves the calls of others, even with interrupts off.
 * What was stored before is seen by fn, and what fn stored, afterwards.
 */
void smp_call(cpumask_t cpus, void (*fn)(void *arg), void *arg);

/*
 * The two halves of a call, for others (not 0) only: between them this hart goes on
 * while they are in fn, with interrupts as it likes. It must not call smp_call, nor
 * what does (reclaim), and it gives nobody a reason to wait for it. Any context, no
 * spinlock held. Who waits inside fn does so by smp_relax(), so that a panic
 * elsewhere stops it.
 */
void smp_call_begin(cpumask_t others, void (*fn)(void *arg), void *arg);
void smp_call_end(void);
void smp_relax(void);

/* Do at once what others want of this hart by smp_call: for loops that wait for
 * a hart and may have interrupts off. No spinlock held. */
void smp_serve(void);

struct task;

/* Something to run on a hart. The caller's, in one use until smp_wait returns. */
struct smp_work {
	void (*fn)(void *arg);
	void *arg;
	/* private: */
	struct smp_work *next;
	unsigned from; /* who is told of the end: the hart, if no task is */
	struct task *task;
	bool done; /* (a) */
};

/*
 * Run w->fn(w->arg) on this hart, online, once its own task (<kernel/task.h>) idles;
 * pieces of work for one hart run in no particular order. Does not wait. Any
 * context that runs for a task.
 */
void smp_run(unsigned cpu, struct smp_work *w);

/* Wait for its end, by the task that called smp_run. If that is a hart's own, work
 * for the hart is run meanwhile, on the same stack: so work may wait for work, but
 * not in a circle nor many times over. Interrupts on, no spinlock held. */
void smp_wait(const struct smp_work *w);

/*
 * Run the work that there is for this hart, if this is its own task; if there is
 * none, let other tasks run, or sleep, until an interrupt comes here or
 * arch_time() >= until (UINT64_MAX: never; 0: no sleep), or one came since the last
 * call. Returns on the same hart. The caller looks again for what it waits for:
 * nothing that an interrupt announces is slept through. Interrupts on.
 */
void smp_idle(uint64_t until);

/* A device interrupts: something may have come that this hart waits for. Ends
 * smp_idle()'s sleep. Is it the first news since the last one ended? */
bool smp_woken(void);

/* End the sleep of smp_idle() on these harts, online, which look for what they wait
 * for. Any context. */
void smp_wake(cpumask_t cpus);

/*
 * For a panic: all other harts stop for ever, the calling one goes on. Returns
 * after a tenth of a second at the latest; a hart that has interrupts off and
 * does not look may still run then: smp_stopped() tells.
 */
void smp_stop_others(void);
bool smp_stopped(unsigned cpu);

/* Stop this hart for ever, because another panics. */
__attribute__((noreturn)) void smp_stop_here(void);

/* What a hart did, since it came up. */
struct smp_counters {
	uint64_t ipis;	  /* interrupts from harts */
	uint64_t timers;  /* from its timer */
	uint64_t devices; /* from devices */
	uint64_t calls;	  /* of smp_call, by others */
	uint64_t work;	  /* pieces */
	uint64_t sleeps;
};

const struct smp_counters *smp_counters(unsigned cpu);
