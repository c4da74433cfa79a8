/*
 * The native machine's share of <arch/mmu.h> and <arch/image.h>, and the fences
 * of <asm/fence.h>: it has no image and walks no tables itself. The harts of a
 * simulator do, when a test has installed one; they then do what the kernel's
 * harts would.
 *
 * Svinval, at its weakest: a SINVAL.VMA does nothing before SFENCE.INVAL.IR, and
 * nothing at all unless SFENCE.W.INVAL came before it.
 */
#include <arch/image.h>
#include <arch/mmu.h>
#include <asm/fence.h>
#include <asm/mmu.h>
#include <host/harts.h>
#include <host/mmu_sim.h>
#include <kernel/assert.h>

#define MAX_SINVALS 1024

const struct image_section arch_image_sections[] = {{.name = NULL}};
paddr_t image_phys;
struct mmu_model mmu_model;
void (*mmu_model_satp_written)(void);

static struct mmu_sim *sim;

/* By hart: invalidations that are ordered after stores, not before walks. */
static struct {
	bool open; /* SFENCE.W.INVAL was executed */
	unsigned n;
	struct {
		uint64_t va, asid;
		bool any;
	} item[MAX_SINVALS];
} sinvals[HARTS_MAX];

void mmu_model_use(struct mmu_sim *s)
{
	sim = s;
	for (unsigned i = 0; i < HARTS_MAX; i++)
		sinvals[i].open = false;
}

struct mmu_sim *mmu_model_in_use(void)
{
	return sim;
}

/* Harts may do something of their own just before, and just after. */
static void forget(const uint64_t *va, const uint64_t *asid)
{
	__atomic_fetch_add(va ? &mmu_model.flushed_pages
			      : &mmu_model.flushed_all,
			   1, __ATOMIC_RELAXED);
	if (!sim)
		return;
	harts_yield();
	mmu_sim_sfence_vma(sim, arch_cpu(), va, asid);
	harts_yield();
}

void sfence_vma(void)
{
	forget(NULL, NULL);
}

void sfence_vma_page(vaddr_t va)
{
	forget(&va, NULL);
}

void sfence_vma_asid(uint64_t asid)
{
	forget(NULL, &asid);
}

void sfence_vma_page_asid(vaddr_t va, uint64_t asid)
{
	forget(&va, &asid);
}

void sfence_w_inval(void)
{
	sinvals[arch_cpu()].open = true;
	sinvals[arch_cpu()].n = 0;
}

static void sinval(vaddr_t va, uint64_t asid, bool any)
{
	unsigned cpu = arch_cpu(), n = sinvals[cpu].n;

	harts_yield();
	if (!sinvals[cpu].open)
		return;
	assert(n < MAX_SINVALS);
	sinvals[cpu].item[n].va = va;
	sinvals[cpu].item[n].asid = asid;
	sinvals[cpu].item[n].any = any;
	sinvals[cpu].n = n + 1;
}

void sinval_vma_page(vaddr_t va)
{
	sinval(va, 0, true);
}

void sinval_vma_page_asid(vaddr_t va, uint64_t asid)
{
	sinval(va, asid, false);
}

void sfence_inval_ir(void)
{
	unsigned cpu = arch_cpu();

	if (sinvals[cpu].open)
		for (unsigned i = 0; i < sinvals[cpu].n; i++)
			forget(&sinvals[cpu].item[i].va,
			       sinvals[cpu].item[i].any
				       ? NULL
				       : &sinvals[cpu].item[i].asid);
	sinvals[cpu].open = false;
}

void fence_i(void)
{
	if (!sim)
		return;
	harts_yield();
	mmu_sim_fence_i(sim, arch_cpu());
	harts_yield();
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
	return sim ? sim->config.modes : 1u << 3 | 1u << 4 | 1u << 5;
}

unsigned arch_asid_bits(void)
{
	return sim ? sim->config.asid_bits : 16;
}

bool arch_tlb_needs_full(void)
{
	return false;
}

void arch_mmu_early_window(unsigned levels, vaddr_t va, struct range frames)
{
	(void)levels;
	(void)va;
	(void)frames;
}

void arch_mmu_switch(paddr_t root, unsigned levels, unsigned asid)
{
	if (!sim)
		return;
	harts_yield();
	mmu_sim_write_satp(sim, arch_cpu(), mmu_sim_satp(levels, root, asid));
	if (mmu_model_satp_written)
		mmu_model_satp_written();
	harts_yield();
}

void arch_mmu_activate(paddr_t root, unsigned levels)
{
	sfence_vma();
	arch_mmu_switch(root, levels, 0);
	sfence_vma();
}
