/*
 * The native machine's share of <arch/mmu.h> and <arch/image.h>: it has no
 * image and walks no tables, so that mm/ links. Page tables are tested as what
 * they are, numbers in memory.
 */
#include <arch/image.h>
#include <arch/mmu.h>
#include <asm/mmu.h>

const struct image_section arch_image_sections[] = {{.name = NULL}};
paddr_t image_phys;
struct mmu_model mmu_model;

struct range image_range(void)
{
	return range_make(0, 0);
}

paddr_t image_to_phys(const void *p)
{
	(void)p;
	return 0;
}

unsigned arch_mmu_modes(void)
{
	return 1u << 3 | 1u << 4 | 1u << 5;
}

void arch_mmu_early_window(unsigned levels, vaddr_t va, struct range frames)
{
	(void)levels;
	(void)va;
	(void)frames;
}

void arch_mmu_activate(paddr_t root, unsigned levels)
{
	(void)root;
	(void)levels;
}

void arch_tlb_flush_page(vaddr_t va)
{
	(void)va;
	mmu_model.flushed_pages++;
}

void arch_tlb_flush_all(void)
{
	mmu_model.flushed_all++;
}
