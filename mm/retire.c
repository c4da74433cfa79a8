/*
 * Bad frames of the system's zones (<mm/retire.h>).
 *
 * Frames go on the list first, where the zones see them (buddy_retire.c); then
 * each is taken out of its zone, where it is free, or its block is marked. What
 * lies in a hart's cache comes out of it into the zone: so all harts drain theirs
 * before each round, and that is also the call after which a mark can be relied
 * on. A round that finds nothing to mark is the last: the second, mostly.
 *
 * The list begins in static memory. One that is longer is in memory of kmalloc,
 * and grows by half.
 */
#include <string.h>

#include <kernel/assert.h>
#include <kernel/printk.h>
#include <kernel/smp.h>
#include <lib/errno.h>
#include <mm/kmalloc.h>
#include <mm/retire.h>

#include "frame_cache.h"
#include "zone_internal.h"

/* Each needs a hart that frees a marked block just when it is looked at. */
#define ROUNDS 8

static struct range first[32];

static struct bad_frames bad = {
	.lock = SPINLOCK_INIT(LOCK_BAD),
	.set = {.range = first, .room = ARRAY_SIZE(first)},
};

const struct range_set *page_bad(void)
{
	return &bad.set;
}

static int change(int (*how)(struct range_set *s, struct range r),
		  struct range r)
{
	uint64_t flags = spin_lock_irqsave(&bad.lock);
	int err = how(&bad.set, r);

	spin_unlock_irqrestore(&bad.lock, flags);
	return err;
}

/* Make room for one more. Returns false when there is no memory. */
static bool grow(void)
{
	unsigned room = bad.set.room + bad.set.room / 2;
	struct range *more = kmalloc(room * sizeof(*more), ALLOC_RESERVE), *old;
	uint64_t flags;

	if (!more)
		return false;
	flags = spin_lock_irqsave(&bad.lock);
	old = bad.set.range;
	if (room > bad.set.room) {
		memcpy(more, old, bad.set.n * sizeof(*more));
		bad.set.range = more;
		bad.set.room = room;
	} else {
		old = more; /* another hart was faster */
	}
	spin_unlock_irqrestore(&bad.lock, flags);
	if (old != first)
		kfree(old);
	return true;
}

static void drain(void *arg)
{
	(void)arg;
	frame_cache_drain();
}

/* Returns the worst error of buddy_retire(). */
static int round_of(struct range frames)
{
	int worst = 0;

	smp_call(cpus_online(), drain, NULL);
	for (pfn_t pfn = frames.start; pfn < frames.end; pfn++) {
		struct buddy *b = zone_buddy(zone_of(pfn_to_page(pfn)));
		int err = buddy_retire(b, pfn);

		if (err == -EAGAIN || (err && !worst))
			worst = err;
	}
	return worst;
}

static int retire(struct range bytes)
{
	struct range frames = {bytes.start >> PAGE_SHIFT,
			       bytes.end >> PAGE_SHIFT};
	int err = -EAGAIN;

	for (unsigned i = 0; err == -EAGAIN && i < ROUNDS; i++)
		err = round_of(frames);
	return err ? -EBUSY : 0;
}

void page_condemn(struct range r)
{
	assert(!range_empty(r));
	while (change(range_set_add, r)) {
		struct range gap = range_set_gap(&bad.set);

		if (grow())
			continue;

		pr_warn("bad RAM: no memory for a longer list: %#llx to %#llx "
			"counts as bad, too\n",
			(unsigned long long)gap.start,
			(unsigned long long)gap.end);
		change(range_set_add, gap);
		retire(gap);
	}
	for (unsigned z = 0; z < ZONES; z++)
		buddy_watch(zone_buddy(z), &bad);
}

int page_retire(struct range r)
{
	page_condemn(r);
	return retire(r);
}

/* What of r the list has first; empty: nothing. */
static struct range first_in(struct range r)
{
	for (unsigned i = 0; i < bad.set.n; i++)
		if (range_overlaps(bad.set.range[i], r))
			return range_intersect(bad.set.range[i], r);
	return range_make(0, 0);
}

bool page_unretire(struct range good)
{
	struct range r;

	while (!range_empty(r = first_in(good))) {
		while (change(range_set_remove, r))
			if (!grow())
				return false;
		for (pfn_t pfn = r.start >> PAGE_SHIFT;
		     pfn < r.end >> PAGE_SHIFT; pfn++)
			buddy_unretire(zone_buddy(zone_of(pfn_to_page(pfn))),
				       pfn);
	}
	return true;
}

bool page_is_bad(pfn_t pfn)
{
	return buddy_is_retired(zone_buddy(zone_of(pfn_to_page(pfn))), pfn);
}
