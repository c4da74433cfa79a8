/*
 * Blocks of page_alloc() that several may hold: a leaf of a user space holds one
 * reference of the block that it maps, a memory object one of each of its pages.
 * Who allocates a block has the first. The last that goes frees it.
 */
#pragma once

#include <mm/page_alloc.h>

/* One more, by somebody who has one. */
static inline void page_get(struct page *p)
{
	__atomic_fetch_add(&p->refs, 1, __ATOMIC_RELAXED);
}

/* Drop one. True: it was the last, and the block is the caller's to free. */
static inline bool page_drop(struct page *p)
{
	/* Release: what was done with the block comes before. Acquire: before
	 * whatever is done with it next. */
	return __atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL) == 0;
}

static inline void page_put(struct page *p)
{
	if (page_drop(p))
		page_free(p, p->order);
}

/*
 * A block of that order that one leaf has to itself, and no object: whoever holds that
 * leaf can't get company, as all who could give a reference away must hold one. Marks
 * in flags, and what is about to be retired, count as company. Who changes the block,
 * or frees it, needs an acquire fence before: it pairs with page_drop() of who had it.
 */
static inline bool page_is_sole(const struct page *p, unsigned order)
{
	return __atomic_load_n(&p->head, __ATOMIC_RELAXED) ==
	       page_head(PAGE_USED, order);
}
