/*
 * Object caches: objects of one size, out of slabs of frames, through magazines
 * that each hart has to itself.
 *
 * Bonwick, The Slab Allocator (USENIX 1994); Bonwick and Adams, Magazines and
 * Vmem (USENIX 2001).
 *
 * Any context, but for what ALLOC_ATOMIC says (<mm/page_alloc.h>): without that
 * flag no lock may be held by who allocates. Freeing may be done anywhere. When
 * memory is out NULL comes back, never a panic. Misuse goes to mm_bug().
 */
#pragma once

#include <string.h>

#include <mm/bug.h>
#include <mm/page_alloc.h>

struct kmem_cache;

/* Flags of a cache. The debug ones make each operation slow, and are added to
 * all caches that are created while slab_debug says so. */
enum {
	SLAB_REDZONE = 1u << 0,	   /* guard bytes around each object */
	SLAB_POISON = 1u << 1,	   /* free objects are filled and checked */
	SLAB_TRACK = 1u << 2,	   /* who allocated, who freed */
	SLAB_QUARANTINE = 1u << 3, /* a freed object is not reused soon */
	SLAB_RANDOM = 1u << 4,	   /* objects of a slab in random order */
	SLAB_DEBUG = SLAB_REDZONE | SLAB_POISON | SLAB_TRACK | SLAB_QUARANTINE |
		     SLAB_RANDOM,
	SLAB_DMA32 = 1u << 5,	/* slabs below 4 GiB */
	SLAB_HWALIGN = 1u << 6, /* objects share no cache line (64 bytes) */
	SLAB_NOGUARD = 1u << 7, /* never sampled by guard pages */
};

/* Debug flags of caches that are created from now on; slab_debug= at boot sets it,
 * all of them in debug builds. */
extern unsigned slab_debug;

/* Set up what caches live on. Boot, once frames can be had. */
void slab_init(void);

/*
 * A cache of objects of `size` bytes (1 to SLAB_MAX_SIZE), aligned to `align` (a
 * power of two up to PAGE_SIZE; 0: as needed by any C object that fits). `ctor`,
 * if not NULL, is called once for each object when its slab is made; objects are
 * freed in the state that it left them in. The name is kept, not copied. NULL
 * when there is no memory, or no such cache can be. No spinlock held.
 */
#define SLAB_MAX_SIZE 8192
struct kmem_cache *kmem_cache_create(const char *name, size_t size,
				     size_t align, unsigned flags,
				     void (*ctor)(void *obj));

/*
 * Destroy a cache that nobody uses any more. Returns how many objects are still
 * alive: if there are any, one is reported as a leak by mm_bug(), the next few
 * are named in the log, and the cache stays as it was. No spinlock held.
 */
size_t kmem_cache_destroy(struct kmem_cache *c);

/* An object, its contents undefined but for what a constructor or ALLOC_ZERO
 * left; NULL when memory is out. Where slabs lie is up to the cache's SLAB_DMA32;
 * ALLOC_DMA32 here only keeps the object out of the guarded pool. */
static inline void *kmem_cache_alloc(struct kmem_cache *c, unsigned flags);
void kmem_cache_free(struct kmem_cache *c, void *obj); /* NULL: nothing */

/* `n` objects: all of them, or none and false. */
bool kmem_cache_alloc_bulk(struct kmem_cache *c, unsigned flags, size_t n,
			   void **obj);
void kmem_cache_free_bulk(struct kmem_cache *c, size_t n, void **obj);

/* Give back all that the cache holds without need, on all harts: magazines,
 * quarantine, empty slabs. No spinlock held, not in an interrupt. */
void kmem_cache_shrink(struct kmem_cache *c);

/* Usable bytes of an object. */
size_t kmem_cache_size(const struct kmem_cache *c);

/* kmem_cache_alloc() but for ALLOC_ZERO, which the caller sees to: most know at
 * compile time that there is nothing to do. */
void *kmem_cache_get(struct kmem_cache *c, unsigned flags);

static inline void *kmem_cache_alloc(struct kmem_cache *c, unsigned flags)
{
	void *obj = kmem_cache_get(c, flags);

	if (obj && (flags & ALLOC_ZERO))
		memset(obj, 0, kmem_cache_size(c));
	return obj;
}

struct slab_stats {
	const char *name;
	size_t size, align; /* of an object, as asked for */
	size_t stride;	    /* from one object to the next */
	unsigned order, per_slab, flags;
	uint64_t slabs, empty; /* now */
	uint64_t objects;      /* handed out */
	uint64_t cached;       /* free, in magazines, depot and quarantine */
	uint64_t refills, flushes; /* that left a hart's magazines */
	uint64_t grown, shrunk;	   /* slabs, ever */
};

/* The n-th cache's figures, exact while no other hart uses it, else near; false:
 * there is none. For commands. */
bool slab_stats(unsigned n, struct slab_stats *s);

/* Bytes of all slabs. */
uint64_t slab_bytes(void);

/* Calls `each` for every object that is handed out by a cache with SLAB_TRACK, or
 * guarded, under the lock: it must not allocate. */
void slab_each_live(void (*each)(void *ctx, const char *cache, uintptr_t obj,
				 size_t size, const struct alloc_track *t),
		    void *ctx);

/* Validate all caches: NULL, or what is wrong. Others may use them meanwhile. An
 * object that was overwritten is also reported by mm_bug(), under the cache's
 * lock. Any context. */
const char *slab_check(void);

/*
 * Sampling by guard pages: every `interval`-th time that a hart's magazine runs
 * empty, one object is placed alone at the edge of a page, with unmapped pages
 * around it and unmapped itself once freed, so that the hardware finds misuse
 * where it happens. Costs nothing between samples. `objects` at a time. Returns
 * 0, -ENOMEM or -EBUSY when it runs already. interval 0 stops new samples, and
 * gives the pool back if no object is live. Such an object is not in the direct
 * map: what is for devices comes with ALLOC_DMA32 or from a cache with
 * SLAB_NOGUARD. No spinlock held.
 */
int slab_guard_start(unsigned objects, unsigned interval);

struct slab_guard_stats {
	unsigned objects, live, interval;
	uint64_t sampled, reports;
};
void slab_guard_stats(struct slab_guard_stats *s);

/* If `va` is in the guarded pool, report what an access to it means, by
 * mm_bug() with `pc` as the caller, and return true. For the trap handler. */
bool slab_guard_fault(vaddr_t va, uintptr_t pc);
