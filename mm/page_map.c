/* Growing the page map (<mm/page_map.h>). */
#include <lib/errno.h>
#include <mm/page_map.h>

struct page *page_map;

int page_map_add(struct page_map *m, pfn_t pfn, struct frame_pool *pool)
{
	uint64_t chunk = page_map_chunk(m, pfn);
	uint64_t *word = &m->populated[chunk / 64];
	int err;

	if (page_map_has(m, pfn))
		return 0;
	spin_lock(&m->lock);
	err = m->populate(m, m->pages + align_down(pfn, PAGES_PER_CHUNK), pool);
	if (!err) {
		__atomic_store_n(word, *word | (uint64_t)1 << (chunk % 64),
				 __ATOMIC_RELAXED);
		__atomic_store_n(&m->nr_chunks, m->nr_chunks + 1,
				 __ATOMIC_RELAXED);
	}
	spin_unlock(&m->lock);
	return err;
}
