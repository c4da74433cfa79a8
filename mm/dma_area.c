/*
 * Memory that the tree reserves for devices (<mm/dma.h>): "shared-dma-pool" in
 * /reserved-memory. Of one that is reserved an arena has all addresses. One that
 * is page_alloc's (reusable) is looked through for free blocks, and may have none:
 * nothing here can make others move.
 */
#include <lib/errno.h>
#include <mm/kmalloc.h>

#include "dma_impl.h"

struct dma_area *dma_areas;
static struct spinlock lock = SPINLOCK_INIT(LOCK_DMA); /* their arenas */

int dma_area_add(fdt_node node, const char *name, struct range pa, bool mapped,
		 bool free)
{
	struct dma_area *a = kzalloc(sizeof(*a), 0);

	if (!a)
		return -ENOMEM;
	*a = (struct dma_area){
		.next = dma_areas,
		.node = node,
		.name = name,
		.pa = range_align_in(pa, PAGE_SIZE),
		.mapped = mapped,
		.free = free,
	};
	arena_init(&a->arena, a->pa, PAGE_SIZE);
	dma_areas = a;
	return 0;
}

struct dma_area *dma_area_of(fdt_node node)
{
	struct dma_area *a = dma_areas;

	while (a && a->node != node)
		a = a->next;
	return a;
}

int dma_area_take(struct dma_buffer *b, uint64_t align, unsigned flags)
{
	const struct dma_device *d = b->device;
	struct dma_area *a = d->area;
	uint64_t irq;
	bool ok;

	if (a->free) {
		b->tag.range = dma_frames(range_intersect(a->pa, d->reach),
					  b->size, align, flags);
		ok = !range_empty(b->tag.range);
	} else {
		irq = spin_lock_irqsave(&lock);
		ok = arena_alloc(&a->arena, &b->tag,
				 align_up(b->size, PAGE_SIZE), align, 0);
		if (ok && !range_within(b->tag.range, d->reach)) {
			arena_free(&a->arena, &b->tag);
			ok = false;
		}
		spin_unlock_irqrestore(&lock, irq);
	}
	if (!ok)
		return -ENOMEM;
	__atomic_fetch_add(&a->used, range_size(b->tag.range),
			   __ATOMIC_RELAXED);
	return 0;
}

void dma_area_give(struct dma_buffer *b)
{
	struct dma_area *a = b->device->area;
	uint64_t irq;

	__atomic_fetch_sub(&a->used, range_size(b->tag.range),
			   __ATOMIC_RELAXED);
	if (a->free) {
		dma_frames_free(b->tag.range);
		return;
	}
	irq = spin_lock_irqsave(&lock);
	arena_free(&a->arena, &b->tag);
	spin_unlock_irqrestore(&lock, irq);
}

void dma_area_each(void (*each)(void *ctx, const char *name, struct range pa,
				uint64_t used, bool mapped, bool free),
		   void *ctx)
{
	for (struct dma_area *a = dma_areas; a; a = a->next)
		each(ctx, a->name, a->pa,
		     __atomic_load_n(&a->used, __ATOMIC_RELAXED), a->mapped,
		     a->free);
}

const char *dma_area_name(const struct dma_area *a)
{
	return a->name;
}
