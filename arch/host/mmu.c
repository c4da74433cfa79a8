/*
 * The native machine's share of <arch/mmu.h> and <arch/image.h>, so that mm/
 * links: it has no image and walks no tables itself. A hart of a simulator does,
 * when a test has installed one; it then does what the kernel's hart would.
 */
#include <arch/image.h>
#include <arch/mmu.h>
#include <asm/mmu.h>
#include <host/mmu_sim.h>

const struct image_section arch_image_sections[] = {{.name = NULL}};
paddr_t image_phys;
struct mmu_model mmu_model;

static struct {
	struct mmu_sim *sim;
	unsigned hart;
} current;

void mmu_model_use(struct mmu_sim *sim, unsigned hart)
{
	current.sim = sim;
	current.hart = hart;
}

static void sfence_vma(const uint64_t *va)
{
	if (current.sim)
		mmu_sim_sfence_vma(current.sim, current.hart, va, NULL);
}

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
	if (current.sim)
		return current.sim->config.modes;
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
	if (!current.sim)
		return;
	sfence_vma(NULL);
	mmu_sim_write_satp(current.sim, current.hart,
			   mmu_sim_satp(levels, root, 0));
	sfence_vma(NULL);
}

void arch_tlb_flush_page(vaddr_t va)
{
	mmu_model.flushed_pages++;
	sfence_vma(&va);
}

void arch_tlb_flush_all(void)
{
	mmu_model.flushed_all++;
	sfence_vma(NULL);
}
