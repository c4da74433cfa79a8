/*
 * Buddy allocator: exact numbers of frames, and blocks in a given place.
 *
 *	5 of 8	[ 0 . . . ][ 4 ]			two blocks handed out
 *				[ 5 ][ 6 . ]		and two free ones
 *
 * An exact number is the front of the block that would hold it, split down to
 * where it ends: the halves in front are blocks handed out, one for each bit of
 * the number, those behind are free. It goes down one path, as a split does, so
 * the pool suffices for it (mm/buddy.c). All but the last of them say PAGE_PART,
 * so that none of these, nor another number, can be freed by mistake.
 *
 * A place is looked for from candidate to candidate; what of it is still in a
 * seed is put on the lists first, the rest of the seed stays one, or becomes two.
 */
#include <lib/errno.h>

#include "buddy_internal.h"

/* Free the blocks that an exact number was handed out as. */
static void free_pieces(struct buddy *b, pfn_t pfn, uint64_t frames)
{
	add_free(b, frames);
	while (frames) {
		unsigned order = highest_bit(frames);

		buddy_put(b, pfn, order);
		b->counts[order].frees++;
		pfn += (pfn_t)1 << order;
		frames -= (uint64_t)1 << order;
	}
}

/* Keep the first `frames` of a block that is handed out. Returns false, with all
 * of it free, when the page map could not grow. */
static bool cut(struct buddy *b, pfn_t start, unsigned k, uint64_t frames)
{
	pfn_t pfn = start;
	uint64_t left = frames;

	add_free(b, ((uint64_t)1 << k) - frames);
	while (left != (uint64_t)1 << k) {
		pfn_t upper = pfn + ((pfn_t)1 << (k - 1));

		if (k > CHUNK_ORDER && !have_page(b, upper)) {
			add_free(b, left);
			buddy_melt(b, pfn, k);
			free_pieces(b, start, frames - left);
			return false;
		}
		b->counts[k--].splits++;
		if (left > (uint64_t)1 << k) {
			set_head(page_of(b, pfn), PAGE_PART, k);
			b->counts[k].allocs++;
			pfn = upper;
			left -= (uint64_t)1 << k;
		} else {
			push(b, page_of(b, upper), k);
		}
	}
	set_head(page_of(b, pfn), PAGE_USED, k);
	b->counts[k].allocs++;
	return true;
}

struct page *buddy_alloc_exact(struct buddy *b, uint64_t frames, uint64_t keep)
{
	struct page *p = NULL;
	unsigned order;
	uint64_t flags;

	if (!frames || frames > (uint64_t)1 << MAX_ORDER)
		return NULL;
	order = frames > 1 ? highest_bit(frames - 1) + 1 : 0;
	flags = spin_lock_irqsave(&b->lock);
	if (b->free_frames >= keep + frames) {
		buddy_prepare(b, order);
		p = buddy_take(b, order);
		if (p && !cut(b, pfn_of(b, p), order, frames))
			p = NULL;
		buddy_refill(b);
	}
	b->counts[order].failures += !p;
	spin_unlock_irqrestore(&b->lock, flags);
	return p;
}

int buddy_divide(struct buddy *b, pfn_t pfn, unsigned order)
{
	pfn_t end = pfn + ((pfn_t)1 << order), at;
	uint64_t flags = spin_lock_irqsave(&b->lock);
	/* With bad frames in it, none is for the caches. */
	enum page_state state = page_of(b, pfn)->state;
	int err = 0;

	for (at = pfn; at < end && !err; at += PAGES_PER_CHUNK) {
		err = have_page(b, at) ? 0 : -ENOMEM;
		buddy_refill(b);
	}
	for (at = pfn; at < end && !err; at++)
		set_head(page_of(b, at), state, 0);
	if (!err) {
		b->counts[order].frees++;
		b->counts[0].allocs += (uint64_t)1 << order;
	}
	spin_unlock_irqrestore(&b->lock, flags);
	return err;
}

int buddy_free_exact(struct buddy *b, pfn_t pfn, uint64_t frames)
{
	uint64_t flags = spin_lock_irqsave(&b->lock), done = 0;
	int err = 0;

	if (!frames || frames > (uint64_t)1 << MAX_ORDER)
		err = -EINVAL;
	while (!err && done < frames) {
		unsigned order = highest_bit(frames - done);

		err = buddy_check_used(b, pfn + done, order,
				       page_exact_state(frames - done));
		done += (uint64_t)1 << order;
	}
	if (!err)
		free_pieces(b, pfn, frames);
	spin_unlock_irqrestore(&b->lock, flags);
	return err;
}

/* A seed that has some of these frames, cut to them as far as there is room for
 * more seeds: without, more of it than needed goes to the lists. */
static struct range *seed_of(struct buddy *b, struct range r)
{
	struct range *s = b->seed;

	while (s < b->seed + b->nseeds && !range_overlaps(*s, r))
		s++;
	if (s == b->seed + b->nseeds)
		return NULL;
	if (s->start < r.start && b->nseeds < BUDDY_SEEDS) {
		b->seed[b->nseeds++] = range_make(s->start, r.start);
		s->start = r.start;
	}
	if (s->end > r.end && b->nseeds < BUDDY_SEEDS) {
		b->seed[b->nseeds++] = range_make(r.end, s->end);
		s->end = r.end;
	}
	return s;
}

void buddy_sprout_at(struct buddy *b, struct range frames)
{
	struct range *seed;

	/* A refill takes what it finds: not of this block, if it can wait. */
	while ((seed = seed_of(b, frames)) && buddy_sprout(b, seed, MAX_ORDER))
		if (b->pool.n < POOL_ENOUGH)
			buddy_refill(b);
}

/* The block of 2^order frames at `pfn`, taken from the lists; NULL: not free. */
static struct page *take_at(struct buddy *b, pfn_t pfn, unsigned order)
{
	unsigned k = order;
	struct page *p;

	buddy_sprout_at(b, range_make(pfn, pfn + ((pfn_t)1 << order)));
	p = buddy_block_around(b, pfn, &k);
	if (!p)
		return NULL;
	take(b, p, k);
	return buddy_split(b, p, k, pfn, order);
}

struct page *buddy_alloc_within(struct buddy *b, unsigned order,
				struct range within, uint64_t keep)
{
	pfn_t size = (pfn_t)1 << order;
	struct page *p = NULL;
	uint64_t flags;

	if (order > MAX_ORDER)
		return NULL;
	within = range_intersect(within, b->frames);
	within = range_align_in(range_intersect(within, b->map->frames), size);
	if (range_empty(within))
		return NULL;
	flags = spin_lock_irqsave(&b->lock);
	if (b->free_frames >= keep + size)
		for (; !p && !range_empty(within); within.start += size)
			p = take_at(b, within.start, order);
	if (p) {
		add_free(b, -size);
		set_head(p, PAGE_USED, order);
		b->counts[order].allocs++;
	} else {
		b->counts[order].failures++;
	}
	buddy_refill(b);
	spin_unlock_irqrestore(&b->lock, flags);
	return p;
}
