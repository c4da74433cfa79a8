/* Private to mm/page_*.c and frame_cache.c: the zones, and slow paths. */
#pragma once

#include <mm/zone.h>

#define DMA32_END (GIB(4) >> PAGE_SHIFT)

static inline enum zone zone_of(const struct page *p)
{
	return page_to_pfn(p) < DMA32_END ? ZONE_DMA32 : ZONE_NORMAL;
}

/* All that the zones were ever given. */
uint64_t zone_total_frames(void);

/* Frames of the zone that a request with these flags must leave. */
uint64_t zone_keep(enum zone z, unsigned flags);

/* Give blocks back, whose pages say PAGE_CACHED, each to its zone. */
void zone_free_bulk(unsigned order, size_t n, struct page *const *page);

/* Free frames of all zones, those in caches not counted. */
uint64_t zone_free_frames(void);

/* Are the zones together below their low watermarks? */
bool zone_low(void);

/* They are, for the first time since they were above the high ones. */
bool zone_pressure(void);

/* Is this an entry of the page map that has memory? Any pointer will do. */
static inline bool page_exists(const struct page *p)
{
	return page_map_has(zone_buddy(ZONE_DMA32)->map, page_to_pfn(p));
}

/* Where page_alloc() and page_free() jump to when the hart's stacks can't
 * serve. */
struct page *page_alloc_slow(unsigned order, unsigned flags);
void page_free_slow(struct page *p, unsigned order);

/* Fill a block with zeros; returns it. */
struct page *page_clear(struct page *p, unsigned order);
