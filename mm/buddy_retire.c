/*
 * Buddy allocator: bad frames are retired.
 *
 *	order 2	[ 0 . x . ]			a free block, frame 2 is bad
 *		[ 0 . ][ x ][ 3 ]		two free ones, and PAGE_BAD
 *
 * A block that has bad frames is halved until its parts are good, and go on the
 * lists, or bad, and stay as blocks of their own that say PAGE_BAD. Nothing
 * melts with those, as nothing does with a block that is handed out; so a
 * retired frame needs no care in anything that allocates.
 *
 * This happens where blocks come onto the lists, so frames in use are caught when
 * they come back, whoever frees them and with what they are freed. It is one
 * test for an allocator that knows of no bad frames. What does not come back
 * there is a block that is freed into a hart's cache and allocated from there:
 * its head says PAGE_DOOMED instead of PAGE_USED, by which the hot path of
 * page_free() knows it not, and the slow one leaves the caches out.
 *
 * Its owner may free the block while it is marked. The mark is set only if the
 * head says PAGE_USED (compare and swap), but who frees may have looked before
 * and write PAGE_CACHED over the mark. He looks and writes with interrupts off: so
 * after a call on all harts the mark stays, or the block is seen to be cached.
 *
 * Cost: for n bad ranges O(log n) for each block that is freed to an allocator
 * that knows of them; to retire a frame, O(MAX_ORDER) splits.
 */
#include <lib/errno.h>

#include "buddy_internal.h"

/* So much of a seed comes onto the lists around a bad frame: few pieces of seeds,
 * of which there can't be many. */
#define AROUND ((pfn_t)1 << 10)

static enum range_set_part bad_part(struct buddy *b, struct range frames)
{
	uint64_t flags = spin_lock_irqsave(&b->bad->lock);
	enum range_set_part part = range_set_part(
		&b->bad->set, range_make(frames.start << PAGE_SHIFT,
					 frames.end << PAGE_SHIFT));

	spin_unlock_irqrestore(&b->bad->lock, flags);
	return part;
}

static struct range block(pfn_t pfn, unsigned order)
{
	return range_make(pfn, pfn + ((pfn_t)1 << order));
}

bool buddy_has_bad(struct buddy *b, struct range frames)
{
	return b->bad && bad_part(b, frames) != RANGE_SET_NONE;
}

void buddy_put_good(struct buddy *b, pfn_t pfn, unsigned order)
{
	enum range_set_part bad = bad_part(b, block(pfn, order));
	pfn_t upper = pfn + ((pfn_t)1 << order) / 2;

	if (bad == RANGE_SET_NONE) {
		buddy_melt(b, pfn, order);
		return;
	}
	/* All of it, rather than hand out the bad one. */
	if (bad == RANGE_SET_ALL ||
	    (order > CHUNK_ORDER && !have_page(b, upper))) {
		set_head(page_of(b, pfn), PAGE_BAD, order);
		add_free(b, -((uint64_t)1 << order));
		b->bad_frames += (uint64_t)1 << order;
		return;
	}
	b->counts[order--].splits++;
	set_none(page_of(b, pfn));
	set_none(page_of(b, upper));
	buddy_put_good(b, pfn, order);
	if (order >= CHUNK_ORDER)
		buddy_refill(b);
	buddy_put_good(b, upper, order);
}

/* The head of the block that a frame is in, which is not on the lists; NULL: it is
 * in none. */
static struct page *head_of(const struct buddy *b, pfn_t pfn)
{
	for (unsigned k = 0; k <= MAX_ORDER; k++) {
		pfn_t head = align_down(pfn, (pfn_t)1 << k);
		struct page *p = page_of(b, head);
		uint16_t kind;

		if (!range_has(b->frames, head) || !page_map_has(b->map, head))
			continue;
		kind = kind_of(p);
		if ((kind & 0xff) != PAGE_NONE && kind >> 8 >= k)
			return p;
	}
	return NULL;
}

/* What buddy_retire() says of a frame that is not on the lists. */
static int doom(struct page *p)
{
	uint64_t head = __atomic_load_n(&p->head, __ATOMIC_RELAXED);

	switch (head & 0xff) {
	case PAGE_BAD:
		return 0;
	case PAGE_USED:
		/* Its owner may have changed flags or references, too: so be
		 * it. */
		__atomic_compare_exchange_n(
			&p->head, &head, head ^ PAGE_USED ^ PAGE_DOOMED, false,
			__ATOMIC_RELAXED, __ATOMIC_RELAXED);
		return -EAGAIN;
	case PAGE_CACHED:
		return -EAGAIN;
	default:
		return -EBUSY;
	}
}

void buddy_watch(struct buddy *b, struct bad_frames *bad)
{
	uint64_t flags = spin_lock_irqsave(&b->lock);

	b->bad = bad;
	spin_unlock_irqrestore(&b->lock, flags);
}

int buddy_retire(struct buddy *b, pfn_t pfn)
{
	pfn_t around = align_down(pfn, AROUND);
	unsigned order = 0;
	uint64_t flags;
	struct page *p;
	int err;

	if (!range_has(b->frames, pfn) || !range_has(b->map->frames, pfn))
		return -ENOMEM;
	flags = spin_lock_irqsave(&b->lock);
	buddy_sprout_at(b, range_make(around, around + AROUND));
	p = buddy_block_around(b, pfn, &order);
	if (p) {
		take(b, p, order);
		buddy_put_good(b, pfn_of(b, p), order);
		buddy_refill(b);
	}
	p = head_of(b, pfn);
	err = p ? doom(p) : -ENOMEM;
	spin_unlock_irqrestore(&b->lock, flags);
	return err;
}

void buddy_unretire(struct buddy *b, pfn_t pfn)
{
	uint64_t flags = spin_lock_irqsave(&b->lock);
	struct page *p = head_of(b, pfn);
	unsigned order = p ? p->order : 0;

	if (p && p->state == PAGE_BAD) {
		b->bad_frames -= (uint64_t)1 << order;
		add_free(b, (uint64_t)1 << order);
		set_none(p);
		buddy_put(b, pfn_of(b, p), order);
		buddy_refill(b);
	}
	/* Whoever frees it looks at the state under the lock. */
	if (p && p->state == PAGE_DOOMED &&
	    !buddy_has_bad(b, block(pfn_of(b, p), order)))
		store_relaxed(&p->state, PAGE_USED);
	spin_unlock_irqrestore(&b->lock, flags);
}

bool buddy_is_retired(struct buddy *b, pfn_t pfn)
{
	uint64_t flags = spin_lock_irqsave(&b->lock);
	const struct page *p = head_of(b, pfn);
	bool bad = p && p->state == PAGE_BAD;

	spin_unlock_irqrestore(&b->lock, flags);
	return bad;
}
