/*
 * Buddy allocator over a range of frames: blocks of 2^order frames, aligned to
 * their size, split in halves and melted with their other half again.
 *
 * Knuth, The Art of Computer Programming, vol. 1, 2.5 C; Knowlton 1965.
 *
 * Instances may share a page map if they meet at a multiple of the largest block
 * (else blocks of two would melt). All functions may be called from
 * any context; they take the instance's lock with interrupts off.
 */
#pragma once

#include <kernel/spinlock.h>
#include <lib/range_set.h>
#include <mm/page_alloc.h>
#include <mm/page_map.h>

#define BUDDY_SEEDS 64

/* What happened to blocks of one order, ever. */
struct buddy_counts {
	uint64_t allocs;   /* handed out, by any function */
	uint64_t frees;	   /* given back */
	uint64_t splits;   /* into two of the order below */
	uint64_t merges;   /* of two of the order below */
	uint64_t failures; /* asked for in vain */
};

/* Frames that nobody is to have, as bytes. */
struct bad_frames {
	struct spinlock lock; /* inside those of allocators */
	struct range_set set; /* (l) */
};

struct buddy {
	struct spinlock lock;
	struct page_map *map;	/* (c) */
	struct range frames;	/* those that can be ours (c) */
	uint32_t nonempty;	/* bit k: free[k] is not empty (l) */
	uint64_t free_frames;	/* on lists and in seeds (l) */
	uint64_t total_frames;	/* all that were ever given to us (l) */
	uint64_t meta_frames;	/* of these, in the pool or the page map (l) */
	uint64_t bad_frames;	/* of these, retired (l) */
	struct bad_frames *bad; /* what to retire; NULL: nothing so far (l) */
	uint64_t blocks[MAX_ORDER + 1];		   /* length of free[k] (l) */
	struct buddy_counts counts[MAX_ORDER + 1]; /* (l) */
	struct list free[MAX_ORDER + 1]; /* free blocks by order (l) */
	/* Free ranges that no block was ever taken from: their frames have no
	 * entry in the page map yet. (l) */
	struct range seed[BUDDY_SEEDS];
	uint32_t nseeds;
	struct frame_pool pool; /* to grow the page map (l) */
};

/*
 * An empty allocator for frames inside `frames`, described by `map`. `pool`
 * gives the first frames of its own pool; it needs BUDDY_POOL_MIN of them
 * (fewer where the map is populated in full).
 */
#define BUDDY_POOL_MIN 26
void buddy_init(struct buddy *b, struct page_map *map, struct range frames);

/* Give frames, which nobody uses, to the allocator: for ever. The cost does not
 * depend on how many they are. Returns 0, or -ENOSPC when there are already
 * BUDDY_SEEDS untouched ranges that could not be put on the lists. */
int buddy_seed(struct buddy *b, struct range frames);

/* All that allocates leaves at least `keep` frames free, or fails. */

/* A block of 2^order frames, or NULL when there is none (or order >
 * MAX_ORDER): its page says PAGE_USED, its order, and one reference. */
struct page *buddy_alloc(struct buddy *b, unsigned order, uint64_t keep);

/* Up to `n` blocks of 2^order frames (order <= MAX_ORDER), carved out of as few
 * larger ones as there are. Their pages say `state`. Returns how many; `enough`
 * are, when a larger block would have to be split for more. */
size_t buddy_alloc_bulk(struct buddy *b, unsigned order, size_t enough,
			size_t n, struct page **page, enum page_state state,
			uint64_t keep);

/* `frames` (> 0) contiguous ones, as blocks of falling orders, of which each
 * can be freed; the first is aligned as a block that would hold all. */
struct page *buddy_alloc_exact(struct buddy *b, uint64_t frames, uint64_t keep);

/* A block inside `within`: see page_alloc_within(). It counts as a failure only
 * where there is a place for one, so that many places can be tried. */
struct page *buddy_alloc_within(struct buddy *b, unsigned order,
				struct range within, uint64_t keep);

/*
 * Give a block back. Returns 0, or without any effect
 *	-EINVAL	  not a frame of this allocator, or not aligned to the order
 *	-ENOENT	  not the head of a block that is handed out: freed already, or
 *		  never allocated
 *	-ERANGE	  handed out with another order
 */
int buddy_free(struct buddy *b, pfn_t pfn, unsigned order);

/* A block that is handed out becomes 2^order that are, of one frame each. 0, or
 * -ENOMEM: the page map could not grow. */
int buddy_divide(struct buddy *b, pfn_t pfn, unsigned order);

/* Give back those of `n` blocks of one order, from the first on, that are this
 * allocator's; the caller has made sure of them, and their pages say
 * PAGE_CACHED. Neighbours that follow each other, up or down, melt at little
 * cost. Returns how many. */
size_t buddy_free_bulk(struct buddy *b, unsigned order, size_t n,
		       struct page *const *page);

/* Give back what buddy_alloc_exact() gave; errors as above. */
int buddy_free_exact(struct buddy *b, pfn_t pfn, uint64_t frames);

/* From now on no block with any frame of `bad` goes onto the lists: such frames
 * are retired then, others of the block are free. For ever. */
void buddy_watch(struct buddy *b, struct bad_frames *bad);

/*
 * Retire a frame that is in b->bad. Returns 0 when it is, or
 *	-EBUSY	  handed out, in a block whose page says so now (PAGE_DOOMED), or the
 *		  page map's
 *	-EAGAIN	  in a hart's cache, or it was just marked: what frees it may
 *		  have looked before. Have all harts drain their caches, with
 *		  interrupts off, and try again
 *	-ENOMEM	  free, but the page map can't grow; or none of our frames
 */
int buddy_retire(struct buddy *b, pfn_t pfn);

/* Are some of these in b->bad? */
bool buddy_has_bad(struct buddy *b, struct range frames);

/* Is it retired? Any number will do. */
bool buddy_is_retired(struct buddy *b, pfn_t pfn);

/* The frame, no longer in b->bad, is free again if it was retired. */
void buddy_unretire(struct buddy *b, pfn_t pfn);

/* How much of the free memory is in blocks too small for this order, in 1/1000:
 * 0 none, 1000 all of it (or nothing is free). */
unsigned buddy_unusable(struct buddy *b, unsigned order);

/* Is the frame free: in a free block, or a seed? Any number will do. */
bool buddy_is_free(struct buddy *b, pfn_t pfn);

/* What an error of buddy_free means, in words. */
const char *buddy_strerror(int err);

/* Is all as it should be? Walks the lists: for tests and debugging. */
bool buddy_check(struct buddy *b);
