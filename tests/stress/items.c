/*
 * What the stress test allocates, each kind with its own functions, and the marks
 * that tell whose memory is whose (stress_impl.h).
 *
 * Long items are marked by eight bytes now and then, and at both ends: a test
 * that fills all of its memory tests memory.
 */
#include <string.h>

#include <arch/cpu.h>
#include <lib/bits.h>
#include <mm/kmalloc.h>
#include <mm/layout.h>
#include <mm/mempool.h>
#include <mm/reclaim.h>
#include <mm/vmalloc.h>

#include "stress_impl.h"

#define RESERVE		 8
#define BATCH		 48
#define PLAIN_SIZE	 200 /* of objects */
#define CONSTRUCTED_SIZE 72
#define CONSTRUCTED	 0x5a

bool stress_virtual;

/* What all harts allocate from; the second has a constructor. */
static struct {
	struct kmem_cache *cache[2];
	struct mempool pool; /* of the first */
} src;

/* From one look at a long item to the next. */
static size_t step_of(const struct item *it)
{
	return it->size <= 1024 ? 8 : 512 - 8;
}

static uint8_t mark_at(const struct item *it, size_t offset)
{
	return (uint8_t)((it->mark ^ (uintptr_t)it->p) >> offset % 8 * 8);
}

static void look(const struct item *it, uint8_t *at, size_t offset, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (at[i] != mark_at(it, offset + i))
			return stress_error("spoilt", it, at + i);
}

static void write(const struct item *it, uint8_t *at, size_t offset, size_t n)
{
	for (size_t i = 0; i < n; i++)
		at[i] = mark_at(it, offset + i);
}

static void zero(const struct item *it, uint8_t *at, size_t offset, size_t n)
{
	(void)offset;
	for (size_t i = 0; i < n; i++)
		if (at[i])
			return stress_error("not zero", it, at + i);
}

static bool accessible(const struct item *it);

/* Eight bytes now and then, and the last ones. */
static void each_piece(const struct item *it,
		       void (*fn)(const struct item *it, uint8_t *at,
				  size_t offset, size_t n))
{
	uint8_t *p = it->p;
	size_t i = 0;

	if (!accessible(it))
		return;
	for (; i + 8 <= it->size; i += step_of(it))
		fn(it, p + i, i, 8);
	i = it->size < 8 ? 0 : it->size - 8;
	fn(it, p + i, i, it->size - i);
}

void stress_mark(struct item *it, uint64_t mark)
{
	it->mark = mark;
	each_piece(it, write);
}

void stress_look(const struct item *it)
{
	each_piece(it, look);
}

/* --- kinds --- */

enum {
	VIRTUAL = 1,   /* accessible only where vmalloc()'s memory is */
	RESIZABLE = 2, /* by krealloc() */
};

struct kind {
	unsigned weight;
	unsigned flags; /* of those that make sense for it */
	/* Fills p, size and arg; p stays NULL if there is no memory. */
	void (*get)(struct item *it, unsigned flags);
	void (*put)(const struct item *it);
	unsigned traits;
};

static bool accessible(const struct item *it)
{
	return stress_virtual || !(it->kind->traits & VIRTUAL);
}

bool stress_resizable(const struct item *it)
{
	return it->kind->traits & RESIZABLE;
}

static struct page *page_of(const struct item *it)
{
	return pfn_to_page(virt_to_phys(it->p) >> PAGE_SHIFT);
}

static void *memory_of(struct page *p)
{
	return p ? phys_to_virt(page_to_phys(p)) : NULL;
}

static void get_block(struct item *it, unsigned flags)
{
	it->arg = stress_pick(4) ? 0 : (unsigned)stress_pick(7);
	it->size = PAGE_SIZE << it->arg;
	it->p = memory_of(page_alloc(it->arg, flags));
}

static void put_block(const struct item *it)
{
	page_free(page_of(it), it->arg);
}

static void get_exact(struct item *it, unsigned flags)
{
	it->arg = 1 + (unsigned)stress_pick(20);
	it->size = it->arg * PAGE_SIZE;
	it->p = memory_of(page_alloc_exact(it->arg, flags));
}

static void put_exact(const struct item *it)
{
	page_free_exact(page_of(it), it->arg);
}

static size_t some_size(void)
{
	return 1 + (size_t)stress_pick((uint64_t)16
				       << stress_pick(stress_pick(8) ? 8 : 13));
}

static void get_kmalloc(struct item *it, unsigned flags)
{
	it->size = some_size();
	it->p = kmalloc(it->size, flags);
	if (it->p && ksize(it->p) < it->size)
		stress_error("too small", it, it->p);
}

static void put_kmalloc(const struct item *it)
{
	kfree(it->p);
}

static void get_aligned(struct item *it, unsigned flags)
{
	size_t align = (size_t)1 << stress_pick(15);

	it->size = some_size();
	it->p = kmalloc_aligned(it->size, align, flags);
	if ((uintptr_t)it->p & (align - 1))
		stress_error("not aligned", it, it->p);
}

static void construct(void *obj)
{
	memset(obj, CONSTRUCTED, CONSTRUCTED_SIZE);
}

static void constructed(const struct item *it, uint8_t *at, size_t offset,
			size_t n)
{
	(void)offset;
	for (size_t i = 0; i < n; i++)
		if (at[i] != CONSTRUCTED)
			return stress_error("not constructed", it, at + i);
}

static void get_object(struct item *it, unsigned flags)
{
	it->arg = (unsigned)stress_pick(ARRAY_SIZE(src.cache));
	it->size = it->arg ? CONSTRUCTED_SIZE : PLAIN_SIZE;
	it->p = kmem_cache_alloc(src.cache[it->arg], flags);
	if (it->p && it->arg)
		each_piece(it, constructed);
}

/* As its constructor left it. */
static void put_object(const struct item *it)
{
	if (it->arg)
		construct(it->p);
	kmem_cache_free(src.cache[it->arg], it->p);
}

static void get_pooled(struct item *it, unsigned flags)
{
	it->size = PLAIN_SIZE;
	it->p = mempool_alloc(&src.pool, flags);
}

static void put_pooled(const struct item *it)
{
	mempool_free(&src.pool, it->p);
}

static void get_area(struct item *it, unsigned flags)
{
	it->size = some_size() * 2;
	it->p = vmalloc(it->size, flags);
	if (it->p && vmalloc_size(it->p) < it->size)
		stress_error("too small", it, it->p);
}

static void put_area(const struct item *it)
{
	vfree(it->p);
}

#define ANY (ALLOC_DMA32 | ALLOC_ATOMIC | ALLOC_NORETRY | ALLOC_ZERO)

/* An area makes all harts fence, which takes long where harts share processors. */
static const struct kind kinds[] = {
	{60, ANY, get_block, put_block, 0},
	{10, ANY, get_exact, put_exact, 0},
	{60, ANY, get_kmalloc, put_kmalloc, RESIZABLE},
	{10, ANY, get_aligned, put_kmalloc, 0},
	{60, ALLOC_ATOMIC, get_object, put_object, 0},
	{10, ALLOC_ATOMIC, get_pooled, put_pooled, 0},
	{1, ALLOC_ZERO, get_area, put_area, VIRTUAL},
};

static const struct kind *some_kind(void)
{
	unsigned all = 0, k;

	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		all += kinds[i].weight;
	k = (unsigned)stress_pick(all);
	for (unsigned i = 0;; i++) {
		if (k < kinds[i].weight)
			return &kinds[i];
		k -= kinds[i].weight;
	}
}

static unsigned some_flags(const struct kind *k)
{
	static const unsigned flags[] = {ALLOC_ZERO, ALLOC_ATOMIC, ALLOC_DMA32,
					 ALLOC_NORETRY};
	unsigned i = (unsigned)stress_pick(4 * ARRAY_SIZE(flags));

	return i < ARRAY_SIZE(flags) ? flags[i] & k->flags : 0;
}

void stress_get(struct item *it)
{
	const struct kind *k = some_kind();
	unsigned flags = some_flags(k);
	uint64_t irq = flags & ALLOC_ATOMIC ? arch_irq_save() : 0;

	*it = (struct item){.kind = k};
	k->get(it, flags);
	if (flags & ALLOC_ATOMIC)
		arch_irq_restore(irq);
	if (it->p && (flags & ALLOC_ZERO))
		each_piece(it, zero);
}

void stress_put(struct item *it)
{
	bool off = !stress_pick(8);
	uint64_t irq = off ? arch_irq_save() : 0;

	stress_look(it);
	it->kind->put(it);
	it->p = NULL;
	if (off)
		arch_irq_restore(irq);
}

void stress_resize(struct item *it, uint64_t mark)
{
	size_t size = some_size(), kept = it->size < size ? it->size : size;
	uint8_t *p;

	stress_look(it);
	p = krealloc(it->p, size, 0);
	if (!p)
		return stress_look(it);
	for (size_t i = 0; i < kept && i < 8; i++)
		if (p[i] != mark_at(it, i))
			stress_error("not copied", it, p);
	it->p = p;
	it->size = size;
	stress_mark(it, mark);
}

void stress_bulk(void)
{
	union {
		struct page *page[BATCH];
		void *obj[BATCH];
	} u;
	size_t n = 1 + (size_t)stress_pick(BATCH);
	bool frames = stress_pick(2);

	if (frames ? !page_alloc_bulk(n, u.page, 0)
		   : !kmem_cache_alloc_bulk(src.cache[0], 0, n, u.obj))
		return;
	for (size_t pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < n; i++) {
			uint64_t *p = frames ? memory_of(u.page[i]) : u.obj[i];

			if (pass && *p != i)
				stress_error("twice in bulk",
					     &(struct item){.p = p}, NULL);
			*p = i;
		}
	if (frames)
		page_free_bulk(n, u.page);
	else
		kmem_cache_free_bulk(src.cache[0], n, u.obj);
}

void stress_cache(void)
{
	struct kmem_cache *c = kmem_cache_create(
		"stress-own", some_size() % 2048 + 1, 0, 0, NULL);
	void *obj;

	if (!c)
		return;
	obj = kmem_cache_alloc(c, 0);
	kmem_cache_free(c, obj);
	if (kmem_cache_destroy(c))
		stress_error("left in a cache", &(struct item){.p = obj}, c);
}

void stress_give_back(void)
{
	switch (stress_pick(3)) {
	case 0:
		reclaim();
		break;
	case 1:
		vmalloc_purge();
		break;
	default:
		kmem_cache_shrink(src.cache[stress_pick(2)]);
	}
}

bool stress_sources_init(void)
{
	src.cache[0] = kmem_cache_create("stress-200", PLAIN_SIZE, 0, 0, NULL);
	src.cache[1] = kmem_cache_create("stress-ctor", CONSTRUCTED_SIZE, 0, 0,
					 construct);
	if (src.cache[0] && src.cache[1] &&
	    !mempool_init(&src.pool, src.cache[0], RESERVE))
		return true;
	for (unsigned i = 0; i < ARRAY_SIZE(src.cache); i++)
		if (src.cache[i])
			kmem_cache_destroy(src.cache[i]);
	return false;
}

size_t stress_sources_destroy(void)
{
	mempool_destroy(&src.pool);
	return kmem_cache_destroy(src.cache[0]) +
	       kmem_cache_destroy(src.cache[1]);
}
