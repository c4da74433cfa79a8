/*
 * The kernel's address space (<mm/kmap.h>).
 *
 * Boot order: the boot tables (arch) map the image and a window for the device
 * tree; the map of RAM follows from that. Then a handful of free frames become
 * reachable at their direct map addresses (arch_mmu_early_window), the real
 * tables are built in them, and the hart switches over. Nothing of the boot
 * tables is used after that; they are part of the image's init sections.
 *
 * Locking: boot is single-threaded. Afterwards only the page allocator grows
 * the tables here (kmap_populate), under the page map's lock.
 */
#include <string.h>

#include <arch/image.h>
#include <arch/mmu.h>
#include <lib/errno.h>
#include <mm/kmap.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>
#include <mm/page_map.h>

/* The direct map starts at a multiple of this, so that a physical address and
 * its direct map address allow the same leaves. */
#define DIRECT_MAP_ALIGN GIB(1)

/* The page map can describe frames below this. */
#define PAGE_MAP_REACH \
	((PAGE_MAP_END - PAGE_MAP_BASE) / sizeof(struct page) << PAGE_SHIFT)

#define EARLY_BLOCK MIB(2)

/* Fixed windows: first the device tree's, then device registers. */
#define FDT_WINDOW_SIZE MIB(4)
#define DEVICES_BASE	(FIXED_BASE + FDT_WINDOW_SIZE)

uint64_t direct_map_offset;
struct pgtable kernel_pgtable;

static struct bump *boot_bump; /* where tables come from until it retires */
static vaddr_t next_device = DEVICES_BASE;
static vaddr_t next_stack = ARENA_BASE;

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
	(void)s;
	return bump_alloc(boot_bump, PAGE_SIZE, PAGE_SIZE, REGION_TABLES);
}

static paddr_t table_from_pages(struct table_source *s)
{
	struct page *p = page_alloc(0, 0);

	(void)s;
	return p ? page_to_phys(p) : PGTABLE_NO_FRAME;
}

static struct table_source *tables(void)
{
	static struct table_source bump = {table_from_bump, NULL};
	static struct table_source pages = {table_from_pages, NULL};

	return boot_bump ? &bump : &pages;
}

static int map(struct range va, paddr_t pa, vm_prot_t prot, enum mem_attr attr)
{
	return pgtable_map(&kernel_pgtable, va, pa, prot, attr, tables());
}

static struct range direct(struct range pa)
{
	return range_make(pa.start + direct_map_offset,
			  pa.end + direct_map_offset);
}

static bool in_direct_map(enum region_type type)
{
	return type != REGION_FIRMWARE && type != REGION_NOMAP &&
	       type != REGION_INIT && type != REGION_KERNEL;
}

/* The next run of regions from `at` up that the direct map shows, in whole
 * pages; empty at the end. */
static struct range next_run(const struct memblock *mb, paddr_t at)
{
	struct range run = {0, 0};

	for (unsigned i = 0; i < mb->n; i++) {
		const struct region *r = &mb->region[i];

		if (r->range.end <= at || !in_direct_map(r->type))
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
		err = map(direct(pages), pages.start, VM_READ | VM_WRITE,
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
		err = map(s->va, image_phys + (s->va.start - IMAGE_BASE),
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

	return map(range_make(va, va + range_size(pages)), pages.start, VM_READ,
		   ATTR_NORMAL);
}

int kmap_init(struct bump *bump, const struct kmap_plan *plan, struct range fdt,
	      vaddr_t view)
{
	int err;

	boot_bump = bump;
	direct_map_offset = plan->offset;
	err = pgtable_init(&kernel_pgtable, plan->levels, tables());
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

volatile void *kmap_device(const struct memblock *mb, paddr_t pa, uint64_t size)
{
	struct range pages =
		range_align_out(range_make(pa, pa + size), PAGE_SIZE);
	struct range va = {next_device, next_device + range_size(pages)};

	if (!size || pa + size < pa || range_size(pages) > FIXED_END - va.start)
		return NULL;
	for (unsigned i = 0; i < mb->n; i++)
		if (range_overlaps(mb->region[i].range, pages))
			return NULL;
	if (map(va, pages.start, VM_READ | VM_WRITE, ATTR_IO))
		return NULL;
	arch_tlb_flush_all();
	/* A page between windows stays unmapped. */
	next_device = va.end + PAGE_SIZE;
	return (volatile void *)(uintptr_t)(va.start + (pa - pages.start));
}

struct range kmap_stack(struct bump *bump, uint64_t size)
{
	struct range va = {next_stack + PAGE_SIZE,
			   next_stack + PAGE_SIZE + size};
	paddr_t pa = bump_alloc(bump, size, PAGE_SIZE, REGION_STACK);

	if (pa == BUMP_NONE || map(va, pa, VM_READ | VM_WRITE, ATTR_NORMAL))
		return range_make(0, 0);
	arch_tlb_flush_all();
	next_stack = va.end;
	return va;
}

void kmap_bump_retired(void)
{
	boot_bump = NULL;
}

void kmap_free_init(struct memblock *mb, void (*give)(struct range frames))
{
	for (const struct image_section *s = arch_image_sections; s->name;
	     s++) {
		const struct region *r;
		struct range frames;

		if (!s->init || range_empty(s->va))
			continue;
		frames.start = image_phys + (s->va.start - IMAGE_BASE);
		frames.end = frames.start + range_size(s->va);
		/* An image out of the direct map's reach stays as it is. */
		r = memblock_at(mb, frames.start);
		if (!r || r->type != REGION_INIT)
			continue;
		pgtable_unmap(&kernel_pgtable, s->va);
		/* Unhooked; flushed before anybody can use the frames. */
		arch_tlb_flush_all();
		/* Without room for either, the frames stay init's, unused. */
		if (memblock_retype(mb, frames, REGION_INIT, REGION_FREE))
			continue;
		if (map(direct(frames), frames.start, VM_READ | VM_WRITE,
			ATTR_NORMAL)) {
			memblock_retype(mb, frames, REGION_FREE, REGION_INIT);
			continue;
		}
		arch_tlb_flush_all();
		give(frames);
	}
}

static paddr_t table_from_pool(struct table_source *s)
{
	struct frame_pool *pool = s->ctx;

	if (!pool->n)
		return PGTABLE_NO_FRAME;
	return pool->frame[--pool->n] << PAGE_SHIFT;
}

int kmap_populate(struct page_map *m, struct page *at, struct frame_pool *pool)
{
	struct table_source source = {table_from_pool, pool};
	vaddr_t va = (vaddr_t)(uintptr_t)at;
	paddr_t frame = table_from_pool(&source);
	uint32_t left = pool->n;
	int err;

	(void)m;
	if (frame == PGTABLE_NO_FRAME)
		return -ENOMEM;
	memset(phys_to_virt(frame), 0, PAGE_SIZE);
	err = pgtable_map(&kernel_pgtable, range_make(va, va + PAGE_SIZE),
			  frame, VM_READ | VM_WRITE, ATTR_NORMAL, &source);
	/* With an address, the fence is for leaves; a new table on the way needs
	 * the full one (privileged specification, SFENCE.VMA). */
	if (pool->n != left)
		arch_tlb_flush_all();
	if (err) {
		pool->frame[pool->n++] = frame >> PAGE_SHIFT;
		return -ENOMEM;
	}
	arch_tlb_flush_page(va);
	return 0;
}

struct check {
	const struct memblock *mb;
	void (*report)(const char *what, const struct mapping *m);
	unsigned faults;
};

static void fault(struct check *c, const char *what, const struct mapping *m)
{
	c->faults++;
	c->report(what, m);
}

static vm_prot_t image_prot(vaddr_t va)
{
	for (const struct image_section *s = arch_image_sections; s->name; s++)
		if (range_has(s->va, va))
			return s->prot;
	return 0;
}

static int check_leaf(void *ctx, const struct mapping *m)
{
	struct check *c = ctx;
	struct range pa = {m->pa, m->pa + range_size(m->va)};
	struct range image = {IMAGE_BASE, IMAGE_END};
	struct range fdt_window = {FIXED_BASE, DEVICES_BASE};

	if ((m->prot & VM_WRITE) && (m->prot & VM_EXEC))
		fault(c, "writable and executable", m);
	if (m->prot & VM_USER)
		fault(c, "reachable from user mode", m);
	if (m->va.start < pgtable_upper_half(kernel_pgtable.levels))
		fault(c, "in the user half", m);
	if (m->va.end > FIXED_END)
		fault(c, "the last page is mapped", m);
	if (range_overlaps(m->va, image)) {
		if (image_prot(m->va.start) != m->prot)
			fault(c, "rights differ from the section's", m);
		if (m->pa != image_phys + (m->va.start - IMAGE_BASE))
			fault(c, "not the image's frame", m);
		return 0;
	}
	if (m->prot & VM_EXEC)
		fault(c, "executable outside the image", m);
	/* The device tree is read where it was put, whoever holds that. */
	if (range_within(m->va, fdt_window) && m->prot == VM_READ)
		return 0;
	for (unsigned i = 0; i < c->mb->n; i++) {
		const struct region *r = &c->mb->region[i];

		if (!in_direct_map(r->type) && range_overlaps(r->range, pa))
			fault(c, region_type_name(r->type), m);
	}
	return 0;
}

unsigned kmap_check(const struct memblock *mb,
		    void (*report)(const char *what, const struct mapping *m))
{
	struct check c = {.mb = mb, .report = report};

	pgtable_walk(&kernel_pgtable, range_make(0, UINT64_MAX), check_leaf,
		     &c);
	return c.faults;
}
