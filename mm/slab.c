/*
 * Object caches (<mm/slab.h>): the harts' share.
 *
 *	hart 0		hart 1		two magazines for each: the loaded one,
 *	[##--] [####]	[#---] [----]	and the other
 *	    \		   /
 *	     [####] [----]		the depot: full ones and empty ones
 *		  |
 *	     slabs of frames
 *
 * A hart takes objects from its loaded magazine and puts them there: a few loads
 * and stores in a cache line that is its own, with interrupts off. When that is
 * empty, or full, it turns to the other one. When neither helps, it exchanges a
 * magazine at the depot, under the cache's lock; so that happens once in
 * `capacity` operations at most, whatever their order: after an exchange one
 * magazine is full and one empty. When the depot can't help, the magazine is
 * filled from the slabs in one go, or emptied into them.
 *
 * Magazines are taken when first needed. Without one, the hot paths meet
 * slab_nothing, which is empty and full at once, and so leave for the slow paths;
 * that is also how debugging and failures on purpose get to see
 * every single operation without a test in the hot paths.
 *
 * Invariants:
 *  I1  *top[-1] == NULL exactly if the loaded magazine is empty
 *  I2  a hart's struct slab_cpu is written by that hart only, with interrupts
 *      off; or by who destroys the cache
 *  I3  the depot's full magazines have `capacity` objects each
 *
 * Cost of a pair, with the calls: 38 instructions; no atomics, no lock, no counter,
 * and no cache line that another hart writes.
 *
 * Sources: Bonwick, The Slab Allocator (USENIX 1994); Bonwick and Adams,
 * Magazines and Vmem (USENIX 2001).
 */
#include <string.h>

#include <mm/fail.h>
#include <mm/reclaim.h>

#include "slab_impl.h"

#define CALLER ((uintptr_t)__builtin_return_address(0))

static unsigned in_loaded(const struct kmem_cache *c,
			  const struct slab_cpu *cpu)
{
	return cpu->loaded ? c->capacity - (unsigned)(cpu->limit - cpu->top)
			   : 0;
}

/* Load a magazine with `n` objects; NULL: nothing. */
static void load(const struct kmem_cache *c, struct slab_cpu *cpu,
		 struct magazine *m, unsigned n)
{
	cpu->loaded = m;
	store_relaxed(&cpu->top, m ? m->slot + n : slab_nothing + 1);
	store_relaxed(&cpu->limit,
		      m ? m->slot + c->capacity : slab_nothing + 1);
}

static void set_other(struct slab_cpu *cpu, struct magazine *m, unsigned n)
{
	cpu->other = m;
	store_relaxed(&cpu->in_other, n);
}

/* The other one becomes the loaded one. */
static void turn(const struct kmem_cache *c, struct slab_cpu *cpu)
{
	struct magazine *m = cpu->other;
	unsigned n = (unsigned)cpu->in_other;

	set_other(cpu, cpu->loaded, in_loaded(c, cpu));
	load(c, cpu, m, n);
}

static bool may_load(const struct kmem_cache *c)
{
	return c->capacity && !reclaim_bypassed();
}

/* Have objects in the loaded magazine, if there are any to be had without
 * frames; the loaded one is empty. */
static void refill(struct kmem_cache *c, struct slab_cpu *cpu)
{
	struct magazine *m;

	if (cpu->in_other)
		return turn(c, cpu);
	if (!cpu->loaded) {
		m = slab_depot_empty(c);
		if (!m)
			return;
		load(c, cpu, m, 0);
	}
	store_relaxed(&cpu->refills, cpu->refills + 1);
	m = slab_depot_full(c);
	if (m) {
		slab_depot_spare(c, cpu->loaded);
		load(c, cpu, m, c->capacity);
	} else {
		load(c, cpu, cpu->loaded,
		     slab_take(c, c->capacity, cpu->loaded->slot));
	}
}

/* An object, if there is one without new frames. */
static void *take(struct kmem_cache *c)
{
	uint64_t irq = arch_irq_save();
	void *obj = slab_pop(c);

	if (!obj && may_load(c)) {
		refill(c, slab_this_cpu(c));
		obj = slab_pop(c);
	}
	if (!obj && !slab_take(c, 1, &obj))
		obj = NULL;
	arch_irq_restore(irq);
	return obj;
}

void *slab_alloc_slow(struct kmem_cache *c, size_t size, unsigned flags,
		      uintptr_t caller)
{
	bool more = true;
	void *obj;

	if (DEBUG_CHECKS && !(flags & ALLOC_ATOMIC))
		spin_check_none();
	if (fail_now(caller))
		return NULL;
	obj = slab_guard_alloc(c, size, flags, caller);
	if (obj)
		return obj;
	obj = take(c);
	while (!obj && more) {
		/* Even if not: reclaim may have brought some. */
		more = slab_grow(c, flags);
		obj = take(c);
	}
	if (obj && c->info)
		slab_debug_alloced(c, obj, size, caller);
	return obj;
}

void *slab_alloc_miss(struct kmem_cache *c, unsigned flags)
{
	return slab_alloc_slow(c, c->size, flags, CALLER);
}

/* Have room in the loaded magazine, which is full, or nothing. Returns whether
 * there is any. */
static bool make_room(struct kmem_cache *c, struct slab_cpu *cpu,
		      uintptr_t caller)
{
	struct magazine *m = cpu->other;

	if (m && cpu->in_other < c->capacity) {
		turn(c, cpu);
		return true;
	}
	store_relaxed(&cpu->flushes, cpu->flushes + 1);
	if (m && !slab_depot_give(c, m)) {
		slab_put(c, c->capacity, m->slot, caller);
	} else {
		set_other(cpu, NULL, 0);
		m = slab_depot_empty(c);
		if (!m)
			return false;
	}
	set_other(cpu, cpu->loaded, in_loaded(c, cpu));
	load(c, cpu, m, 0);
	return true;
}

void slab_free_slow(struct kmem_cache *c, void *obj, uintptr_t caller)
{
	uint64_t irq;

	if (slab_is_guarded(obj)) {
		if (!slab_guard_free(c, obj, caller))
			slab_bug(BUG_INVALID_FREE, c, obj, caller);
		return;
	}
	if (c->info)
		return slab_debug_free(c, obj, caller);
	irq = arch_irq_save();
	if (may_load(c) && make_room(c, slab_this_cpu(c), caller))
		slab_push(c, obj);
	else
		slab_put(c, 1, &obj, caller);
	arch_irq_restore(irq);
}

void slab_free_miss(struct kmem_cache *c, void *obj)
{
	slab_free_slow(c, obj, CALLER);
}

void slab_drain(struct kmem_cache *c, struct slab_cpu *cpu)
{
	struct magazine *m = cpu->loaded, *other = cpu->other;
	unsigned n = in_loaded(c, cpu), in_other = (unsigned)cpu->in_other;

	load(c, cpu, NULL, 0);
	set_other(cpu, NULL, 0);
	if (m) {
		slab_put(c, n, m->slot, 0);
		slab_depot_drop(m);
	}
	if (other) {
		slab_put(c, in_other, other->slot, 0);
		slab_depot_drop(other);
	}
}

/* --- many at once --- */

/* Up to n objects of the loaded magazine. */
static size_t pop_many(struct kmem_cache *c, size_t n, void **obj)
{
	uint64_t irq = arch_irq_save();
	struct slab_cpu *cpu = slab_this_cpu(c);
	unsigned have = in_loaded(c, cpu);

	if (n > have)
		n = have;
	if (n) {
		load(c, cpu, cpu->loaded, have - (unsigned)n);
		memcpy(obj, cpu->top, n * sizeof(*obj));
	}
	arch_irq_restore(irq);
	return n;
}

bool kmem_cache_alloc_bulk(struct kmem_cache *c, unsigned flags, size_t n,
			   void **obj)
{
	size_t got = 0;

	while (got < n) {
		got += pop_many(c, n - got, obj + got);
		if (got == n)
			break;
		/* Also loads a magazine. */
		obj[got] = slab_alloc_slow(c, c->size, flags, CALLER);
		if (!obj[got]) {
			kmem_cache_free_bulk(c, got, obj);
			return false;
		}
		got++;
	}
	for (size_t i = 0; (flags & ALLOC_ZERO) && i < n; i++)
		memset(obj[i], 0, c->size);
	return true;
}

/* Objects into the loaded magazine, up to one that is special. */
static size_t push_many(struct kmem_cache *c, size_t n, void *const *obj)
{
	uint64_t irq = arch_irq_save();
	struct slab_cpu *cpu = slab_this_cpu(c);
	void **top = cpu->top, **limit = cpu->limit;
	size_t i = 0;

	while (i < n && top < limit && obj[i] && !slab_is_guarded(obj[i]))
		*top++ = obj[i++];
	store_relaxed(&cpu->top, top);
	arch_irq_restore(irq);
	return i;
}

void kmem_cache_free_bulk(struct kmem_cache *c, size_t n, void **obj)
{
	for (size_t i = 0; i < n;) {
		i += push_many(c, n - i, obj + i);
		if (i == n)
			break;
		if (obj[i])
			slab_free_slow(c, obj[i], CALLER);
		i++;
	}
}
