/*
 * The depot: magazines that no hart has (<mm/slab.h>). Full ones are free
 * objects that any hart may take in one step; empty ones wait to be filled.
 *
 * Magazines are objects of a cache of their own, which has no magazines. Where
 * none can be had, objects go to and from the slabs one by one.
 *
 * Locking: the cache's lock; that of the cache of magazines is of the same rank,
 * so neither is taken under the other.
 */
#include "slab_impl.h"

static struct kmem_cache magazines; /* never used by the hot paths */

void slab_depot_init(void)
{
	slab_cache_init(&magazines, "magazine", sizeof(struct magazine), 64,
			SLAB_NOGUARD, NULL);
	slab_cache_publish(&magazines);
}

void slab_depot_shrink(void)
{
	slab_shrink(&magazines, 0);
}

struct magazine *slab_depot_full(struct kmem_cache *c)
{
	uint64_t irq = spin_lock_irqsave(&c->lock);
	struct magazine *m = c->stock;

	if (m) {
		c->stock = m->next;
		c->nstock--;
	}
	spin_unlock_irqrestore(&c->lock, irq);
	return m;
}

bool slab_depot_give(struct kmem_cache *c, struct magazine *m)
{
	uint64_t irq = spin_lock_irqsave(&c->lock);
	bool room = c->nstock < c->max_stock;

	if (room) {
		m->next = c->stock;
		c->stock = m;
		c->nstock++;
	}
	spin_unlock_irqrestore(&c->lock, irq);
	return room;
}

struct magazine *slab_depot_empty(struct kmem_cache *c)
{
	uint64_t irq = spin_lock_irqsave(&c->lock);
	struct magazine *m = c->spare;
	void *obj;

	if (m) {
		c->spare = m->next;
		c->nspare--;
	}
	spin_unlock_irqrestore(&c->lock, irq);
	if (m)
		return m;
	/* Objects are being freed, in any context: this may not wait. */
	if (!slab_take(&magazines, 1, &obj) &&
	    (!slab_grow(&magazines, ALLOC_ATOMIC | ALLOC_NORETRY) ||
	     !slab_take(&magazines, 1, &obj)))
		return NULL;
	m = obj;
	m->bottom = NULL;
	return m;
}

void slab_depot_spare(struct kmem_cache *c, struct magazine *m)
{
	uint64_t irq = spin_lock_irqsave(&c->lock);
	bool room = c->nspare < c->max_stock;

	if (room) {
		m->next = c->spare;
		c->spare = m;
		c->nspare++;
	}
	spin_unlock_irqrestore(&c->lock, irq);
	if (!room)
		slab_depot_drop(m);
}

void slab_depot_drop(struct magazine *m)
{
	void *obj = m;

	slab_put(&magazines, 1, &obj, 0);
}

void slab_depot_drain(struct kmem_cache *c)
{
	uint64_t irq = spin_lock_irqsave(&c->lock);
	struct magazine *full = c->stock, *spare = c->spare, *next;

	c->stock = c->spare = NULL;
	c->nstock = c->nspare = 0;
	spin_unlock_irqrestore(&c->lock, irq);
	for (; full; full = next) {
		next = full->next;
		slab_put(c, c->capacity, full->slot, 0);
		slab_depot_drop(full);
	}
	for (; spare; spare = next) {
		next = spare->next;
		slab_depot_drop(spare);
	}
}
