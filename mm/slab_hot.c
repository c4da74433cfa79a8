/*
 * The hot paths of objects: kmem_cache_get(), kmem_cache_free(), kmalloc(),
 * kfree(), as far as the hart's loaded magazine can serve (slab.c has the
 * theory). All else is a jump to a slow path, ..._miss(), which so finds the
 * address behind the caller's call in place of its own.
 *
 * They are apart from the rest since they are compiled so that such calls are
 * jumps on every machine, and without a frame: none of them calls a function and
 * comes back, so that no backtrace misses it. Do not add what does.
 */
#include <mm/kmalloc.h>

#include "slab_impl.h"

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

void *slab_nothing[2];
struct slab_ram slab_ram;
struct kmem_cache *kmalloc_small[KMALLOC_SMALL / 16 + 1];

void *kmem_cache_get(struct kmem_cache *c, unsigned flags)
{
	void *obj = slab_pop(c);

	return unlikely(!obj) ? slab_alloc_miss(c, flags) : obj;
}

void kmem_cache_free(struct kmem_cache *c, void *obj)
{
	if (unlikely(!obj))
		return;
	if (unlikely(slab_is_guarded(obj) || !slab_push(c, obj)))
		slab_free_miss(c, obj);
}

void *kmalloc_class(struct kmem_cache *c, unsigned flags, size_t size)
{
	void *p = slab_pop(c);

	return unlikely(!p) ? kmalloc_class_miss(c, flags, size) : p;
}

void *kmalloc_any(size_t size, unsigned flags)
{
	void *p;

	if (likely(size <= KMALLOC_SMALL && !(flags & ALLOC_DMA32))) {
		p = slab_pop(kmalloc_small[(size + 15) / 16]);
		if (likely(p))
			return p;
	}
	return kmalloc_miss(size, flags);
}

/* A page that says slab is one: a pointer that lies where RAM is, but in a hole
 * of it, is the one thing that is not told, but faults here. */
void kfree(void *p)
{
	const struct page *page = slab_ram_page(p);

	if (unlikely(!slab_in_ram(p) || !(page->flags & PAGE_SLAB) ||
		     !slab_push(slab_owner(page), p)))
		kfree_miss(p);
}
