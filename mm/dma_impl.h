/* Private to mm/dma*.c. */
#pragma once

#include <kernel/spinlock.h>
#include <mm/dma.h>
#include <mm/page.h>

/* Memory that the tree reserves for devices. */
struct dma_area {
	struct dma_area *next;
	fdt_node node;
	const char *name;
	struct range pa; /* whole frames */
	bool mapped, free;
	struct arena arena; /* unless it is page_alloc's (l) */
	uint64_t used;	    /* bytes (a) */
};

extern struct dma_area *dma_areas; /* boot writes it */

/* The area of that node, NULL: there is none. */
struct dma_area *dma_area_of(fdt_node node);

/* Frames for the buffer from its device's area, as dma_frames() gives them:
 * b->tag.range. 0 or -ENOMEM. */
int dma_area_take(struct dma_buffer *b, uint64_t align, unsigned flags);
void dma_area_give(struct dma_buffer *b);

/* Is all of it in one buffer of a reserved area? */
bool dma_area_lends(struct range pa);

/*
 * Contiguous frames in `reach`, of `size` bytes (not 0) or more, at a multiple of
 * `align`, a power of two; empty when there are none. Given back by
 * dma_frames_free(). Contexts as page_alloc().
 */
struct range dma_frames(struct range reach, uint64_t size, uint64_t align,
			unsigned flags);
void dma_frames_free(struct range pa);

/* What is newer in caches than in memory goes there (clean), and is in no cache
 * any more (flush); lines are forgotten, even such (invalidate), unless the machine
 * can't but flush. Done, and in order with all other accesses, when they return.
 * dma_cache() is not NULL; `r` is in the direct map, any bytes. */
void dma_clean(struct range r);
void dma_flush(struct range r);
void dma_invalidate(struct range r);
