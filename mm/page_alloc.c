/*
 * Page frames: the hot paths (<mm/page_alloc.h>).
 *
 * A hart's own stack gives the block or takes it (frame_cache.c), and that is
 * all; everything else is in page_slow.c. These functions need nothing on the
 * stack, and where they leave to has the same parameters: so it is a jump, and
 * the return address there is that of their caller, whom reports name
 * (cmake/kernel.cmake, cmake/host.cmake).
 */
#include <kernel/assert.h>
#include <kernel/spinlock.h>
#include <mm/page_alloc.h>

#include "frame_cache.h"
#include "page_clear.h"
#include "zone_internal.h"

struct page *page_clear(struct page *p, unsigned order)
{
	page_clear_here(p, order);
	return p;
}

void page_copy(struct page *to, const struct page *from)
{
	uint64_t *d = phys_to_virt(page_to_phys(to));
	const uint64_t *s = phys_to_virt(page_to_phys(from));
	const uint64_t *end = s + PAGE_SIZE / sizeof(*s);

	/* Loads first: a processor need not wait for each. Eight, as no function
	 * has to save registers for so few. */
	for (; s != end; s += 128, d += 128)
#pragma GCC unroll 16
		for (unsigned at = 0; at < 128; at += 8) {
			uint64_t w[8];

#pragma GCC unroll 8
			for (unsigned i = 0; i < 8; i++)
				w[i] = s[at + i];
#pragma GCC unroll 8
			for (unsigned i = 0; i < 8; i++)
				d[at + i] = w[i];
		}
}

/* Cleared blocks come from the stacks, too. */
static struct page *alloc_otherwise(unsigned order, unsigned flags)
{
	struct page *p = NULL;

	if (order <= MAX_ORDER &&
	    (flags & (ALLOC_ZERO | ALLOC_DMA32)) == ALLOC_ZERO)
		p = frame_cache_pop(order);
	return p ? page_clear(p, order) : page_alloc_slow(order, flags);
}

struct page *page_alloc(unsigned order, unsigned flags)
{
	struct page *p;

	if (DEBUG_CHECKS && !(flags & ALLOC_ATOMIC))
		spin_check_none();
	if (order <= MAX_ORDER && !(flags & (ALLOC_ZERO | ALLOC_DMA32))) {
		p = frame_cache_pop(order);
		if (p)
			return p;
	}
	return alloc_otherwise(order, flags);
}

void page_free(struct page *p, unsigned order)
{
	if ((DEBUG_CHECKS && !page_exists(p)) || !frame_cache_push(p, order))
		page_free_slow(p, order);
}
