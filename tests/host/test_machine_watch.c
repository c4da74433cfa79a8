/*
 * The native machine sees each kind of fault (<host/machine.h>), made by hand
 * behind mm/'s back, and none where there is none.
 */
#include <asm/fence.h>
#include <host/machine.h>
#include <host/ram.h>
#include <kernel/ktest.h>
#include <mm/kmap.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>
#include <mm/umap.h>

#define VA	  MIB(64)
#define KERNEL_VA ARENA_BASE

static struct {
	struct machine m;
	struct umap umap[2];
	struct page *page; /* at VA in space 0, and at KERNEL_VA */
} t;

static paddr_t root_of(const struct tlb_space *s)
{
	return list_entry(s, struct umap, tlb)->pt.root;
}

/* Two harts, in space 0, that have looked at VA and KERNEL_VA. */
static void begin(void)
{
	const struct machine_config c = {
		.harts = 2,
		.started = 2,
		.hartid = {1, 2},
		.mmu = {.asid_bits = 16, .modes = 0x38},
		.range_limit = PAGE_SIZE,
		.root_of = root_of,
	};
	struct tlb_gather g;
	paddr_t pa;

	machine_begin(&t.m, &c);
	t.m.quiet = true;
	tlb_init(2, false);
	tlb_gather_init(&g, NULL);
	pgtable_init(&kernel_pgtable, 3, pgtable_upper_half(3), &page_tables);
	t.page = page_alloc(0, 0);
	pa = page_to_phys(t.page);
	pgtable_map(&kernel_pgtable,
		    range_make(KERNEL_VA, KERNEL_VA + PAGE_SIZE), pa, VM_READ,
		    ATTR_NORMAL, &g);
	tlb_flush(&g);
	for (unsigned i = 0; i < 2; i++) {
		umap_init(&t.umap[i]);
		umap_map(&t.umap[i], range_make(VA, VA + PAGE_SIZE), pa,
			 VM_READ | VM_WRITE, ATTR_NORMAL);
	}
	umap_activate(&t.umap[0]);
	for (unsigned cpu = 0; cpu < 2; cpu++) {
		mmu_sim_write_satp(&t.m.mmu, cpu, t.m.hart[0].satp);
		mmu_sim_prefetch(&t.m.mmu, cpu, VA);
		mmu_sim_prefetch(&t.m.mmu, cpu, KERNEL_VA);
	}
}

/* How many faults were seen since the last time. */
static uint64_t seen(void)
{
	uint64_t n = t.m.violations;

	t.m.violations = 0;
	return n;
}

/* The entry of the last level that maps va. */
static pte_t *entry_of(const struct pgtable *pt, vaddr_t va)
{
	pte_t *table = phys_to_virt(pt->root);

	for (unsigned level = pt->levels - 1; level; level--)
		table = phys_to_virt(pte_paddr(table[pt_index(va, level)]));
	return &table[pt_index(va, 0)];
}

/* Something is mapped there again, as the tables' counts have it. */
static void put_back(const struct pgtable *pt, vaddr_t va)
{
	*entry_of(pt, va) = pte_leaf(HOST_RAM_START, VM_READ, ATTR_NORMAL);
}

static void end(void)
{
	struct tlb_gather g;

	umap_activate(NULL);
	mmu_sim_write_satp(&t.m.mmu, 1, 0);
	for (unsigned i = 0; i < 2; i++) {
		put_back(&t.umap[i].pt, VA);
		umap_destroy(&t.umap[i]);
	}
	put_back(&kernel_pgtable, KERNEL_VA);
	machine_end(&t.m);
	tlb_gather_init(&g, NULL);
	pgtable_destroy(&kernel_pgtable, &g);
	tlb_flush(&g);
}

static void free_page(void)
{
	page_free(t.page, 0);
	t.page = NULL;
}

static void wipe(vaddr_t va)
{
	bool user = va == VA;

	*entry_of(user ? &t.umap[0].pt : &kernel_pgtable, va) = pte_none();
	for (unsigned cpu = 0; cpu < 2; cpu++)
		mmu_sim_sfence_vma(&t.m.mmu, cpu, &va, NULL);
}

KTEST(machine_watch, frames_that_are_freed_too_early)
{
	/* Mapped; unmapped, not fenced; on one hart only; on both. */
	for (unsigned how = 0; how < 4; how++) {
		uint64_t before = page_free_count();

		begin();
		wipe(KERNEL_VA);
		if (how)
			*entry_of(&t.umap[0].pt, VA) = pte_none();
		for (unsigned cpu = 0; how >= 2 && cpu + 1 < how; cpu++)
			mmu_sim_sfence_vma(&t.m.mmu, cpu, NULL, NULL);
		EXPECT_EQ(seen(), 0);
		free_page();
		EXPECT_EQ(seen(), how < 3);
		end();
		EXPECT_EQ(page_free_count(), before);
	}
}

KTEST(machine_watch, satp_that_makes_freed_memory_reachable)
{
	for (unsigned how = 0; how < 2; how++) {
		begin();
		wipe(KERNEL_VA);
		umap_activate(&t.umap[1]);
		mmu_sim_write_satp(&t.m.mmu, 1, 0);
		*entry_of(&t.umap[0].pt, VA) = pte_none();
		*entry_of(&t.umap[1].pt, VA) = pte_none();
		free_page();
		EXPECT_EQ(seen(), 0);
		if (how)
			sfence_vma();
		umap_activate(&t.umap[0]);
		EXPECT_EQ(seen(), !how);
		end();
	}
}

KTEST(machine_watch, a_flush_that_leaves_a_right)
{
	struct tlb_gather g;

	/* Hart 1 is in the space, and mm/ does not know. */
	for (unsigned how = 0; how < 2; how++) {
		begin();
		if (how)
			mmu_sim_write_satp(&t.m.mmu, 1, 0);
		umap_protect(&t.umap[0], range_make(VA, VA + PAGE_SIZE),
			     VM_READ);
		EXPECT_EQ(seen(), !how);
		wipe(VA);
		wipe(KERNEL_VA);
		free_page();
		end();
		seen();
	}
	/* The kernel's: more rights count as well, unless the hart is idle. */
	for (unsigned how = 0; how < 2; how++) {
		begin();
		cpus_online_ = 1;
		tlb_gather_init(&g, NULL);
		t.m.hart[1].idle = how;
		pgtable_protect(&kernel_pgtable,
				range_make(KERNEL_VA, KERNEL_VA + PAGE_SIZE),
				VM_READ | VM_WRITE, &g);
		tlb_flush(&g);
		EXPECT_EQ(seen(), !how);
		wipe(VA);
		wipe(KERNEL_VA);
		free_page();
		end();
		seen();
	}
}

KTEST(machine_watch, waking_up_with_freed_memory)
{
	for (unsigned how = 0; how < 2; how++) {
		uint64_t flags;

		begin();
		wipe(VA);
		flags = arch_irq_save();
		tlb_idle_enter();
		*entry_of(&kernel_pgtable, KERNEL_VA) = pte_none();
		mmu_sim_sfence_vma(&t.m.mmu, 1, NULL, NULL);
		free_page();
		EXPECT_EQ(seen(), 0);
		if (how)
			sfence_vma();
		tlb_idle_exit();
		EXPECT_EQ(seen(), !how);
		arch_irq_restore(flags);
		end();
	}
}

static void nothing(void)
{
}

static bool late_is_stale;

static void come_late(void)
{
	__atomic_fetch_or(&cpus_online_, cpu_bit(1), __ATOMIC_RELAXED);
	tlb_join();
	/* At once: by and by it forgets of its own accord. */
	late_is_stale = mmu_sim_stale_code(&t.m.mmu, 1, page_to_phys(t.page));
}

/* Code that is stored while a hart is on its way is not fenced for it. */
KTEST(machine_watch, a_hart_that_comes_late_fetches_what_is_there)
{
	static void (*const late[])(void) = {nothing, come_late};
	const struct mmu_sim_access a = {.va = KERNEL_VA,
					 .kind = MMU_SIM_FETCH};
	uint64_t word;
	paddr_t pa;

	begin();
	pa = page_to_phys(t.page);
	wipe(KERNEL_VA);
	*entry_of(&kernel_pgtable, KERNEL_VA) =
		pte_leaf(pa, VM_READ | VM_EXEC, ATTR_NORMAL);
	umap_activate(NULL);
	cpus_online_ = cpu_bit(0);
	EXPECT(mmu_sim_fetch(&t.m.mmu, 1, &a, &word).ok);
	*(uint64_t *)phys_to_virt(pa) = ~word;
	tlb_sync_code();
	machine_run(&t.m, late);
	EXPECT(!late_is_stale);
	seen();
	end();
}
