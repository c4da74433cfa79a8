/* Two allocators that grow one page map at the same time, on two threads. */
#include <pthread.h>
#include <string.h>

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
	int waiting; /* threads that are not ready yet */
	int inside;  /* populate is at work */
	int overlaps;
} shared;

static int populate(struct page_map *m, struct page *at,
		    struct frame_pool *pool)
{
	(void)m;
	if (!pool->n)
		return -ENOMEM;
	pool->n--;
	if (__atomic_exchange_n(&shared.inside, 1, __ATOMIC_ACQUIRE))
		__atomic_fetch_add(&shared.overlaps, 1, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < 100; i++)
		memset(at, 0, PAGES_PER_CHUNK * sizeof(*at));
	__atomic_store_n(&shared.inside, 0, __ATOMIC_RELEASE);
	return 0;
}

static void *use_up(void *buddy)
{
	__atomic_fetch_sub(&shared.waiting, 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(&shared.waiting, __ATOMIC_RELAXED))
		;
	while (buddy_alloc(buddy, PAGES_PER_CHUNK_SHIFT))
		;
	return NULL;
}

KTEST(page_map, two_zones_grow_it_one_after_the_other)
{
	static const struct range zone[] = {{START, BORDER}, {BORDER, END}};
	uintptr_t pages =
		(uintptr_t)ktest_alloc((END - START) * sizeof(struct page));
	pthread_t thread[2];

	REQUIRE(pages);
	shared.map = (struct page_map){
		.pages = (struct page *)(pages - START * sizeof(struct page)),
		.frames = {START, END},
		.populated = shared.bits,
		.populate = populate,
	};
	shared.waiting = 2;
	for (unsigned i = 0; i < 2; i++) {
		struct buddy *b = &shared.buddy[i];

		buddy_init(b, &shared.map, zone[i]);
		b->pool.n = BUDDY_POOL_MIN;
		EXPECT_EQ(buddy_seed(b, zone[i]), 0);
		REQUIRE(!pthread_create(&thread[i], NULL, use_up, b));
	}
	for (unsigned i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	EXPECT_EQ(shared.overlaps, 0);
	EXPECT(buddy_check(&shared.buddy[0]) && buddy_check(&shared.buddy[1]));
}
