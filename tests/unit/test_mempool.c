/* Pools: the reserve is there when nothing else is, and fills up again. */
#include <string.h>

#include <lib/errno.h>
#include <mm/fail.h>
#include <mm/mempool.h>

#include "slab_bed.h"

#define MIN 20

KTEST(mempool, reserve_lasts_under_exhaustion)
{
	struct kmem_cache *c = kmem_cache_create("test-pool", 600, 0, 0, NULL);
	void *obj[MIN], *last = NULL, *p;
	uint64_t before = frames_used();
	struct list frames;
	struct mempool m;

	REQUIRE(c);
	REQUIRE(!mempool_init(&m, c, MIN));
	frames_take_all(&frames);
	while ((p = kmem_cache_alloc(c, 0))) {
		*(void **)p = last;
		last = p;
	}
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < MIN; i++) {
			obj[i] = mempool_alloc(&m, ALLOC_ATOMIC | ALLOC_ZERO);
			EXPECT(obj[i] && !*(uint8_t *)obj[i]);
			memset(obj[i], 0xff, 600);
		}
		EXPECT(!mempool_alloc(&m, ALLOC_ATOMIC));
		for (unsigned i = 0; i < MIN; i++)
			mempool_free(&m, obj[i]);
	}
	EXPECT_EQ(m.n, MIN);
	EXPECT_EQ(m.used, 3 * MIN);
	while (last) {
		p = last;
		last = *(void **)p;
		kmem_cache_free(c, p);
	}
	frames_give_back(&frames);
	mempool_destroy(&m);
	EXPECT_EQ(frames_used(), before);
	EXPECT_EQ(kmem_cache_destroy(c), 0);
}

KTEST(mempool, each_failure_of_init_leaves_nothing)
{
	struct kmem_cache *c = kmem_cache_create("test-pool", 600, 0, 0, NULL);
	uint64_t before = frames_used(), n;
	struct mempool m;

	REQUIRE(c);
	for (n = 1;; n++) {
		int err;

		fail_arm(n, true);
		err = mempool_init(&m, c, MIN);
		fail_arm(0, false);
		if (!err)
			break;
		EXPECT_EQ(err, -ENOMEM);
		EXPECT_EQ(frames_used(), before);
	}
	EXPECT(n > MIN);
	mempool_destroy(&m);
	EXPECT_EQ(kmem_cache_destroy(c), 0);
}
