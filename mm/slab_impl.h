/*
 * What the files of the slab allocator share. From the top down:
 *
 *	slab_hot.c	the hot paths
 *	slab.c		the harts' magazines
 *	slab_depot.c	the magazines that no hart has
 *	slab_pages.c	slabs: objects out of frames, and back
 *	slab_cache.c	making, destroying, looking into caches
 *	slab_debug.c	redzones, poison, who did it, quarantine
 *	slab_guard.c	sampled objects between unmapped pages
 */
#pragma once

#include <kernel/cpu.h>
#include <kernel/spinlock.h>
#include <lib/relaxed.h>
#include <lib/rng.h>
#include <mm/layout.h>
#include <mm/page_map.h>
#include <mm/slab.h>

/* With the two words in front of the slots: 512 bytes. */
#define MAG_SLOTS 62

/* A stack of free objects. */
struct magazine {
	struct magazine *next; /* in the depot (l) */
	void *bottom;	       /* NULL: what a hart finds when it is empty */
	void *slot[MAG_SLOTS];
};

/*
 * What a hart has of a cache: a cache line of its own, which only it writes,
 * with interrupts off. `top` is behind the object that is handed out next, and
 * *top[-1] is NULL when there is none; at `limit` the magazine is full. Without
 * a magazine both are slab_nothing, which is full and empty.
 */
struct slab_cpu {
	void **top, **limit;	   /* of the loaded magazine */
	struct magazine *loaded;   /* NULL: none */
	struct magazine *other;	   /* NULL: none */
	uint32_t in_other;	   /* objects in it */
	uint64_t refills, flushes; /* that left the two magazines */
	uint64_t unused;
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct slab_cpu) == 64, "a cache line for each hart");

struct kmem_cache {
	struct spinlock lock;
	unsigned flags;		 /* SLAB_... (c) */
	const char *name;	 /* (c) */
	void (*ctor)(void *obj); /* (c) */

	/* Where objects are (c). */
	uint32_t size, align; /* as asked for, 0 replaced */
	uint32_t stride;      /* from one to the next */
	uint32_t left;	      /* bytes of a stride before the object */
	uint32_t info;	 /* from the object to its struct slab_info; or 0 */
	uint32_t map_at; /* of the bitmap in the slab; 0: page->refs */
	uint32_t per_slab;
	uint64_t recip;	  /* 2^32 / stride, rounded up */
	int32_t all_free; /* page->refs of a slab without live objects */
	unsigned order;

	/* Slabs by what they have: some free objects, none, only such. */
	struct list partial, full, empty; /* (l) */
	uint64_t slabs, nempty;		  /* (l) */
	uint64_t taken;			  /* objects out of slabs (l) */
	uint64_t grown, shrunk;		  /* slabs, ever (l) */

	uint64_t guarded; /* live objects in guard pages (a) */

	/* The depot. */
	unsigned capacity;	 /* of a magazine here; 0: none are used (c) */
	unsigned max_stock;	 /* (c) */
	unsigned nstock, nspare; /* (l) */
	struct magazine *stock, *spare; /* full ones, empty ones (l) */

	struct rng rng; /* of SLAB_RANDOM (l) */

	/* The quarantine: a queue through struct slab_info (l). */
	void *oldest, *newest;
	unsigned quarantined;

	struct list link;      /* all caches (slab_list.lock) */
	struct slab_cpu cpu[]; /* cpus_possible of them; see capacity */
};

/* All caches. Its lock is above those of the caches. */
struct slab_list {
	struct spinlock lock;
	struct list caches;
};
extern struct slab_list slab_list;

/* Guarded objects are no RAM of the direct map (<mm/layout.h>). */
static inline bool slab_is_guarded(const void *obj)
{
	return (uintptr_t)obj >= ARENA_BASE;
}

/* RAM, as objects lie in it (c). */
struct slab_ram {
	uintptr_t start; /* of the direct map of RAM */
	uint64_t size;
	struct page *pages; /* that of `start` */
	const struct page_map *map;
};
extern struct slab_ram slab_ram;

/* Does it lie between the first and the last frame of RAM? */
static inline bool slab_in_ram(const void *p)
{
	return (uintptr_t)p - slab_ram.start < slab_ram.size;
}

/* The page of a pointer, in which nothing may be wrong; the page of any pointer,
 * NULL if it has none. */
static inline struct page *slab_ram_page(const void *p)
{
	return slab_ram.pages + (((uintptr_t)p - slab_ram.start) >> PAGE_SHIFT);
}

struct page *slab_page_of(const void *p);

static inline struct kmem_cache *slab_owner(const struct page *p)
{
	return (struct kmem_cache *)(uintptr_t)p->owner;
}

/* The cache whose slab holds this address, or NULL. Any pointer will do. */
struct kmem_cache *slab_cache_of(const void *p);

/* --- slab_hot.c; the hot paths, also for kmalloc --- */

extern void *slab_nothing[2];

/* This hart's, interrupts off. Said so that the compiler has an index to scale and
 * a constant to add, and not the other way round. */
static inline struct slab_cpu *slab_this_cpu(struct kmem_cache *c)
{
	size_t offset = arch_cpu() * sizeof(struct slab_cpu);

	return ((struct kmem_cache *)(void *)((char *)c + offset))->cpu;
}

/* An object, or NULL when the magazine is empty. */
static inline void *slab_pop(struct kmem_cache *c)
{
	uint64_t irq = arch_irq_save();
	struct slab_cpu *cpu = slab_this_cpu(c);
	void **top = cpu->top;
	void *obj = top[-1];

	if (__builtin_expect(!obj, 0)) {
		arch_irq_restore(irq);
		return NULL;
	}
	store_relaxed(&cpu->top, top - 1);
	arch_irq_restore(irq);
	return obj;
}

/* Was there room? */
static inline bool slab_push(struct kmem_cache *c, void *obj)
{
	uint64_t irq = arch_irq_save();
	struct slab_cpu *cpu = slab_this_cpu(c);
	void **top = cpu->top;

	if (__builtin_expect(top == cpu->limit, 0)) {
		arch_irq_restore(irq);
		return false;
	}
	*top = obj;
	store_relaxed(&cpu->top, top + 1);
	arch_irq_restore(irq);
	return true;
}

/* --- slab.c --- */

/* What they leave over. `size` is what the user asked for, `caller` the address
 * behind the call. */
void *slab_alloc_slow(struct kmem_cache *c, size_t size, unsigned flags,
		      uintptr_t caller);
void slab_free_slow(struct kmem_cache *c, void *obj, uintptr_t caller);

/* The same for who jumps there, with the caller's return address in its place
 * and its arguments where they were. */
void *slab_alloc_miss(struct kmem_cache *c, unsigned flags);
void slab_free_miss(struct kmem_cache *c, void *obj);

/* Give back what a hart has: this hart's, with interrupts off, or that of one
 * that can't run or does not use the cache. */
void slab_drain(struct kmem_cache *c, struct slab_cpu *cpu);

/* --- slab_depot.c; all of it may be called with interrupts off --- */

/* A magazine with `capacity` objects, or NULL. */
struct magazine *slab_depot_full(struct kmem_cache *c);

/* Takes a full magazine if there is room; returns whether. */
bool slab_depot_give(struct kmem_cache *c, struct magazine *m);

/* An empty magazine, of the depot or a new one; NULL when out of memory. */
struct magazine *slab_depot_empty(struct kmem_cache *c);

/* Give back an empty one: to the depot, or for good. */
void slab_depot_spare(struct kmem_cache *c, struct magazine *m);
void slab_depot_drop(struct magazine *m);

/* Give back all that the depot has. */
void slab_depot_drain(struct kmem_cache *c);

void slab_depot_init(void);

/* Give back the frames of magazines that are gone. */
void slab_depot_shrink(void);

/* --- slab_pages.c --- */

/* Up to `n` objects from the slabs that there are; returns how many. */
unsigned slab_take(struct kmem_cache *c, unsigned n, void **obj);

/* Objects back to their slabs. One that is none of the cache's, or free, is
 * reported and left alone. */
void slab_put(struct kmem_cache *c, size_t n, void *const *obj,
	      uintptr_t caller);

/* One more slab, by ALLOC_ flags; false when out of memory. */
bool slab_grow(struct kmem_cache *c, unsigned flags);

/* Give back empty slabs, but for so many. */
void slab_shrink(struct kmem_cache *c, unsigned keep);

/* The object of c that an address in one of its slabs is for, the parts before
 * and behind it included: its index, and its start; false when there is none. */
bool slab_find(const struct kmem_cache *c, const void *at, unsigned *index,
	       void **obj);

/* The slab of one of its frames; its n-th object. */
struct page *slab_head(const struct kmem_cache *c, struct page *p);
void *slab_object(const struct kmem_cache *c, struct page *head, unsigned n);

/* Is it in the slab: neither handed out nor cached? The lock is held. */
bool slab_is_free(const struct kmem_cache *c, struct page *head, unsigned n);

/* NULL, or what is wrong. The lock is held. */
const char *slab_pages_check(struct kmem_cache *c);

/* Calls `each` for every object that is not in its slab, until it returns false;
 * with the lock held, or when nobody uses the cache. Returns what it did last. */
bool slab_each_taken(struct kmem_cache *c,
		     bool (*each)(void *ctx, struct kmem_cache *c, void *obj),
		     void *ctx);

/* --- slab_debug.c: for caches with c->info, but where it says so --- */

/* Behind each object. */
struct slab_info {
	struct alloc_track allocated, freed;
	uint32_t state;
	uint32_t size; /* asked for */
	void *next;    /* in the quarantine */
};

/* An object of a new slab. */
void slab_debug_init(const struct kmem_cache *c, void *obj);

/* One is handed out, one is freed. */
void slab_debug_alloced(struct kmem_cache *c, void *obj, size_t size,
			uintptr_t caller);
void slab_debug_free(struct kmem_cache *c, void *obj, uintptr_t caller);

/* The oldest object of the quarantine, or NULL. The lock is held. */
void *slab_debug_release(struct kmem_cache *c);

/* All of them go to their slabs. */
void slab_debug_drain(struct kmem_cache *c);

/* A live object has another size now, if nothing is wrong with it; usable bytes.
 * Any cache. */
void slab_debug_resize(struct kmem_cache *c, void *obj, size_t size,
		       uintptr_t caller);
size_t slab_debug_size(const struct kmem_cache *c, const void *obj);

/* Is it handed out? */
bool slab_debug_live(const struct kmem_cache *c, void *obj);

/* What is known of it. */
void slab_debug_explain(const struct kmem_cache *c, void *obj,
			struct mm_bug *b);

/* Nothing was written where nothing may be; else it has been reported. */
bool slab_debug_check(struct kmem_cache *c, void *obj);

/* --- slab_guard.c --- */

/* An object that is guarded, now and then; else NULL. */
void *slab_guard_alloc(struct kmem_cache *c, size_t size, unsigned flags,
		       uintptr_t caller);

/* If it is in a slot, free it, or report what is wrong. c NULL: of any cache. */
bool slab_guard_free(const struct kmem_cache *c, void *obj, uintptr_t caller);

/* The size that was asked for; false: it is no such object. */
bool slab_guard_size(const void *obj, size_t *size);

/* As slab_each_live(), for all that are in slots. */
void slab_guard_each(void (*each)(void *ctx, const char *cache, uintptr_t obj,
				  size_t size, const struct alloc_track *t),
		     void *ctx);

/* Report a live object of the cache as a leak; false: there is none. Nobody uses
 * the cache. */
bool slab_guard_leak(const struct kmem_cache *c, uintptr_t caller);

/* --- slab_cache.c --- */

/* Make *c, with room for `size` bytes in all, a cache. */
bool slab_cache_init(struct kmem_cache *c, const char *name, size_t size,
		     size_t align, unsigned flags, void (*ctor)(void *obj));

/* Have it on the list. */
void slab_cache_publish(struct kmem_cache *c);

/* Report misuse: `at` is the wrong byte, or the pointer that was given; `c` the
 * cache that it was given to. */
void slab_bug(enum mm_bug_kind kind, const struct kmem_cache *c, const void *at,
	      uintptr_t caller);

/* --- kmalloc.c --- */

void *kmalloc_class_miss(struct kmem_cache *c, unsigned flags, size_t size);
void *kmalloc_miss(size_t size, unsigned flags);
void kfree_miss(void *p);
