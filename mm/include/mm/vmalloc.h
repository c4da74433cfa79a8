/*
 * The kernel's dynamic addresses (kmap_arena): memory that is contiguous only
 * virtually, windows on physical ranges, kernel stacks. Each area has an
 * unmapped page behind it, and so, since areas start at the beginning of the
 * arena or behind another's guard, before it.
 *
 * What is freed is unmapped later, many areas with one flush; until then neither
 * its addresses nor its frames are used again. Flags are those of
 * <mm/page_alloc.h>, without ALLOC_ATOMIC: no spinlock may be held by who
 * allocates. vfree() and vunmap() are for any context.
 */
#pragma once

#include <arch/pgtable.h>
#include <lib/range.h>
#include <mm/bug.h>
#include <mm/layout.h>

/* Boot, after kmalloc_init(). */
void vmalloc_init(void);

/* `size` bytes, rounded up to pages, readable and writable. NULL: no memory, or
 * no addresses, or size 0. */
void *vmalloc(size_t size, unsigned flags);
void vfree(void *p); /* NULL: nothing */

/* Is it vmalloc's, and not kmalloc's? Of pointers to memory that one of the two
 * gave, or NULL. */
static inline bool is_vmalloc(const void *p)
{
	uint64_t at = (uintptr_t)p;

	return at >= VMALLOC_BASE && at < ARENA_END;
}

/* The same for somebody else: reports name `caller`, the address behind the call
 * that asked for it. */
void *vmalloc_from(size_t size, unsigned flags, uintptr_t caller);

/* Usable bytes of what vmalloc gave. */
size_t vmalloc_size(const void *p);

/*
 * A window on physical memory: the bytes [pa, pa + size), any alignment, in pages
 * that are mapped whole; large leaves where the range is large and aligned.
 * Returns the address of byte pa, or 0 when there is no memory, no room, or the
 * range wraps. The frames stay the caller's. W^X holds: -> 0.
 */
vaddr_t vmap(paddr_t pa, uint64_t size, vm_prot_t prot, enum mem_attr attr);

/* Any address in its first page. The window is unmapped, and all harts know it,
 * when this returns: the device may go. No spinlock held. */
void vunmap(vaddr_t va);

/* A kernel stack of `size` bytes (whole pages), a guard page on either side.
 * Empty when out of memory. No spinlock held. */
struct range kstack_alloc(uint64_t size);
void kstack_free(struct range stack);

/* Unmap and give back all that waits, with one flush. No spinlock held. */
void vmalloc_purge(void);

struct vmalloc_stats {
	uint64_t areas, bytes;	   /* in use, guards not counted */
	uint64_t lazy, lazy_bytes; /* freed, not yet unmapped */
	uint64_t purges,
		flushed; /* ever: purges, and areas that went in them */
	struct range arena;
	uint64_t largest_free; /* bytes; a lower bound is fine */
};
void vmalloc_stats(struct vmalloc_stats *s);

/* What is known of an address: its area, whose guard page it lies in, what was
 * freed there. Empty string when nothing is. For panics: takes no lock that can
 * be waited for. */
void vmalloc_explain(vaddr_t va, char *buf, size_t size);

/* Calls `each` for every area in use, ascending. Under the lock: it must not
 * allocate. */
void vmalloc_each(void (*each)(void *ctx, struct range va, const char *what,
			       const struct alloc_track *t),
		  void *ctx);

/* Validate: NULL, or what is wrong (areas against the page tables: mapped inside,
 * unmapped around). */
const char *vmalloc_check(void);
