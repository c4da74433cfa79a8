/*
 * Page frames: all but the hot paths (<mm/page_alloc.h>).
 *
 * An allocation that the hart's stacks can't serve asks, until it has what it
 * wants:
 *
 *	1  the zones, the high one first, as far as the watermarks allow; a stack
 *	   is filled on that occasion
 *	2  them again, with this hart's stacks drained: blocks may have melted
 *	3  them again, after reclaim(), if the caller can wait for that
 *
 * What is freed is looked at before anything is done with it: in O(1), the head
 * of the block tells whether it is handed out, and as what.
 */
#include <kernel/assert.h>
#include <mm/bug.h>
#include <mm/fail.h>
#include <mm/kmap_move.h>
#include <mm/layout.h>
#include <mm/page_debug.h>
#include <mm/reclaim.h>
#include <mm/retire.h>

#include "frame_cache.h"
#include "zone_internal.h"

#define CALLER ((uintptr_t)__builtin_return_address(0))

/* Frames that are taken from a zone under one lock. */
#define BULK 512

/* What is wanted, of one of several kinds. */
struct request {
	struct page *(*from_zone)(struct request *r, enum zone z);
	unsigned order, flags;
	uint64_t frames;     /* exact */
	struct range within; /* in a place */
	size_t n, got;	     /* in bulk */
	struct page **page;
};

static struct page *from_zones(struct request *r)
{
	struct page *p = NULL;

	if (!(r->flags & ALLOC_DMA32) && zone_buddy(ZONE_NORMAL)->total_frames)
		p = r->from_zone(r, ZONE_NORMAL);
	return p ? p : r->from_zone(r, ZONE_DMA32);
}

static struct page *serve(struct request *r, uintptr_t pc)
{
	bool patient = !(r->flags & (ALLOC_ATOMIC | ALLOC_NORETRY));
	struct page *p;

	if (DEBUG_CHECKS && !(r->flags & ALLOC_ATOMIC))
		spin_check_none();
	debug_assert(!kmap_is_moved());
	if (fail_now(pc))
		return NULL;
	p = from_zones(r);
	if (!p) {
		frame_cache_drain();
		p = from_zones(r);
	}
	if (!p && patient) {
		reclaim();
		p = from_zones(r);
	} else if (patient && zone_pressure()) {
		reclaim();
	}
	return p;
}

static struct page *block(struct request *r, enum zone z)
{
	uint64_t keep = zone_keep(z, r->flags);

	if (r->order < FRAME_ORDERS && !(r->flags & ALLOC_DMA32))
		return frame_cache_refill(z, r->order, keep);
	return buddy_alloc(zone_buddy(z), r->order, keep);
}

/* What was had, when it is known how it came. */
static struct page *alloced(struct page *p, unsigned order, unsigned flags,
			    uintptr_t pc)
{
	if (p && page_debug())
		page_debug_alloced(p, order, pc);
	return p && flags & ALLOC_ZERO ? page_clear(p, order) : p;
}

struct page *page_alloc_slow(unsigned order, unsigned flags)
{
	struct request r = {.from_zone = block, .order = order, .flags = flags};

	if (order > MAX_ORDER)
		return NULL;
	return alloced(serve(&r, CALLER), order, flags, CALLER);
}

static bool is_used(const struct page *p, unsigned order, enum page_state state)
{
	return order <= MAX_ORDER && page_exists(p) && p->order == order &&
	       (p->state == state ||
		(state == PAGE_USED && p->state == PAGE_DOOMED));
}

/* Say why the block can't be freed as one of this order. */
static void report(const struct page *p, unsigned order, uintptr_t pc)
{
	struct mm_bug bug = {
		.kind = BUG_INVALID_FREE,
		.cache = "frames",
		.object = (uintptr_t)phys_to_virt(page_to_phys(p)),
		.size = order <= MAX_ORDER ? PAGE_SIZE << order : 0,
		.caller = pc,
	};

	bug.at = bug.object;
	if (page_is_free(page_to_pfn(p)))
		bug.kind = BUG_DOUBLE_FREE;
	else if (page_exists(p) && page_is_used(p))
		bug.kind = BUG_WRONG_ORDER;
	page_debug_get(page_to_pfn(p), &bug.allocated, &bug.freed);
	mm_bug(&bug);
}

static void free_one(struct page *p, unsigned order, uintptr_t pc)
{
	debug_assert(!kmap_is_moved());
	if (!is_used(p, order, PAGE_USED)) {
		report(p, order, pc);
		return;
	}
	if (page_debug())
		page_debug_freed(p, order, pc);
	if (order >= FRAME_ORDERS || !frame_cache_make_room(p, order))
		buddy_free(zone_buddy(zone_of(p)), page_to_pfn(p), order);
}

void page_free_slow(struct page *p, unsigned order)
{
	free_one(p, order, CALLER);
}

int page_divide(struct page *p, unsigned order)
{
	return buddy_divide(zone_buddy(zone_of(p)), page_to_pfn(p), order);
}

/* Adds to what the request has already. */
static struct page *bulk(struct request *r, enum zone z)
{
	size_t more;

	do {
		size_t n = min_u64(r->n - r->got, BULK);

		more = buddy_alloc_bulk(zone_buddy(z), 0, n, n,
					r->page + r->got, PAGE_USED,
					zone_keep(z, r->flags));
		r->got += more;
	} while (more && r->got < r->n);
	return r->got == r->n ? *r->page : NULL;
}

bool page_alloc_bulk(size_t n, struct page **page, unsigned flags)
{
	struct request r = {
		.from_zone = bulk, .flags = flags, .n = n, .page = page};

	if (!n)
		return true;
	if (!serve(&r, CALLER)) {
		page_free_bulk(r.got, page);
		return false;
	}
	if (page_debug() || flags & ALLOC_ZERO)
		for (size_t i = 0; i < n; i++)
			alloced(page[i], 0, flags, CALLER);
	return true;
}

/* How many frames, from the first on, can be freed. They say PAGE_CACHED now, so
 * that none is freed twice. */
static size_t claim(size_t n, struct page **page, uintptr_t pc)
{
	bool debug = page_debug();
	uintptr_t known = 0; /* a page of the page map that exists */
	size_t i;

	for (i = 0; i < n; i++) {
		struct page *p = page[i];

		if ((uintptr_t)p >> PAGE_SHIFT != known && !page_exists(p))
			break;
		known = (uintptr_t)p >> PAGE_SHIFT;
		if (p->kind != page_kind(PAGE_USED, 0))
			break;
		if (debug)
			page_debug_freed(p, 0, pc);
		store_relaxed(&p->state, PAGE_CACHED);
	}
	return i;
}

void page_free_bulk(size_t n, struct page **page)
{
	for (size_t i = 0; i < n;) {
		size_t good = claim(min_u64(n - i, BULK), page + i, CALLER);

		zone_free_bulk(0, good, page + i);
		i += good;
		/* One that is doomed, or a bug. */
		if (good < BULK && i < n)
			free_one(page[i++], 0, CALLER);
	}
}

static struct page *exact(struct request *r, enum zone z)
{
	return buddy_alloc_exact(zone_buddy(z), r->frames,
				 zone_keep(z, r->flags));
}

/* An exact number of frames comes as blocks, one for each bit. */
static uint64_t next_piece(uint64_t at, uint64_t frames)
{
	return at + ((uint64_t)1 << highest_bit(frames - at));
}

struct page *page_alloc_exact(uint64_t frames, unsigned flags)
{
	struct request r = {
		.from_zone = exact, .flags = flags, .frames = frames};
	struct page *p;

	if (!frames || frames > (uint64_t)1 << MAX_ORDER)
		return NULL;
	if (is_pow2(frames))
		return page_alloc(highest_bit(frames), flags);
	p = serve(&r, CALLER);
	if (!p)
		return NULL;
	for (uint64_t at = 0; at < frames; at = next_piece(at, frames))
		alloced(p + at, p[at].order, flags, CALLER);
	return p;
}

void page_free_exact(struct page *p, uint64_t frames)
{
	if (is_pow2(frames)) {
		page_free(p, highest_bit(frames));
		return;
	}
	if (!frames)
		report(p, 0, CALLER);
	for (uint64_t at = 0; at < frames; at = next_piece(at, frames))
		if (!is_used(p + at, highest_bit(frames - at),
			     page_exact_state(frames - at))) {
			report(p + at, highest_bit(frames - at), CALLER);
			return;
		}
	for (uint64_t at = 0; at < frames; at = next_piece(at, frames))
		if (page_debug())
			page_debug_freed(p + at, p[at].order, CALLER);
	buddy_free_exact(zone_buddy(zone_of(p)), page_to_pfn(p), frames);
}

/* In each bank by itself: holes between them can be huge. */
static struct page *placed(struct request *r, enum zone z)
{
	uint64_t keep = zone_keep(z, r->flags);
	struct page *p = NULL;
	const struct range *bank;

	for (unsigned n = zone_given(&bank); n-- && !p; bank++)
		p = buddy_alloc_within(zone_buddy(z), r->order,
				       range_intersect(r->within, *bank), keep);
	return p;
}

struct page *page_alloc_within(unsigned order, struct range within,
			       unsigned flags)
{
	struct request r = {.from_zone = placed,
			    .order = order,
			    .flags = flags,
			    .within = within};

	if (order > MAX_ORDER)
		return NULL;
	return alloced(serve(&r, CALLER), order, flags, CALLER);
}
