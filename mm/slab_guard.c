/*
 * Sampling by guard pages (<mm/slab.h>): now and then an object gets a page of
 * its own, between pages that are never mapped, so that the hardware finds the
 * access that is wrong, and where. Cheap enough to stay on in the field, where
 * the memory is misused that no test thought of.
 *
 *	unmapped | slot 0 | unmapped | slot 1 | unmapped | ...
 *		 |     obj|	     |obj     |
 *
 * An object lies at the end of its page, or at the start: that is drawn. Its page
 * is unmapped when it is freed, and used again after those of all other slots.
 * On either side up to 64 bytes of the page are a canary, which is looked at when
 * the object is freed: also what alignment leaves between object and edge.
 *
 * The slots are in a part of the kernel's tables whose table is permanent, so
 * that a page is mapped and unmapped without memory, in any context, under this
 * file's own lock. Each keeps its frame for ever; here it is only written to
 * through the direct map.
 *
 * Invariants:
 *  I1  a slot's page is mapped exactly if its state is LIVE
 *  I2  slots that are not LIVE are in the queue, the longest free one first
 *
 * Cost: between samples nothing, since only an allocation that finds no object in
 * its hart's magazines counts; a sample takes two changes of the tables with
 * their flushes, each of which tells all harts.
 *
 * Source: Serebryany et al., GWP-ASan: Sampling-Based Detection of Memory-Safety
 * Bugs in Production (2023).
 */
#include <string.h>

#include <lib/errno.h>
#include <mm/kmalloc.h>

#include "kmap_part.h"
#include "slab_impl.h"

#define SLOTS_MAX (unsigned)((KMAP_PART_SIZE / PAGE_SIZE - 1) / 2)

enum { CANARY = 0xa7, CANARY_SIZE = 64 };

enum slot_state { UNUSED, LIVE, FREED };

struct slot {
	struct list link; /* the queue */
	enum slot_state state;
	paddr_t frame; /* (c) */
	uintptr_t obj;
	struct kmem_cache *cache; /* gone, perhaps, when FREED */
	const char *name;	  /* the cache's */
	size_t size;		  /* asked for */
	struct alloc_track allocated, freed;
};

static struct {
	struct spinlock lock;
	struct slot *slot;  /* NULL: not started (l) */
	unsigned n;	    /* (l) */
	unsigned interval;  /* 0: off (a) */
	struct list unused; /* (l) */
	struct rng rng;	    /* (l) */
	unsigned live;	    /* (l) */
	uint64_t sampled;   /* (l) */
	uint64_t reports;   /* (a) */
} guard = {
	.lock = SPINLOCK_INIT(LOCK_GUARD),
	.unused = LIST_INIT(guard.unused),
};

static PERCPU unsigned refills; /* since the last sample */

static vaddr_t page_of(const struct slot *s)
{
	return KMAP_PART_BASE + (2 * (vaddr_t)(s - guard.slot) + 1) * PAGE_SIZE;
}

/* The n-th page of the part; NULL for one between slots, or behind them. */
static struct slot *slot_at(vaddr_t va)
{
	uint64_t page = (va - KMAP_PART_BASE) >> PAGE_SHIFT;

	return va >= KMAP_PART_BASE && page % 2 && page / 2 < guard.n
		       ? &guard.slot[page / 2]
		       : NULL;
}

static void report(enum mm_bug_kind kind, const struct slot *s, uintptr_t at,
		   uintptr_t caller)
{
	struct mm_bug b = {
		.kind = kind,
		.cache = s->name ? s->name : "none",
		.object = s->obj,
		.size = s->size,
		.at = at,
		.caller = caller,
		.allocated = s->allocated,
		.freed = s->freed,
	};

	__atomic_fetch_add(&guard.reports, 1, __ATOMIC_RELAXED);
	mm_bug(&b);
}

/* --- starting --- */

static void free_slots(struct slot *slot, unsigned n)
{
	while (n--)
		page_free(pfn_to_page(slot[n].frame >> PAGE_SHIFT), 0);
	kfree(slot);
}

static struct slot *make_slots(unsigned n)
{
	struct slot *slot = kmalloc_array(n, sizeof(*slot), 0);

	for (unsigned i = 0; slot && i < n; i++) {
		struct page *p = page_alloc(0, 0);

		if (!p) {
			free_slots(slot, i);
			return NULL;
		}
		slot[i] = (struct slot){.frame = page_to_phys(p)};
	}
	return slot;
}

/* New samples end; so does all, if there is no object. */
static void stop(void)
{
	uint64_t irq = spin_lock_irqsave(&guard.lock);
	struct slot *slot = guard.live ? NULL : guard.slot;
	unsigned n = guard.n;

	__atomic_store_n(&guard.interval, 0, __ATOMIC_RELAXED);
	if (slot) {
		list_init(&guard.unused);
		guard.slot = NULL;
		guard.n = 0;
	}
	spin_unlock_irqrestore(&guard.lock, irq);
	if (slot)
		free_slots(slot, n);
}

int slab_guard_start(unsigned objects, unsigned interval)
{
	unsigned n = (unsigned)min_u64(objects, SLOTS_MAX);
	struct slot *slot;
	uint64_t irq;

	if (!interval) {
		stop();
		return 0;
	}
	if (guard.slot)
		return -EBUSY;
	slot = make_slots(n);
	if (!slot)
		return -ENOMEM;
	if (kmap_part_init()) {
		free_slots(slot, n);
		return -ENOMEM;
	}
	irq = spin_lock_irqsave(&guard.lock);
	list_init(&guard.unused);
	for (unsigned i = 0; i < n; i++)
		list_add_tail(&guard.unused, &slot[i].link);
	guard.rng = rng_seed(arch_time());
	guard.n = n;
	guard.slot = slot;
	spin_unlock_irqrestore(&guard.lock, irq);
	__atomic_store_n(&guard.interval, interval, __ATOMIC_RELAXED);
	return 0;
}

void slab_guard_stats(struct slab_guard_stats *s)
{
	uint64_t irq = spin_lock_irqsave(&guard.lock);

	*s = (struct slab_guard_stats){
		.objects = guard.n,
		.live = guard.live,
		.interval = guard.interval,
		.sampled = guard.sampled,
		.reports = guard.reports,
	};
	spin_unlock_irqrestore(&guard.lock, irq);
}

/* --- an object --- */

static bool is_due(unsigned interval)
{
	uint64_t irq = arch_irq_save();
	bool due = ++*this_cpu(refills) >= interval;

	if (due)
		*this_cpu(refills) = 0;
	arch_irq_restore(irq);
	return due;
}

/* The byte of the slot's page at `va`, in the direct map. */
static uint8_t *byte_at(const struct slot *s, uintptr_t va)
{
	return (uint8_t *)phys_to_virt(s->frame) + va % PAGE_SIZE;
}

/* The canary's parts in front of the object and behind it, by address. */
static struct range canary(const struct slot *s, bool behind)
{
	vaddr_t page = page_of(s);

	return behind ? range_make(s->obj + s->size,
				   min_u64(s->obj + s->size + CANARY_SIZE,
					   page + PAGE_SIZE))
		      : range_make(max_u64(s->obj - CANARY_SIZE, page), s->obj);
}

static void write_canary(const struct slot *s)
{
	for (int behind = 0; behind < 2; behind++) {
		struct range r = canary(s, behind);

		if (!range_empty(r))
			memset(byte_at(s, r.start), CANARY, range_size(r));
	}
}

/* The first wrong byte of it, or 0. */
static uintptr_t check_canary(const struct slot *s, bool behind)
{
	struct range r = canary(s, behind);

	for (uintptr_t va = r.start; va < r.end; va++)
		if (*byte_at(s, va) != CANARY)
			return va;
	return 0;
}

void *slab_guard_alloc(struct kmem_cache *c, size_t size, unsigned flags,
		       uintptr_t caller)
{
	unsigned interval = __atomic_load_n(&guard.interval, __ATOMIC_RELAXED);
	struct slot *s = NULL;
	uint64_t irq;

	/* Devices and constructors want addresses of the direct map. */
	if (!interval || flags & (ALLOC_ATOMIC | ALLOC_DMA32) ||
	    c->flags & (SLAB_NOGUARD | SLAB_DMA32) || c->ctor ||
	    c->size > PAGE_SIZE || !is_due(interval))
		return NULL;
	irq = spin_lock_irqsave(&guard.lock);
	if (!list_empty(&guard.unused))
		s = list_entry(guard.unused.next, struct slot, link);
	if (s && !kmap_part_map(page_of(s), s->frame)) {
		/* One of size 0, too, has an address of its own. */
		uint64_t room = rng_below(&guard.rng, 2)
					? PAGE_SIZE - max_u64(size, 1)
					: 0;

		list_del(&s->link);
		s->state = LIVE;
		s->obj = page_of(s) + align_down(room, c->align);
		s->cache = c;
		s->name = c->name;
		s->size = size;
		s->allocated = alloc_track_now(caller);
		s->freed = (struct alloc_track){.pc = 0};
		write_canary(s);
		__atomic_fetch_add(&c->guarded, 1, __ATOMIC_RELAXED);
		guard.live++;
		guard.sampled++;
	} else {
		s = NULL;
	}
	spin_unlock_irqrestore(&guard.lock, irq);
	return s ? (void *)s->obj : NULL;
}

/* Is this pointer the object of the slot, to be freed to cache c (NULL: any),
 * and nothing wrong with it? If not, `*kind` and `*at` tell. */
static bool may_free(const struct slot *s, const struct kmem_cache *c,
		     uintptr_t *at, enum mm_bug_kind *kind)
{
	uintptr_t wrong;

	*kind = s->state == FREED ? BUG_DOUBLE_FREE : BUG_INVALID_FREE;
	if (s->state != LIVE || s->obj != *at)
		return false;
	*kind = BUG_WRONG_CACHE;
	if (c && s->cache != c)
		return false;
	*kind = BUG_OVERFLOW;
	wrong = check_canary(s, true);
	if (!wrong) {
		*kind = BUG_UNDERFLOW;
		wrong = check_canary(s, false);
	}
	if (wrong)
		*at = wrong;
	return !wrong;
}

bool slab_guard_free(const struct kmem_cache *c, void *obj, uintptr_t caller)
{
	uint64_t irq = spin_lock_irqsave(&guard.lock);
	struct slot *s = slot_at((uintptr_t)obj);
	uintptr_t at = (uintptr_t)obj;
	enum mm_bug_kind kind;
	bool ok = s && may_free(s, c, &at, &kind);

	if (ok) {
		s->state = FREED;
		s->freed = alloc_track_now(caller);
		__atomic_fetch_sub(&s->cache->guarded, 1, __ATOMIC_RELAXED);
		guard.live--;
		list_add_tail(&guard.unused, &s->link);
		kmap_part_unmap(page_of(s));
	}
	spin_unlock_irqrestore(&guard.lock, irq);
	if (s && !ok)
		report(kind, s, at, caller);
	return s;
}

bool slab_guard_size(const void *obj, size_t *size)
{
	const struct slot *s = slot_at((uintptr_t)obj);

	if (!s || s->state != LIVE || s->obj != (uintptr_t)obj)
		return false;
	*size = s->size;
	return true;
}

bool slab_guard_leak(const struct kmem_cache *c, uintptr_t caller)
{
	for (unsigned i = 0; i < guard.n; i++) {
		const struct slot *s = &guard.slot[i];

		if (s->state == LIVE && s->cache == c) {
			report(BUG_LEAK, s, s->obj, caller);
			return true;
		}
	}
	return false;
}

void slab_guard_each(void (*each)(void *ctx, const char *cache, uintptr_t obj,
				  size_t size, const struct alloc_track *t),
		     void *ctx)
{
	uint64_t irq = spin_lock_irqsave(&guard.lock);

	for (unsigned i = 0; i < guard.n; i++) {
		const struct slot *s = &guard.slot[i];

		if (s->state == LIVE)
			each(ctx, s->name, s->obj, s->size, &s->allocated);
	}
	spin_unlock_irqrestore(&guard.lock, irq);
}

/* --- a fault --- */

/* The slot whose object was missed by an access to an unmapped page: the one
 * whose edge is nearer, if it has an object or the other one has none either. */
static const struct slot *missed(vaddr_t va, enum mm_bug_kind *kind)
{
	const struct slot *below = slot_at(va - PAGE_SIZE);
	const struct slot *above = slot_at(va + PAGE_SIZE);
	bool low = va % PAGE_SIZE < PAGE_SIZE / 2;

	/* Before the first slot, and behind the last, there is one only. */
	if (!below || !above)
		low = below;
	else if ((below->state == LIVE) != (above->state == LIVE))
		low = below->state == LIVE;
	*kind = low ? BUG_OVERFLOW : BUG_UNDERFLOW;
	return low ? below : above;
}

bool slab_guard_fault(vaddr_t va, uintptr_t pc)
{
	const struct slot *s = slot_at(va);
	enum mm_bug_kind kind = BUG_USE_AFTER_FREE;

	/* No lock: whoever has it may never run again. */
	if (!guard.n || va < KMAP_PART_BASE ||
	    va > KMAP_PART_BASE + 2 * guard.n * PAGE_SIZE + PAGE_SIZE - 1)
		return false;
	if (!s)
		s = missed(va, &kind);
	else if (s->state == LIVE)
		return false;
	report(kind, s, va, pc);
	return true;
}
