/*
 * Building and growing the kernel's address space: with tables in the native
 * machine's memory, and RAM that is only numbers. The kernel can't run these,
 * since it lives in such tables.
 */
#include <asm/mmu.h>
#include <kernel/ktest.h>
#include <lib/errno.h>
#include <mm/kmap.h>
#include <mm/layout.h>
#include <mm/mmio.h>
#include <mm/page_alloc.h>
#include <mm/page_map.h>
#include <mm/tlb.h>

/* `n` frames of scratch memory, aligned to `align`. */
static uint8_t *frames(uint64_t n, uint64_t align)
{
	uintptr_t p = (uintptr_t)ktest_alloc(n * PAGE_SIZE + align);

	return p ? (uint8_t *)align_up(p, align) : NULL;
}

static paddr_t one_frame(struct table_source *s)
{
	(void)s;
	return virt_to_phys(frames(1, PAGE_SIZE));
}

/* SFENCE.VMA with an address orders only what maps the page, not the entries
 * that point to tables on the way to it. */
KTEST(kmap_host, growing_the_page_map_fences_new_tables_too)
{
	struct table_source source = {.alloc = one_frame, .permanent = true};
	struct page_map map = {.pages = (struct page *)PAGE_MAP_BASE};
	struct frame_pool pool = {.n = FRAME_POOL_SIZE};
	uint8_t *memory = frames(FRAME_POOL_SIZE, PAGE_SIZE);
	struct mmu_model before;

	REQUIRE(memory && !pgtable_init(&kernel_pgtable, 5,
					pgtable_upper_half(5), &source));
	for (unsigned i = 0; i < FRAME_POOL_SIZE; i++)
		pool.frame[i] =
			virt_to_phys(memory + i * PAGE_SIZE) >> PAGE_SHIFT;
	/* Too few for all tables: some are there now, and must be known. */
	before = mmu_model;
	pool.n = 3;
	EXPECT_EQ(kmap_populate(&map, map.pages, &pool), -ENOMEM);
	EXPECT_EQ(pool.n, 1);
	EXPECT(mmu_model.flushed_all > before.flushed_all);
	/* The rest, with frames that are not among those. */
	before = mmu_model;
	pool.n = FRAME_POOL_SIZE;
	EXPECT_EQ(kmap_populate(&map, map.pages, &pool), 0);
	EXPECT_EQ(pool.n, FRAME_POOL_SIZE - 3);
	EXPECT(mmu_model.flushed_all > before.flushed_all);
	/* The next one needs no table: its page is enough. */
	before = mmu_model;
	EXPECT_EQ(kmap_populate(&map, map.pages + PAGES_PER_CHUNK, &pool), 0);
	EXPECT_EQ(pool.n, FRAME_POOL_SIZE - 4);
	EXPECT_EQ(mmu_model.flushed_all, before.flushed_all);
	EXPECT_EQ(mmu_model.flushed_pages, before.flushed_pages + 1);
	kernel_pgtable = (struct pgtable){0};
}

/* There are frames for the stack, but none for the tables to map it. */
KTEST(kmap_host, a_stack_that_can_t_be_mapped_gives_its_frames_back)
{
	struct page *block = page_alloc(2, 0), *p;
	struct tlb_gather g;

	REQUIRE(block && !pgtable_init(&kernel_pgtable, 3,
				       pgtable_upper_half(3), &page_tables));
	tlb_gather_init(&g, NULL);
	while ((p = page_alloc(0, ALLOC_RESERVE)))
		tlb_gather_free(&g, p);
	page_free(block, 2);
	EXPECT(range_empty(kmap_stack(4 * PAGE_SIZE)));
	EXPECT_EQ(page_free_count(), 4);
	pgtable_destroy(&kernel_pgtable, &g);
	tlb_flush(&g);
}

/* What kmap_init gets from boot: a map of RAM whose first 2 MiB are real. */
struct boot {
	struct memblock mb;
	struct bump bump;
	struct kmap_plan plan;
	struct range fdt;
	paddr_t start; /* of RAM */
};

static struct boot *boot(void)
{
	struct boot *b = ktest_alloc(sizeof(*b));
	uint8_t *memory = frames(512, MIB(2));

	if (!b || !memory)
		return NULL;
	b->start = virt_to_phys(memory);
	memblock_add(&b->mb, range_make(b->start, b->start + MIB(2)));
	b->plan = (struct kmap_plan){
		.levels = 5,
		.offset = DIRECT_MAP_SV57,
	};
	b->fdt = range_make(GIB(1), GIB(1) + PAGE_SIZE);
	return b;
}

static int init(struct boot *b)
{
	bump_init(&b->bump, &b->mb);
	b->bump.bounds = kmap_early_frames(&b->mb, b->start);
	return kmap_init(&b->bump, &b->plan, b->fdt, FIXED_BASE);
}

static void end(void)
{
	kmap_bump_retired();
	kernel_pgtable = (struct pgtable){0};
}

/* As many banks as a device tree can have here, each in four pieces of small
 * pages. */
KTEST(kmap_host, sixty_ragged_banks_are_mapped)
{
	struct boot *b = boot();
	struct mapping m;

	if (!b)
		return ktest_skip("no memory");
	for (unsigned i = 0; i < 60; i++) {
		paddr_t bank = GIB(8 + 2 * i) - MIB(1) - PAGE_SIZE;

		memblock_add(&b->mb, range_make(bank, bank + MIB(514)));
		memblock_claim(&b->mb,
			       range_make(bank + MIB(9), bank + MIB(9) + 4096),
			       REGION_NOMAP);
	}
	EXPECT_EQ(init(b), 0);
	EXPECT(pgtable_query(&kernel_pgtable, GIB(8 + 2 * 59) + b->plan.offset,
			     &m));
	EXPECT_EQ(m.pa, GIB(8 + 2 * 59));
	end();
}

/* Before there is an arena: claims in the fixed windows, in tables that come
 * from bump. */
KTEST(kmap_host, early_claims_get_fixed_windows)
{
	struct boot *b = boot();
	struct mmio m, same, big;
	struct mapping at;
	vaddr_t va;

	if (!b)
		return ktest_skip("no memory");
	REQUIRE(init(b) == 0);
	mmio_init(&b->mb);
	EXPECT_EQ(mmio_map(&m, b->start - 4, GIB(2), 0, "ram"), -EBUSY);
	EXPECT_EQ(mmio_map(&big, 0, GIB(1), 0, "no room"), -ENOMEM);
	EXPECT_EQ(mmio_map(&m, 0x10000ffc, 8, 0, "first"), 0);
	EXPECT_EQ(mmio_map(&same, 0x10000ff0, 4, 0, "other"), 0);
	va = (vaddr_t)(uintptr_t)m.base;
	EXPECT(range_has(range_make(FIXED_BASE, FIXED_END), va));
	EXPECT_EQ(va % PAGE_SIZE, 0xffc);
	EXPECT(pgtable_query(&kernel_pgtable, va + 4, &at));
	EXPECT_EQ(at.pa, 0x10001000);
	EXPECT_EQ(at.prot, VM_READ | VM_WRITE);
	mmio_unmap(&m);
	EXPECT(!pgtable_query(&kernel_pgtable, va, &at));
	/* Addresses come back with the last of them. */
	mmio_unmap(&same);
	EXPECT_EQ(mmio_map(&m, 0x20000ffc, 8, 0, "again"), 0);
	EXPECT_EQ((uintptr_t)m.base, va);
	EXPECT(!mmio_check());
	mmio_unmap(&m);
	end();
}

static unsigned in_nomap;

static void count_nomap(const char *what, const struct mapping *m)
{
	(void)m;
	in_nomap += what == region_type_name(REGION_NOMAP);
}

/* Such a tree is odd, not a fault of the tables. */
KTEST(kmap_host, a_tree_in_no_map_memory_is_read_there)
{
	struct boot *b = boot();
	struct mapping m;

	if (!b)
		return ktest_skip("no memory");
	memblock_add(&b->mb, range_make(GIB(1), GIB(1) + MIB(1)));
	memblock_claim(&b->mb, range_make(GIB(1), GIB(1) + MIB(1)),
		       REGION_NOMAP);
	REQUIRE(init(b) == 0);
	EXPECT(pgtable_query(&kernel_pgtable, FIXED_BASE, &m));
	EXPECT_EQ(m.pa, GIB(1));
	in_nomap = 0;
	kmap_check(&b->mb, count_nomap);
	EXPECT_EQ(in_nomap, 0);
	/* Anything else is one. */
	memblock_claim(&b->mb, range_make(b->start + MIB(1), b->start + MIB(2)),
		       REGION_NOMAP);
	kmap_check(&b->mb, count_nomap);
	EXPECT(in_nomap > 0);
	end();
}

/* Tables that are added while a hart walks the root: it may remember that there
 * were none. */
KTEST(kmap_host, completing_the_root_is_fenced)
{
	struct boot *b = boot();
	struct memblock *mb = ktest_alloc(sizeof(*mb));
	struct mmu_model before;

	if (!b || !mb)
		return ktest_skip("no memory");
	REQUIRE(init(b) == 0);
	/* The process's memory is beyond the page map. */
	memblock_add(mb, range_make(GIB(2), GIB(4)));
	before = mmu_model;
	EXPECT_EQ(kmap_reserve(mb, 0), 0);
	EXPECT(mmu_model.flushed_all > before.flushed_all);
	EXPECT(!range_empty(kmap_arena));
	EXPECT(range_within(kmap_arena, range_make(ARENA_BASE, ARENA_END)));
	end();
}
