/*
 * How the kernel's address space comes to be (<mm/kmap.h>).
 *
 * The boot tables (arch) map the image and a window for the device tree; the map
 * of RAM follows from that. Then a handful of free frames become reachable at
 * their direct map addresses (arch_mmu_early_window), the real tables are built
 * in them, and the hart switches over. Nothing of the boot tables is used after
 * that; they are part of the image's init sections.
 *
 * All tables that come from the bump allocator are permanent. kmap_reserve adds
 * those that make the root complete, so that the roots of user spaces can be
 * copies of it.
 *
 * Locking: none; boot is single-threaded.
 */
#include <string.h>

#include <arch/image.h>
#include <arch/mmu.h>
#include <lib/errno.h>
#include <mm/kmap.h>
#include <mm/layout.h>
#include <mm/page_map.h>
#include <mm/tlb.h>

#include "kmap_impl.h"

/* The direct map starts at a multiple of this, so that a physical address and
 * its direct map address allow the same leaves. */
#define DIRECT_MAP_ALIGN GIB(1)

/* The page map can describe frames below this. */
#define PAGE_MAP_REACH \
	((PAGE_MAP_END - PAGE_MAP_BASE) / sizeof(struct page) << PAGE_SHIFT)

#define EARLY_BLOCK MIB(2)

/* So much of the arena is used as these tables below the root can map: in Sv39, 4 GiB. */
#define ARENA_TABLES 4

uint64_t direct_map_offset;

/* Of the direct map in these tables; where they are only data, RAM is
 * elsewhere. */
static uint64_t offset;

/* Where the direct map begins and ends with so many levels. */
static struct range direct_map(unsigned levels)
{
	static const uint64_t base[] = {DIRECT_MAP_SV39, DIRECT_MAP_SV48,
					DIRECT_MAP_SV57};

	return range_make(base[levels - MMU_MIN_LEVELS],
			  levels == MMU_MIN_LEVELS ? DIRECT_MAP_END
						   : DIRECT_MAP_SV39);
}

struct kmap_plan kmap_plan(struct range span, unsigned modes, unsigned wanted)
{
	uint64_t base = align_down(span.start, DIRECT_MAP_ALIGN);
	uint64_t end = min_u64(span.end, PAGE_MAP_REACH);
	struct kmap_plan plan = {.levels = 0};

	for (unsigned n = MMU_MIN_LEVELS; n <= MMU_MAX_LEVELS; n++) {
		struct range map = direct_map(n);

		if (!(modes >> n & 1) || (wanted && n != wanted))
			continue;
		plan.levels = n;
		plan.offset = map.start - base;
		plan.reach.start = span.start;
		plan.reach.end = min_u64(end, base + range_size(map));
		if (plan.reach.end == end)
			break;
	}
	return plan;
}

struct range kmap_early_frames(const struct memblock *mb, paddr_t near)
{
	/* Either end of a run of RAM can take a table of the last level and one
	 * above; image, windows and the levels above take 16 at most. */
	uint64_t need = (16 + 4 * mb->n) * PAGE_SIZE, want = KIB(256);

	while (want < need && want < EARLY_BLOCK)
		want *= 2;
	for (; want >= KIB(64); want /= 2) {
		paddr_t at;

		for (int pass = 0; pass < 2; pass++) {
			struct range where = {pass ? 0 : near, UINT64_MAX};

			/* Aligned to its size: inside one block. */
			if (memblock_find(mb, want, want, where, false, &at))
				return range_make(at, at + want);
		}
	}
	return range_make(0, 0);
}

static paddr_t table_from_bump(struct table_source *s)
{
	return bump_alloc(s->ctx, PAGE_SIZE, PAGE_SIZE, REGION_TABLES);
}

static struct table_source boot_tables = {
	.alloc = table_from_bump,
	.permanent = true,
};

static struct range direct(struct range pa)
{
	return range_make(pa.start + offset, pa.end + offset);
}

bool kmap_shows(enum region_type type)
{
	return type != REGION_FIRMWARE && type != REGION_NOMAP &&
	       type != REGION_INIT && type != REGION_TESTS &&
	       type != REGION_KERNEL;
}

/* The next run of regions from `at` up that the direct map shows, in whole
 * pages; empty at the end. */
static struct range next_run(const struct memblock *mb, paddr_t at)
{
	struct range run = {0, 0};

	for (unsigned i = 0; i < mb->n; i++) {
		const struct region *r = &mb->region[i];

		if (r->range.end <= at || !kmap_shows(r->type))
			continue;
		if (range_empty(run))
			run = range_make(max_u64(r->range.start, at),
					 r->range.end);
		else if (r->range.start == run.end)
			run.end = r->range.end;
		else
			break;
	}
	return run;
}

static int map_direct(const struct memblock *mb)
{
	paddr_t at = 0;

	for (;;) {
		/* Found afresh each time: new tables change the map of RAM, but
		 * not what of it is shown. */
		struct range run = next_run(mb, at), pages;
		int err;

		if (range_empty(run))
			return 0;
		at = run.end;
		pages = range_align_in(run, PAGE_SIZE);
		if (range_empty(pages))
			continue;
		err = kmap_add(direct(pages), pages.start, VM_READ | VM_WRITE,
			       ATTR_NORMAL);
		if (err)
			return err;
	}
}

static int map_image(void)
{
	for (const struct image_section *s = arch_image_sections; s->name;
	     s++) {
		int err;

		if (range_empty(s->va))
			continue;
		err = kmap_add(s->va, image_phys + (s->va.start - IMAGE_BASE),
			       s->prot, ATTR_NORMAL);
		if (err)
			return err;
	}
	return 0;
}

/* At the address where the boot tables had it, so that pointers stay true. */
static int map_fdt(struct range fdt, vaddr_t view)
{
	struct range pages = range_align_out(fdt, PAGE_SIZE);
	vaddr_t va = align_down(view, PAGE_SIZE);

	return kmap_add(range_make(va, va + range_size(pages)), pages.start,
			VM_READ, ATTR_NORMAL);
}

int kmap_init(struct bump *bump, const struct kmap_plan *plan, struct range fdt,
	      vaddr_t view)
{
	int err;

	boot_tables.ctx = bump;
	offset = plan->offset;
	err = pgtable_init(&kernel_pgtable, plan->levels,
			   pgtable_upper_half(plan->levels), &boot_tables);
	if (!err)
		err = map_image();
	if (!err)
		err = map_fdt(fdt, view);
	if (!err)
		err = map_direct(bump->mb);
	if (!err)
		arch_mmu_activate(kernel_pgtable.root, plan->levels);
	return err;
}

/* The first region that ends behind `at`; NULL if there is none. */
static const struct region *region_behind(const struct memblock *mb, paddr_t at)
{
	for (unsigned i = 0; i < mb->n; i++)
		if (mb->region[i].range.end > at)
			return &mb->region[i];
	return NULL;
}

/* Tables for the part of the page map that describes this RAM. */
static int reserve_page_map(struct range ram)
{
	const uint64_t size = sizeof(struct page);
	struct range va = {PAGE_MAP_BASE + (ram.start >> PAGE_SHIFT) * size,
			   PAGE_MAP_BASE + (ram.end >> PAGE_SHIFT) * size};

	return pgtable_reserve(&kernel_pgtable, range_align_out(va, pt_span(2)),
			       1);
}

int kmap_reserve(const struct memblock *mb, uint64_t more)
{
	/* In Sv39 each entry of the root maps 1 GiB only. */
	uint64_t span = pt_span(kernel_pgtable.levels - 1);
	uint64_t room = ARENA_TABLES * span + align_up(more, span);
	const struct region *r;
	struct tlb_gather g;
	paddr_t at = 0;
	int err;

	kmap_arena.end = ARENA_BASE + min_u64(room, ARENA_END - ARENA_BASE);
	err = pgtable_reserve(&kernel_pgtable,
			      range_make(ARENA_BASE, kmap_arena.end),
			      kernel_pgtable.levels - 2);
	kmap_arena.start = STACKS_END;
	if (!err)
		err = pgtable_reserve(&kernel_pgtable,
				      range_make(VMALLOC_BASE, WINDOWS_END), 0);
	/* Found afresh each time: see map_direct. */
	while (!err && (r = region_behind(mb, at))) {
		at = r->range.end;
		err = reserve_page_map(r->range);
	}
	/* The tables are live, and that these were not there may be known. */
	tlb_gather_init(&g, NULL);
	tlb_gather_table(&g);
	tlb_flush(&g);
	return err;
}

void kmap_bump_retired(void)
{
	kernel_pgtable.source = &page_tables;
	boot_tables.ctx = NULL;
}

void kmap_free_sections(struct memblock *mb, enum region_type type,
			void (*give)(struct range frames))
{
	for (const struct image_section *s = arch_image_sections; s->name;
	     s++) {
		const struct region *r;
		struct range frames;

		if (range_empty(s->va))
			continue;
		frames.start = image_phys + (s->va.start - IMAGE_BASE);
		frames.end = frames.start + range_size(s->va);
		/* An image out of the direct map's reach stays as it is. */
		r = memblock_at(mb, frames.start);
		if (!r || r->type != type)
			continue;
		/* Without room for either, the frames stay as they are, unused. */
		if (kmap_remove(s->va) ||
		    memblock_retype(mb, frames, type, REGION_FREE))
			continue;
		if (kmap_add(direct(frames), frames.start, VM_READ | VM_WRITE,
			     ATTR_NORMAL)) {
			memblock_retype(mb, frames, REGION_FREE, type);
			continue;
		}
		give(frames);
	}
}
