/*
 * Giving memory back (<mm/reclaim.h>).
 *
 * Layer by layer, each before those that it lives on: areas, objects, frames. So
 * the list runs from the last registered to the first, and frames register first.
 * Of each, every hart drains what it holds alone: nobody else may touch a hart's
 * stacks. Then what is shared shrinks, on one hart. What that frees goes into the
 * stacks of the layer below, which are drained next: one pass gives back
 * everything.
 *
 * I1  The list only grows, at its front: it can be walked at any time.
 * I2  One hart is in a shrink function. Others wait for it holding nothing, and
 *     serve calls: so it may call them.
 * I3  Nothing here allocates, so reclaim() never comes back to itself.
 *
 * Bypass: a hart looks at the count and fills its stacks with interrupts off, so
 * it does either before the call that drains it, or after it has seen the count.
 */
#include <kernel/assert.h>
#include <kernel/smp.h>
#include <kernel/spinlock.h>
#include <lib/cas.h>
#include <mm/reclaim.h>
#include <mm/zone.h>

unsigned reclaim_bypass_count;

static struct list *shrinkers; /* the first; linked by `next` alone (a) */
static unsigned reclaiming;    /* somebody is (a) */

void reclaim_register(struct shrinker *s)
{
	s->link.next = __atomic_load_n(&shrinkers, __ATOMIC_RELAXED);
	/* Release: who finds it sees what is in it. */
	while (!__atomic_compare_exchange_n(&shrinkers, &s->link.next, &s->link,
					    true, CAS_RELEASE, CAS_RELEASE))
		;
}

#define for_each_shrinker(s)                                           \
	for (struct list *s##_l =                                      \
		     __atomic_load_n(&shrinkers, __ATOMIC_ACQUIRE);    \
	     s##_l; s##_l = s##_l->next)                               \
		for (struct shrinker *s =                              \
			     list_entry(s##_l, struct shrinker, link); \
		     s; s = NULL)

void reclaim_drain_hart(void)
{
	for_each_shrinker(s) if (s->drain_hart) s->drain_hart();
}

static void drain(void *arg)
{
	const struct shrinker *s = arg;

	s->drain_hart();
}

static void drain_all(void *arg)
{
	(void)arg;
	reclaim_drain_hart();
}

static uint64_t free_in_zones(void)
{
	uint64_t n = 0;

	for (unsigned z = 0; z < ZONES; z++)
		n += __atomic_load_n(&zone_buddy(z)->free_frames,
				     __ATOMIC_RELAXED);
	return n;
}

bool reclaim(void)
{
	uint64_t before = free_in_zones();

	if (DEBUG_CHECKS)
		spin_check_none();
	/* Acquire and release: a shrink function sees the last one's work. */
	while (__atomic_exchange_n(&reclaiming, 1, __ATOMIC_ACQUIRE)) {
		smp_serve();
		arch_relax();
	}
	for_each_shrinker(s)
	{
		s->calls++;
		if (s->drain_hart)
			smp_call(cpus_online(), drain, s);
		if (s->shrink)
			s->shrink();
	}
	__atomic_store_n(&reclaiming, 0, __ATOMIC_RELEASE);
	return free_in_zones() > before;
}

void reclaim_bypass(bool on)
{
	__atomic_fetch_add(&reclaim_bypass_count, on ? 1u : -1u,
			   __ATOMIC_RELAXED);
	if (on)
		smp_call(cpus_online(), drain_all, NULL);
}
