/*
 * Memory that devices access by themselves. Three things stand between a device
 * and memory, and this is where they are dealt with: it may not reach all of it
 * (address bits, or its bus's `dma-ranges`); its addresses may not be the CPU's;
 * and it may not see what is in the harts' caches.
 *
 * Two ways:
 *  - dma_alloc() gives memory that both sides see all the time ("coherent"):
 *    rings, descriptors. dma_pool has small pieces of such memory.
 *  - dma_map() lends a piece of the kernel's memory to the device for one
 *    transfer ("streaming"): from then on it is the device's, until dma_unmap(),
 *    or dma_sync_for_cpu(), gives it back. What the device can't reach goes
 *    through a bounce buffer.
 *
 * Errors: -EINVAL for what makes no sense (size 0, memory that is not in the
 * direct map), -ENOMEM, -EOPNOTSUPP where the machine has no means to make a
 * device that does not see caches see memory.
 */
#pragma once

#include <kernel/types.h>
#include <lib/fdt.h>
#include <lib/list.h>
#include <lib/range.h>
#include <mm/arena.h>

typedef uint64_t dma_addr_t; /* as the device sees memory */

struct dma_area;

/* What a device can do. Part of struct device (<drivers/device.h>). */
struct dma_device {
	const char *name;
	struct range reach;    /* physical addresses that it gets to */
	uint64_t offset;       /* its address of memory is physical - offset */
	bool coherent;	       /* it sees what is in caches */
	struct dma_area *area; /* of its coherent memory; NULL: anywhere */
	/* Counters: now, and ever. */
	uint64_t buffers, maps; /* (a) */
	uint64_t
		bounced; /* maps, ever, that went through a bounce buffer (a) */
};

/* A device that reaches everything and sees caches. `name` must last. */
void dma_device_init(struct dma_device *d, const char *name);

/*
 * What the tree says of the node: `dma-ranges` of the buses above (the first
 * entry of each that can be used), `dma-coherent` and `dma-noncoherent` (of the
 * node, or the nearest above; coherent if none says), `memory-region`. After
 * dma_device_init(). 0, or with nothing changed -EINVAL: malformed; -ENXIO: the
 * buses let nothing through.
 */
int dma_device_read(struct dma_device *d, const struct fdt *t, fdt_node n);

/* Has it nothing left: no buffer, pool or map? For when it is given up. */
bool dma_device_idle(const struct dma_device *d);

/* Its addresses have no more bits than that: a mask such as 0xffffffff. Narrows
 * `reach`; -EINVAL if nothing is left: then nothing is changed. */
int dma_set_mask(struct dma_device *d, uint64_t mask);

/* Coherent memory. The caller's, it does not move while it is in use. */
struct dma_buffer {
	void *cpu;
	dma_addr_t bus;
	size_t size;
	/* private: */
	struct dma_device *device; /* NULL: not in use */
	paddr_t pa;
	vaddr_t window; /* 0: it is in the direct map */
	struct arena_tag tag;
	struct list link; /* of all: where it is, it stays until dma_free() */
};

/*
 * `size` bytes, contiguous, zeroed, at a multiple of `align` (a power of two; 0:
 * of a page) in both the device's addresses and the CPU's up to a page. No
 * spinlock held, flags as page_alloc(). 0 or an error.
 */
int dma_alloc(struct dma_device *d, struct dma_buffer *b, size_t size,
	      size_t align, unsigned flags);
void dma_free(struct dma_buffer *b); /* nothing, if it is not in use */

/* The lowest part of `pa` that is in one buffer of page_alloc's frames, as whole
 * frames; empty: none is. */
struct range dma_frames_in(struct range pa);

/* Small pieces of coherent memory, all of one size. */
struct dma_pool;

/* `size` bytes each, at most a page, at multiples of `align` (a power of two, at
 * most a page; 0: of 8), no piece across a multiple of `boundary` (a power of two;
 * 0: none). NULL: no memory, or it makes no sense. No spinlock held. */
struct dma_pool *dma_pool_create(struct dma_device *d, const char *name,
				 size_t size, size_t align, size_t boundary);
/* All pieces are back. NULL: nothing. No spinlock held. */
void dma_pool_destroy(struct dma_pool *p);
/* NULL: no memory. Not zeroed. dma_pool_alloc: no spinlock held, unless flags
 * have ALLOC_ATOMIC: then only from what the pool has. */
void *dma_pool_alloc(struct dma_pool *p, unsigned flags, dma_addr_t *bus);
void dma_pool_free(struct dma_pool *p, void *piece); /* any context */

enum dma_dir { DMA_TO_DEVICE = 1, DMA_FROM_DEVICE = 2, DMA_BOTH = 3 };

/* Memory that is lent to a device. The caller's, as long as it is lent. */
struct dma_map {
	dma_addr_t bus;
	size_t size;
	/* private: */
	struct dma_device *device; /* NULL: not lent */
	void *cpu;
	struct range bounce; /* frames; empty: none */
	enum dma_dir dir;
	bool devices;	   /* whose it is now */
	uint32_t checksum; /* of what it only reads; debug builds */
};

/*
 * Lend [p, p + size) to the device; it is in the direct map (from page_alloc,
 * kmalloc; not from vmalloc, nor on a stack). Any context, with ALLOC_ATOMIC in
 * flags as page_alloc() wants it. 0 or an error.
 */
int dma_map(struct dma_device *d, struct dma_map *m, void *p, size_t size,
	    enum dma_dir dir, unsigned flags);

/* Back to the CPU, for good: what the device wrote is at p. */
void dma_unmap(struct dma_map *m);

/* Back for a look, and lent again. Debug builds report who has it wrong: a sync
 * when it is not their turn, memory that changed while the device had it to
 * read, what is unmapped twice. */
void dma_sync_for_cpu(struct dma_map *m);
void dma_sync_for_device(struct dma_map *m);

/* How a machine makes caches and memory agree, for devices that don't see caches.
 * Physical ranges of RAM, multiples of `line`. */
struct dma_cache {
	const char *name;
	uint64_t line;
	void (*clean)(struct range pa);	     /* what is newer, into memory */
	void (*flush)(struct range pa);	     /* and out of the caches */
	void (*invalidate)(struct range pa); /* NULL: as flush */
};

/* NULL: there is none. The harts' own (Zicbom), where they have it, comes first.
 * `c` must last. */
void dma_set_cache(const struct dma_cache *c);
const struct dma_cache *dma_cache(void);

/*
 * Areas that the tree reserves for devices: compatible "shared-dma-pool". `pa` is
 * where it is, also of one that has no address in the tree; `mapped`: it is in the
 * direct map; `free`: its memory is page_alloc's, and so may be in use when a
 * device wants it (reusable). Boot. 0 or -ENOMEM.
 */
int dma_area_add(fdt_node node, const char *name, struct range pa, bool mapped,
		 bool free);

/* For reports: areas, and what of them is in use. */
void dma_area_each(void (*each)(void *ctx, const char *name, struct range pa,
				uint64_t used, bool mapped, bool free),
		   void *ctx);
const char *dma_area_name(const struct dma_area *a);
