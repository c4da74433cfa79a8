/*
 * Allocators: a pair is one allocation and its free, the harts' caches warm, as
 * the next pair finds them. Pairs are measured eight at a time, without a loop;
 * batches in steps of eight calls: so what is counted is calls and callees.
 */
#include <kernel/bench.h>
#include <lib/bits.h>
#include <mm/kmalloc.h>
#include <mm/layout.h>
#include <mm/vmalloc.h>

#define FRAMES	512u
#define OBJECTS 1024u
#define PAIRS	8
#define VPAIRS	32

#define EIGHT(x) x, x, x, x, x, x, x, x

/* What is allocated: OBJECTS pointers, in two frames. */
static struct page *table_page;
static struct page **page;
static void **object;

/* Far more than any of these take, so that nothing here fails. */
static bool plenty(void)
{
	struct page *p = page_alloc(12, 0);

	if (p)
		page_free(p, 12);
	return p;
}

static bool get_table(void)
{
	table_page = plenty() ? page_alloc(1, 0) : NULL;
	if (!table_page)
		return false;
	object = phys_to_virt(page_to_phys(table_page));
	page = (struct page **)object;
	return true;
}

static void put_table(void)
{
	page_free(table_page, 1);
}

/* --- frames --- */

#define PAGE_PAIR(order, flags) page_free(page_alloc(order, flags), order)

static void page_pair(void)
{
	EIGHT(PAGE_PAIR(0, 0));
}

static void page_zero(void)
{
	EIGHT(PAGE_PAIR(0, ALLOC_ZERO));
}

static void page_order_3(void)
{
	EIGHT(PAGE_PAIR(3, 0));
}

static void page_order_9(void)
{
	EIGHT(PAGE_PAIR(9, 0));
}

static void page_order_10(void)
{
	EIGHT(PAGE_PAIR(10, 0));
}

static void page_alloc_512(void)
{
#pragma GCC unroll 8
	for (unsigned i = 0; i < FRAMES; i++)
		page[i] = page_alloc(0, 0);
}

static void page_free_512(void)
{
#pragma GCC unroll 8
	for (unsigned i = 0; i < FRAMES; i++)
		page_free(page[i], 0);
}

static void page_bulk_512(void)
{
	page_alloc_bulk(FRAMES, page, 0);
}

static void page_bulk_free_512(void)
{
	page_free_bulk(FRAMES, page);
}

static bool get_frames(void)
{
	if (!get_table())
		return false;
	if (page_alloc_bulk(FRAMES, page, 0))
		return true;
	put_table();
	return false;
}

static void put_frames(void)
{
	page_free_bulk(FRAMES, page);
	put_table();
}

BENCH(page_pair) = {
	.group = "alloc",
	.name = "page",
	.what = "allocate and free a frame",
	.per = PAIRS,
	.start = plenty,
	.run = page_pair,
};
BENCH(page_zero) = {
	.group = "alloc",
	.name = "page-zero",
	.what = "the same, cleared",
	.per = PAIRS,
	.start = plenty,
	.run = page_zero,
};
BENCH(page_order_3) = {
	.group = "alloc",
	.name = "page-order-3",
	.what = "the same, 8 frames",
	.per = PAIRS,
	.start = plenty,
	.run = page_order_3,
};
BENCH(page_order_9) = {
	.group = "alloc",
	.name = "page-order-9",
	.what = "the same, 512 frames",
	.per = PAIRS,
	.start = plenty,
	.run = page_order_9,
};
BENCH(page_order_10) = {
	.group = "alloc",
	.name = "page-order-10",
	.what = "the same, 1024 frames",
	.per = PAIRS,
	.start = plenty,
	.run = page_order_10,
};
BENCH(page_alloc_512) = {
	.group = "alloc",
	.name = "page-alloc-512",
	.what = "allocate a frame, of 512 in a row",
	.per = FRAMES,
	.start = get_table,
	.run = page_alloc_512,
	.undo = page_free_512,
	.end = put_table,
};
BENCH(page_free_512) = {
	.group = "alloc",
	.name = "page-free-512",
	.what = "free a frame, of 512 in a row",
	.per = FRAMES,
	.start = get_frames,
	.run = page_free_512,
	.undo = page_alloc_512,
	.end = put_frames,
};
BENCH(page_bulk_512) = {
	.group = "alloc",
	.name = "page-bulk-512",
	.what = "allocate a frame, of 512 in one call",
	.per = FRAMES,
	.start = get_table,
	.run = page_bulk_512,
	.undo = page_bulk_free_512,
	.end = put_table,
};
BENCH(page_bulk_free_512) = {
	.group = "alloc",
	.name = "page-bulk-free-512",
	.what = "free a frame, of 512 in one call",
	.per = FRAMES,
	.start = get_frames,
	.run = page_bulk_free_512,
	.undo = page_bulk_512,
	.end = put_frames,
};

/* --- kmalloc --- */

#define KMALLOC_PAIR(id_, name_, size_)                         \
	static void kmalloc_##id_(void)                         \
	{                                                       \
		EIGHT(kfree(kmalloc(size_, 0)));                \
	}                                                       \
	BENCH(kmalloc_##id_) = {                                \
		.group = "alloc",                               \
		.name = "kmalloc-" name_,                       \
		.what = "kmalloc and kfree of " name_ " bytes", \
		.per = PAIRS,                                   \
		.start = plenty,                                \
		.run = kmalloc_##id_,                           \
	}

KMALLOC_PAIR(64, "64", 64);
KMALLOC_PAIR(128, "128", 128);
KMALLOC_PAIR(256, "256", 256);
KMALLOC_PAIR(512, "512", 512);
KMALLOC_PAIR(1024, "1024", 1024);
KMALLOC_PAIR(64k, "65536", 65536);

static void kmalloc_batch(void)
{
#pragma GCC unroll 8
	for (unsigned i = 0; i < OBJECTS; i++)
		object[i] = kmalloc(64, 0);
}

static void kfree_batch(void)
{
#pragma GCC unroll 8
	for (unsigned i = 0; i < OBJECTS; i++)
		kfree(object[i]);
}

static bool get_objects(void)
{
	if (!get_table())
		return false;
	kmalloc_batch();
	return true;
}

static void put_objects(void)
{
	kfree_batch();
	put_table();
}

BENCH(kmalloc_batch) = {
	.group = "alloc",
	.name = "kmalloc-batch-1024",
	.what = "kmalloc of 64 bytes, of 1024 in a row",
	.per = OBJECTS,
	.start = get_table,
	.run = kmalloc_batch,
	.undo = kfree_batch,
	.end = put_table,
};
BENCH(kfree_batch) = {
	.group = "alloc",
	.name = "kfree-batch-1024",
	.what = "kfree of 64 bytes, of 1024 in a row",
	.per = OBJECTS,
	.start = get_objects,
	.run = kfree_batch,
	.undo = kmalloc_batch,
	.end = put_objects,
};

/* --- object caches --- */

static struct kmem_cache *cache;

static bool get_cache(void)
{
	cache = kmem_cache_create("bench", 200, 0, 0, NULL);
	return cache;
}

static void put_cache(void)
{
	kmem_cache_destroy(cache);
}

static void slab_pair(void)
{
	EIGHT(kmem_cache_free(cache, kmem_cache_alloc(cache, 0)));
}

static void slab_bulk(void)
{
	kmem_cache_alloc_bulk(cache, 0, OBJECTS, object);
}

static void slab_bulk_free(void)
{
	kmem_cache_free_bulk(cache, OBJECTS, object);
}

static bool get_cache_table(void)
{
	if (!get_table())
		return false;
	if (get_cache())
		return true;
	put_table();
	return false;
}

static void put_cache_table(void)
{
	put_cache();
	put_table();
}

static bool get_cache_objects(void)
{
	if (!get_cache_table())
		return false;
	if (kmem_cache_alloc_bulk(cache, 0, OBJECTS, object))
		return true;
	put_cache_table();
	return false;
}

static void put_cache_objects(void)
{
	slab_bulk_free();
	put_cache_table();
}

static void slab_create(void)
{
	kmem_cache_destroy(kmem_cache_create("bench", 200, 0, 0, NULL));
}

BENCH(slab_pair) = {
	.group = "alloc",
	.name = "slab",
	.what = "allocate and free an object of 200 bytes",
	.per = PAIRS,
	.start = get_cache,
	.run = slab_pair,
	.end = put_cache,
};
BENCH(slab_bulk) = {
	.group = "alloc",
	.name = "slab-bulk-1024",
	.what = "allocate an object, of 1024 in one call",
	.per = OBJECTS,
	.start = get_cache_table,
	.run = slab_bulk,
	.undo = slab_bulk_free,
	.end = put_cache_table,
};
BENCH(slab_bulk_free) = {
	.group = "alloc",
	.name = "slab-bulk-free-1024",
	.what = "free an object, of 1024 in one call",
	.per = OBJECTS,
	.start = get_cache_objects,
	.run = slab_bulk_free,
	.undo = slab_bulk,
	.end = put_cache_objects,
};
BENCH(slab_create) = {
	.group = "alloc",
	.name = "slab-create",
	.what = "create and destroy a cache",
	.start = plenty,
	.run = slab_create,
};

/* --- the kernel's dynamic addresses --- */

/* Device registers that are never touched. There is RAM from 1 GiB on (JH7110)
 * or from 2 GiB on (the others). */
#define DEVICE MIB(512)

static void window(uint64_t size)
{
	vunmap(vmap(DEVICE, size, VM_READ | VM_WRITE, ATTR_IO));
}

static void vmap_4k(void)
{
	window(KIB(4));
}

static void vmap_1m(void)
{
	window(MIB(1));
}

static void vmap_16m(void)
{
	window(MIB(16));
}

static void vmalloc_64k(void)
{
	vfree(vmalloc(KIB(64), 0));
}

/* All that was put off is done. */
static void vmalloc_purged(void)
{
	for (unsigned i = 0; i < VPAIRS; i++)
		vmalloc_64k();
	vmalloc_purge();
}

BENCH(vmap_4k) = {
	.group = "alloc",
	.name = "vmap-4k",
	.what = "map and unmap 4 KiB of device registers",
	.run = vmap_4k,
};
BENCH(vmap_1m) = {
	.group = "alloc",
	.name = "vmap-1m",
	.what = "the same, 1 MiB",
	.run = vmap_1m,
};
BENCH(vmap_16m) = {
	.group = "alloc",
	.name = "vmap-16m",
	.what = "the same, 16 MiB, aligned",
	.run = vmap_16m,
};
BENCH(vmalloc_64k) = {
	.group = "alloc",
	.name = "vmalloc-64K",
	.what = "vmalloc and vfree of 64 KiB; some have to purge",
	.run = vmalloc_64k,
	.end = vmalloc_purge,
};
BENCH(vmalloc_purged) = {
	.group = "alloc",
	.name = "vmalloc-64K-purged",
	.what = "the same, with its share of a purge after 32",
	.per = VPAIRS,
	.run = vmalloc_purged,
};
