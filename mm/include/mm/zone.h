/*
 * The zones behind <mm/page_alloc.h>: setting them up, and looking into them.
 */
#pragma once

#include <mm/buddy.h>
#include <mm/bump.h>

enum zone { ZONE_DMA32, ZONE_NORMAL, ZONES };

/* Set up the page map and empty zones for all RAM in bump->mb. The kernel's
 * tables must be live. Returns false when memory does not even suffice for
 * this. Boot only. */
bool page_alloc_init(struct bump *bump);

/* Give frames to the zones, for ever: those that the bump allocator left, and
 * later what boot no longer needs. Whole frames, in the direct map, nobody
 * else's. Panics when a zone is in too many pieces. */
void page_alloc_give(struct range ram);

struct buddy *zone_buddy(enum zone z);
const char *zone_name(enum zone z);

/* For audits: is the frame free, is it a table of page_alloc()'s memory? Any
 * number will do. */
bool page_is_free(pfn_t pfn);
bool page_is_table(pfn_t pfn);
