/*
 * Guarded objects: where they lie, what is mapped, what is found. Natively the
 * kernel's tables are built for this; objects are reached by their frames, since
 * their own addresses are only numbers there.
 */
#include <string.h>

#include <mm/kmap.h>
#include <mm/tlb.h>

#include "slab_bed.h"

static const char *const name = "test-guard";
static struct kmem_cache *cache;
static struct pgtable native;

static bool begin(unsigned objects)
{
	struct slab_guard_stats s;

	slab_guard_stats(&s);
	if (s.objects) {
		ktest_skip("sampling is on");
		return false;
	}
	if (!kernel_pgtable.levels) {
		if (!native.levels)
			pgtable_init(&native, 5, pgtable_upper_half(5),
				     &page_tables);
		kernel_pgtable = native;
	}
	bugs_begin();
	slab_debug_only(0);
	cache = kmem_cache_create(name, 40, 8, 0, NULL);
	slab_debug_default();
	EXPECT_EQ(slab_guard_start(objects, 1), 0);
	return true;
}

static void end(void)
{
	struct slab_guard_stats s;

	EXPECT_EQ(slab_guard_start(0, 0), 0);
	slab_guard_stats(&s);
	EXPECT_EQ(s.live, 0);
	EXPECT_EQ(s.objects, 0);
	EXPECT_EQ(kmem_cache_destroy(cache), 0);
	EXPECT_EQ(slab_bugs.n, 0);
	bugs_end();
	if (native.levels)
		kernel_pgtable = (struct pgtable){0};
}

/* Its byte, through the direct map; NULL: nothing is mapped. */
static uint8_t *byte_of(uintptr_t va)
{
	struct mapping m;

	if (!pgtable_query(&kernel_pgtable, va, &m))
		return NULL;
	return (uint8_t *)phys_to_virt(m.pa) + (va - m.va.start);
}

static bool is_guarded(const void *p)
{
	return (uintptr_t)p >= ARENA_BASE;
}

/* Sampled each time that the magazine is empty: so the first one is. */
static uint8_t *guarded(void)
{
	uint8_t *p;

	kmem_cache_shrink(cache);
	p = kmem_cache_alloc(cache, 0);
	EXPECT(is_guarded(p));
	return p;
}

KTEST(slab_guard, objects_lie_at_an_edge_between_unmapped_pages)
{
	unsigned starts = 0;

	if (!begin(4))
		return;
	for (unsigned i = 0; i < 64; i++) {
		uint8_t *p = guarded();
		uintptr_t va = (uintptr_t)p, page = align_down(va, PAGE_SIZE);

		starts += va == page;
		EXPECT(va == page || va + 40 == page + PAGE_SIZE);
		EXPECT(byte_of(page) && byte_of(page + PAGE_SIZE - 1));
		EXPECT(!byte_of(page - 1) && !byte_of(page + PAGE_SIZE));
		memset(byte_of(va), 1, 40);
		EXPECT_EQ(stats_of(name).objects, 1);
		kmem_cache_free(cache, p);
		EXPECT(!byte_of(page));
	}
	EXPECT(starts > 8 && starts < 56);
	end();
}

/* When all slots are taken, objects come from slabs. */
KTEST(slab_guard, slots_are_used_in_turn)
{
	uint8_t *p[5];

	if (!begin(4))
		return;
	for (unsigned i = 0; i < 4; i++)
		p[i] = guarded();
	kmem_cache_shrink(cache);
	p[4] = kmem_cache_alloc(cache, 0);
	EXPECT(!is_guarded(p[4]));
	EXPECT_EQ(stats_of(name).objects, 5);
	for (unsigned i = 0; i < 5; i++)
		kmem_cache_free(cache, p[i]);
	for (unsigned i = 0; i < 4; i++) {
		uint8_t *q = guarded();

		EXPECT_EQ(align_down((uintptr_t)q, PAGE_SIZE),
			  align_down((uintptr_t)p[i], PAGE_SIZE));
		kmem_cache_free(cache, q);
	}
	end();
}

KTEST(slab_guard, who_can_t_have_it_does_not_get_it)
{
	struct kmem_cache *c;
	void *p;

	if (!begin(4))
		return;
	kmem_cache_shrink(cache);
	p = kmem_cache_alloc(cache, ALLOC_ATOMIC);
	EXPECT(!is_guarded(p));
	kmem_cache_free(cache, p);
	c = kmem_cache_create("test-other", 40, 0, SLAB_NOGUARD, NULL);
	p = kmem_cache_alloc(c, 0);
	EXPECT(!is_guarded(p));
	kmem_cache_free(c, p);
	EXPECT_EQ(kmem_cache_destroy(c), 0);
	EXPECT(slab_guard_start(4, 1) < 0);
	end();
}

KTEST(slab_guard, misuse_is_found)
{
	struct slab_guard_stats s;
	uintptr_t va;
	uint8_t *p;

	if (!begin(4))
		return;
	do {
		p = guarded();
		va = (uintptr_t)p;
		if (va % PAGE_SIZE)
			kmem_cache_free(cache, p);
	} while (va % PAGE_SIZE);
	/* At the start of its page: the canary is behind it. */
	*byte_of(va + 40) ^= 1;
	kmem_cache_free(cache, p);
	bugs_one(BUG_OVERFLOW);
	EXPECT_EQ(slab_bugs.last.at, va + 40);
	EXPECT_EQ(slab_bugs.last.size, 40);
	*byte_of(va + 40) ^= 1;
	EXPECT(slab_guard_fault(va - 1, 1));
	bugs_one(BUG_UNDERFLOW);
	EXPECT_EQ(slab_bugs.last.object, va);
	EXPECT(!slab_guard_fault(va, 1));
	kmem_cache_free(cache, p + 8);
	bugs_one(BUG_INVALID_FREE);
	kfree(p);
	EXPECT_EQ(slab_bugs.n, 0);
	EXPECT(slab_guard_fault(va + 8, 77));
	bugs_one(BUG_USE_AFTER_FREE);
	EXPECT_EQ(slab_bugs.last.caller, 77);
	EXPECT(slab_bugs.last.allocated.pc && slab_bugs.last.freed.pc);
	EXPECT(!strcmp(slab_bugs.last.cache, name));
	kmem_cache_free(cache, p);
	bugs_one(BUG_DOUBLE_FREE);
	EXPECT(!slab_guard_fault(ARENA_BASE, 1));
	EXPECT(!slab_guard_fault((uintptr_t)&cache, 1));
	kmem_cache_free(cache, (void *)(uintptr_t)ARENA_BASE);
	bugs_one(BUG_INVALID_FREE);
	slab_guard_stats(&s);
	EXPECT(s.reports >= 5 && s.sampled);
	end();
}

/* An access anywhere in the pool has an object that it is blamed on, also before
 * the first one and behind the last. */
KTEST(slab_guard, each_unmapped_page_has_a_neighbour)
{
	vaddr_t first = UINT64_MAX, last = 0;
	uint8_t *p[4];

	if (!begin(4))
		return;
	for (unsigned i = 0; i < 4; i++) {
		vaddr_t page;

		p[i] = guarded();
		page = align_down((uintptr_t)p[i], PAGE_SIZE);
		first = min_u64(first, page);
		last = max_u64(last, page);
	}
	for (unsigned at = 0; at < PAGE_SIZE; at += PAGE_SIZE / 4) {
		EXPECT(slab_guard_fault(first - PAGE_SIZE + at, 1));
		bugs_one(BUG_UNDERFLOW);
		EXPECT_EQ(align_down(slab_bugs.last.object, PAGE_SIZE), first);
		EXPECT(slab_guard_fault(last + PAGE_SIZE + at, 1));
		bugs_one(BUG_OVERFLOW);
		EXPECT_EQ(align_down(slab_bugs.last.object, PAGE_SIZE), last);
	}
	for (unsigned i = 0; i < 4; i++)
		kmem_cache_free(cache, p[i]);
	end();
}

KTEST(slab_guard, a_live_one_is_a_leak)
{
	uint8_t *p;

	if (!begin(4))
		return;
	p = guarded();
	EXPECT_EQ(kmem_cache_destroy(cache), 1);
	bugs_one(BUG_LEAK);
	EXPECT_EQ(slab_bugs.last.object, (uintptr_t)p);
	kmem_cache_free(cache, p);
	end();
}

KTEST(slab_guard, kmalloc_too)
{
	uint8_t *p, *q;

	if (!begin(4))
		return;
	reclaim();
	p = kmalloc(100, 0);
	EXPECT(is_guarded(p));
	EXPECT_EQ(ksize(p), 100);
	q = krealloc(p, 90, 0);
	EXPECT(q == p);
	kfree(p);
	end();
}
