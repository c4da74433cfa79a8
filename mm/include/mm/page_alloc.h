/*
 * Page frames for everybody: the system's zones, each a buddy allocator.
 *
 *	ZONE_DMA32	frames below 4 GiB, for devices with 32-bit addresses
 *	ZONE_NORMAL	all others
 */
#pragma once

#include <mm/page.h>

#define MAX_ORDER 18 /* the largest block: 2^18 frames, 1 GiB */

enum {
	ALLOC_DMA32 = 1u << 0, /* below 4 GiB */
	ALLOC_ZERO = 1u << 1,  /* cleared */
};

/*
 * A block of 2^order frames, aligned to its size; its contents are undefined
 * unless ALLOC_ZERO. NULL when no zone has one (or order > MAX_ORDER). Any
 * context; takes the zone's lock. Without ALLOC_DMA32 high memory is taken
 * first.
 */
struct page *page_alloc(unsigned order, unsigned flags);

/*
 * Give back what page_alloc(order) gave. A block that is not handed out, with
 * another order, or no block of ours at all, is a bug of the caller: panic.
 */
void page_free(struct page *p, unsigned order);

/* Free frames of all zones. */
uint64_t page_free_count(void);
