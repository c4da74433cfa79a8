/*
 * Buddy allocator: looking into it.
 *
 * Fragmentation is told by the unusable free space index (Gorman and Whitcroft,
 * The What, The Why and the Where To of Anti-Fragmentation, OLS 2006): for order
 * k, with n_j free blocks of order j,
 *
 *	unusable(k) = (free - sum over j >= k of n_j 2^j) / free
 *
 * Seeds count as the aligned blocks of order k that they hold.
 */
#include <lib/errno.h>

#include "buddy_internal.h"

struct page *buddy_block_around(const struct buddy *b, pfn_t pfn,
				unsigned *order)
{
	for (unsigned k = *order; k <= MAX_ORDER; k++) {
		pfn_t head = align_down(pfn, (pfn_t)1 << k);

		if (range_has(b->frames, head) && page_map_has(b->map, head) &&
		    kind_of(page_of(b, head)) == page_kind(PAGE_FREE, k)) {
			*order = k;
			return page_of(b, head);
		}
	}
	return NULL;
}

bool buddy_is_free(struct buddy *b, pfn_t pfn)
{
	uint64_t flags = spin_lock_irqsave(&b->lock);
	unsigned order = 0;
	bool free = buddy_block_around(b, pfn, &order);

	for (uint32_t i = 0; i < b->nseeds; i++)
		free = free || range_has(b->seed[i], pfn);
	spin_unlock_irqrestore(&b->lock, flags);
	return free;
}

unsigned buddy_unusable(struct buddy *b, unsigned order)
{
	uint64_t flags = spin_lock_irqsave(&b->lock), usable = 0, free;

	for (unsigned k = order; k <= MAX_ORDER; k++)
		usable += b->blocks[k] << k;
	for (uint32_t i = 0; i < b->nseeds && order <= MAX_ORDER; i++)
		usable += range_size(
			range_align_in(b->seed[i], (uint64_t)1 << order));
	free = b->free_frames;
	spin_unlock_irqrestore(&b->lock, flags);
	return free ? (unsigned)((free - usable) * 1000 / free) : 1000;
}

const char *buddy_strerror(int err)
{
	switch (err) {
	case -EINVAL:
		return "no such block can exist";
	case -ENOENT:
		return "not handed out (freed twice?)";
	case -ERANGE:
		return "handed out with another order";
	default:
		return "no error";
	}
}

/* I1 and I2 for one block. */
static bool block_ok(const struct buddy *b, pfn_t pfn, unsigned order)
{
	pfn_t other = pfn ^ ((pfn_t)1 << order);
	const struct page *p = page_of(b, pfn), *q = page_of(b, other);

	if (!range_has(b->frames, pfn) || !page_map_has(b->map, pfn) ||
	    !is_aligned(pfn, (pfn_t)1 << order) || p->state != PAGE_FREE ||
	    p->order != order)
		return false;
	return order == MAX_ORDER || !page_map_has(b->map, other) ||
	       q->state != PAGE_FREE || q->order != order;
}

bool buddy_check(struct buddy *b)
{
	uint64_t flags = spin_lock_irqsave(&b->lock), frames = 0;
	bool ok = true;

	for (unsigned k = 0; k <= MAX_ORDER; k++) {
		uint64_t n = 0;

		list_for_each (l, &b->free[k]) {
			struct page *p = list_entry(l, struct page, link);

			ok = ok && l->next->prev == l &&
			     block_ok(b, pfn_of(b, p), k);
			n++;
		}
		ok = ok && n == b->blocks[k] && !n == !(b->nonempty >> k & 1);
		frames += n << k;
	}
	for (uint32_t i = 0; i < b->nseeds; i++)
		frames += range_size(b->seed[i]);
	ok = ok && frames == b->free_frames;
	spin_unlock_irqrestore(&b->lock, flags);
	return ok;
}
