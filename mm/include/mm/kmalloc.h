/*
 * Memory of any size, physically contiguous: small sizes from object caches, the
 * others in whole frames. Flags are those of <mm/page_alloc.h>; contexts and
 * failure as there. NULL when memory is out, when n * size overflows, or when
 * size is over KMALLOC_MAX. No size is special: kmalloc(0) gives a pointer of its
 * own that may not be accessed.
 *
 * Alignment: 16 bytes always; a power of two up to PAGE_SIZE is aligned to itself,
 * and whatever is larger to PAGE_SIZE.
 */
#pragma once

#include <mm/slab.h>

#define KMALLOC_MAX ((size_t)PAGE_SIZE << MAX_ORDER)

/* The size classes. Boot, after slab_init(). */
void kmalloc_init(void);

static inline void *kmalloc(size_t size, unsigned flags);
void *kmalloc_array(size_t n, size_t size, unsigned flags);

/* Aligned to `align`, a power of two up to the size of the largest block. */
void *kmalloc_aligned(size_t size, size_t align, unsigned flags);

/* The same for somebody else: reports name `caller`, the address behind the call
 * that asked for it. */
void *kmalloc_from(size_t size, size_t align, unsigned flags, uintptr_t caller);

/*
 * The first min(old size, size) bytes at another size: in place where there is
 * room, without copying. p may be NULL. When NULL is returned nothing happened
 * to p. With ALLOC_ZERO what was added behind ksize(p) is zero. krealloc(p, 0)
 * is as any size. Alignment as of kmalloc.
 */
void *krealloc(void *p, size_t size, unsigned flags);

/* NULL: nothing. */
void kfree(void *p);

/* How many bytes may be used: at least as many as were asked for. */
size_t ksize(const void *p);

/* Of constant sizes the compiler knows the class; ALLOC_ZERO is seen to here, as
 * in kmem_cache_alloc(). */
#define KMALLOC_SMALL 1024
extern struct kmem_cache *kmalloc_small[KMALLOC_SMALL / 16 + 1]; /* (c) */
void *kmalloc_class(struct kmem_cache *c, unsigned flags, size_t size);
void *kmalloc_any(size_t size, unsigned flags);

static inline void *kmalloc(size_t size, unsigned flags)
{
	bool small = size <= KMALLOC_SMALL && !(flags & ALLOC_DMA32);
	void *p = __builtin_constant_p(small) && small
			  ? kmalloc_class(kmalloc_small[(size + 15) / 16],
					  flags, size)
			  : kmalloc_any(size, flags);

	if (p && (flags & ALLOC_ZERO))
		memset(p, 0, size);
	return p;
}

static inline void *kzalloc(size_t size, unsigned flags)
{
	return kmalloc(size, flags | ALLOC_ZERO);
}

static inline void *kcalloc(size_t n, size_t size, unsigned flags)
{
	return kmalloc_array(n, size, flags | ALLOC_ZERO);
}
