/*
 * malloc and its kin over the kernel's allocators, with the meaning that the C
 * standard (C11, 7.22.3) and POSIX give them. They have names of their own here,
 * so that they can be tested natively, where a C library has the usual ones;
 * in the kernel kernel.ld gives them those.
 *
 * On any hart; no spinlock held and not in an interrupt, since memory may have
 * to be gathered from other harts first. Memory is the caller's until it is
 * freed, by any hart. Misuse goes to mm_bug().
 *
 * All that can fail returns NULL and sets errno to ENOMEM, when memory is out or
 * the size makes no sense (over PTRDIFF_MAX, or a product that overflows).
 * errno is left alone otherwise. Alignment: max_align_t's, 16.
 */
#pragma once

#include <kernel/types.h>

/* Size 0 is as any: a pointer of its own, to nothing, that must be freed. */
void *c_malloc(size_t size);
void *c_calloc(size_t n, size_t size);

/* In place where there is room. When NULL is returned the old block is as it
 * was. p NULL: as malloc. Size 0 is as any: p is not freed for nothing. */
void *c_realloc(void *p, size_t size);
void *c_reallocarray(void *p, size_t n, size_t size);

void c_free(void *p); /* NULL: nothing */

/* Any power of two; else NULL and EINVAL. `size` need be no multiple of it. */
void *c_aligned_alloc(size_t align, size_t size);

/* Returns 0, or EINVAL (no power of two, or less than a pointer) or ENOMEM:
 * then *out is as it was. errno is left alone. */
int c_posix_memalign(void **out, size_t align, size_t size);

/* Bytes that may be used: at least as many as asked for. NULL: 0. */
size_t c_malloc_usable_size(const void *p);
