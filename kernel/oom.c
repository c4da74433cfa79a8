/*
 * When user memory runs out (process_out_of_memory()).
 *
 * THE RULE. The process that has the most frames mapped is killed; of several,
 * the one that began last; number 1 only if there is no other. Those that share
 * its space go with it. A line on the console says so.
 *
 * Whoever had a fault that could not be served comes here, waits until memory
 * is back, and tries again; it may be the victim itself. One at a time decides,
 * and waits until the victim is over: so one fault kills one process, and
 * others that fault meanwhile find memory when their turn comes. While a
 * process is on its way out already, it is waited for, and none is killed.
 *
 * It never hangs: each wait ends when the waiter is killed, and the wait for a
 * victim that sleeps after PATIENCE_US; then the next one dies. One that runs,
 * or could, is on its way, however slow the machine is. A victim needs no
 * memory in order to end: its faults are refused from then on.
 */
#include <arch/cpu.h>
#include <kernel/printk.h>
#include <kernel/process.h>
#include <kernel/task.h>
#include <kernel/time.h>
#include <mm/aspace.h>

#define PATIENCE_US 1000000u
#define INIT	    1

static uint32_t busy; /* somebody decides (a) */
static struct wait_queue turn = WAIT_QUEUE_INIT(turn);

struct choice {
	struct process *victim; /* with a reference */
	bool leaving;		/* it is to end already */
	uint64_t frames;
};

static uint64_t frames_of(struct process *p)
{
	struct aspace *as = process_aspace(p);
	struct aspace_stats s;

	if (!as)
		return 0;
	aspace_stats(as, &s);
	aspace_put(as);
	return s.resident + s.tables;
}

/* Is p, with `frames`, rather to be killed than c's? */
static bool is_worse(const struct choice *c, const struct process *p,
		     uint64_t frames)
{
	if (!c->victim)
		return true;
	if ((process_pid(p) == INIT) != (process_pid(c->victim) == INIT))
		return process_pid(c->victim) == INIT;
	if (frames != c->frames)
		return frames > c->frames;
	return p->started >= c->victim->started;
}

static enum process_state state_of(const struct process *p)
{
	return __atomic_load_n(&p->state, __ATOMIC_ACQUIRE);
}

static int consider(void *ctx, struct process *p)
{
	struct choice *c = ctx;
	uint64_t frames;

	if (state_of(p) >= PROCESS_ZOMBIE || p->gave_up)
		return 0;
	frames = frames_of(p);
	c->leaving = state_of(p) == PROCESS_EXITING ||
		     __atomic_load_n(&p->fatal, __ATOMIC_RELAXED);
	if (!c->leaving && (!frames || !is_worse(c, p, frames)))
		return 0;
	if (c->victim)
		process_put(c->victim);
	c->victim = process_get(p);
	c->frames = frames;
	return c->leaving;
}

struct sharers {
	const struct aspace *as;
};

static int kill_sharer(void *ctx, struct process *p)
{
	const struct sharers *s = ctx;
	struct aspace *as = process_aspace(p);

	if (as == s->as)
		process_kill(p, SIGKILL);
	if (as)
		aspace_put(as);
	return 0;
}

static void kill(const struct choice *c)
{
	struct aspace *as = process_aspace(c->victim);
	struct sharers s = {as};
	char name[PROCESS_NAME];

	process_show_name(c->victim, name);
	pr_warn("memory is out: process %d (%s) is killed, with %llu KiB\n",
		process_pid(c->victim), name,
		(unsigned long long)(c->frames * PAGE_SIZE / 1024));
	process_kill(c->victim, SIGKILL);
	if (!as)
		return;
	process_each(kill_sharer, &s);
	aspace_put(as);
}

static bool over(const struct process *p)
{
	return state_of(p) >= PROCESS_ZOMBIE || process_dying();
}

/* Until it is over, or the caller is to end itself. */
static void await(struct process *p)
{
	char name[PROCESS_NAME];
	bool done;

	do
		done = wait_on_until(&p->ended, over(p),
				     arch_time() + time_ticks(PATIENCE_US));
	while (!done && !process_sleeps(p));
	if (done)
		return;
	p->gave_up = true;
	process_show_name(p, name);
	pr_warn("memory is out: process %d (%s) does not end\n", process_pid(p),
		name);
}

static bool claim(void)
{
	uint32_t idle = 0;

	return __atomic_compare_exchange_n(&busy, &idle, 1, false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

bool process_out_of_memory(void)
{
	struct process *me = process_current();
	struct choice c = {0};

	if (!me || state_of(me) != PROCESS_ALIVE)
		return false;
	if (process_dying() || !wait_on_killable(&turn, claim()))
		return false;
	process_each(consider, &c);
	if (c.victim && !c.leaving)
		kill(&c);
	if (c.victim && c.victim != me)
		await(c.victim);
	if (c.victim)
		process_put(c.victim);
	__atomic_store_n(&busy, 0, __ATOMIC_RELEASE);
	wake_one(&turn);
	return c.victim && !process_dying();
}
