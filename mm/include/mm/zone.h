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

/* Ranges of frames that were given; those that touched are one. */
#define ZONE_GIVEN 128

/* Empty zones over a page map. For page_alloc_init(), and for machines that
 * have a page map already. */
void zone_init(struct page_map *map);

/* All that was given so far; returns how many ranges. */
unsigned zone_given(const struct range **ranges);

struct buddy *zone_buddy(enum zone z);
const char *zone_name(enum zone z);

/* For audits: is the frame free, is it a table of page_alloc()'s memory? Any
 * number will do. */
bool page_is_free(pfn_t pfn);
bool page_is_table(pfn_t pfn);

/* Is it retired? Any number will do. */
bool page_is_bad(pfn_t pfn);

/* Frames of all zones. Exact while no other hart allocates. */
struct zone_sums {
	uint64_t total;	 /* given, ever */
	uint64_t free;	 /* on lists and in seeds */
	uint64_t cached; /* free, in the harts' caches */
	uint64_t meta;	 /* in the page map, or kept for it */
	uint64_t bad;	 /* retired */
};
struct zone_sums zone_sums(void);

/* Those that somebody has: what must be as before when all is given back, however
 * the page map has grown meanwhile. */
uint64_t zone_used_frames(void);

/* What commands show of a zone, in frames. */
struct zone_stats {
	uint64_t total;	    /* given, ever */
	uint64_t free;	    /* on lists and in seeds */
	uint64_t untouched; /* of these, in seeds */
	unsigned seeds;
	uint64_t cached; /* free, in the harts' caches */
	uint64_t meta;	 /* in the page map, or kept for it */
	uint64_t bad;	 /* retired */
	uint64_t min, low, high;
	struct {
		uint64_t blocks; /* free */
		uint64_t cached;
		struct buddy_counts
			counts;	   /* blocks in caches are handed out */
		unsigned unusable; /* buddy_unusable() */
	} order[MAX_ORDER + 1];
};

/* Exact while no other hart allocates. */
void zone_stats(enum zone z, struct zone_stats *s);

/* Prove that every frame that was given is in one state: O(frames). NULL, or what
 * is wrong, and `*at` where. While no other hart allocates. */
const char *page_audit(pfn_t *at);
