/*
 * Devices as DMA sees them, and frames for them (<mm/dma.h>).
 *
 * A device reaches one range of physical memory, and calls each byte of it by
 * another number:
 *
 *	its addresses	0 ......... mask
 *			    |         |
 *	buses above	    [ window ]		lib/fdt_dma.c
 *			    |         |	 + offset
 *	memory	    0 ......[ reach  ]......
 *
 *  I1  reach is not empty, and no address in it, less the offset, wraps
 *
 * Where all memory is in reach, frames come from page_alloc() as they come. If
 * all below 4 GiB is, they come from the zone for that. All other reaches are odd:
 * what comes may do by chance, else page_alloc_within() looks for a block there,
 * which may take long.
 */
#include <lib/errno.h>
#include <lib/fdt_dma.h>
#include <mm/page_alloc.h>
#include <mm/zone.h>

#include "dma_impl.h"

void dma_device_init(struct dma_device *d, const char *name)
{
	*d = (struct dma_device){
		.name = name, .reach = {0, UINT64_MAX}, .coherent = true};
}

int dma_device_read(struct dma_device *d, const struct fdt *t, fdt_node n)
{
	struct fdt_dma dma;
	int err = fdt_dma(t, n, &dma);

	if (err)
		return err;
	if (!is_aligned(dma.offset, PAGE_SIZE))
		return -EINVAL;
	d->reach = dma.reach;
	d->offset = dma.offset;
	d->coherent = dma.coherent;
	d->area = dma.region == FDT_NONE ? NULL : dma_area_of(dma.region);
	return 0;
}

int dma_set_mask(struct dma_device *d, uint64_t mask)
{
	uint64_t first = d->reach.start - d->offset, room;

	if ((mask & (mask + 1)) || mask < first)
		return -EINVAL;
	/* Bytes from the first on that it has addresses for, less one. */
	room = mask - first;
	if (room < range_size(d->reach))
		d->reach.end = d->reach.start + room + 1;
	return 0;
}

bool dma_device_idle(const struct dma_device *d)
{
	return !__atomic_load_n(&d->buffers, __ATOMIC_RELAXED) &&
	       !__atomic_load_n(&d->maps, __ATOMIC_RELAXED);
}

/* From the first frame of page_alloc's to behind the last; bytes. */
static struct range all_frames(void)
{
	const struct range *given;
	unsigned n = zone_given(&given);
	struct range all = {UINT64_MAX, 0};

	for (unsigned i = 0; i < n; i++) {
		all.start = min_u64(all.start, given[i].start << PAGE_SHIFT);
		all.end = max_u64(all.end, given[i].end << PAGE_SHIFT);
	}
	return all;
}

/* Blocks are aligned to their size; so many frames make one that is large enough. */
static uint64_t frames_for(uint64_t size, uint64_t align)
{
	uint64_t frames = (size + PAGE_SIZE - 1) >> PAGE_SHIFT;

	align >>= PAGE_SHIFT;
	return 2 * frames > align ? frames : align;
}

/* *frames becomes as many as the block has. */
static struct page *frames_within(struct range reach, uint64_t *frames,
				  unsigned flags)
{
	struct page *p = page_alloc_exact(*frames, flags);
	struct range r = range_align_in(reach, PAGE_SIZE);
	unsigned order = highest_bit(*frames) + !is_pow2(*frames);

	r = range_make(r.start >> PAGE_SHIFT, r.end >> PAGE_SHIFT);
	if (!p ||
	    range_within(range_make(page_to_pfn(p), page_to_pfn(p) + *frames),
			 r))
		return p;
	page_free_exact(p, *frames);
	*frames = (uint64_t)1 << order;
	return page_alloc_within(order, r, flags);
}

struct range dma_frames(struct range reach, uint64_t size, uint64_t align,
			unsigned flags)
{
	uint64_t frames = frames_for(size, align);
	struct range all = all_frames();
	bool whole = range_within(all, reach);
	bool low = !whole && reach.start <= all.start && all.start < GIB(4) &&
		   reach.end >= GIB(4);
	struct page *p = NULL;
	paddr_t pa;

	if (frames > (uint64_t)1 << MAX_ORDER)
		return range_make(0, 0);
	if (whole || low)
		p = page_alloc_exact(frames, low ? flags | ALLOC_DMA32 : flags);
	/* What it reaches above is for when there is no more below. */
	if (!p && !whole && !(low && reach.end == GIB(4)))
		p = frames_within(reach, &frames, flags);
	if (!p)
		return range_make(0, 0);
	pa = page_to_phys(p);
	return range_make(pa, pa + (frames << PAGE_SHIFT));
}

void dma_frames_free(struct range pa)
{
	page_free_exact(pfn_to_page(pa.start >> PAGE_SHIFT),
			range_size(pa) >> PAGE_SHIFT);
}
