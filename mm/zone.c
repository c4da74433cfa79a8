/*
 * The zones (<mm/zone.h>).
 *
 * Watermarks: each zone keeps some frames back, about the square root of what it
 * has, since what needs them (a table, a few objects) grows slower than memory.
 *
 *	min	about sqrt(frames); a usual request leaves so many
 *	low	min * 5/4; when all zones together are below, caches take and keep
 *		nothing in advance, and memory is reclaimed, once
 *	high	min * 3/2; above it, that may happen again
 *
 *	RAM	 8 MiB	128 MiB	  1 GiB	  8 GiB	512 GiB
 *	min	180 KiB	724 KiB	  2 MiB	5.7 MiB	 45 MiB
 *
 * ALLOC_ATOMIC leaves half of min, ALLOC_RESERVE nothing. Where there is high
 * memory too, requests that could have used it leave 1/64 of low memory to those
 * that can't.
 */
#include <string.h>

#include <kernel/assert.h>
#include <lib/relaxed.h>
#include <mm/kmap.h>
#include <mm/layout.h>

#include "frame_cache.h"
#include "zone_internal.h"

#define LOW_MEMORY_SHARE 64
#define LOW_OF(min)	 ((min)*5 / 4)
#define HIGH_OF(min)	 ((min)*3 / 2)

/* Zones meet where no block can cross: at a multiple of the largest. */
_Static_assert(DMA32_END % (1u << MAX_ORDER) == 0, "zones share no block");

static struct page_map map;

static struct {
	struct buddy buddy;
	uint64_t min; /* watermark; the others follow from it (c) */
} zones[ZONES];

static struct range given[ZONE_GIVEN];
static unsigned ngiven;
static unsigned pressed; /* (a) */

struct buddy *zone_buddy(enum zone z)
{
	return &zones[z].buddy;
}

const char *zone_name(enum zone z)
{
	return z == ZONE_DMA32 ? "DMA32" : "normal";
}

/* The first frames of a zone's pool. */
static bool fill_pool(struct buddy *b, struct bump *bump, uint32_t n)
{
	paddr_t pa =
		bump_alloc(bump, n * PAGE_SIZE, PAGE_SIZE, REGION_METADATA);

	if (pa == BUMP_NONE)
		return false;
	for (; b->pool.n < n; pa += PAGE_SIZE)
		b->pool.frame[b->pool.n++] = pa >> PAGE_SHIFT;
	return true;
}

void zone_init(struct page_map *m)
{
	static const struct range part[ZONES] = {
		[ZONE_DMA32] = {0, DMA32_END},
		[ZONE_NORMAL] = {DMA32_END, UINT64_MAX >> PAGE_SHIFT},
	};

	page_map = m->pages;
	for (unsigned z = 0; z < ZONES; z++)
		buddy_init(&zones[z].buddy, m, part[z]);
	frame_cache_init();
}

bool page_alloc_init(struct bump *bump)
{
	struct range span = memblock_span(bump->mb);
	size_t bytes;
	paddr_t bits;

	spin_lock_init(&map.lock, LOCK_PAGE_MAP);
	map.pages = (struct page *)PAGE_MAP_BASE;
	map.frames = range_make(span.start >> PAGE_SHIFT,
				(span.end + PAGE_SIZE - 1) >> PAGE_SHIFT);
	map.populate = kmap_populate;

	/* Whole frames, so that none is used in part. */
	bytes = align_up(page_map_words(map.frames) * sizeof(uint64_t),
			 PAGE_SIZE);
	bits = bump_alloc(bump, bytes, PAGE_SIZE, REGION_METADATA);
	if (bits == BUMP_NONE)
		return false;
	map.populated = phys_to_virt(bits);
	memset(map.populated, 0, bytes);

	zone_init(&map);
	for (unsigned z = 0; z < ZONES; z++) {
		struct buddy *b = &zones[z].buddy;

		if (range_overlaps(map.frames, b->frames) &&
		    !fill_pool(b, bump, BUDDY_POOL_MIN))
			return false;
	}
	return true;
}

static uint64_t square_root(uint64_t x)
{
	uint64_t root, next;

	if (!x)
		return 0;
	/* Newton's method, from above. */
	root = (uint64_t)2 << highest_bit(x) / 2;
	while ((next = (root + x / root) / 2) < root)
		root = next;
	return root;
}

/* Note what was given, for those who ask; ranges that touch become one. */
static void note_given(struct range frames)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ngiven; i++) {
		struct range r = given[i];

		if (r.start != frames.end && r.end != frames.start) {
			given[n++] = r;
			continue;
		}
		frames.start = min_u64(frames.start, r.start);
		frames.end = max_u64(frames.end, r.end);
	}
	if (n == ARRAY_SIZE(given))
		panic("more than %u separate ranges of free RAM", n);
	given[n++] = frames;
	ngiven = n;
}

void page_alloc_give(struct range ram)
{
	struct range frames = {ram.start >> PAGE_SHIFT, ram.end >> PAGE_SHIFT};

	if (range_empty(frames))
		return;
	note_given(frames);
	for (unsigned z = 0; z < ZONES; z++) {
		struct buddy *b = &zones[z].buddy;

		if (buddy_seed(b, range_intersect(frames, b->frames)))
			panic("more than %u separate ranges of free RAM",
			      BUDDY_SEEDS);
		zones[z].min = square_root(b->total_frames);
	}
}

unsigned zone_given(const struct range **ranges)
{
	*ranges = given;
	return ngiven;
}

uint64_t zone_total_frames(void)
{
	return zones[ZONE_DMA32].buddy.total_frames +
	       zones[ZONE_NORMAL].buddy.total_frames;
}

uint64_t zone_keep(enum zone z, unsigned flags)
{
	uint64_t keep = zones[z].min;

	if (flags & ALLOC_RESERVE)
		return 0;
	if (flags & ALLOC_ATOMIC)
		keep /= 2;
	if (z == ZONE_DMA32 && !(flags & ALLOC_DMA32) &&
	    zones[ZONE_NORMAL].buddy.total_frames)
		keep += zones[z].buddy.total_frames / LOW_MEMORY_SHARE;
	return keep;
}

void zone_free_bulk(unsigned order, size_t n, struct page *const *page)
{
	for (size_t i = 0; i < n;)
		i += buddy_free_bulk(&zones[zone_of(page[i])].buddy, order,
				     n - i, page + i);
}

uint64_t zone_free_frames(void)
{
	uint64_t n = 0;

	for (unsigned z = 0; z < ZONES; z++)
		n += __atomic_load_n(&zones[z].buddy.free_frames,
				     __ATOMIC_RELAXED);
	return n;
}

/* Watermarks of all zones together. */
static uint64_t low(void)
{
	return LOW_OF(zones[ZONE_DMA32].min + zones[ZONE_NORMAL].min);
}

static uint64_t high(void)
{
	return HIGH_OF(zones[ZONE_DMA32].min + zones[ZONE_NORMAL].min);
}

bool zone_low(void)
{
	return zone_free_frames() < low();
}

bool zone_pressure(void)
{
	uint64_t n = zone_free_frames();

	if (n < low())
		return !__atomic_exchange_n(&pressed, 1, __ATOMIC_RELAXED);
	if (n >= high() && __atomic_load_n(&pressed, __ATOMIC_RELAXED))
		store_relaxed(&pressed, 0);
	return false;
}

uint64_t page_free_count(void)
{
	return zone_free_frames() + frame_cache_count();
}

struct zone_sums zone_sums(void)
{
	return (struct zone_sums){
		.total = zone_total_frames(),
		.free = zone_free_frames(),
		.cached = frame_cache_count(),
		.meta = zones[ZONE_DMA32].buddy.meta_frames +
			zones[ZONE_NORMAL].buddy.meta_frames,
		.bad = zones[ZONE_DMA32].buddy.bad_frames +
		       zones[ZONE_NORMAL].buddy.bad_frames,
	};
}

uint64_t zone_used_frames(void)
{
	struct zone_sums s = zone_sums();

	return s.total - s.free - s.cached - s.meta - s.bad;
}

/* Is the frame in a block that a hart's cache holds? */
static bool is_cached(pfn_t pfn)
{
	for (unsigned k = 0; k < FRAME_ORDERS; k++) {
		const struct page *p =
			pfn_to_page(align_down(pfn, (pfn_t)1 << k));

		if (page_exists(p) &&
		    __atomic_load_n(&p->kind, __ATOMIC_RELAXED) ==
			    page_kind(PAGE_CACHED, k))
			return true;
	}
	return false;
}

bool page_is_free(pfn_t pfn)
{
	for (unsigned z = 0; z < ZONES; z++) {
		struct buddy *b = &zones[z].buddy;

		if (b->map && range_has(b->frames, pfn))
			return is_cached(pfn) || buddy_is_free(b, pfn);
	}
	return false;
}

bool page_is_table(pfn_t pfn)
{
	const struct page *p = pfn_to_page(pfn);

	return zones[ZONE_DMA32].buddy.map && page_exists(p) &&
	       page_is_whole(p) && (p->flags & PAGE_TABLE);
}

struct count_cached {
	struct zone_stats *stats;
	struct range frames;
};

static void count_cached(void *ctx, struct page *p, unsigned order)
{
	struct count_cached *c = ctx;

	if (!range_has(c->frames, page_to_pfn(p)))
		return;
	c->stats->cached += (uint64_t)1 << order;
	c->stats->order[order].cached++;
}

void zone_stats(enum zone z, struct zone_stats *s)
{
	struct buddy *b = &zones[z].buddy;
	struct count_cached c = {.frames = b->frames};
	uint64_t flags = spin_lock_irqsave(&b->lock);

	*s = (struct zone_stats){
		.total = b->total_frames,
		.free = b->free_frames,
		.meta = b->meta_frames,
		.bad = b->bad_frames,
		.seeds = b->nseeds,
		.min = zones[z].min,
		.low = LOW_OF(zones[z].min),
		.high = HIGH_OF(zones[z].min),
	};
	for (uint32_t i = 0; i < b->nseeds; i++)
		s->untouched += range_size(b->seed[i]);
	for (unsigned k = 0; k <= MAX_ORDER; k++) {
		s->order[k].blocks = b->blocks[k];
		s->order[k].counts = b->counts[k];
	}
	spin_unlock_irqrestore(&b->lock, flags);
	for (unsigned k = 0; k <= MAX_ORDER; k++)
		s->order[k].unusable = buddy_unusable(b, k);
	c.stats = s;
	frame_cache_each(count_cached, &c);
}
