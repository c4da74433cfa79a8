/*
 * See <libc/malloc.h>. What the kernel's allocators leave open is decided here:
 *
 *	up to a page		kmalloc
 *	more			kmalloc, if contiguous frames are at hand
 *				without reclaiming any; else vmalloc
 *
 * for contiguous memory is in the direct map, costs no page tables, and no fence
 * when it is freed. Only kmalloc aligns to more than a page. An address tells
 * which of the two it came from.
 */
#include <errno.h>
#include <string.h>

#include <libc/malloc.h>
#include <mm/kmalloc.h>
#include <mm/vmalloc.h>

#define CALLER ((uintptr_t)__builtin_return_address(0))

static void *out_of_memory(void)
{
	errno = ENOMEM;
	return NULL;
}

/* All of what follows; `caller' is who asked. */
static void *allocate(size_t size, size_t align, unsigned flags,
		      uintptr_t caller)
{
	bool small = size <= PAGE_SIZE && align <= PAGE_SIZE;
	void *p;

	if (size > PTRDIFF_MAX)
		return NULL;
	p = kmalloc_from(size, align, small ? flags : flags | ALLOC_NORETRY,
			 caller);
	if (__builtin_expect(p || small, 1))
		return p;
	return align <= PAGE_SIZE ? vmalloc_from(size, flags, caller)
				  : kmalloc_from(size, align, flags, caller);
}

static void *or_errno(void *p)
{
	return __builtin_expect(!p, 0) ? out_of_memory() : p;
}

void *c_malloc(size_t size)
{
	return or_errno(allocate(size, 1, 0, CALLER));
}

void *c_calloc(size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return out_of_memory();
	return or_errno(allocate(bytes, 1, ALLOC_ZERO, CALLER));
}

void c_free(void *p)
{
	if (is_vmalloc(p))
		vfree(p);
	else
		kfree(p);
}

size_t c_malloc_usable_size(const void *p)
{
	if (!p)
		return 0;
	return is_vmalloc(p) ? vmalloc_size(p) : ksize(p);
}

static void *resize(void *p, size_t size, uintptr_t caller)
{
	size_t usable = c_malloc_usable_size(p);
	bool fits = p && size <= usable;
	void *q;

	if (fits && size >= usable / 2)
		return is_vmalloc(p) ? p : krealloc(p, size, 0);
	q = allocate(size, 1, 0, caller);
	/* What shrinks stays where it is rather than fail. */
	if (!q)
		return fits ? p : out_of_memory();
	if (p)
		memcpy(q, p, min_u64(usable, size));
	c_free(p);
	return q;
}

void *c_realloc(void *p, size_t size)
{
	return resize(p, size, CALLER);
}

void *c_reallocarray(void *p, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return out_of_memory();
	return resize(p, bytes, CALLER);
}

void *c_aligned_alloc(size_t align, size_t size)
{
	if (!is_pow2(align)) {
		errno = EINVAL;
		return NULL;
	}
	return or_errno(allocate(size, align, 0, CALLER));
}

int c_posix_memalign(void **out, size_t align, size_t size)
{
	void *p;

	if (!is_pow2(align) || align < sizeof(void *))
		return EINVAL;
	p = allocate(size, align, 0, CALLER);
	if (!p)
		return ENOMEM;
	*out = p;
	return 0;
}
