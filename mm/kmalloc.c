/*
 * Memory of any size (<mm/kmalloc.h>).
 *
 *	size	   1..128 by 16, then four classes for each doubling, up to 4096;
 *		   8192: object caches, one for each class
 *	above	   whole frames: PAGE_LARGE on the first one's page, whose owner
 *		   is their number
 *
 * At most a quarter of a class is unused, and 15 bytes. A class is aligned to
 * the largest power of two that divides it; sizes above PAGE_SIZE must be aligned
 * to that, so between 4096 and 8192 there is no class.
 *
 * A table by size / 16 gives the cache for sizes up to 1024 in one load; kfree()
 * finds it by the page. Both go to the hart's magazine themselves.
 *
 * Memory below 4 GiB has caches of its own, made when first asked for, if any
 * memory lies above; else it is all the same.
 *
 * Cost of a pair, with the calls: 46 instructions where the compiler knows the
 * size, else 56; of 64 KiB: 183.
 */
#include <string.h>

#include <kernel/assert.h>
#include <lib/cas.h>
#include <mm/kmalloc.h>
#include <mm/zone.h>

#include "slab_impl.h"

#define CALLER ((uintptr_t)__builtin_return_address(0))

#define CLASS_MAX SLAB_MAX_SIZE

static const struct {
	uint16_t size;
	const char *name, *name32;
} classes[] = {
#define CLASS(n)                                  \
	{                                         \
		n, "kmalloc-" #n, "kmalloc32-" #n \
	}
	CLASS(16),   CLASS(32),	  CLASS(48),   CLASS(64),   CLASS(80),
	CLASS(96),   CLASS(112),  CLASS(128),  CLASS(160),  CLASS(192),
	CLASS(224),  CLASS(256),  CLASS(320),  CLASS(384),  CLASS(448),
	CLASS(512),  CLASS(640),  CLASS(768),  CLASS(896),  CLASS(1024),
	CLASS(1280), CLASS(1536), CLASS(1792), CLASS(2048), CLASS(2560),
	CLASS(3072), CLASS(3584), CLASS(4096), CLASS(8192),
};

#define CLASSES ARRAY_SIZE(classes)

static struct kmem_cache *caches[CLASSES];   /* (c) */
static struct kmem_cache *caches32[CLASSES]; /* NULL: not yet (a) */

static size_t class_align(size_t size)
{
	return (size_t)min_u64(size & -size, PAGE_SIZE);
}

/* The first class of at least this size and alignment; CLASSES: there is none. */
static unsigned class_of(size_t size, size_t align)
{
	unsigned k = CLASSES, order;

	if (size <= 128) {
		k = size ? (unsigned)(size - 1) / 16 : 0;
	} else if (size <= CLASS_MAX) {
		/* Of (2^order, 2^(order + 1)], by the next two bits. */
		order = highest_bit(size - 1);
		k = 4 * (order - 5) + ((size - 1) >> (order - 2) & 3);
		k = k < CLASSES ? k : CLASSES - 1;
	}
	while (k < CLASSES && class_align(classes[k].size) < align)
		k++;
	return k;
}

static struct kmem_cache *create(unsigned k, bool low)
{
	size_t size = classes[k].size;

	return kmem_cache_create(low ? classes[k].name32 : classes[k].name,
				 size, class_align(size),
				 low ? SLAB_DMA32 | SLAB_NOGUARD : 0, NULL);
}

void kmalloc_init(void)
{
	unsigned i = 0;

	for (unsigned k = 0; k < CLASSES; k++) {
		caches[k] = create(k, false);
		if (!caches[k])
			panic("kmalloc: no memory for its caches");
		for (; i <= KMALLOC_SMALL / 16 && i * 16 <= classes[k].size;
		     i++)
			kmalloc_small[i] = caches[k];
	}
}

/* The cache of memory below 4 GiB of class k, or NULL. */
static struct kmem_cache *low_cache(unsigned k, unsigned flags)
{
	struct kmem_cache *c = __atomic_load_n(&caches32[k], __ATOMIC_ACQUIRE);
	struct kmem_cache *none = NULL;

	if (!zone_buddy(ZONE_NORMAL)->total_frames)
		return caches[k];
	if (c || (flags & ALLOC_ATOMIC))
		return c;
	c = create(k, true);
	/* Release: whoever finds it finds it complete. */
	if (c && !__atomic_compare_exchange_n(&caches32[k], &none, c, false,
					      CAS_RELEASE, CAS_RELEASE)) {
		kmem_cache_destroy(c);
		c = none;
	}
	return c;
}

/* Whole blocks come from the hart's own stacks. */
static struct page *get_frames(uint64_t frames, unsigned flags)
{
	unsigned order = 0;

	if (!is_pow2(frames))
		return page_alloc_exact(frames, flags);
	while ((uint64_t)1 << order < frames)
		order++;
	return page_alloc(order, flags);
}

static void put_frames(struct page *p, uint64_t frames)
{
	if (is_pow2(frames))
		page_free(p, p->order);
	else
		page_free_exact(p, frames);
}

__attribute__((noinline)) static void *alloc_frames(size_t size, size_t align,
						    unsigned flags)
{
	uint64_t frames = (size + PAGE_SIZE - 1) >> PAGE_SHIFT;
	struct page *p;

	if (size > KMALLOC_MAX)
		return NULL;
	/* Blocks are aligned to their size. */
	frames = max_u64(max_u64(frames, 1), align >> PAGE_SHIFT);
	p = get_frames(frames, flags & ~(unsigned)ALLOC_ZERO);
	if (!p)
		return NULL;
	p->flags = PAGE_LARGE;
	p->owner = frames;
	return phys_to_virt(page_to_phys(p));
}

__attribute__((noinline)) static void *alloc_small(size_t size, size_t align,
						   unsigned flags,
						   uintptr_t caller)
{
	unsigned k = class_of(size, align);
	struct kmem_cache *c = NULL;
	void *p;

	if (k < CLASSES)
		c = flags & ALLOC_DMA32 ? low_cache(k, flags) : caches[k];
	if (!c)
		return alloc_frames(size, align, flags);
	p = slab_pop(c);
	return p ? p : slab_alloc_slow(c, size, flags, caller);
}

/* Everything that is not for the hot path. Does not clear. */
static void *alloc_any(size_t size, size_t align, unsigned flags,
		       uintptr_t caller)
{
	return size > CLASS_MAX ? alloc_frames(size, align, flags)
				: alloc_small(size, align, flags, caller);
}

static void *zeroed(void *p, size_t size, unsigned flags)
{
	return p && (flags & ALLOC_ZERO) ? memset(p, 0, size) : p;
}

void *kmalloc_miss(size_t size, unsigned flags)
{
	return alloc_any(size, 1, flags, CALLER);
}

void *kmalloc_class_miss(struct kmem_cache *c, unsigned flags, size_t size)
{
	return slab_alloc_slow(c, size, flags, CALLER);
}

void *kmalloc_array(size_t n, size_t size, unsigned flags)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return zeroed(alloc_any(bytes, 1, flags, CALLER), bytes, flags);
}

void *kmalloc_from(size_t size, size_t align, unsigned flags, uintptr_t caller)
{
	if (!is_pow2(align) || align > KMALLOC_MAX)
		return NULL;
	return zeroed(alloc_any(size, align, flags, caller), size, flags);
}

void *kmalloc_aligned(size_t size, size_t align, unsigned flags)
{
	return kmalloc_from(size, align, flags, CALLER);
}

/* A pointer to nothing of kmalloc's; perhaps it was until somebody freed it. */
__attribute__((cold, noinline)) static void report(const void *p,
						   uintptr_t caller)
{
	const struct page *page = slab_page_of(p);
	struct mm_bug b = {
		.kind = page && page_is_free(page_to_pfn(page))
				? BUG_DOUBLE_FREE
				: BUG_INVALID_FREE,
		.cache = "kmalloc",
		.object = (uintptr_t)p,
		.at = (uintptr_t)p,
		.caller = caller,
	};

	mm_bug(&b);
}

/* Of a block that alloc_frames() gave? */
static bool is_large(const struct page *page, const void *p)
{
	return page && (page->flags & PAGE_LARGE) && page_is_used(page) &&
	       is_aligned((uintptr_t)p, PAGE_SIZE);
}

/* What the hot path leaves over: it has looked at the page, so that exists. */
static void free_any(void *p, uintptr_t caller)
{
	struct page *page = slab_in_ram(p) ? slab_ram_page(p) : NULL;
	uint64_t frames;

	if (is_large(page, p)) {
		frames = page->owner;
		page->flags = 0;
		page->owner = 0;
		put_frames(page, frames);
	} else if (page && (page->flags & PAGE_SLAB)) {
		slab_free_slow(slab_owner(page), p, caller);
	} else if (p && !slab_guard_free(NULL, p, caller)) {
		report(p, caller);
	}
}

void kfree_miss(void *p)
{
	free_any(p, CALLER);
}

static size_t size_of(const void *p, uintptr_t caller)
{
	const struct page *page = slab_page_of(p);
	size_t size;

	if (is_large(page, p))
		return (size_t)(page->owner << PAGE_SHIFT);
	if (page && (page->flags & PAGE_SLAB))
		return slab_debug_size(slab_owner(page), p);
	if (slab_guard_size(p, &size))
		return size;
	report(p, caller);
	return 0;
}

size_t ksize(const void *p)
{
	return size_of(p, CALLER);
}

void *krealloc(void *p, size_t size, unsigned flags)
{
	size_t old = p ? size_of(p, CALLER) : 0;
	void *q;

	if (p && size <= old) {
		if (slab_cache_of(p))
			slab_debug_resize(slab_cache_of(p), p, size, CALLER);
		return p;
	}
	q = alloc_any(size, 1, flags, CALLER);
	if (!q)
		return NULL;
	if (p)
		memcpy(q, p, old);
	if (flags & ALLOC_ZERO)
		memset((char *)q + old, 0, size - old);
	free_any(p, CALLER);
	return q;
}
