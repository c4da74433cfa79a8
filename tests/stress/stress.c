/*
 * See stress.h. Each hart has slots, each empty or with an item: memory of some
 * kind that the hart owns. A step picks a slot and fills it, or looks at what is
 * there and frees it, resizes it or puts it in another hart's box; that hart
 * frees it then.
 *
 *	hart 0  slots  --hand over-->  box of hart 1  --take, free-->
 *
 * Each item is filled with its own mark: hart, serial number, address. An
 * allocator that hands out memory twice, moves less than it should, or writes to
 * what it does not own, spoils a mark.
 *
 * I1  an item is in one place: a slot, which is its hart's, or a box
 * I2  a box that is empty is a sender's to fill, one that is full its hart's
 * I3  in the end all is as it was in the beginning: frames, objects, areas
 */
#include <kernel/printk.h>
#include <kernel/smp.h>
#include <lib/rng.h>
#include <mm/kmalloc.h>
#include <mm/reclaim.h>
#include <mm/vmalloc.h>
#include <mm/zone.h>

#include "stress.h"
#include "stress_impl.h"
#include "totals.h"

#define SLOTS	64
#define BOXES	16
#define REPORTS 8 /* errors that are told in full */

enum { EMPTY, TAKEN, FULL };

struct box {
	uint32_t state; /* (a) */
	struct item item;
};

struct hart {
	struct rng rng;
	uint64_t serial;
	uint64_t allocated, refused, given; /* counts */
	struct item slot[SLOTS];
	struct box box[BOXES];
};

enum { BEFORE, RUNNING, NO_MEMORY };

static struct {
	struct stress_config c;
	struct totals start;
	uint64_t errors; /* (a) */
	uint32_t stage;	 /* one of the above (a) */
	uint32_t left;	 /* harts that take steps (a) */
	struct hart *hart;
} s;

static struct hart *me(void)
{
	return &s.hart[arch_cpu()];
}

uint64_t stress_pick(uint64_t n)
{
	return rng_below(&me()->rng, n);
}

void stress_error(const char *what, const struct item *it, const void *at)
{
	if (__atomic_fetch_add(&s.errors, 1, __ATOMIC_RELAXED) < REPORTS)
		kprintf("stress: cpu %u: %s: %p, %zu bytes, mark %#llx, at "
			"%p\n",
			arch_cpu(), what, it->p, it->size,
			(unsigned long long)it->mark, at);
}

static uint64_t next_mark(void)
{
	return (uint64_t)(arch_cpu() + 1) << 56 | ++me()->serial << 16;
}

static void fill(struct item *it)
{
	stress_get(it);
	me()->allocated += it->p != NULL;
	me()->refused += !it->p;
	if (it->p)
		stress_mark(it, next_mark());
}

static void hand_over(struct item *it)
{
	struct box *b = &s.hart[stress_pick(s.c.harts)].box[stress_pick(BOXES)];
	uint32_t state = EMPTY;

	if (!__atomic_compare_exchange_n(&b->state, &state, TAKEN, false,
					 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	b->item = *it;
	it->p = NULL;
	me()->given++;
	__atomic_store_n(&b->state, FULL, __ATOMIC_RELEASE);
}

static void empty(struct box *b)
{
	if (__atomic_load_n(&b->state, __ATOMIC_ACQUIRE) != FULL)
		return;
	stress_put(&b->item);
	__atomic_store_n(&b->state, EMPTY, __ATOMIC_RELEASE);
}

static void audit(const char *what, const char *wrong)
{
	if (!wrong)
		return;
	__atomic_fetch_add(&s.errors, 1, __ATOMIC_RELAXED);
	kprintf("stress: %s: %s\n", what, wrong);
}

/* As commands do, while others are at it. */
static void look_around(void)
{
	struct slab_stats c;

	audit("slabs", slab_check());
	for (unsigned i = 0; slab_stats(i, &c); i++)
		if (c.objects > c.slabs * c.per_slab ||
		    c.cached > c.slabs * c.per_slab)
			audit(c.name, "has more objects than room");
}

static void step(void)
{
	struct item *it = &me()->slot[stress_pick(SLOTS)];
	uint64_t k = stress_pick(4096);

	if (k < 2)
		stress_give_back();
	else if (k < 10)
		stress_cache();
	else if (k < 12)
		look_around();
	else if (k < 100)
		stress_bulk();
	empty(&me()->box[stress_pick(BOXES)]);
	if (!it->p)
		fill(it);
	else if (!stress_pick(4))
		hand_over(it);
	else if (stress_resizable(it) && !stress_pick(4))
		stress_resize(it, next_mark());
	else
		stress_put(it);
}

static void steps(void)
{
	struct hart *h = me();

	for (uint64_t i = 0; i < s.c.ops; i++)
		step();
	for (unsigned i = 0; i < SLOTS; i++)
		if (h->slot[i].p)
			stress_put(&h->slot[i]);
	__atomic_fetch_sub(&s.left, 1, __ATOMIC_RELEASE);
}

/* --- before and after --- */

static bool begin(const struct stress_config *c)
{
	s.c = *c;
	stress_virtual = c->virtual;
	s.errors = 0;
	s.left = c->harts;
	s.hart = kcalloc(c->harts, sizeof(*s.hart), 0);
	if (!s.hart)
		return false;
	for (unsigned i = 0; i < c->harts; i++)
		s.hart[i].rng = rng_seed(c->seed + i);
	/* Caches that are made when first asked for, and stay. */
	for (size_t size = 8; size <= SLAB_MAX_SIZE; size += size / 8)
		kfree(kmalloc(size, ALLOC_DMA32));
	s.start = totals_now();
	if (stress_sources_init())
		return true;
	kfree(s.hart);
	return false;
}

static void compare(const char *what, uint64_t before, uint64_t after)
{
	if (before == after)
		return;
	s.errors++;
	kprintf("stress: %s: %llu before, %llu now\n", what,
		(unsigned long long)before, (unsigned long long)after);
}

static void end(void)
{
	uint64_t allocated = 0, refused = 0, given = 0;
	struct totals now;
	pfn_t at;

	for (unsigned i = 0; i < s.c.harts; i++) {
		for (unsigned k = 0; k < BOXES; k++)
			empty(&s.hart[i].box[k]);
		allocated += s.hart[i].allocated;
		refused += s.hart[i].refused;
		given += s.hart[i].given;
	}
	compare("objects in caches", 0, stress_sources_destroy());
	now = totals_now();
	compare("frames", s.start.frames, now.frames);
	compare("objects", s.start.objects, now.objects);
	compare("areas", s.start.areas, now.areas);
	compare("bytes of areas", s.start.bytes, now.bytes);
	audit("frames", page_audit(&at));
	audit("slabs", slab_check());
	audit("vmalloc", vmalloc_check());
	kfree(s.hart);
	kprintf("stress: %u harts, %llu allocated, %llu refused, %llu handed "
		"over, %llu errors\n",
		s.c.harts, (unsigned long long)allocated,
		(unsigned long long)refused, (unsigned long long)given,
		(unsigned long long)s.errors);
}

static uint32_t stage(void)
{
	return __atomic_load_n(&s.stage, __ATOMIC_ACQUIRE);
}

static uint64_t lead(const struct stress_config *c)
{
	uint64_t errors = 1;

	if (begin(c)) {
		__atomic_store_n(&s.stage, RUNNING, __ATOMIC_RELEASE);
		steps();
		while (__atomic_load_n(&s.left, __ATOMIC_ACQUIRE))
			arch_relax();
		end();
		errors = s.errors;
	} else {
		kprintf("stress: no memory\n");
		__atomic_store_n(&s.stage, NO_MEMORY, __ATOMIC_RELEASE);
		while (__atomic_load_n(&s.left, __ATOMIC_RELAXED) > 1)
			arch_relax();
	}
	__atomic_store_n(&s.stage, BEFORE, __ATOMIC_RELAXED);
	return errors;
}

uint64_t stress_run(const struct stress_config *c)
{
	if (!arch_cpu())
		return lead(c);
	while (stage() == BEFORE)
		arch_relax();
	if (stage() == RUNNING)
		steps();
	else
		__atomic_fetch_sub(&s.left, 1, __ATOMIC_RELAXED);
	return 0;
}
