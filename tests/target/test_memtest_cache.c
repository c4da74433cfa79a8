/* Is there room for what the memory tester's uncached mode shows: all of RAM at once,
 * in pieces that end where it cuts them? */
#include <kernel/ktest.h>
#include <kernel/memtest_cache.h>
#include <kernel/ram.h>
#include <mm/vmalloc.h>

#define PIECES 96

/* Where the next piece of free RAM begins and ends, from `at` on. */
static struct range next_piece(paddr_t at)
{
	for (unsigned i = 0; i < ram.n; i++) {
		struct range r = ram.region[i].range;

		if (ram.region[i].type != REGION_FREE || r.end <= at)
			continue;
		r.start = max_u64(r.start, at);
		r.end = min_u64(r.end, align_down(r.start, GIB(1)) + GIB(1));
		return r;
	}
	return range_make(0, 0);
}

KTEST(memtest_cache, views_of_all_ram_fit)
{
	vaddr_t view[PIECES];
	unsigned n = 0;
	struct range r;
	paddr_t at = 0;

	if (!cache_views_room(memblock_total(&ram)))
		return ktest_skip("nothing leads past the caches here");
	if (memblock_total(&ram) > GIB(24))
		return ktest_skip("more RAM than windows in Sv39");
	for (; n < PIECES; n++, at = r.end) {
		r = next_piece(at);
		if (range_empty(r))
			break;
		view[n] = vmap(r.start, range_size(r), VM_READ, ATTR_NORMAL);
		EXPECT(view[n]);
		if (!view[n])
			break;
	}
	EXPECT(n);
	while (n)
		vunmap(view[--n]);
}
