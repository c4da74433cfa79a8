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
 * and its largest blocks come off it as they are needed, one page each.
 *
 * Invariants:
 *  I1  a block on free[k] has a page with state PAGE_FREE and order k, and is
 *      aligned to 2^k frames
 *  I2  two buddies are never both free: they have melted (but at MAX_ORDER)
 *  I3  bit k of `nonempty` is set exactly if free[k] has a block
 *  I4  free_frames is the sum over all lists and seeds
 *  I5  a page that exists is PAGE_NONE unless it heads a block
 *  I6  before each operation the pool holds at least POOL_LOW frames, or as
 *      many as the last refill could find
 *
 * Why the pool suffices: a chunk of the page map takes a frame, and may need a
 * table of the last level (each maps the array for 2^16 frames) and one above
 * (2^25 frames); higher tables are there since the image needs them. To split a
 * block of order 18 down to a frame takes at most 16: the chunks of its head
 * and of 11 halves (those below order 7 share the head's), 3 tables of the last
 * level and one above. The refill that follows finds what the split put on the
 * lists; only when a whole untouched block was handed out (3) must it split one
 * itself: 19, and POOL_LOW is 20. A request that goes through many seeds fills
 * the pool again after each.
 *
 * Largest seeds are used first, so that a request does not go through the small
 * ones in vain; it does so, once, when no large one is left.
 *
 * Cost: alloc and free take O(MAX_ORDER) steps, no list is searched; when the
 * lists can't serve, a look at all seeds for each block that is taken off one.
 * Locking: the instance's lock, interrupts off; inside it, that of the page map.
 */
#include <kernel/assert.h>
#include <lib/errno.h>
#include <mm/buddy.h>

#define POOL_LOW  BUDDY_POOL_MIN
#define POOL_FULL FRAME_POOL_SIZE

/* Buddies of smaller blocks share a chunk of the page map with them. */
#define CHUNK_ORDER PAGES_PER_CHUNK_SHIFT

static struct page *page_of(const struct buddy *b, pfn_t pfn)
{
	return b->map->pages + pfn;
}

static pfn_t pfn_of(const struct buddy *b, const struct page *p)
{
	return (pfn_t)(p - b->map->pages);
}

static void push(struct buddy *b, struct page *p, unsigned order)
{
	p->state = PAGE_FREE;
	p->order = (uint8_t)order;
	list_add(&b->free[order], &p->link);
	b->nonempty |= 1u << order;
	b->blocks[order]++;
}

static void take(struct buddy *b, struct page *p, unsigned order)
{
	list_del(&p->link);
	if (list_empty(&b->free[order]))
		b->nonempty &= ~(1u << order);
	b->blocks[order]--;
}

/* Put a block on the lists, melting it with its buddy as long as that is free.
 * The pages of both buddies exist or, at the edge of a seed, are not ours. */
static void melt(struct buddy *b, pfn_t pfn, unsigned order)
{
	struct page *p = page_of(b, pfn);

	while (order < MAX_ORDER) {
		pfn_t other = pfn ^ ((pfn_t)1 << order);
		struct page *q;

		if (order >= CHUNK_ORDER && !page_map_has(b->map, other))
			break;
		q = page_of(b, other);
		if (q->state != PAGE_FREE || q->order != order)
			break;
		take(b, q, order);
		if (other < pfn) {
			p->state = PAGE_NONE;
			p = q;
			pfn = other;
		} else {
			q->state = PAGE_NONE;
		}
		order++;
	}
	push(b, p, order);
}

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

/* Move the first block of a seed to the lists. Returns whether there was one
 * and its page could be had. */
static bool sprout(struct buddy *b, struct range *s)
{
	unsigned order;
	pfn_t pfn;

	if (!b->nseeds)
		return false;
	pfn = s->start;
	order = highest_bit(range_size(*s));
	if (pfn && lowest_bit(pfn) < order)
		order = lowest_bit(pfn);
	if (order > MAX_ORDER)
		order = MAX_ORDER;
	if (page_map_add(b->map, pfn, &b->pool))
		return false;
	s->start += (pfn_t)1 << order;
	if (range_empty(*s))
		*s = b->seed[--b->nseeds];
	melt(b, pfn, order);
	return true;
}

/* A block from the lists. */
static struct page *alloc_locked(struct buddy *b, unsigned order)
{
	struct page *p;
	unsigned k;
	pfn_t pfn;

	if (!(b->nonempty >> order))
		return NULL;
	k = order + lowest_bit(b->nonempty >> order);
	p = list_entry(b->free[k].next, struct page, link);
	pfn = pfn_of(b, p);
	take(b, p, k);
	while (k > order) {
		pfn_t upper = pfn + ((pfn_t)1 << (k - 1));

		if (k > CHUNK_ORDER && page_map_add(b->map, upper, &b->pool)) {
			push(b, p, k);
			return NULL;
		}
		push(b, page_of(b, upper), --k);
	}
	b->free_frames -= (uint64_t)1 << order;
	p->state = PAGE_USED;
	p->order = (uint8_t)order;
	p->flags = 0;
	p->refs = 1;
	p->owner = 0;
	return p;
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

/* Restore I6. */
static void refill(struct buddy *b)
{
	uint32_t target = pool_target(b);

	if (b->pool.n >= min_u64(target, POOL_LOW))
		return;
	while (b->pool.n < target) {
		struct page *p;

		if (!b->nonempty && !sprout(b, largest_seed(b)))
			return;
		p = alloc_locked(b, 0);
		if (!p)
			return;
		b->pool.frame[b->pool.n++] = pfn_of(b, p);
		b->meta_frames++;
	}
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
	while (b->nseeds == BUDDY_SEEDS && sprout(b, smallest_seed(b)))
		refill(b);
	if (b->nseeds == BUDDY_SEEDS) {
		err = -ENOSPC;
	} else {
		b->seed[b->nseeds++] = frames;
		b->free_frames += range_size(frames);
		b->total_frames += range_size(frames);
	}
	spin_unlock_irqrestore(&b->lock, flags);
	return err;
}

/* Have a block of this order on the lists, if there is one in the seeds. The
 * large ones first: one that can serve comes before those that can't. */
static void prepare(struct buddy *b, unsigned order)
{
	while (!(b->nonempty >> order) && sprout(b, largest_seed(b)))
		if (!(b->nonempty >> order))
			refill(b);
}

struct page *buddy_alloc(struct buddy *b, unsigned order)
{
	struct page *p;
	uint64_t flags;

	if (order > MAX_ORDER)
		return NULL;
	flags = spin_lock_irqsave(&b->lock);
	prepare(b, order);
	p = alloc_locked(b, order);
	refill(b);
	spin_unlock_irqrestore(&b->lock, flags);
	return p;
}

int buddy_free(struct buddy *b, pfn_t pfn, unsigned order)
{
	struct page *p;
	uint64_t flags;
	int err = 0;

	if (order > MAX_ORDER || !range_has(b->frames, pfn) ||
	    !is_aligned(pfn, (pfn_t)1 << order))
		return -EINVAL;
	p = page_of(b, pfn);
	flags = spin_lock_irqsave(&b->lock);
	if (!page_map_has(b->map, pfn) || p->state != PAGE_USED) {
		err = -ENOENT;
	} else if (p->order != order) {
		err = -ERANGE;
	} else {
		b->free_frames += (uint64_t)1 << order;
		melt(b, pfn, order);
	}
	spin_unlock_irqrestore(&b->lock, flags);
	return err;
}

static bool is_free(const struct buddy *b, pfn_t pfn)
{
	for (uint32_t i = 0; i < b->nseeds; i++)
		if (range_has(b->seed[i], pfn))
			return true;
	for (unsigned k = 0; k <= MAX_ORDER; k++) {
		pfn_t head = align_down(pfn, (pfn_t)1 << k);

		if (range_has(b->frames, head) && page_map_has(b->map, head) &&
		    page_of(b, head)->state == PAGE_FREE &&
		    page_of(b, head)->order >= k)
			return true;
	}
	return false;
}

bool buddy_is_free(struct buddy *b, pfn_t pfn)
{
	uint64_t flags = spin_lock_irqsave(&b->lock);
	bool free = is_free(b, pfn);

	spin_unlock_irqrestore(&b->lock, flags);
	return free;
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
