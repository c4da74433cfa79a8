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

/* The first place in `r` that is free and aligned. An exact search, which steps over
 * what is allocated: areas are small, and so few buffers are in them. */
static bool take(struct dma_area *a, struct dma_buffer *b, struct range r,
		 uint64_t align)
{
	uint64_t size = align_up(b->size, PAGE_SIZE);
	uint64_t at = align_up(r.start, align);

	while (at >= r.start && at <= r.end && r.end - at >= size) {
		const struct arena_tag *t = arena_find_from(&a->arena, at);

		if (!t || t->range.start >= at + size)
			return arena_take(&a->arena, &b->tag,
					  range_make(at, at + size));
		at = align_up(t->range.end, align);
	}
	return false;
}

int dma_area_take(struct dma_buffer *b, uint64_t align, unsigned flags)
{
	const struct dma_device *d = b->device;
	struct dma_area *a = d->area;
	struct range r = range_intersect(a->pa, d->reach);
	uint64_t irq;
	bool ok;

	if (a->free) {
		b->tag.range = dma_frames(r, b->size, align, flags);
		ok = !range_empty(b->tag.range);
	} else {
		irq = spin_lock_irqsave(&lock);
		ok = take(a, b, r, align);
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

bool dma_area_lends(struct range pa)
{
	uint64_t irq = spin_lock_irqsave(&lock);
	const struct arena_tag *t = NULL;
	bool all;

	for (struct dma_area *a = dma_areas; a && !t; a = a->next)
		t = arena_find(&a->arena, pa.start);
	all = t && range_within(pa, t->range);
	spin_unlock_irqrestore(&lock, irq);
	return all;
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
