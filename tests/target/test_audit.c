/* The audit of the kernel's tables sees each fault that is put there. */
#include <string.h>

#include <arch/mmu.h>
#include <kernel/ktest.h>
#include <kernel/ram.h>
#include <mm/kmap.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>
#include <mm/tlb.h>
#include <mm/umap.h>

#include "../../mm/kmap_impl.h"

#define RW (VM_READ | VM_WRITE)

static const char *reported;
static vaddr_t where;

static void note(const char *what, const struct mapping *m)
{
	reported = what;
	where = m->va.start;
}

/* Exactly this fault, and there. */
static bool sees(const char *what, vaddr_t va)
{
	reported = NULL;
	return kmap_check(&ram, note) == 1 && !strcmp(reported, what) &&
	       where == va;
}

static bool sound(void)
{
	return kmap_check(&ram, note) == 0;
}

static struct range page_at(vaddr_t va)
{
	return range_make(va, va + PAGE_SIZE);
}

/* Past the mapper, which refuses such things. */
static void map(vaddr_t va, paddr_t pa, vm_prot_t prot)
{
	struct tlb_gather g;

	tlb_gather_init(&g, NULL);
	EXPECT_EQ(pgtable_map(&kernel_pgtable, page_at(va), pa, prot,
			      ATTR_NORMAL, &g),
		  0);
	tlb_flush(&g);
}

static void unmap(vaddr_t va)
{
	struct tlb_gather g;

	tlb_gather_init(&g, NULL);
	EXPECT_EQ(pgtable_unmap(&kernel_pgtable, page_at(va), &g), 0);
	tlb_flush(&g);
}

KTEST(audit, rights_that_nobody_may_have)
{
	vaddr_t va = kmap_arena.start;
	struct page *p = page_alloc(0, 0);

	REQUIRE(p && sound());
	map(va, page_to_phys(p), RW);
	EXPECT(sound());
	unmap(va);
	map(va, page_to_phys(p), VM_READ | VM_EXEC);
	EXPECT(sees("executable outside the image", va));
	unmap(va);
	map(va, page_to_phys(p), RW | VM_EXEC);
	EXPECT_EQ(kmap_check(&ram, note), 2);
	unmap(va);
	EXPECT(sound());
	page_free(p, 0);
}

KTEST(audit, memory_that_nobody_may_show)
{
	vaddr_t va = kmap_arena.start;
	struct page *p = page_alloc(0, 0);
	struct umap u;

	REQUIRE(p && umap_init(&u) == 0);
	map(va, u.pt.root, VM_READ);
	EXPECT(sees("a page table", va));
	unmap(va);
	/* One of the kernel's own, too. */
	map(va, kernel_pgtable.root, VM_READ);
	EXPECT(sees("a page table", va));
	unmap(va);
	map(va, page_to_phys(p), VM_READ);
	EXPECT(sound());
	page_free(p, 0);
	EXPECT(sees("a free frame", va));
	unmap(va);
	umap_destroy(&u);
	EXPECT(sound());
}

KTEST(audit, stacks_have_guards)
{
	struct page *p = page_alloc(0, 0);
	vaddr_t below = kmap_stacks[0].start - PAGE_SIZE;

	REQUIRE(p && kmap_nstacks >= 2);
	map(below, page_to_phys(p), RW);
	EXPECT(sees("the guard page of a stack", below));
	unmap(below);
	EXPECT(sound());
	page_free(p, 0);
}

KTEST(audit, firmware_and_entries_that_make_no_sense)
{
	const struct region *r = NULL;
	pte_t *table;

	for (unsigned i = 0; i < ram.n && !r; i++)
		if (ram.region[i].type == REGION_FIRMWARE)
			r = &ram.region[i];
	if (!r)
		return ktest_skip("firmware is not in this RAM");
	map(kmap_arena.start, r->range.start, VM_READ);
	EXPECT(sees("firmware", kmap_arena.start));
	unmap(kmap_arena.start);
	/* A reserved bit, in an entry of the kernel's root that is
	 * none: 1 GiB or more of nothing. */
	table = phys_to_virt(kernel_pgtable.root);
	for (unsigned i = PT_ENTRIES / 2; i < PT_ENTRIES; i++)
		if (!pte_present(table[i])) {
			table[i] = (pte_t){(uint64_t)1 << 60};
			EXPECT_EQ(kmap_check(&ram, note), 1);
			EXPECT(!strcmp(reported,
				       "an entry with reserved bits"));
			table[i] = pte_none();
			break;
		}
	EXPECT(sound());
}

/* Such as what is left of an identity map: all spaces' null pointers. */
KTEST(audit, the_user_half_of_the_root_is_empty)
{
	pte_t *root = phys_to_virt(kernel_pgtable.root);
	uint64_t span = pt_span(kernel_pgtable.levels - 1);

	REQUIRE(sound());
	root[0] = pte_leaf(0, VM_READ, ATTR_NORMAL);
	EXPECT(sees("in the user half, or the last page", 0));
	root[0] = pte_none();
	root[1] = pte_table(kernel_pgtable.root, false);
	EXPECT(sees("in the user half, or the last page", span));
	root[1] = pte_none();
	arch_tlb_fence_all();
	EXPECT(sound());
}
