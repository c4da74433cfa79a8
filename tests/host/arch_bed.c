/* Small native machines: one for the contract tests, others for whoever asks. */
#include <arch/mmu.h>
#include <host/ram.h>
#include <kernel/ktest.h>
#include <mm/kmap.h>
#include <mm/layout.h>
#include <mm/mmio.h>
#include <mm/reclaim.h>
#include <mm/page_alloc.h>
#include <mm/umap.h>
#include <mm/vmalloc.h>

#include "../../mm/kmap_impl.h"
#include "../unit/arch_bed.h"
#include "host_bed.h"

#define LEVELS 4

static struct machine machine;
static const struct memblock map = {
	.n = 1,
	.region = {{{HOST_RAM_START, HOST_RAM_END}, REGION_FREE}},
};
static void (*test)(void);

void host_bed_enter(void)
{
	arch_mmu_activate(kernel_pgtable.root, LEVELS);
	if (arch_cpu())
		tlb_join();
}

static paddr_t root_of(const struct tlb_space *s)
{
	return container_of(s, struct umap, tlb)->pt.root;
}

/* Tables that stay until the end. */
static struct list permanent = LIST_INIT(permanent);

static paddr_t take_permanent(struct table_source *source)
{
	struct page *p = page_alloc(0, 0);

	(void)source;
	if (!p)
		return PGTABLE_NO_FRAME;
	list_add(&permanent, &p->link);
	return page_to_phys(p);
}

/* As kmap_reserve() has them: those of small windows. */
static void make_permanent(void)
{
	struct table_source source = {take_permanent, true, NULL};
	struct pgtable pt = kernel_pgtable;

	pt.source = &source;
	EXPECT_EQ(
		pgtable_reserve(&pt, range_make(VMALLOC_BASE, WINDOWS_END), 0),
		0);
}

static void make_tables(struct range direct)
{
	/* Keeps the arena's entry of the root, which spaces copy. */
	struct range keep = {ARENA_BASE + GIB(4),
			     ARENA_BASE + GIB(4) + PAGE_SIZE};
	struct tlb_gather g;

	tlb_gather_init(&g, NULL);
	EXPECT_EQ(pgtable_init(&kernel_pgtable, LEVELS,
			       pgtable_upper_half(LEVELS), &page_tables),
		  0);
	make_permanent();
	EXPECT_EQ(pgtable_map(&kernel_pgtable, direct, HOST_RAM_START,
			      VM_READ | VM_WRITE, ATTR_NORMAL, &g),
		  0);
	EXPECT_EQ(pgtable_map(&kernel_pgtable, keep, 0, VM_READ, ATTR_IO, &g),
		  0);
	tlb_flush(&g);
	kmap_arena = range_make(ARENA_BASE, ARENA_BASE + GIB(4));
	vmalloc_init();
	mmio_init(&map);
	mmio_take_over();
}

struct machine *host_bed_run(unsigned harts, unsigned asid_bits, uint64_t seed,
			     void (*const fn[])(void))
{
	vaddr_t start = pgtable_upper_half(LEVELS).start;
	struct range direct = {start, start + HOST_RAM_SIZE};
	struct machine_config config = {
		.harts = harts,
		.started = harts,
		.hartid = {7, 1, 90},
		.mmu = {.asid_bits = asid_bits,
			.modes = 1u << LEVELS,
			.extensions =
				pte_features.pbmt_mask ? MMU_SIM_SVPBMT : 0,
			.exempt = direct.start,
			.exempt_size = HOST_RAM_SIZE,
			.seed = seed},
		.range_limit = PAGE_SIZE,
		.root_of = root_of,
	};
	struct tlb_gather g;

	/* Roots that are kept have another kernel's tables. */
	reclaim_drain_hart();
	make_tables(direct);
	machine_begin(&machine, &config);
	tlb_init(harts, false);
	machine_run(&machine, fn);
	EXPECT_EQ(machine.violations, 0);
	machine_end(&machine);
	tlb_gather_init(&g, NULL);
	pgtable_destroy(&kernel_pgtable, &g);
	list_splice(&g.pages, &permanent);
	tlb_flush(&g);
	return &machine;
}

static void first(void)
{
	host_bed_enter();
	test();
}

void arch_bed_run(void (*body)(void))
{
	static void (*const harts[])(void) = {first, host_bed_enter,
					      host_bed_enter};

	test = body;
	pte_features_set(true, false);
	host_bed_run(ARRAY_SIZE(harts), 8, ktest_seed(), harts);
	pte_features_set(false, false);
}
