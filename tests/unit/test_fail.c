/*
 * The n-th allocation fails, for each n, in each public operation: an error comes
 * back, nothing leaks, nothing else has changed, and the operation works
 * afterwards. A table; on live memory, over the kernel's tables.
 *
 * An operation also undoes what it did. It returns false if it failed, and then
 * has nothing to undo.
 */
#include <string.h>

#include <kernel/ktest.h>
#include <kernel/printk.h>
#include <lib/bits.h>
#include <libc/malloc.h>
#include <mm/fail.h>
#include <mm/kmalloc.h>
#include <mm/kmap.h>
#include <mm/layout.h>
#include <mm/mempool.h>
#include <mm/page_debug.h>
#include <mm/reclaim.h>
#include <mm/umap.h>
#include <mm/vmalloc.h>
#include <mm/zone.h>

#include "../stress/totals.h"
#include "../../mm/dma_impl.h"
#include "arch_bed.h"

#define RW	 (VM_READ | VM_WRITE)
#define ANYWHERE 0x10000000u /* a physical address that nobody touches */
#define N_MAX	 500	     /* no operation allocates so many times */
#define BULK	 40

static struct kmem_cache *cache;

/* --- operations --- */

static bool one_frame(void)
{
	struct page *p = page_alloc(0, ALLOC_ZERO);

	if (p)
		page_free(p, 0);
	return p;
}

static bool large_block(void)
{
	struct page *p = page_alloc(6, 0);

	if (p)
		page_free(p, 6);
	return p;
}

static bool many_frames(void)
{
	struct page *page[BULK];

	if (!page_alloc_bulk(BULK, page, 0))
		return false;
	page_free_bulk(BULK, page);
	return true;
}

static bool exact_frames(void)
{
	struct page *p = page_alloc_exact(11, 0);

	if (p)
		page_free_exact(p, 11);
	return p;
}

static bool placed_block(void)
{
	struct range all = {0, GIB(64) >> PAGE_SHIFT};
	struct page *p = page_alloc_within(2, all, 0);

	if (p)
		page_free(p, 2);
	return p;
}

static bool object(void)
{
	void *p = kmem_cache_alloc(cache, 0);

	kmem_cache_free(cache, p);
	return p;
}

static bool many_objects(void)
{
	void *obj[BULK];

	if (!kmem_cache_alloc_bulk(cache, 0, BULK, obj))
		return false;
	kmem_cache_free_bulk(cache, BULK, obj);
	return true;
}

static bool new_cache(void)
{
	struct kmem_cache *c = kmem_cache_create("fail", 600, 0, 0, NULL);

	if (c)
		EXPECT_EQ(kmem_cache_destroy(c), 0);
	return c;
}

static bool debug_cache(void)
{
	struct kmem_cache *c =
		kmem_cache_create("fail", 100, 0, SLAB_DEBUG, NULL);
	void *p = c ? kmem_cache_alloc(c, 0) : NULL;

	if (c) {
		kmem_cache_free(c, p);
		EXPECT_EQ(kmem_cache_destroy(c), 0);
	}
	return p;
}

static bool kmalloc_size(size_t size, unsigned flags)
{
	void *p = kmalloc(size, flags);

	kfree(p);
	return p;
}

static bool small_size(void)
{
	return kmalloc_size(100, 0);
}

static bool large_size(void)
{
	return kmalloc_size(KIB(100), ALLOC_ZERO);
}

static bool kmalloc_dma(void)
{
	return kmalloc_size(300, ALLOC_DMA32 | ALLOC_NORETRY);
}

static bool kmalloc_items(void)
{
	void *p = kcalloc(10, 33, 0);

	kfree(p);
	return p;
}

static bool kmalloc_at(void)
{
	void *p = kmalloc_aligned(100, 2048, ALLOC_ATOMIC);

	kfree(p);
	return p;
}

/* A block that can't grow stays what it is. */
static bool kmalloc_grown(void)
{
	uint8_t *p = kmalloc(50, 0), *q;

	if (!p)
		return false;
	memset(p, 0x33, 50);
	q = krealloc(p, 5000, 0);
	for (unsigned i = 0; i < 50; i++)
		EXPECT_EQ((q ? q : p)[i], 0x33);
	kfree(q ? q : p);
	return q;
}

/* Below its reserve, it never fails. */
static bool pool(void)
{
	struct mempool m;
	void *p[3];

	if (mempool_init(&m, cache, ARRAY_SIZE(p)))
		return false;
	for (unsigned i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = mempool_alloc(&m, 0);
		EXPECT(p[i]);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(p); i++)
		mempool_free(&m, p[i]);
	mempool_destroy(&m);
	return true;
}

static bool area(void)
{
	void *p = vmalloc(KIB(44), 0);

	vfree(p);
	return p;
}

static bool window(void)
{
	vaddr_t va = vmap(ANYWHERE, KIB(8), RW, ATTR_IO);

	if (va)
		vunmap(va);
	return va;
}

static bool stack(void)
{
	struct range s = kstack_alloc(KIB(16));

	if (range_empty(s))
		return false;
	kstack_free(s);
	return true;
}

static struct range user(unsigned from, unsigned to)
{
	return range_make(GIB(4) + from * PAGE_SIZE, GIB(4) + to * PAGE_SIZE);
}

static bool space(void)
{
	struct umap u;
	bool done;

	if (umap_init(&u))
		return false;
	/* A large leaf, which a right less splits; and a table on its own. */
	done = !umap_map(&u, user(0, 512), ANYWHERE, RW, ATTR_NORMAL) &&
	       !umap_protect(&u, user(3, 4), VM_READ) &&
	       !umap_map(&u, user(1 << 18, (1 << 18) + 1), ANYWHERE, RW,
			 ATTR_NORMAL) &&
	       !umap_unmap(&u, user(100, 101), NULL);
	umap_destroy(&u);
	return done;
}

static bool c_blocks(void)
{
	void *p = c_malloc(100), *q = c_calloc(3, KIB(10)), *r = NULL, *s;
	int err = c_posix_memalign(&r, 256, 1000);

	s = c_realloc(p, KIB(20));
	if (s)
		p = s;
	c_free(p);
	c_free(q);
	if (!err)
		c_free(r);
	r = c_aligned_alloc(64, 640);
	c_free(r);
	return p && q && r && s && !err;
}

static bool frame_debugging(void)
{
	if (page_debug_set(PAGE_DEBUG_OWNER))
		return false;
	EXPECT_EQ(page_debug_set(0), 0);
	return true;
}

/* All memory, what is below 4 GiB, not quite all of that. */
static bool device_buffers(void)
{
	static const uint64_t end[] = {UINT64_MAX, GIB(4), GIB(4) - PAGE_SIZE};
	struct dma_device d;
	struct dma_buffer b;
	bool ok = true;

	dma_device_init(&d, "test");
	for (unsigned i = 0; i < ARRAY_SIZE(end); i++) {
		d.reach.end = end[i];
		ok &= !dma_alloc(&d, &b, 3 * PAGE_SIZE, 0, 0);
		dma_free(&b);
	}
	return ok;
}

static bool device_pieces(void)
{
	struct dma_device d;
	struct dma_pool *p;
	dma_addr_t bus;
	void *piece;

	dma_device_init(&d, "test");
	p = dma_pool_create(&d, "test-pool", 64, 0, 0);
	piece = p ? dma_pool_alloc(p, 0, &bus) : NULL;
	if (piece)
		dma_pool_free(p, piece);
	dma_pool_destroy(p);
	return piece;
}

static bool device_area(void)
{
	struct dma_area *before = dma_areas;
	bool ok =
		!dma_area_add(1, "test", range_make(0, PAGE_SIZE), true, true);

	if (ok)
		kfree(dma_areas);
	dma_areas = before;
	return ok;
}

static const struct {
	const char *name;
	bool (*run)(void);
} ops[] = {
	{"page_alloc", one_frame},
	{"page_alloc, large", large_block},
	{"page_alloc_bulk", many_frames},
	{"page_alloc_exact", exact_frames},
	{"page_alloc_within", placed_block},
	{"kmem_cache_alloc", object},
	{"kmem_cache_alloc_bulk", many_objects},
	{"kmem_cache_create", new_cache},
	{"kmem_cache_create, debug", debug_cache},
	{"kmalloc", small_size},
	{"kmalloc, large", large_size},
	{"kmalloc, DMA32", kmalloc_dma},
	{"kcalloc", kmalloc_items},
	{"kmalloc_aligned", kmalloc_at},
	{"krealloc", kmalloc_grown},
	{"mempool", pool},
	{"vmalloc", area},
	{"vmap", window},
	{"kstack", stack},
	{"umap", space},
	{"C", c_blocks},
	{"page_debug_set", frame_debugging},
	{"dma_alloc", device_buffers},
	{"dma_pool", device_pieces},
	{"dma_area_add", device_area},
};

/* --- the sweep --- */

static void expect_same(const char *name, uint64_t n, const struct totals *a)
{
	struct totals b = totals_now();

	if (!memcmp(a, &b, sizeof(b)))
		return;
	ktest_fail(__FILE__, __LINE__,
		   "%s, allocation %llu fails: frames %llu -> %llu, objects "
		   "%llu -> %llu, areas %llu -> %llu",
		   name, (unsigned long long)n, (unsigned long long)a->frames,
		   (unsigned long long)b.frames, (unsigned long long)a->objects,
		   (unsigned long long)b.objects, (unsigned long long)a->areas,
		   (unsigned long long)b.areas);
}

static void expect_sane(void)
{
	pfn_t at;
	const char *wrong = page_audit(&at);

	if (!wrong)
		wrong = slab_check();
	if (!wrong)
		wrong = vmalloc_check();
	if (wrong)
		ktest_fail(__FILE__, __LINE__, "%s", wrong);
}

/* Until the n-th allocation is not reached any more. Returns how many there are. */
static uint64_t sweep(const char *name, bool (*run)(void), bool on)
{
	struct totals before;
	bool reached = true;
	uint64_t n = 0;

	EXPECT(run());
	before = totals_now();
	while (reached && n < N_MAX) {
		bool ok;

		fail_arm(++n, on);
		ok = run();
		reached = fail_count() >= n;
		fail_arm(0, false);
		if (!ok && !reached)
			ktest_fail(__FILE__, __LINE__, "%s fails by itself",
				   name);
		expect_same(name, n, &before);
		EXPECT(run());
	}
	expect_sane();
	return n - 1;
}

static void body(void)
{
	cache = kmem_cache_create("fail-objects", 200, 0, 0, NULL);
	REQUIRE(cache);
	for (unsigned i = 0; i < ARRAY_SIZE(ops); i++) {
		uint64_t n = sweep(ops[i].name, ops[i].run, false);

		/* One, and all after it. */
		EXPECT_EQ(sweep(ops[i].name, ops[i].run, true) > 0, n > 0);
		if (!n || n >= N_MAX - 1)
			ktest_fail(__FILE__, __LINE__, "%s: %llu allocations",
				   ops[i].name, (unsigned long long)n);
	}
	EXPECT_EQ(kmem_cache_destroy(cache), 0);
	reclaim(); /* before the tables go */
}

KTEST(fail, each_allocation_of_each_operation)
{
	arch_bed_run(body);
}

/* --- the sites --- */

#define SITES 256

static uintptr_t site[SITES];
static unsigned sites;

static void note(uintptr_t at)
{
	for (unsigned i = 0; i < sites; i++)
		if (site[i] == at)
			return;
	if (sites < SITES)
		site[sites++] = at;
}

static void body_sites(void)
{
	cache = kmem_cache_create("fail-objects", 200, 0, 0, NULL);
	REQUIRE(cache);
	for (unsigned i = 0; i < ARRAY_SIZE(ops); i++) {
		fail_arm(UINT64_MAX, false);
		EXPECT(ops[i].run());
		fail_arm(0, false);
	}
	EXPECT_EQ(kmem_cache_destroy(cache), 0);
	reclaim();
}

/* What comes out is for tests/qemu/alloc_sites.py, which knows all sites. */
KTEST(fail, sites)
{
	sites = 0;
	fail_site_hook = note;
	arch_bed_run(body_sites);
	fail_site_hook = NULL;
	EXPECT(sites < SITES);
	for (unsigned i = 0; i < sites; i++)
		kprintf("# site %#llx\n", (unsigned long long)site[i]);
}
