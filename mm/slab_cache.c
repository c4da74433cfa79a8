/*
 * Caches as a whole: making and destroying them, what they hold, whether they
 * are sound (<mm/slab.h>).
 *
 * A cache is an object of a cache, `caches`, which is static, as that of
 * magazines is; neither is used by the hot paths, so they need no struct
 * slab_cpu. All are on one list, whose lock is held above theirs while somebody
 * goes through it; so a cache that has left it is nobody's but its destroyer's.
 *
 * The order of slabs is the smallest one at which less than an eighth is wasted.
 * There always is one: what is left over is less than an object, and an object
 * of SLAB_MAX_SIZE is an eighth of order 4. (Those for debugging can be larger;
 * they take the largest order if they must.)
 */
#include <string.h>

#include <kernel/printk.h>
#include <kernel/smp.h>
#include <mm/reclaim.h>
#include <mm/zone.h>
#include <mm/fail.h>

#include "slab_impl.h"

#define ORDER_MAX 5

/* Two redzones as far as alignment makes them go, info, and the object. */
#define STRIDE_MAX (4 * PAGE_SIZE)

_Static_assert((PAGE_SIZE << ORDER_MAX) * STRIDE_MAX < (uint64_t)1 << 32,
	       "slab_find() divides by a multiplication");

#define CALLER ((uintptr_t)__builtin_return_address(0))

/* A magazine holds no more than that, but for so many objects. */
#define MAG_BYTES KIB(16)
#define MAG_MIN	  4

struct slab_list slab_list = {
	.lock = SPINLOCK_INIT(LOCK_SLABS),
	.caches = LIST_INIT(slab_list.caches),
};

unsigned slab_debug = DEBUG_CHECKS ? SLAB_DEBUG : 0;

static struct kmem_cache caches;
static uint64_t depot_bytes; /* that a cache's depot holds at most */

/* How many objects a slab of this order has, and where their bitmap is. */
static void divide(struct kmem_cache *c, unsigned order)
{
	uint64_t bytes = PAGE_SIZE << order;
	uint64_t n = bytes / c->stride;

	c->order = order;
	c->map_at = 0;
	if (n > 32) {
		/* n * stride and n / 8 bytes, in words of 4. */
		n = (bytes - 4) * 8 / (8 * c->stride + 1);
		if (n > 32)
			c->map_at = (uint32_t)(bytes - (n + 31) / 32 * 4);
		else
			n = 32;
	}
	c->per_slab = (uint32_t)n;
}

static void choose_order(struct kmem_cache *c)
{
	for (unsigned order = 0; order <= ORDER_MAX; order++) {
		uint64_t bytes = PAGE_SIZE << order;

		divide(c, order);
		if ((bytes - (uint64_t)c->per_slab * c->stride) * 8 < bytes)
			break;
	}
	c->recip = (uint64_t)UINT32_MAX / c->stride + 1;
	c->all_free = c->map_at ? (int32_t)c->per_slab
				: (int32_t)(UINT32_MAX >> (32 - c->per_slab));
}

/* That of any C type of this size. */
static size_t natural_align(size_t size)
{
	return (size_t)min_u64(size & -size, 16);
}

static bool lay_out(struct kmem_cache *c, size_t size, size_t align)
{
	if (!size || size > SLAB_MAX_SIZE || (align && !is_pow2(align)) ||
	    align > PAGE_SIZE)
		return false;
	if (!align)
		align = natural_align(size);
	if (c->flags & SLAB_HWALIGN)
		align = (size_t)max_u64(align, 64);
	c->size = (uint32_t)size;
	c->align = (uint32_t)align;
	if (!(c->flags & (SLAB_DEBUG & ~SLAB_RANDOM))) {
		c->stride = (uint32_t)align_up(size, align);
	} else {
		size_t guard = c->flags & SLAB_REDZONE ? 16 : 0;

		align = (size_t)max_u64(align, 8);
		c->left = (uint32_t)align_up(guard, align);
		c->info = (uint32_t)align_up(size + guard / 2, 8);
		c->stride = (uint32_t)align_up(
			c->left + c->info + sizeof(struct slab_info), align);
	}
	choose_order(c);
	return true;
}

static void set_magazines(struct kmem_cache *c)
{
	uint64_t n =
		min_u64(max_u64(MAG_BYTES / c->stride, MAG_MIN), MAG_SLOTS);

	c->capacity = c->flags & SLAB_DEBUG ? 0 : (unsigned)n;
	c->max_stock = (unsigned)max_u64(depot_bytes / (n * c->stride), 1);
	for (unsigned i = 0; i < cpus_possible; i++)
		c->cpu[i] = (struct slab_cpu){.top = slab_nothing + 1,
					      .limit = slab_nothing + 1};
}

/* All that no hart holds and nobody needs. */
static void give_back(struct kmem_cache *c)
{
	slab_depot_drain(c);
	if (c->info)
		slab_debug_drain(c);
	slab_shrink(c, 0);
}

void slab_cache_publish(struct kmem_cache *c)
{
	uint64_t irq = spin_lock_irqsave(&slab_list.lock);

	list_add_tail(&slab_list.caches, &c->link);
	spin_unlock_irqrestore(&slab_list.lock, irq);
}

static void withdraw(struct kmem_cache *c)
{
	uint64_t irq = spin_lock_irqsave(&slab_list.lock);

	list_del(&c->link);
	spin_unlock_irqrestore(&slab_list.lock, irq);
}

bool slab_cache_init(struct kmem_cache *c, const char *name, size_t size,
		     size_t align, unsigned flags, void (*ctor)(void *obj))
{
	*c = (struct kmem_cache){
		.lock = SPINLOCK_INIT(LOCK_SLAB),
		/* Poison would undo what a constructor did. */
		.flags = ctor ? flags & ~(unsigned)SLAB_POISON : flags,
		.name = name,
		.ctor = ctor,
		.rng = rng_seed((uintptr_t)c),
	};
	list_init(&c->partial);
	list_init(&c->full);
	list_init(&c->empty);
	return lay_out(c, size, align);
}

struct kmem_cache *kmem_cache_create(const char *name, size_t size,
				     size_t align, unsigned flags,
				     void (*ctor)(void *obj))
{
	struct kmem_cache *c;
	void *obj;

	if (fail_now(CALLER))
		return NULL;
	if (!slab_take(&caches, 1, &obj) &&
	    (!slab_grow(&caches, 0) || !slab_take(&caches, 1, &obj)))
		return NULL;
	c = obj;
	if (!slab_cache_init(c, name, size, align, flags | slab_debug, ctor)) {
		slab_put(&caches, 1, &obj, 0);
		return NULL;
	}
	set_magazines(c);
	slab_cache_publish(c);
	return c;
}

#define LEAKS_NAMED 8

struct leaks {
	void *first;
	unsigned n;
};

static bool leaked(void *ctx, struct kmem_cache *c, void *obj)
{
	struct leaks *l = ctx;

	if (!l->n++)
		l->first = obj;
	else if (l->n <= LEAKS_NAMED)
		pr_err("slab: %s: %p is alive, too\n", c->name, obj);
	return true;
}

size_t kmem_cache_destroy(struct kmem_cache *c)
{
	struct leaks leaks = {NULL, 0};
	void *obj = c;

	withdraw(c);
	for (unsigned i = 0; c->capacity && i < cpus_possible; i++)
		slab_drain(c, &c->cpu[i]);
	give_back(c);
	if (c->taken || c->guarded) {
		slab_each_taken(c, leaked, &leaks);
		slab_cache_publish(c);
		if (!slab_guard_leak(c, CALLER))
			slab_bug(BUG_LEAK, c, leaks.first, CALLER);
		return c->taken + c->guarded;
	}
	slab_put(&caches, 1, &obj, 0);
	return 0;
}

static void drain_mine(struct kmem_cache *c)
{
	uint64_t irq = arch_irq_save();

	if (c->capacity)
		slab_drain(c, &c->cpu[arch_cpu()]);
	arch_irq_restore(irq);
}

static void drain_one(void *arg)
{
	drain_mine(arg);
}

void kmem_cache_shrink(struct kmem_cache *c)
{
	smp_call(cpus_online(), drain_one, c);
	give_back(c);
}

/* This hart's magazines of all caches. */
static void drain_hart(void)
{
	uint64_t irq = spin_lock_irqsave(&slab_list.lock);

	list_for_each (l, &slab_list.caches)
		drain_mine(list_entry(l, struct kmem_cache, link));
	spin_unlock_irqrestore(&slab_list.lock, irq);
}

static void shrink_all(void)
{
	uint64_t irq = spin_lock_irqsave(&slab_list.lock);

	list_for_each (l, &slab_list.caches)
		give_back(list_entry(l, struct kmem_cache, link));
	slab_depot_shrink();
	spin_unlock_irqrestore(&slab_list.lock, irq);
}

static struct shrinker shrinker = {
	.name = "slab", .drain_hart = drain_hart, .shrink = shrink_all};

void slab_init(void)
{
	const struct page_map *map = zone_buddy(ZONE_DMA32)->map;
	uint64_t bytes = range_size(map->frames) << PAGE_SHIFT;
	paddr_t start = map->frames.start << PAGE_SHIFT;

	slab_ram = (struct slab_ram){
		.start = (uintptr_t)phys_to_virt(start),
		.size = bytes,
		.pages = map->pages + map->frames.start,
		.map = map,
	};
	depot_bytes = max_u64(min_u64(bytes / 1024, MIB(1)), KIB(16));
	slab_cache_init(&caches, "kmem_cache",
			sizeof(struct kmem_cache) +
				cpus_possible * sizeof(struct slab_cpu),
			64, SLAB_NOGUARD, NULL);
	slab_cache_publish(&caches);
	slab_depot_init();
	reclaim_register(&shrinker);
}

size_t kmem_cache_size(const struct kmem_cache *c)
{
	return c->size;
}

/* A hart may be at work between the loads of what it has: so each part is kept
 * within what it can be. */
static uint64_t cached(const struct kmem_cache *c)
{
	uint64_t n = (uint64_t)c->nstock * c->capacity;

	for (unsigned i = 0; c->capacity && i < cpus_possible; i++) {
		const struct slab_cpu *cpu = &c->cpu[i];
		void **limit = __atomic_load_n(&cpu->limit, __ATOMIC_RELAXED);
		void **top = __atomic_load_n(&cpu->top, __ATOMIC_RELAXED);
		uint64_t room = (uint64_t)(limit - top);

		n += __atomic_load_n(&cpu->in_other, __ATOMIC_RELAXED);
		if (limit != slab_nothing + 1 && room < c->capacity)
			n += c->capacity - room;
	}
	return min_u64(n + c->quarantined, c->taken);
}

static void count(struct kmem_cache *c, struct slab_stats *s)
{
	spin_lock(&c->lock);
	*s = (struct slab_stats){
		.name = c->name,
		.size = c->size,
		.align = c->align,
		.stride = c->stride,
		.order = c->order,
		.per_slab = c->per_slab,
		.flags = c->flags,
		.slabs = c->slabs,
		.empty = c->nempty,
		.cached = cached(c),
		.grown = c->grown,
		.shrunk = c->shrunk,
	};
	s->objects = c->taken - s->cached +
		     __atomic_load_n(&c->guarded, __ATOMIC_RELAXED);
	spin_unlock(&c->lock);
	for (unsigned i = 0; c->capacity && i < cpus_possible; i++) {
		s->refills +=
			__atomic_load_n(&c->cpu[i].refills, __ATOMIC_RELAXED);
		s->flushes +=
			__atomic_load_n(&c->cpu[i].flushes, __ATOMIC_RELAXED);
	}
}

bool slab_stats(unsigned n, struct slab_stats *s)
{
	uint64_t irq = spin_lock_irqsave(&slab_list.lock);
	bool found = false;

	list_for_each (l, &slab_list.caches)
		if (!n--) {
			count(list_entry(l, struct kmem_cache, link), s);
			found = true;
			break;
		}
	spin_unlock_irqrestore(&slab_list.lock, irq);
	return found;
}

uint64_t slab_bytes(void)
{
	uint64_t irq = spin_lock_irqsave(&slab_list.lock), bytes = 0;

	list_for_each (l, &slab_list.caches) {
		struct kmem_cache *c = list_entry(l, struct kmem_cache, link);

		bytes += __atomic_load_n(&c->slabs, __ATOMIC_RELAXED)
			 << (PAGE_SHIFT + c->order);
	}
	spin_unlock_irqrestore(&slab_list.lock, irq);
	return bytes;
}

static const char *check_depot(const struct kmem_cache *c)
{
	unsigned full = 0, spare = 0;

	for (const struct magazine *m = c->stock; m; m = m->next, full++)
		if (m->bottom || !m->slot[0] || !m->slot[c->capacity - 1])
			return "I3: a magazine of the depot is not full";
	for (const struct magazine *m = c->spare; m; m = m->next)
		spare++;
	return full == c->nstock && spare == c->nspare
		       ? NULL
		       : "the depot's count is wrong";
}

const char *slab_check(void)
{
	uint64_t irq = spin_lock_irqsave(&slab_list.lock);
	const char *err = NULL;

	list_for_each (l, &slab_list.caches) {
		struct kmem_cache *c = list_entry(l, struct kmem_cache, link);

		spin_lock(&c->lock);
		err = slab_pages_check(c);
		if (!err)
			err = check_depot(c);
		spin_unlock(&c->lock);
		if (err)
			break;
	}
	spin_unlock_irqrestore(&slab_list.lock, irq);
	return err;
}

struct visit {
	void (*each)(void *ctx, const char *cache, uintptr_t obj, size_t size,
		     const struct alloc_track *t);
	void *ctx;
};

static bool visit_live(void *ctx, struct kmem_cache *c, void *obj)
{
	const struct visit *v = ctx;
	struct mm_bug b = {.size = c->size};

	if (slab_debug_live(c, obj)) {
		slab_debug_explain(c, obj, &b);
		v->each(v->ctx, c->name, (uintptr_t)obj, b.size, &b.allocated);
	}
	return true;
}

void slab_each_live(void (*each)(void *ctx, const char *cache, uintptr_t obj,
				 size_t size, const struct alloc_track *t),
		    void *ctx)
{
	uint64_t irq = spin_lock_irqsave(&slab_list.lock);
	struct visit v = {each, ctx};

	list_for_each (l, &slab_list.caches) {
		struct kmem_cache *c = list_entry(l, struct kmem_cache, link);

		if (!(c->flags & SLAB_TRACK))
			continue;
		spin_lock(&c->lock);
		slab_each_taken(c, visit_live, &v);
		spin_unlock(&c->lock);
	}
	spin_unlock_irqrestore(&slab_list.lock, irq);
	slab_guard_each(each, ctx);
}

void slab_bug(enum mm_bug_kind kind, const struct kmem_cache *c, const void *at,
	      uintptr_t caller)
{
	const struct kmem_cache *owner = slab_cache_of(at);
	struct mm_bug b = {
		.kind = kind,
		.cache = owner ? owner->name : c->name,
		.object = (uintptr_t)at,
		.at = (uintptr_t)at,
		.caller = caller,
	};
	unsigned index;
	void *obj;

	if (owner && slab_find(owner, at, &index, &obj)) {
		b.object = (uintptr_t)obj;
		b.size = owner->size;
		if (owner->info)
			slab_debug_explain(owner, obj, &b);
	}
	mm_bug(&b);
}
