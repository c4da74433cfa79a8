/* See <kernel/meminfo.h>. */
#include <stdio.h>
#include <string.h>

#include <kernel/meminfo.h>
#include <kernel/ram.h>
#include <mm/slab.h>
#include <mm/vmalloc.h>
#include <mm/zone.h>

/* Bytes in areas of vmalloc, by what they are for. */
struct areas {
	uint64_t memory, stacks;
};

static void add_area(void *ctx, struct range va, const char *what,
		     const struct alloc_track *t)
{
	struct areas *a = ctx;

	(void)t;
	if (!strcmp(what, "memory"))
		a->memory += range_size(va);
	if (!strcmp(what, "stack"))
		a->stacks += range_size(va);
}

static struct areas count_areas(void)
{
	struct areas a = {0};
	struct vmalloc_stats v;

	vmalloc_each(add_area, &a);
	/* What was freed holds its memory until the next purge; the figure has
	 * the guard pages, too. */
	vmalloc_stats(&v);
	a.memory += v.lazy_bytes - v.lazy * PAGE_SIZE;
	return a;
}

/* Text that grows; `n' is what it would take. */
struct line {
	char *buf;
	size_t size, n;
	uint64_t sum;
};

static void add(struct line *l, const char *name, uint64_t bytes)
{
	l->sum += bytes;
	if (l->n < l->size)
		l->n += (size_t)snprintf(l->buf + l->n, l->size - l->n,
					 " %s %llu +", name,
					 (unsigned long long)bytes);
}

bool meminfo_account(char *buf, size_t size)
{
	uint64_t total = memblock_total(&ram), part[REGION_TYPES];
	struct line l = {.buf = buf, .size = size};
	struct zone_sums z = zone_sums();
	struct areas a = count_areas();
	uint64_t slab = slab_bytes();
	uint64_t used = zone_used_frames() << PAGE_SHIFT;

	for (unsigned t = 0; t < REGION_TYPES; t++)
		part[t] = memblock_bytes(&ram, t);
	/* What the map calls free is the page allocator's. */
	bool agree = part[REGION_FREE] == z.total << PAGE_SHIFT &&
		     used >= slab + a.memory + a.stacks;

	part[REGION_METADATA] += z.meta << PAGE_SHIFT;
	part[REGION_BAD] += z.bad << PAGE_SHIFT;
	l.n = (size_t)snprintf(buf, size,
			       "memory: %llu =", (unsigned long long)total);
	for (unsigned t = REGION_TYPES - 1; t > REGION_FREE; t--)
		if (part[t])
			add(&l, region_type_name(t), part[t]);
	add(&l, "slab", slab);
	add(&l, "vmalloc", a.memory);
	add(&l, "hart stacks", a.stacks);
	add(&l, "used", used - slab - a.memory - a.stacks);
	add(&l, "cached", z.cached << PAGE_SHIFT);
	add(&l, "free", z.free << PAGE_SHIFT);
	if (l.n >= size)
		return false;
	buf[l.n - 2] = '\0'; /* the last " +" */
	return agree && l.sum == total;
}

/* The frames of the chunk from `at` on; false to stop. */
static bool each_in_chunk(bool (*each)(void *, const struct page *, uint64_t),
			  void *ctx, pfn_t *at, pfn_t end)
{
	while (*at < end) {
		const struct page *p = pfn_to_page(*at);
		enum page_state state = p->state;
		unsigned order = p->order;

		/* Changing right now, or not the head of any block. */
		if (state == PAGE_NONE || order > MAX_ORDER) {
			++*at;
			continue;
		}
		*at += (pfn_t)1 << order;
		if (!each(ctx, p, (uint64_t)1 << order))
			return false;
	}
	return true;
}

void meminfo_each_block(bool (*each)(void *ctx, const struct page *p,
				     uint64_t frames),
			void *ctx)
{
	const struct page_map *map = zone_buddy(ZONE_DMA32)->map;
	pfn_t at = map->frames.start;

	while (at < map->frames.end) {
		pfn_t end = align_down(at, PAGES_PER_CHUNK) + PAGES_PER_CHUNK;

		end = min_u64(end, map->frames.end);
		if (!page_map_has(map, at))
			at = end;
		else if (!each_in_chunk(each, ctx, &at, end))
			return;
	}
}
