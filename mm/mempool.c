/*
 * Pools with a reserve (<mm/mempool.h>).
 *
 * Allocation asks the cache first, so that the reserve stays for when there is
 * no other way; what is freed fills the reserve first. So, whatever the order:
 *
 *  I1  min - n objects of those that are out came from the reserve, at most
 */
#include <string.h>

#include <lib/errno.h>
#include <mm/kmalloc.h>
#include <mm/mempool.h>

int mempool_init(struct mempool *m, struct kmem_cache *cache, unsigned min)
{
	*m = (struct mempool){
		.lock = SPINLOCK_INIT(LOCK_MEMPOOL),
		.cache = cache,
		.min = min,
		.reserve = kmalloc_array(min, sizeof(void *), 0),
	};
	if (!m->reserve)
		return -ENOMEM;
	if (!kmem_cache_alloc_bulk(cache, 0, min, m->reserve)) {
		kfree(m->reserve);
		return -ENOMEM;
	}
	m->n = min;
	return 0;
}

void mempool_destroy(struct mempool *m)
{
	kmem_cache_free_bulk(m->cache, m->n, m->reserve);
	kfree(m->reserve);
}

void *mempool_alloc(struct mempool *m, unsigned flags)
{
	void *obj = kmem_cache_alloc(m->cache, flags);
	uint64_t irq;

	if (obj)
		return obj;
	irq = spin_lock_irqsave(&m->lock);
	if (m->n) {
		obj = m->reserve[--m->n];
		m->used++;
	}
	spin_unlock_irqrestore(&m->lock, irq);
	if (obj && (flags & ALLOC_ZERO))
		memset(obj, 0, kmem_cache_size(m->cache));
	return obj;
}

void mempool_free(struct mempool *m, void *obj)
{
	uint64_t irq = spin_lock_irqsave(&m->lock);

	if (obj && m->n < m->min) {
		m->reserve[m->n++] = obj;
		obj = NULL;
	}
	spin_unlock_irqrestore(&m->lock, irq);
	kmem_cache_free(m->cache, obj);
}
