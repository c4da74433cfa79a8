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
	memtest_pool_rewind(pool);
}

void memtest_pool_release(struct memtest_pool *pool)
{
	list_for_each_safe (block, &pool->blocks)
		give_back(block);
	memtest_pool_rewind(pool);
}

void memtest_pool_rewind(struct memtest_pool *pool)
{
	pool->block = pool->blocks.next;
	pool->offset = 0;
}

/* What is left of the current block, cut to what is wanted. */
static struct range rest_of_block(const struct memtest_pool *pool)
{
	struct range r = block_range(pool->block);

	r.start += pool->offset;
	return range_intersect(r, pool->wanted);
}

bool memtest_pool_next(struct memtest_pool *pool, struct range *r)
{
	struct range rest;

	if (pool->block == &pool->blocks)
		return false;
	*r = rest_of_block(pool);
	r->end = r->start;
	while (pool->block != &pool->blocks) {
		rest = rest_of_block(pool);
		if (rest.start != r->end)
			break;
		r->end = min_u64(rest.end, r->start + MEMTEST_POOL_MAX_RANGE);
		if (r->end < rest.end) {
			pool->offset = r->end - block_range(pool->block).start;
			break;
		}
		pool->block = pool->block->next;
		pool->offset = 0;
	}
	return true;
}
