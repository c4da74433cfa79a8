/* Growing the page map (<mm/page_map.h>). */
#include <lib/errno.h>
#include <mm/page_map.h>

struct page *page_map;

int page_map_add(struct page_map *m, pfn_t pfn, struct frame_pool *pool)
{
	uint64_t chunk = page_map_chunk(m, pfn);
	uint64_t bit = (uint64_t)1 << (chunk % 64);
	int err;

	if (m->populated[chunk / 64] & bit)
		return 0;
	err = m->populate(m, m->pages + align_down(pfn, PAGES_PER_CHUNK), pool);
	if (err)
		return err;
	m->populated[chunk / 64] |= bit;
	m->nr_chunks++;
	return 0;
}
