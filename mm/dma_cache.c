/*
 * Caches, for devices that don't see them (<mm/dma.h>): by instructions of the
 * harts (Zicbom), or by what a driver has set, as the harts' come first.
 *
 * Everything is done on whole lines. An access before is over, and one after has
 * not begun, when a line is written back or forgotten: a device that is told
 * afterwards finds memory as it should be.
 */
#include <arch/cache.h>
#include <arch/cpu.h>
#include <mm/layout.h>

#include "dma_impl.h"

static void harts_clean(struct range pa)
{
	arch_cache_clean(phys_to_virt(pa.start), range_size(pa));
}

static void harts_flush(struct range pa)
{
	arch_cache_flush(phys_to_virt(pa.start), range_size(pa));
}

static void harts_invalidate(struct range pa)
{
	arch_cache_invalidate(phys_to_virt(pa.start), range_size(pa));
}

static struct dma_cache harts = {
	.name = "the harts' instructions (Zicbom)",
	.clean = harts_clean,
	.flush = harts_flush,
	.invalidate = harts_invalidate,
};
static const struct dma_cache *other; /* (a) */

void dma_set_cache(const struct dma_cache *c)
{
	/* Release: who finds it sees what its driver has set up. */
	__atomic_store_n(&other, c, __ATOMIC_RELEASE);
}

const struct dma_cache *dma_cache(void)
{
	uint64_t line = arch_cache_block();

	if (!line)
		return __atomic_load_n(&other, __ATOMIC_ACQUIRE);
	/* It does not change but at boot: no store that all harts make. */
	if (__atomic_load_n(&harts.line, __ATOMIC_RELAXED) != line)
		__atomic_store_n(&harts.line, line, __ATOMIC_RELAXED);
	return &harts;
}

static void maintain(void (*op)(struct range pa), struct range r, uint64_t line)
{
	arch_mb();
	op(range_align_out(r, line));
	arch_mb();
}

void dma_clean(struct range r)
{
	const struct dma_cache *c = dma_cache();

	maintain(c->clean, r, c->line);
}

void dma_flush(struct range r)
{
	const struct dma_cache *c = dma_cache();

	maintain(c->flush, r, c->line);
}

void dma_invalidate(struct range r)
{
	const struct dma_cache *c = dma_cache();

	maintain(c->invalidate ? c->invalidate : c->flush, r, c->line);
}
