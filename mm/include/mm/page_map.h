/*
 * The page map: the array of struct page, and which parts of it exist.
 *
 * The array spans all frames up to the highest one of RAM, as virtual
 * addresses. A page of it (128 entries, for 512 KiB of RAM) gets memory the
 * first time that the allocator makes one of its entries the head of a block.
 * A bit for each page of the array says whether it has: 1 bit for 512 KiB.
 *
 * An instance is filled by its owner through `populate`, so that tests run on
 * an array of their own.
 */
#pragma once

#include <kernel/spinlock.h>
#include <lib/range.h>
#include <mm/page.h>

/* Entries in a page of the array. */
#define PAGES_PER_CHUNK_SHIFT 7
#define PAGES_PER_CHUNK	      ((pfn_t)1 << PAGES_PER_CHUNK_SHIFT)

/* Frames set aside to hold parts of the array and the page tables that map
 * them, so that growing the map never has to ask the allocator that it serves.
 */
#define FRAME_POOL_SIZE 40

struct frame_pool {
	uint32_t n;
	pfn_t frame[FRAME_POOL_SIZE];
};

struct page_map {
	struct spinlock lock; /* inside that of any allocator */
	struct page *pages;   /* entry of frame 0 (c) */
	struct range frames;  /* those that the array spans (c) */
	uint64_t *populated;  /* bit per chunk from frames.start on (l) */
	uint64_t nr_chunks;   /* populated ones (l) */
	/*
	 * Give memory, zeroed, to the chunk of the array that starts at `at`,
	 * taking frames from `pool`. Returns 0, or -ENOMEM with nothing
	 * changed but frames of the pool that became page tables. The
	 * lock is held: all allocators share the tables and the array.
	 */
	int (*populate)(struct page_map *m, struct page *at,
			struct frame_pool *pool);
};

/* Words of `populated` for a map that spans `frames`. */
static inline size_t page_map_words(struct range frames)
{
	uint64_t chunks = (frames.end >> PAGES_PER_CHUNK_SHIFT) -
			  (frames.start >> PAGES_PER_CHUNK_SHIFT) + 1;

	return (size_t)((chunks + 63) / 64);
}

static inline uint64_t page_map_chunk(const struct page_map *m, pfn_t pfn)
{
	return (pfn >> PAGES_PER_CHUNK_SHIFT) -
	       (m->frames.start >> PAGES_PER_CHUNK_SHIFT);
}

/* Does the entry of this frame exist? Any number will do. Needs no lock: to the
 * caller it matters only for frames of its own. */
static inline bool page_map_has(const struct page_map *m, pfn_t pfn)
{
	uint64_t chunk;

	if (!range_has(m->frames, pfn))
		return false;
	chunk = page_map_chunk(m, pfn);
	return __atomic_load_n(&m->populated[chunk / 64], __ATOMIC_RELAXED) >>
		       (chunk % 64) &
	       1;
}

/* Make the entry of `pfn`, which lies in m->frames, exist. Returns 0, or
 * -ENOMEM when the pool ran dry. Takes the map's lock; interrupts are off. */
int page_map_add(struct page_map *m, pfn_t pfn, struct frame_pool *pool);
