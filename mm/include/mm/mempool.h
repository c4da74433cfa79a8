/*
 * Pools that never fail below their reserve: `min` objects are set aside, to be
 * used when the cache has no memory, and are filled up again by what is freed.
 */
#pragma once

#include <kernel/spinlock.h>
#include <mm/slab.h>

struct mempool {
	struct spinlock lock;
	struct kmem_cache *cache; /* (c) */
	unsigned min;		  /* (c) */
	unsigned n;		  /* objects in reserve (l) */
	void **reserve;		  /* (l) */
	uint64_t used;		  /* times that the reserve helped (l) */
};

/* Returns 0, or -ENOMEM with nothing held. No spinlock held. */
int mempool_init(struct mempool *m, struct kmem_cache *cache, unsigned min);

/* All objects are back. Frees the reserve. */
void mempool_destroy(struct mempool *m);

/* NULL only when `min` objects or more are out. Flags and context as
 * kmem_cache_alloc(). */
void *mempool_alloc(struct mempool *m, unsigned flags);
void mempool_free(struct mempool *m, void *obj);
