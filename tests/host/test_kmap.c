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
#include <mm/page_map.h>

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
	struct table_source source = {one_frame, NULL};
	struct page_map map = {.pages = (struct page *)PAGE_MAP_BASE};
	struct frame_pool pool = {.n = FRAME_POOL_SIZE};
	uint8_t *memory = frames(FRAME_POOL_SIZE, PAGE_SIZE);
	struct mmu_model before;

	REQUIRE(memory && !pgtable_init(&kernel_pgtable, 5, &source));
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
