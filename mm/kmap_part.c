/* The part of the kernel's tables that is not the mapper's (kmap_part.h). */
#include <mm/tlb.h>

#include "kmap_impl.h"
#include "kmap_part.h"

static paddr_t no_table(struct table_source *s)
{
	(void)s;
	return PGTABLE_NO_FRAME;
}

/* The kernel's tables, of which none is ever added here. */
static struct pgtable part(void)
{
	static struct table_source none = {.alloc = no_table};
	struct pgtable pt = kernel_pgtable;

	pt.source = &none;
	return pt;
}

int kmap_part_init(void)
{
	return kmap_reserve_tables(
		range_make(KMAP_PART_BASE, KMAP_PART_BASE + KMAP_PART_SIZE));
}

int kmap_part_map(vaddr_t va, paddr_t pa)
{
	struct pgtable pt = part();
	struct tlb_gather g;
	int err;

	tlb_gather_init(&g, NULL);
	err = pgtable_map(&pt, range_make(va, va + PAGE_SIZE), pa,
			  VM_READ | VM_WRITE, ATTR_NORMAL, &g);
	tlb_flush_new(&g);
	return err;
}

void kmap_part_unmap(vaddr_t va)
{
	struct pgtable pt = part();
	struct tlb_gather g;

	tlb_gather_init(&g, NULL);
	pgtable_unmap(&pt, range_make(va, va + PAGE_SIZE), &g);
	tlb_flush(&g);
}
