/*
 * Memory that a device and the CPU see all the time (<mm/dma.h>).
 *
 * It comes from the device's own area, if it has one, or from page_alloc(). A
 * device that sees caches gets it as it lies in the direct map; of an area that
 * is not there, a window shows it.
 *
 * For a device that does not see caches, a window shows the memory uncached
 * (Svpbmt, NC). The direct map shows it, too, and cacheable. What that means is in
 * docs/dma.md; what is done about it here:
 *
 *  I1  no line of the buffer is dirty in any cache while the window exists: they
 *      are flushed after the memory was cleared and before the window is made,
 *      and nobody stores by the direct map as long as the buffer lives
 *  I2  what a hart may have fetched by speculation meanwhile is thrown away
 *      before the memory is anybody else's
 */
#include <string.h>

#include <arch/io.h>
#include <arch/pgtable.h>
#include <lib/errno.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>
#include <mm/vmalloc.h>

#include "dma_impl.h"

static struct list buffers = {&buffers, &buffers}; /* all (l) */
static struct spinlock lock = SPINLOCK_INIT(LOCK_DMA);

/* Can memory be mapped uncached at all? */
static bool has_uncached(void)
{
	return pte_attr(pte_leaf(0, VM_READ | VM_WRITE, ATTR_NC)) == ATTR_NC;
}

/* Is memory from there in the direct map? */
static bool is_direct(const struct dma_device *d)
{
	return !d->area || d->area->mapped;
}

static int take(struct dma_buffer *b, uint64_t align, unsigned flags)
{
	const struct dma_device *d = b->device;

	if (d->area)
		return dma_area_take(b, align, flags);
	b->tag.range = dma_frames(d->reach, b->size, align, flags);
	return range_empty(b->tag.range) ? -ENOMEM : 0;
}

static void give(struct dma_buffer *b)
{
	if (b->device->area)
		dma_area_give(b);
	else
		dma_frames_free(b->tag.range);
}

/* Through the window: device memory to the compiler, and natively a model. */
static void clear_window(vaddr_t window, uint64_t size)
{
	for (uint64_t at = 0; at < size; at += 8)
		mmio_write64_relaxed((void *)(uintptr_t)(window + at), 0);
}

/* Clear the memory and make it visible to both. */
static int show(struct dma_buffer *b)
{
	bool coherent = b->device->coherent, direct = is_direct(b->device);
	struct range r = b->tag.range;

	if (direct)
		memset(phys_to_virt(r.start), 0, range_size(r));
	if (direct && coherent) {
		b->cpu = phys_to_virt(r.start);
		return 0;
	}
	if (direct)
		dma_flush(r);
	b->window = vmap(r.start, range_size(r), VM_READ | VM_WRITE,
			 coherent ? ATTR_NORMAL : ATTR_NC);
	if (!b->window)
		return -ENOMEM;
	if (!direct)
		clear_window(b->window, range_size(r));
	b->cpu = (void *)(uintptr_t)b->window;
	return 0;
}

/* Does it make sense, and can it be? */
static int judge(const struct dma_device *d, size_t size, uint64_t align)
{
	if (!size ||
	    (align && (!is_pow2(align) || !is_aligned(d->offset, align))))
		return -EINVAL;
	if (size > PAGE_SIZE << MAX_ORDER)
		return -ENOMEM;
	if (d->coherent)
		return 0;
	return has_uncached() && (dma_cache() || !is_direct(d)) ? 0
								: -EOPNOTSUPP;
}

int dma_alloc(struct dma_device *d, struct dma_buffer *b, size_t size,
	      size_t align, unsigned flags)
{
	uint64_t irq;
	int err;

	*b = (struct dma_buffer){.size = size, .device = d};
	err = judge(d, size, align);
	if (!err)
		err = take(b, max_u64(align, PAGE_SIZE),
			   flags & ~(unsigned)ALLOC_ZERO);
	if (!err) {
		err = show(b);
		if (err)
			give(b);
	}
	if (err) {
		b->device = NULL;
		return err;
	}
	b->pa = b->tag.range.start;
	b->bus = b->pa - d->offset;
	__atomic_fetch_add(&d->buffers, 1, __ATOMIC_RELAXED);
	irq = spin_lock_irqsave(&lock);
	list_add(&buffers, &b->link);
	spin_unlock_irqrestore(&lock, irq);
	return 0;
}

void dma_free(struct dma_buffer *b)
{
	struct dma_device *d = b->device;
	uint64_t irq;

	if (!d)
		return;
	irq = spin_lock_irqsave(&lock);
	list_del(&b->link);
	spin_unlock_irqrestore(&lock, irq);
	if (b->window)
		vunmap(b->window);
	if (!d->coherent && is_direct(d))
		dma_flush(b->tag.range);
	give(b);
	b->device = NULL;
	__atomic_fetch_sub(&d->buffers, 1, __ATOMIC_RELAXED);
}

struct range dma_frames_in(struct range pa)
{
	uint64_t irq = spin_lock_irqsave(&lock);
	struct range lowest = {UINT64_MAX, 0};

	list_for_each (l, &buffers) {
		const struct dma_buffer *b =
			list_entry(l, struct dma_buffer, link);
		struct range both = range_intersect(b->tag.range, pa);

		if (!range_empty(both) && both.start < lowest.start)
			lowest = both;
	}
	spin_unlock_irqrestore(&lock, irq);
	return lowest;
}
