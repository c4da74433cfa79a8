/* Two allocators that grow one page map at the same time, on two harts. */
#include <string.h>

#include <host/harts.h>
#include <kernel/ktest.h>
#include <lib/errno.h>
#include <mm/buddy.h>

#define CHUNKS 96 /* of both allocators, which share a word of the bitmap */
#define BORDER ((pfn_t)1 << MAX_ORDER)
#define START  (BORDER - CHUNKS / 3 * PAGES_PER_CHUNK)
#define END    (START + CHUNKS * PAGES_PER_CHUNK)

static struct {
	struct page_map map;
	struct buddy buddy[2];
	uint64_t bits[CHUNKS / 64 + 1];
	bool inside; /* populate is at work */
	int overlaps;
} shared;

static int populate(struct page_map *m, struct page *at,
		    struct frame_pool *pool)
{
	(void)m;
	if (!pool->n)
		return -ENOMEM;
	pool->n--;
	shared.overlaps += shared.inside;
	shared.inside = true;
	memset(at, 0, PAGES_PER_CHUNK * sizeof(*at));
	harts_yield();
	shared.inside = false;
	return 0;
}

static void use_up(void)
{
	while (buddy_alloc(&shared.buddy[arch_cpu()], PAGES_PER_CHUNK_SHIFT, 0))
		;
}

KTEST(page_map, two_zones_grow_it_one_after_the_other)
{
	static const struct range zone[] = {{START, BORDER}, {BORDER, END}};
	uintptr_t pages =
		(uintptr_t)ktest_alloc((END - START) * sizeof(struct page));
	void (*const fn[2])(void) = {use_up, use_up};
	const struct harts_hooks hooks = {.yield = NULL};

	REQUIRE(pages);
	shared.map = (struct page_map){
		.pages = (struct page *)(pages - START * sizeof(struct page)),
		.frames = {START, END},
		.populated = shared.bits,
		.populate = populate,
	};
	for (unsigned i = 0; i < 2; i++) {
		struct buddy *b = &shared.buddy[i];

		buddy_init(b, &shared.map, zone[i]);
		b->pool.n = BUDDY_POOL_MIN;
		EXPECT_EQ(buddy_seed(b, zone[i]), 0);
	}
	harts_run(2, fn, &hooks, ktest_seed());
	EXPECT_EQ(shared.overlaps, 0);
	EXPECT(buddy_check(&shared.buddy[0]) && buddy_check(&shared.buddy[1]));
}
