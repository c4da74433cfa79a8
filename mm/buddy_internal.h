/* Private to mm/buddy*.c: free lists, and blocks that come off and onto them.
 * The lock is held. */
#pragma once

#include <lib/relaxed.h>
#include <mm/buddy.h>

/* Buddies of smaller blocks share a chunk of the page map with them. */
#define CHUNK_ORDER PAGES_PER_CHUNK_SHIFT

/* What it takes of the pool to have a block sprout (3), and then to split one
 * that is on the lists (13): mm/buddy.c. */
#define POOL_ENOUGH 16

static inline struct page *page_of(const struct buddy *b, pfn_t pfn)
{
	return b->map->pages + pfn;
}

static inline pfn_t pfn_of(const struct buddy *b, const struct page *p)
{
	return (pfn_t)(p - b->map->pages);
}

/* Of a frame that may be somebody else's: its owner writes this without the
 * lock, but never makes it PAGE_FREE, nor changes it when it is. */
static inline uint16_t kind_of(const struct page *p)
{
	return __atomic_load_n(&p->kind, __ATOMIC_RELAXED);
}

/* Heads of blocks are written in one store. */
static inline void set_head(struct page *p, enum page_state state,
			    unsigned order)
{
	store_relaxed(&p->head, page_head(state, order));
}

static inline void set_none(struct page *p)
{
	store_relaxed(&p->state, PAGE_NONE);
}

/* Make the page of a frame of ours exist; false: it can't. */
static inline bool have_page(struct buddy *b, pfn_t pfn)
{
	return page_map_has(b->map, pfn) ||
	       !page_map_add(b->map, pfn, &b->pool);
}

/* Others read it without the lock. */
static inline void add_free(struct buddy *b, uint64_t frames)
{
	store_relaxed(&b->free_frames, b->free_frames + frames);
}

static inline void push(struct buddy *b, struct page *p, unsigned order)
{
	store_relaxed(&p->kind, page_kind(PAGE_FREE, order));
	list_add(&b->free[order], &p->link);
	b->nonempty |= 1u << order;
	b->blocks[order]++;
}

static inline void take(struct buddy *b, struct page *p, unsigned order)
{
	list_del(&p->link);
	if (list_empty(&b->free[order]))
		b->nonempty &= ~(1u << order);
	b->blocks[order]--;
}

static inline struct page *first_block(struct buddy *b, unsigned order)
{
	return list_entry(b->free[order].next, struct page, link);
}

/* Put a block on the lists, melting it with its buddy as long as that is free.
 * The pages of both buddies exist or, at the edge of a seed, are not ours. */
void buddy_melt(struct buddy *b, pfn_t pfn, unsigned order);

/* The same for frames some of which may be bad: those are retired. All are
 * counted as free so far. */
void buddy_put_good(struct buddy *b, pfn_t pfn, unsigned order);

static inline void buddy_put(struct buddy *b, pfn_t pfn, unsigned order)
{
	if (b->bad)
		buddy_put_good(b, pfn, order);
	else
		buddy_melt(b, pfn, order);
}

/* Put what is in seeds of these frames on the lists, and maybe more, as far as the
 * page map can grow. */
void buddy_sprout_at(struct buddy *b, struct range frames);

/* Split block `p` of order `k`, which is on no list, until the block of order
 * `order` around `pfn` is left, and return that; what else there was is on the
 * lists. NULL, with the rest put back, when the page map could not grow. */
struct page *buddy_split(struct buddy *b, struct page *p, unsigned k, pfn_t pfn,
			 unsigned order);

/* A block off the lists, its page as it is; NULL: there is none. */
struct page *buddy_take(struct buddy *b, unsigned order);

/* Have a block of this order on the lists, if there is one in the seeds. */
void buddy_prepare(struct buddy *b, unsigned order);

/* Move the first block of a seed, of order `most` at most, to the lists, but for
 * what of it is bad. Returns whether there was one and its page could be had. */
bool buddy_sprout(struct buddy *b, struct range *seed, unsigned most);

/* Restore I6. */
void buddy_refill(struct buddy *b);

/* 0, or what is wrong with freeing this, which should be in that state: see
 * buddy_free(). */
int buddy_check_used(const struct buddy *b, pfn_t pfn, unsigned order,
		     enum page_state state);

/* The free block of order >= *order that the frame lies in, and its order; NULL
 * if it is in none. Any number will do. */
struct page *buddy_block_around(const struct buddy *b, pfn_t pfn,
				unsigned *order);
