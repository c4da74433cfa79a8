/*
 * The memory that `memtest` tests.
 *
 * The blocks' list goes through their struct page, so that the pool needs no
 * memory of its own: none is left while it exists. Blocks come from the
 * allocator in any order; they are merge-sorted, since a fragmented machine has
 * many thousands of single frames.
 */
#include <kernel/memtest_pool.h>
#include <mm/page_alloc.h>

/* Frames that stay free, for whoever needs one while a test runs: 1/64 of what
 * is free, from 64 KiB to 4 MiB. */
static uint64_t reserve_frames(void)
{
	uint64_t n = page_free_count() / 64;

	return max_u64(min_u64(n, MIB(4) >> PAGE_SHIFT), KIB(64) >> PAGE_SHIFT);
}

static struct page *block_page(const struct list *block)
{
	return list_entry((struct list *)(uintptr_t)block, struct page, link);
}

static struct range block_range(const struct list *block)
{
	const struct page *p = block_page(block);
	paddr_t start = page_to_phys(p);

	return range_make(start, start + (PAGE_SIZE << p->order));
}

/* Move all of `b` into `a`; both are sorted. The pages are in one array, so
 * the order of the links is that of the frames. */
static void merge(struct list *a, struct list *b)
{
	struct list *at = a->next;

	while (!list_empty(b)) {
		struct list *e = b->next;

		while (at != a && at < e)
			at = at->next;
		list_del(e);
		list_add_tail(at, e);
	}
}

/* Merge sort, bottom up: runs[i] is empty or 2^i blocks, sorted. */
static void sort(struct list *blocks)
{
	struct list runs[48]; /* frames have 44-bit numbers at most */
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(runs); i++)
		list_init(&runs[i]);
	while (!list_empty(blocks)) {
		struct list *e = blocks->next, carry;

		list_del(e);
		list_init(&carry);
		list_add(&carry, e);
		for (i = 0; !list_empty(&runs[i]); i++)
			merge(&carry, &runs[i]);
		merge(&runs[i], &carry);
	}
	for (i = 0; i < ARRAY_SIZE(runs); i++)
		merge(blocks, &runs[i]);
}

/* Take all free frames but `reserve`. */
static void take(struct list *blocks, uint64_t reserve)
{
	unsigned order = MAX_ORDER + 1;

	while (order-- > 0)
		while (page_free_count() >= reserve + ((uint64_t)1 << order)) {
			struct page *p = page_alloc(order, ALLOC_RESERVE);

			if (!p)
				break;
			list_add_tail(blocks, &p->link);
		}
}

static void give_back(struct list *block)
{
	struct page *p = block_page(block);

	list_del(block);
	page_free(p, p->order);
}

/* Frames that will go back, as nobody wants them. */
static uint64_t count_unwanted(struct memtest_pool *pool)
{
	uint64_t n = 0;

	list_for_each (block, &pool->blocks)
		if (!range_overlaps(block_range(block), pool->wanted))
			n += range_size(block_range(block)) >> PAGE_SHIFT;
	return n;
}

/* When the unwanted frames can be the reserve, the wanted ones need not: for as
 * long as this function runs, nothing is free then. */
void memtest_pool_take(struct memtest_pool *pool, struct range wanted)
{
	uint64_t reserve = reserve_frames();

	list_init(&pool->blocks);
	pool->wanted = wanted;
	take(&pool->blocks, reserve);
	if (count_unwanted(pool) >= reserve)
		take(&pool->blocks, 0);
	list_for_each_safe (block, &pool->blocks)
		if (!range_overlaps(block_range(block), wanted))
			give_back(block);
	sort(&pool->blocks);
}

void memtest_pool_release(struct memtest_pool *pool)
{
	list_for_each_safe (block, &pool->blocks)
		give_back(block);
}

/* What of a block is wanted. */
static struct range wanted_of(const struct memtest_pool *pool,
			      const struct list *block)
{
	return range_intersect(block_range(block), pool->wanted);
}

static uint64_t pool_bytes(struct memtest_pool *pool)
{
	uint64_t n = 0;

	list_for_each (block, &pool->blocks)
		n += range_size(wanted_of(pool, block));
	return n;
}

/* Where `bytes` of the pool lie behind: the block, and the address in it. */
static struct list *locate(struct memtest_pool *pool, uint64_t bytes,
			   uint64_t *at)
{
	list_for_each (block, &pool->blocks) {
		struct range r = wanted_of(pool, block);

		if (bytes < range_size(r)) {
			*at = max_u64(r.start,
				      align_down(r.start + bytes, PAGE_SIZE));
			return block;
		}
		bytes -= range_size(r);
	}
	*at = UINT64_MAX;
	return &pool->blocks;
}

void memtest_pool_share(struct memtest_pool *pool, unsigned n,
			struct memtest_share *shares)
{
	uint64_t total = pool_bytes(pool);
	struct memtest_cursor c;
	struct range r;

	for (unsigned i = 0; i < n; i++) {
		struct memtest_share *s = &shares[i];

		s->block = locate(pool, total / n * i, &s->range.start);
		if (i)
			s[-1].range.end = s->range.start;
		s->range.end = UINT64_MAX;
	}
	for (unsigned i = 0; i < n; i++) {
		c = (struct memtest_cursor){0};
		shares[i].bytes = 0;
		while (memtest_pool_next(pool, &shares[i], &c, &r))
			shares[i].bytes += range_size(r);
	}
}

bool memtest_pool_next(const struct memtest_pool *pool,
		       const struct memtest_share *share,
		       struct memtest_cursor *c, struct range *r)
{
	struct list *block = c->at ? c->at : share->block;
	uint64_t at = c->at ? c->offset : share->range.start;
	struct range rest, left = range_make(at, share->range.end);
	uint64_t cut = UINT64_MAX;

	r->start = r->end = 0;
	for (; block != &pool->blocks; block = block->next) {
		rest = range_intersect(wanted_of(pool, block), left);
		if (range_empty(rest) || (r->end && rest.start != r->end))
			break;
		if (!r->end) {
			r->start = rest.start;
			cut = align_down(r->start, MEMTEST_POOL_CUT) +
			      MEMTEST_POOL_CUT;
		}
		r->end = min_u64(rest.end, cut);
		if (r->end < rest.end)
			break;
	}
	c->at = block;
	c->offset = r->end ? r->end : share->range.end;
	return r->end != 0;
}

bool memtest_pool_find(const struct memtest_pool *pool, uint64_t size,
		       paddr_t *at)
{
	list_for_each (block, &pool->blocks) {
		struct range r = block_range(block);

		r = range_align_in(range_make(max_u64(r.start, *at), r.end),
				   size);
		if (range_size(r) >= size) {
			*at = r.start;
			return true;
		}
	}
	return false;
}
