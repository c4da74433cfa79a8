/* The system's zones over two buddy allocators (<mm/page_alloc.h>). */
#include <string.h>

#include <kernel/assert.h>
#include <mm/kmap.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>
#include <mm/zone.h>

#define DMA32_END (GIB(4) >> PAGE_SHIFT)

/* Zones meet where no block can cross: at a multiple of the largest. */
_Static_assert(DMA32_END % (1u << MAX_ORDER) == 0, "zones share no block");

static struct page_map map;
static struct buddy zones[ZONES];

struct buddy *zone_buddy(enum zone z)
{
	return &zones[z];
}

const char *zone_name(enum zone z)
{
	return z == ZONE_DMA32 ? "DMA32" : "normal";
}

static enum zone zone_of(pfn_t pfn)
{
	return pfn < DMA32_END ? ZONE_DMA32 : ZONE_NORMAL;
}

/* The first frames of a zone's pool. */
static bool fill_pool(struct buddy *b, struct bump *bump, uint32_t n)
{
	paddr_t pa =
		bump_alloc(bump, n * PAGE_SIZE, PAGE_SIZE, REGION_METADATA);

	if (pa == BUMP_NONE)
		return false;
	for (; b->pool.n < n; pa += PAGE_SIZE)
		b->pool.frame[b->pool.n++] = pa >> PAGE_SHIFT;
	return true;
}

bool page_alloc_init(struct bump *bump)
{
	struct range span = memblock_span(bump->mb);
	size_t bytes;
	paddr_t bits;

	spin_lock_init(&map.lock, LOCK_PAGE_MAP);
	map.pages = (struct page *)PAGE_MAP_BASE;
	map.frames = range_make(span.start >> PAGE_SHIFT,
				(span.end + PAGE_SIZE - 1) >> PAGE_SHIFT);
	map.populate = kmap_populate;
	page_map = map.pages;

	/* Whole frames, so that none is used in part. */
	bytes = align_up(page_map_words(map.frames) * sizeof(uint64_t),
			 PAGE_SIZE);
	bits = bump_alloc(bump, bytes, PAGE_SIZE, REGION_METADATA);
	if (bits == BUMP_NONE)
		return false;
	map.populated = phys_to_virt(bits);
	memset(map.populated, 0, bytes);

	buddy_init(&zones[ZONE_DMA32], &map, range_make(0, DMA32_END));
	buddy_init(&zones[ZONE_NORMAL], &map,
		   range_make(DMA32_END, UINT64_MAX >> PAGE_SHIFT));
	for (unsigned z = 0; z < ZONES; z++) {
		struct range part =
			range_intersect(map.frames, zones[z].frames);

		if (!range_empty(part) &&
		    !fill_pool(&zones[z], bump, BUDDY_POOL_MIN))
			return false;
	}
	return true;
}

void page_alloc_give(struct range ram)
{
	struct range frames = {ram.start >> PAGE_SHIFT, ram.end >> PAGE_SHIFT};

	for (unsigned z = 0; z < ZONES; z++)
		if (buddy_seed(&zones[z],
			       range_intersect(frames, zones[z].frames)))
			panic("more than %u separate ranges of free RAM",
			      BUDDY_SEEDS);
}

struct page *page_alloc(unsigned order, unsigned flags)
{
	struct page *p = NULL;

	if (!(flags & ALLOC_DMA32))
		p = buddy_alloc(&zones[ZONE_NORMAL], order);
	if (!p)
		p = buddy_alloc(&zones[ZONE_DMA32], order);
	if (p && (flags & ALLOC_ZERO))
		memset(phys_to_virt(page_to_phys(p)), 0, PAGE_SIZE << order);
	return p;
}

void page_free(struct page *p, unsigned order)
{
	pfn_t pfn = page_to_pfn(p);
	int err = buddy_free(&zones[zone_of(pfn)], pfn, order);

	if (err)
		panic("page_free: frame %#llx, order %u: %s",
		      (unsigned long long)pfn, order, buddy_strerror(err));
}

uint64_t page_free_count(void)
{
	return zones[ZONE_DMA32].free_frames + zones[ZONE_NORMAL].free_frames;
}

bool page_is_free(pfn_t pfn)
{
	struct buddy *b = &zones[zone_of(pfn)];

	return b->map && buddy_is_free(b, pfn);
}

bool page_is_table(pfn_t pfn)
{
	const struct page *p = pfn_to_page(pfn);

	return page_map_has(&map, pfn) && p->state == PAGE_USED &&
	       (p->flags & PAGE_TABLE);
}
