/*
 * The hart's MMU: boot tables, modes, satp and fences.
 *
 * Boot tables. The kernel's image and the fixed windows lie in the top 2 GiB,
 * which one level-2 table maps. It is the root of Sv39, and as the last table
 * of a chain it serves Sv48 and Sv57 too:
 *
 *	root[2] (Sv57)	511 -> root[1] (Sv48)	511 -> root[0] (Sv39)
 *
 * So each mode can be tried by writing satp: a mode that the hart lacks leaves
 * satp as it was (privileged specification, satp), and one that it has goes on
 * at the same addresses.
 */
#include <arch/gate.h>
#include <arch/image.h>
#include <arch/mmu.h>
#include <arch/pgtable.h>
#include <asm/boot.h>
#include <asm/csr.h>
#include <asm/fence.h>
#include <kernel/assert.h>
#include <mm/layout.h>

#define TOP (PT_ENTRIES - 1)

typedef pte_t table_t[PT_ENTRIES] __attribute__((aligned(4096)));

static table_t __initbss root[3];     /* levels 3, 4, 5 */
static table_t __initbss image_table; /* level 1, below root[0] */
static table_t __initbss fixed_table; /* level 1, below root[0] */
static table_t __initbss window[MMU_MAX_LEVELS - 1]; /* by level */
static table_t __initbss look;			     /* level 0 */

/* satp's mode field: Sv39 is 8, Sv48 9, Sv57 10. */
static uint64_t satp_value(paddr_t table, unsigned levels, unsigned asid)
{
	return ((uint64_t)levels + 5) << SATP_MODE_SHIFT |
	       (uint64_t)asid << SATP_ASID_SHIFT | table >> PAGE_SHIFT;
}

/*
 * Called with physical addresses (medany code reaches everything relative to
 * pc, so "&x" is the physical address here): fills the boot tables and returns
 * the satp value for Sv39. The image is mapped with all rights and 2 MiB
 * leaves, the device tree's surroundings, FDT_VIEW_SIZE bytes, for reading.
 */
uint64_t early_map(paddr_t image, paddr_t fdt)
{
	const uint64_t leaf = pt_span(1);
	paddr_t fdt_base = align_down(fdt, leaf);
	uint64_t size = image_range_size();

	root[2][TOP] = pte_table((paddr_t)root[1], true);
	root[1][TOP] = pte_table((paddr_t)root[0], true);
	root[0][pt_index(IMAGE_BASE, 2)] =
		pte_table((paddr_t)image_table, true);
	root[0][pt_index(FIXED_BASE, 2)] =
		pte_table((paddr_t)fixed_table, true);
	for (uint64_t at = 0; at < size; at += leaf)
		image_table[pt_index(IMAGE_BASE + at, 1)] = pte_leaf(
			image + at, VM_READ | VM_WRITE | VM_EXEC, ATTR_NORMAL);
	for (uint64_t at = 0; at < FDT_VIEW_SIZE + leaf; at += leaf)
		fixed_table[pt_index(FIXED_BASE + at, 1)] =
			pte_leaf(fdt_base + at, VM_READ, ATTR_NORMAL);
	return satp_value((paddr_t)root[0], MMU_MIN_LEVELS, 0);
}

static void early_activate(unsigned levels)
{
	arch_mmu_activate(image_to_phys(root[levels - MMU_MIN_LEVELS]), levels);
}

__init unsigned arch_mmu_modes(void)
{
	unsigned modes = 0;

	for (unsigned n = MMU_MIN_LEVELS; n <= MMU_MAX_LEVELS; n++) {
		early_activate(n);
		if (csr_read(satp) >> SATP_MODE_SHIFT == n + 5)
			modes |= 1u << n;
	}
	early_activate(MMU_MIN_LEVELS);
	return modes;
}

__init void arch_mmu_early_window(unsigned levels, vaddr_t va,
				  struct range frames)
{
	pte_t *table = root[levels - MMU_MIN_LEVELS];

	assert(align_down(va, pt_span(1)) ==
	       align_down(va + range_size(frames) - 1, pt_span(1)));
	for (unsigned level = levels - 1; level > 0; level--) {
		table[pt_index(va, level)] =
			pte_table(image_to_phys(window[level - 1]), true);
		table = window[level - 1];
	}
	for (paddr_t pa = frames.start; pa < frames.end; pa += PAGE_SIZE)
		table[pt_index(va + (pa - frames.start), 0)] =
			pte_leaf(pa, VM_READ | VM_WRITE, ATTR_NORMAL);
	early_activate(levels);
}

__init const void *arch_mmu_early_look(paddr_t frame)
{
	/* Behind the device tree's two leaves, and the device's. */
	vaddr_t va = FIXED_BASE + FDT_VIEW_SIZE + 2 * pt_span(1);

	if (frame >= (uint64_t)1 << PT_PADDR_BITS)
		return NULL;
	fixed_table[pt_index(va, 1)] = pte_table(image_to_phys(look), true);
	look[0] = pte_leaf(frame, VM_READ, ATTR_NORMAL);
	sfence_vma();
	return (const void *)va;
}

__init volatile void *arch_mmu_early_device(struct range registers)
{
	const uint64_t leaf = pt_span(1);
	/* Behind the device tree's two leaves. */
	vaddr_t va = FIXED_BASE + FDT_VIEW_SIZE + leaf;
	paddr_t base = align_down(registers.start, leaf);

	if (base != align_down(registers.end - 1, leaf) ||
	    registers.end > (uint64_t)1 << PT_PADDR_BITS)
		return NULL;
	fixed_table[pt_index(va, 1)] =
		pte_leaf(base, VM_READ | VM_WRITE, ATTR_IO);
	sfence_vma();
	return (volatile void *)(uintptr_t)(va + (registers.start - base));
}

void arch_mmu_switch(paddr_t table, unsigned levels, unsigned asid)
{
	csr_write(satp, satp_value(table, levels, asid));
}

void arch_mmu_activate(paddr_t table, unsigned levels)
{
	/* The stores to the tables come before the walks that use them, and
	 * what was remembered of other tables goes: satp alone does not separate
	 * them (privileged specification, SFENCE.VMA). */
	sfence_vma();
	arch_mmu_switch(table, levels, 0);
	sfence_vma();
}

void arch_gate_copied(struct arch_gate *g, uint32_t others)
{
	/* Release: the copy is seen by whoever sees this. */
	__atomic_store_n(&g->copied, 1, __ATOMIC_RELEASE);
	arch_icache_fence();
	while (__atomic_load_n(&g->fresh, __ATOMIC_ACQUIRE) != others)
		arch_relax();
}

void arch_gate_open(struct arch_gate *g, paddr_t table, unsigned levels)
{
	/* Release: the copy and its tables are seen by whoever sees this. */
	__atomic_store_n(&g->open, satp_value(table, levels, 0),
			 __ATOMIC_RELEASE);
	arch_mmu_activate(table, levels);
}

unsigned arch_asid_bits(void)
{
	const uint64_t field = SATP_ASID_MASK << SATP_ASID_SHIFT;
	uint64_t flags = arch_irq_save(), satp = csr_read(satp), kept;

	/* The bits that are there are the lowest (privileged specification,
	 * satp). Under another number the tables are the same. */
	csr_write(satp, satp | field);
	kept = csr_read(satp) & field;
	csr_write(satp, satp);
	sfence_vma();
	arch_irq_restore(flags);
	return (unsigned)__builtin_popcountll(kept);
}
