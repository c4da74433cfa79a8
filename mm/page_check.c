/*
 * The audit of all frames (<mm/zone.h>): each that was given is in one state.
 *
 * A walk over what was given, from block to block, finds each frame once: in a
 * seed, or at or behind the head of a block. Heads are where the block before
 * ends: so blocks can't overlap, and what lies between them would show, as a
 * head that says PAGE_NONE. No free block has a frame that is known as bad. The sums are compared with the zones' counters, with
 * the lists (buddy_check) and with what lies in the harts' stacks.
 */
#include <mm/zone.h>

#include "frame_cache.h"
#include "zone_internal.h"

struct sums {
	uint64_t free, cached, meta, bad; /* seen by the walk, in a zone */
};

static const struct range *seed_with(const struct buddy *b, pfn_t pfn)
{
	for (uint32_t i = 0; i < b->nseeds; i++)
		if (range_has(b->seed[i], pfn))
			return &b->seed[i];
	return NULL;
}

/* Add the block that `p` heads. Returns what is wrong with it. */
static const char *add_block(struct sums *s, const struct page *p)
{
	uint64_t n = (uint64_t)1 << p->order;

	if (p->order > MAX_ORDER || !is_aligned(page_to_pfn(p), n))
		return "no such block can be";
	switch (p->state) {
	case PAGE_USED:
	case PAGE_PART:
	case PAGE_DOOMED:
		return NULL;
	case PAGE_FREE:
		s->free += n;
		return NULL;
	case PAGE_CACHED:
		s->cached += n;
		return NULL;
	case PAGE_BAD:
		s->bad += n;
		return NULL;
	case PAGE_META:
		s->meta += n;
		return p->order ? "a block of the page map that is no frame"
				: NULL;
	default:
		return "in no block";
	}
}

/* Walk the part of a given range that is in a zone. */
static const char *walk(struct buddy *b, struct range r, struct sums *s,
			pfn_t *at)
{
	while (!range_empty(r)) {
		const struct range *seed = seed_with(b, r.start);
		const struct page *p = pfn_to_page(r.start);
		struct range block = {r.start, r.start + 1};
		const char *wrong = NULL;

		*at = r.start;
		if (seed) {
			block.end = seed->end;
			s->free += range_size(block);
		} else if (!page_exists(p)) {
			return "without a page, and not untouched";
		} else {
			wrong = add_block(s, p);
			block.end = r.start + ((pfn_t)1 << p->order);
		}
		if (wrong)
			return wrong;
		if ((seed || p->state == PAGE_FREE ||
		     p->state == PAGE_CACHED) &&
		    buddy_has_bad(b, block))
			return "free, with bad frames";
		r.start = block.end;
	}
	return r.start == r.end ? NULL : "a block goes beyond what was given";
}

static const char *check_zone(enum zone z, uint64_t *cached, pfn_t *at)
{
	struct buddy *b = zone_buddy(z);
	const struct range *given;
	struct sums s = {0};
	unsigned n = zone_given(&given);

	if (!b->map)
		return NULL;
	for (unsigned i = 0; i < n; i++) {
		struct range r = range_intersect(given[i], b->frames);
		const char *wrong = walk(b, r, &s, at);

		if (!range_empty(r) && wrong)
			return wrong;
	}
	*cached += s.cached;
	*at = b->frames.start;
	if (!buddy_check(b))
		return "the free lists are damaged";
	if (s.free != b->free_frames)
		return "free frames do not add up";
	if (s.bad != b->bad_frames)
		return "bad frames do not add up";
	return s.meta == b->meta_frames ? NULL : "the page map's do not add up";
}

/* What is wrong with blocks in stacks. */
struct stacks {
	const char *wrong;
	pfn_t at;
	uint64_t frames;
};

static void check_cached(void *ctx, struct page *p, unsigned order)
{
	struct stacks *s = ctx;

	s->frames += (uint64_t)1 << order;
	if (p->kind == page_kind(PAGE_CACHED, order))
		return;
	s->wrong = "in a cache, and does not say so";
	s->at = page_to_pfn(p);
}

const char *page_audit(pfn_t *at)
{
	struct stacks stacks = {0};
	uint64_t cached = 0;
	const char *wrong;

	for (unsigned z = 0; z < ZONES; z++) {
		wrong = check_zone(z, &cached, at);
		if (wrong)
			return wrong;
	}
	frame_cache_each(check_cached, &stacks);
	if (stacks.wrong) {
		*at = stacks.at;
		return stacks.wrong;
	}
	return stacks.frames == cached
		       ? NULL
		       : "cached frames are in no cache, or two";
}
