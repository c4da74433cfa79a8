/*
 * Memory that is held without need comes back: frames and objects in the harts'
 * caches, empty slabs, areas of vmalloc that wait for their flush. page_alloc()
 * asks for it before it fails.
 */
#pragma once

#include <kernel/types.h>
#include <lib/list.h>

/* Something that can give memory back. Static, one per kind. */
struct shrinker {
	struct list link;
	const char *name;
	/* What this hart holds alone; on every hart, in interrupt context or
	 * with interrupts off. It leaves the hart's stacks with capacity zero;
	 * who next comes to fill them opens them again, unless bypassed.
	 * NULL: nothing is held per hart. */
	void (*drain_hart)(void);
	/* What is shared, once, after all harts have drained this: no lock is
	 * held, must not allocate, may wait for other harts. NULL: nothing. */
	void (*shrink)(void);
	uint64_t calls; /* (a) */
	uint32_t known; /* to reclaim_register_once() (a) */
};

/* For ever. Boot, or any context that may take a spinlock. */
void reclaim_register(struct shrinker *s);

/* The first time, for what exists from its first use on. */
static inline void reclaim_register_once(struct shrinker *s)
{
	if (!__atomic_load_n(&s->known, __ATOMIC_RELAXED) &&
	    !__atomic_exchange_n(&s->known, 1, __ATOMIC_RELAXED))
		reclaim_register(s);
}

/*
 * Give back all that can be, on all harts. Returns whether the zones have more
 * free frames than before, those in caches not counted. No spinlock held, not in
 * an interrupt. One hart at a time; another that comes meanwhile waits, and
 * serves calls while it does.
 */
bool reclaim(void);

/* What drain_hart does for all shrinkers, on this hart alone: for one that
 * allocates no more. Interrupts off, or bound to the hart. */
void reclaim_drain_hart(void);

/*
 * While this is on, the harts' caches are bypassed: each operation leaves its hot
 * path, which tests nothing for that. Every hart's stacks are drained, which
 * leaves them with capacity zero, and they stay so, since whoever fills them
 * asks reclaim_bypassed() first, with interrupts off. Counted: it ends with the
 * last one that wants it. No spinlock held.
 */
void reclaim_bypass(bool on);

extern unsigned reclaim_bypass_count; /* private */

static inline bool reclaim_bypassed(void)
{
	return __atomic_load_n(&reclaim_bypass_count, __ATOMIC_RELAXED) != 0;
}
