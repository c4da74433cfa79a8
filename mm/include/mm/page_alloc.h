/*
 * Page frames for everybody: the system's zones, each a buddy allocator with a
 * cache of frames per hart in front of it.
 *
 *	ZONE_DMA32	frames below 4 GiB, for devices with 32-bit addresses
 *	ZONE_NORMAL	all others
 *
 * Any context, but for what ALLOC_ATOMIC says. Nothing here panics when memory
 * is out: NULL comes back. What is freed wrongly is a bug of the caller, is
 * found at once, and is reported by mm_bug() (<mm/bug.h>).
 */
#pragma once

#include <lib/range.h>
#include <mm/page.h>

#define MAX_ORDER 18 /* the largest block: 2^18 frames, 1 GiB */

/* Flags of everything that allocates: frames, objects, kmalloc, vmalloc. */
enum {
	ALLOC_DMA32 = 1u << 0, /* below 4 GiB */
	ALLOC_ZERO = 1u << 1,  /* cleared */
	/* The caller can't wait for other harts: it holds a spinlock, or serves
	 * an interrupt. Without this flag no lock may be held. It may use half
	 * of what is kept back below the low watermark. */
	ALLOC_ATOMIC = 1u << 2,
	ALLOC_NORETRY = 1u << 3, /* fail rather than reclaim */
	/* Down to the last frame: for what frees memory in turn, and for
	 * programs that want all there is. */
	ALLOC_RESERVE = 1u << 4,
};

/*
 * A block of 2^order frames, aligned to its size; its contents are undefined
 * unless ALLOC_ZERO. NULL when no zone has one (or order > MAX_ORDER). Without
 * ALLOC_DMA32 high memory is taken first.
 */
struct page *page_alloc(unsigned order, unsigned flags);

/* Give back what page_alloc(order) gave. */
void page_free(struct page *p, unsigned order);

/* Copy a frame's contents to another. */
void page_copy(struct page *to, const struct page *from);

/* A block of page_alloc(order) becomes 2^order frames, each with one reference and no
 * flags, each to be freed by itself. -ENOMEM: it is as before. */
int page_divide(struct page *p, unsigned order);

/* `n` single frames into page[]: all of them, or none and false. Far cheaper
 * than one by one; neighbours are likely to be neighbours in memory. */
bool page_alloc_bulk(size_t n, struct page **page, unsigned flags);

/* Give back `n` frames of order 0, in any order. */
void page_free_bulk(size_t n, struct page **page);

/* `frames` (> 0) contiguous frames, no more; aligned as a block that would hold
 * them. NULL also when they are more than 2^MAX_ORDER. Given back in one by
 * page_free_exact() with the same number, and no other way. */
struct page *page_alloc_exact(uint64_t frames, unsigned flags);
void page_free_exact(struct page *p, uint64_t frames);

/*
 * A block of 2^order frames that lies in `within` (frame numbers). The search
 * goes from bank to bank, in each by address, from block to block: O(frames of RAM
 * in `within` / 2^order) at worst, under the zone's lock; so this is for devices with
 * odd limits, and not for every day. Freed by page_free().
 */
struct page *page_alloc_within(unsigned order, struct range within,
			       unsigned flags);

/* Free frames of all zones, those in the harts' caches included. Exact while no
 * other hart allocates. */
uint64_t page_free_count(void);
