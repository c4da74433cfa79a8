/*
 * Buddy allocator (<mm/buddy.h>).
 *
 *	order 2	[ 0 . . . ]			one free block of 4 frames
 *	alloc 0	[ 0 ][ 1 ][ 2 . ]		0 handed out; 1, 2 are free
 *	free 0	[ 0 . . . ]			0 + 1, then + 2 melt again
 *
 * The block that shares its parent with block (pfn, order), its buddy, is at
 * pfn ^ (1 << order). Only the first frame of a block has a page that says
 * anything (state, order); so to split or melt touches one page, and the page
 * of a frame that was never the head of a block is never looked at: it need
 * not exist. Seeds rest on that: a range of fresh RAM is kept as two numbers,
 * and blocks come off it as they are needed, one page each.
 *
 * Invariants:
 *  I1  a block on free[k] has a page with state PAGE_FREE and order k, and is
 *      aligned to 2^k frames
 *  I2  two buddies are never both free: they have melted (but at MAX_ORDER)
 *  I3  bit k of `nonempty` is set exactly if free[k] has a block
 *  I4  free_frames is the sum over all lists and seeds
 *  I5  a page that exists is PAGE_NONE unless it heads a block, or is in the
 *      pool or the page map (PAGE_META)
 *  I6  before each operation the pool holds at least POOL_LOW frames, or as
 *      many as the last refill could find
 *
 * Why the pool suffices: a chunk of the page map takes a frame, and may need a
 * table of the last level (each maps the array for 2^16 frames) and one above
 * (2^25 frames); higher tables are there since the image needs them. To split a
 * block of order 18 that is on the lists down to a frame takes at most 13: the
 * chunks of 11 halves (those below order 7 share the head's), and 2 tables. One
 * that comes off a seed, for its place or for an exact number, needs 3 more for
 * its head. The refill that follows finds what the split put on the lists; but an
 * exact number may leave a single frame there. Then the refill has to split
 * another block: one off a seed (3 and 3), or one that was freed and never split.
 * Of that the worst is one of order 17 (11) when a seed had to serve (16), so with
 * the frame that was left, POOL_LOW is 26. A request that goes through many seeds
 * fills the pool again after each.
 *
 * Largest seeds are used first, so that a request does not go through the small
 * ones in vain; it does so, once, when no large one is left.
 *
 * In bulk, blocks up to what is missing are used up first, the largest before
 * others; only then a larger one is split, down to that. Who can do with less
 * stops there: else each request would leave pieces for the next to pick up.
 * Blocks up to the size of a chunk have all their pages in it, so to carve one
 * into its frames needs nothing of the pool.
 * Frees in bulk put runs of neighbours together before they go on the lists.
 *
 * Cost: alloc and free take O(MAX_ORDER) steps, no list is searched; when the
 * lists can't serve, a look at all seeds for each block that is taken off one.
 * Locking: the instance's lock, interrupts off; inside it, that of the page map.
 * Pages of blocks that are handed out or cached are written by whoever has them.
 */
#include <kernel/assert.h>
#include <lib/errno.h>

#include "buddy_internal.h"

#define POOL_LOW  BUDDY_POOL_MIN
#define POOL_FULL FRAME_POOL_SIZE

/* Order of what comes off a seed for a request that is not larger. To split it
 * down takes the pages of a few halves; of the largest block, twice as many, for
 * the first frame that anybody wants. */
#define SPROUT 10

/* Frames of a seed that may have two chunks with all their tables to itself. */
#define FEW 8

void buddy_init(struct buddy *b, struct page_map *map, struct range frames)
{
	*b = (struct buddy){
		.lock = SPINLOCK_INIT(LOCK_ZONE),
		.map = map,
		.frames = frames,
	};
	for (unsigned k = 0; k <= MAX_ORDER; k++)
		list_init(&b->free[k]);
}

void buddy_melt(struct buddy *b, pfn_t pfn, unsigned order)
{
	struct page *p = page_of(b, pfn);

	while (order < MAX_ORDER) {
		pfn_t other = pfn ^ ((pfn_t)1 << order);
		struct page *q;

		if (order >= CHUNK_ORDER && !page_map_has(b->map, other))
			break;
		q = page_of(b, other);
		if (kind_of(q) != page_kind(PAGE_FREE, order))
			break;
		take(b, q, order);
		if (other < pfn) {
			set_none(p);
			p = q;
			pfn = other;
		} else {
			set_none(q);
		}
		b->counts[++order].merges++;
	}
	push(b, p, order);
}

struct page *buddy_split(struct buddy *b, struct page *p, unsigned k, pfn_t pfn,
			 unsigned order)
{
	while (k > order) {
		pfn_t upper = pfn_of(b, p) + ((pfn_t)1 << (k - 1));

		if (k > CHUNK_ORDER && !have_page(b, upper)) {
			buddy_melt(b, pfn_of(b, p), k);
			return NULL;
		}
		b->counts[k--].splits++;
		if (pfn < upper) {
			push(b, page_of(b, upper), k);
		} else {
			push(b, p, k);
			p = page_of(b, upper);
		}
	}
	return p;
}

static struct range *smallest_seed(struct buddy *b)
{
	struct range *s = b->seed;

	for (uint32_t i = 1; i < b->nseeds; i++)
		if (range_size(b->seed[i]) < range_size(*s))
			s = &b->seed[i];
	return s;
}

static struct range *largest_seed(struct buddy *b)
{
	struct range *s = b->seed;

	for (uint32_t i = 1; i < b->nseeds; i++)
		if (range_size(b->seed[i]) > range_size(*s))
			s = &b->seed[i];
	return s;
}

/* The largest block that frames r begin with. */
static unsigned first_order(struct range r)
{
	unsigned order = highest_bit(range_size(r));

	if (r.start && lowest_bit(r.start) < order)
		order = lowest_bit(r.start);
	return order < MAX_ORDER ? order : MAX_ORDER;
}

/* Frames that the page map can still need: no pool is kept beyond that. */
static uint32_t pool_target(const struct buddy *b)
{
	uint64_t chunks = page_map_chunk(b->map, b->map->frames.end - 1) + 1;
	uint64_t missing =
		chunks - __atomic_load_n(&b->map->nr_chunks, __ATOMIC_RELAXED);

	/* As many again would do for tables, were each chunk to need one. */
	return (uint32_t)min_u64(2 * missing, POOL_FULL);
}

/* Does the seed give the pool back what it takes? A few frames may not; they stay
 * where they are before blocks on the lists can't be split for them. */
static bool affordable(const struct buddy *b, const struct range *s)
{
	return range_size(*s) >= FEW || page_map_has(b->map, s->start) ||
	       b->pool.n >= min_u64(pool_target(b), POOL_ENOUGH);
}

bool buddy_sprout(struct buddy *b, struct range *s, unsigned most)
{
	unsigned order;
	pfn_t pfn;

	if (!b->nseeds || !affordable(b, s))
		return false;
	pfn = s->start;
	order = (unsigned)min_u64(first_order(*s), most);
	if (page_map_add(b->map, pfn, &b->pool))
		return false;
	s->start += (pfn_t)1 << order;
	if (range_empty(*s))
		*s = b->seed[--b->nseeds];
	buddy_put(b, pfn, order);
	return true;
}

struct page *buddy_take(struct buddy *b, unsigned order)
{
	struct page *p;
	unsigned k;

	if (!(b->nonempty >> order))
		return NULL;
	k = order + lowest_bit(b->nonempty >> order);
	p = first_block(b, k);
	take(b, p, k);
	p = buddy_split(b, p, k, pfn_of(b, p), order);
	if (p)
		add_free(b, -((uint64_t)1 << order));
	return p;
}

static void refill_pool(struct buddy *b, uint32_t target)
{
	while (b->pool.n < target) {
		struct page *p;

		if (!b->nonempty && !buddy_sprout(b, largest_seed(b), SPROUT))
			return;
		p = buddy_take(b, 0);
		if (!p)
			return;
		set_head(p, PAGE_META, 0);
		b->pool.frame[b->pool.n++] = pfn_of(b, p);
		b->meta_frames++;
	}
}

void buddy_refill(struct buddy *b)
{
	uint32_t target;

	if (b->pool.n >= POOL_LOW)
		return;
	target = pool_target(b);
	if (b->pool.n < min_u64(target, POOL_LOW))
		refill_pool(b, target);
}

int buddy_seed(struct buddy *b, struct range frames)
{
	uint64_t flags;
	int err = 0;

	assert(range_within(frames, b->frames));
	if (range_empty(frames))
		return 0;
	flags = spin_lock_irqsave(&b->lock);
	/* Use up the smallest seed when there is no room for another. */
	while (b->nseeds == BUDDY_SEEDS &&
	       buddy_sprout(b, smallest_seed(b), MAX_ORDER))
		buddy_refill(b);
	if (b->nseeds == BUDDY_SEEDS) {
		err = -ENOSPC;
	} else {
		b->seed[b->nseeds++] = frames;
		add_free(b, range_size(frames));
		b->total_frames += range_size(frames);
	}
	spin_unlock_irqrestore(&b->lock, flags);
	return err;
}

/* The large ones first: one that can serve comes before those that can't. */
void buddy_prepare(struct buddy *b, unsigned order)
{
	unsigned most = order > SPROUT ? order : SPROUT;

	while (!(b->nonempty >> order) &&
	       buddy_sprout(b, largest_seed(b), most))
		if (!(b->nonempty >> order))
			buddy_refill(b);
}

struct page *buddy_alloc(struct buddy *b, unsigned order, uint64_t keep)
{
	struct page *p = NULL;
	uint64_t flags;

	if (order > MAX_ORDER)
		return NULL;
	flags = spin_lock_irqsave(&b->lock);
	if (b->free_frames >= keep + ((uint64_t)1 << order)) {
		buddy_prepare(b, order);
		p = buddy_take(b, order);
		/* What sprouts next must not find its buddy free. */
		if (p)
			set_head(p, PAGE_USED, order);
		buddy_refill(b);
	}
	if (p)
		b->counts[order].allocs++;
	else
		b->counts[order].failures++;
	spin_unlock_irqrestore(&b->lock, flags);
	return p;
}

/* Orders, as bits, of the blocks from `order` to `most` that are on the lists. */
static uint32_t fitting(const struct buddy *b, unsigned order, unsigned most)
{
	return b->nonempty & ((2u << most) - (1u << order));
}

/* Take a block to be carved into blocks of `order`: better one of order `most`,
 * but nothing larger is split as long as there are smaller ones. */
static struct page *take_for_bulk(struct buddy *b, unsigned order,
				  unsigned most, unsigned *k)
{
	uint32_t fit = fitting(b, order, most);
	struct page *p;

	if (!fit) {
		buddy_prepare(b, order);
		fit = fitting(b, order, most);
	}
	if (!fit) {
		*k = most;
		return buddy_take(b, most);
	}
	*k = highest_bit(fit);
	p = first_block(b, *k);
	take(b, p, *k);
	add_free(b, -((uint64_t)1 << *k));
	return p;
}

/* Make blocks of `order` out of one of order `k`. Returns how many. */
static size_t carve(struct page *p, unsigned k, unsigned order, uint64_t head,
		    struct page **page)
{
	size_t n = (size_t)1 << (k - order), step = (size_t)1 << order;

	for (struct page **end = page + n; page < end; p += step) {
		store_relaxed(&p->head, head);
		*page++ = p;
	}
	return n;
}

size_t buddy_alloc_bulk(struct buddy *b, unsigned order, size_t enough,
			size_t n, struct page **page, enum page_state state,
			uint64_t keep)
{
	uint64_t flags = spin_lock_irqsave(&b->lock), head;
	uint64_t spare = b->free_frames > keep ? b->free_frames - keep : 0;
	size_t got = 0;

	n = min_u64(n, spare >> order);
	head = page_head(state, order);
	while (got < n) {
		unsigned most = order + highest_bit(n - got), k;
		struct page *p;

		if (most > CHUNK_ORDER)
			most = order > CHUNK_ORDER ? order : CHUNK_ORDER;
		if (got >= enough && !fitting(b, order, most))
			break;
		p = take_for_bulk(b, order, most, &k);
		if (p)
			got += carve(p, k, order, head, page + got);
		if (b->pool.n < POOL_LOW)
			buddy_refill(b);
		if (!p)
			break;
	}
	b->counts[order].allocs += got;
	b->counts[order].failures += !got;
	spin_unlock_irqrestore(&b->lock, flags);
	return got;
}

int buddy_check_used(const struct buddy *b, pfn_t pfn, unsigned order,
		     enum page_state state)
{
	const struct page *p;

	if (order > MAX_ORDER || !range_has(b->frames, pfn) ||
	    !is_aligned(pfn, (pfn_t)1 << order))
		return -EINVAL;
	if (!page_map_has(b->map, pfn))
		return -ENOENT;
	p = page_of(b, pfn);
	if (!page_is_used(p))
		return -ENOENT;
	if (p->kind == page_kind(PAGE_DOOMED, order))
		return state == PAGE_USED ? 0 : -ERANGE;
	return p->kind == page_kind(state, order) ? 0 : -ERANGE;
}

int buddy_free(struct buddy *b, pfn_t pfn, unsigned order)
{
	uint64_t flags = spin_lock_irqsave(&b->lock);
	int err = buddy_check_used(b, pfn, order, PAGE_USED);

	if (!err) {
		add_free(b, (uint64_t)1 << order);
		b->counts[order].frees++;
		buddy_put(b, pfn, order);
	}
	spin_unlock_irqrestore(&b->lock, flags);
	return err;
}

/* Put frames that are in a run on the lists. */
static void free_run(struct buddy *b, struct range r)
{
	add_free(b, range_size(r));
	while (!range_empty(r)) {
		unsigned order = first_order(r);

		buddy_put(b, r.start, order);
		r.start += (pfn_t)1 << order;
	}
}

/* How many blocks from page[0] on, which is ours, are neighbours in memory, all
 * going up or all going down, and ours. They become PAGE_NONE. */
static size_t find_run(struct buddy *b, unsigned order, size_t n,
		       struct page *const *page)
{
	pfn_t first = pfn_of(b, *page);
	struct page *next = *page;
	ptrdiff_t step = (ptrdiff_t)1 << order;
	size_t i = 0;

	if (n > 1 && page[1] < *page) {
		n = min_u64(n, ((first - b->frames.start) >> order) + 1);
		step = -step;
	} else {
		n = min_u64(n, (b->frames.end - first) >> order);
	}
	for (; i < n && page[i] == next; i++, next += step)
		set_none(next);
	return i;
}

size_t buddy_free_bulk(struct buddy *b, unsigned order, size_t n,
		       struct page *const *page)
{
	uint64_t flags = spin_lock_irqsave(&b->lock);
	size_t i = 0;

	while (i < n && range_has(b->frames, pfn_of(b, page[i]))) {
		size_t run = find_run(b, order, n - i, page + i);
		pfn_t first = pfn_of(b, page[i]);

		first = min_u64(first, pfn_of(b, page[i + run - 1]));
		if (run == 1) {
			add_free(b, (uint64_t)1 << order);
			buddy_put(b, first, order);
		} else {
			free_run(b, range_make(first, first + (run << order)));
		}
		i += run;
	}
	b->counts[order].frees += i;
	spin_unlock_irqrestore(&b->lock, flags);
	return i;
}
