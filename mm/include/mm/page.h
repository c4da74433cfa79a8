/*
 * Page frames and the array that describes them.
 *
 * One struct page for each frame of RAM, 32 bytes, in an array indexed by frame
 * number (`page_map`, a virtual region: pfn_to_page is an addition). The array
 * is sparse and filled lazily: a page of it exists only once one of the frames
 * that it describes is at the head of a block that was split off or handed out.
 * So neither holes nor untouched RAM cost anything, and booting costs the same
 * whatever the size of RAM.
 */
#pragma once

#include <kernel/types.h>
#include <lib/list.h>

/* What a frame is. Only the first frame of a block says so; the others of the
 * block are PAGE_NONE, as is every frame that the allocator does not own. */
enum page_state {
	PAGE_NONE = 0,
	PAGE_FREE, /* head of a free block */
	PAGE_USED, /* head of a block that was handed out */
	PAGE_PART, /* the same, and what comes with it follows: page_alloc_exact */
	PAGE_CACHED, /* head of a free block in a hart's cache */
	PAGE_META,   /* holds part of the page map, or is kept for that */
	PAGE_DOOMED, /* PAGE_USED, with bad frames: for the zone when freed */
	PAGE_BAD,    /* head of a block of bad frames, which nobody gets */
};

/* Flags, set by the owner of a block; those of slabs are on each of its frames. */
#define PAGE_TABLE (1u << 0) /* a page table */
#define PAGE_SLAB  (1u << 1) /* a slab: `owner` is its cache */
#define PAGE_LARGE (1u << 2) /* of kmalloc: `owner` is the number of frames */
#define PAGE_OBJECT \
	(1u << 3) /* of a memory object: `owner` is its index there */
#define PAGE_ZEROS (1u << 4) /* the zero page */

struct page {
	union {
		struct {
			uint8_t state;	/* enum page_state (z) */
			uint8_t order;	/* of the block, when head (z) */
			uint16_t flags; /* the owner's; 0 when handed out */
			int32_t refs; /* owner's count; 1 when handed out (a) */
		};
		uint16_t kind; /* state and order at once */
		uint64_t head; /* all four */
	};
	struct list link; /* free list while free; the owner's while used */
	uint64_t owner;	  /* the owner's, any value */
};

_Static_assert(sizeof(struct page) == 32, "8 GiB of RAM need 64 MiB of these");

/* What `kind` says of a block, and `head` of one that is handed out, or goes
 * from hand to hand inside the allocator: no flags, one reference. */
static inline uint16_t page_kind(enum page_state state, unsigned order)
{
	return (uint16_t)((unsigned)state | order << 8);
}

static inline uint64_t page_head(enum page_state state, unsigned order)
{
	return page_kind(state, order) | (uint64_t)1 << 32;
}

static inline unsigned page_head_flags(uint64_t head)
{
	return (uint16_t)(head >> 16);
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "page_kind()");

/* What the first of the blocks that make up an exact number says. */
static inline enum page_state page_exact_state(uint64_t frames)
{
	return frames & (frames - 1) ? PAGE_PART : PAGE_USED;
}

/* Does it head a block that was handed out as one? */
static inline bool page_is_whole(const struct page *p)
{
	return p->state == PAGE_USED || p->state == PAGE_DOOMED;
}

/* Does it head a block that was handed out? */
static inline bool page_is_used(const struct page *p)
{
	return page_is_whole(p) || p->state == PAGE_PART;
}

/* The array: page_map[pfn]. Only entries of existing frames may be touched. */
extern struct page *page_map;

static inline struct page *pfn_to_page(pfn_t pfn)
{
	return page_map + pfn;
}

static inline pfn_t page_to_pfn(const struct page *p)
{
	return (pfn_t)(p - page_map);
}

static inline paddr_t page_to_phys(const struct page *p)
{
	return page_to_pfn(p) << PAGE_SHIFT;
}
