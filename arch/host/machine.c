/*
 * The native machine as a whole (<host/machine.h>). It watches mm/ from outside:
 * the linker leads calls of page_free() and of the flusher here (--wrap), and
 * from here on to the real ones.
 */
#include <arch/cpu.h>
#include <asm/features.h>
#include <asm/hartid.h>
#include <asm/mmu.h>
#include <host/machine.h>
#include <host/ram.h>
#include <kernel/assert.h>
#include <kernel/ktest.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>
#include <mm/tlb.h>

void __real_page_free(struct page *p, unsigned order);
void __real_page_free_bulk(size_t n, struct page **page);
void __real_tlb_flush(struct tlb_gather *g);
void __real_tlb_flush_new(struct tlb_gather *g);
void __real_tlb_flush_page(struct tlb_space *s, vaddr_t va);
void __real_tlb_switch(struct tlb_space *space, const struct pgtable *pt);
void __real_tlb_idle_enter(void);
void __real_tlb_idle_exit(void);
void __wrap_page_free(struct page *p, unsigned order);
void __wrap_page_free_bulk(size_t n, struct page **page);
void __wrap_tlb_flush(struct tlb_gather *g);
void __wrap_tlb_flush_new(struct tlb_gather *g);
void __wrap_tlb_flush_page(struct tlb_space *s, vaddr_t va);
void __wrap_tlb_switch(struct tlb_space *space, const struct pgtable *pt);
void __wrap_tlb_idle_enter(void);
void __wrap_tlb_idle_exit(void);

static struct machine *machine;

static void violation(const char *what, const struct mmu_sim_path *path,
		      paddr_t frame)
{
	machine->violations++;
	if (machine->quiet)
		return;
	ktest_fail(__FILE__, __LINE__,
		   "cpu %u: %s: va %#llx, entry %#llx (%s, %s), frame %#llx; "
		   "on cpu %u",
		   path->hart, what, (unsigned long long)path->va,
		   (unsigned long long)path->pte,
		   path->table ? "a table" : "a leaf",
		   path->cached ? "remembered" : "in memory",
		   (unsigned long long)frame, arch_cpu());
}

static const uint64_t *ram_page(void *ctx, uint64_t pa)
{
	(void)ctx;
	if (pa < HOST_RAM_START || pa >= HOST_RAM_END)
		return NULL;
	return phys_to_virt(pa);
}

static void check_poison(unsigned cpu, const char *when)
{
	struct mmu_sim_path path;

	if (mmu_sim_poisoned(&machine->mmu, cpu, &path))
		violation(when, &path, 0);
}

static void satp_written(void)
{
	machine->switches++;
	check_poison(arch_cpu(), "satp leads to what was freed");
}

static void check_free(const struct page *p, unsigned order)
{
	struct mmu_sim_path path;
	paddr_t pa = page_to_phys(p);

	if (!machine)
		return;
	machine->frees++;
	mmu_sim_disturb(&machine->mmu);
	if (mmu_sim_freed(&machine->mmu, pa, PAGE_SIZE << order, &path))
		violation("reaches what is freed", &path, pa);
}

void __wrap_page_free(struct page *p, unsigned order)
{
	check_free(p, order);
	__real_page_free(p, order);
}

void __wrap_page_free_bulk(size_t n, struct page **page)
{
	for (size_t i = 0; i < n; i++)
		check_free(page[i], 0);
	__real_page_free_bulk(n, page);
}

/* Is the hart where it can use what was changed? */
static bool concerned(unsigned cpu, const struct tlb_space *s)
{
	const struct mmu_sim_hart *h = &machine->hart[cpu];
	uint64_t root = h->satp & (((uint64_t)1 << 44) - 1);

	if (!s)
		return !h->idle;
	return !machine->switching[cpu] &&
	       root == machine->config.root_of(s) >> PAGE_SHIFT;
}

static void flush_begins(const struct tlb_space *s, struct range va)
{
	if (machine && !range_empty(va))
		mmu_sim_flush_begins(&machine->mmu, arch_cpu(), va.start,
				     range_size(va), !s);
}

static void check_flush(const struct tlb_space *s, struct range va)
{
	struct mmu_sim_path path;

	machine->flushes++;
	if (range_empty(va))
		return;
	for (unsigned cpu = 0; cpu < machine->config.started; cpu++)
		if (concerned(cpu, s) &&
		    mmu_sim_overdue(&machine->mmu, arch_cpu(), cpu, va.start,
				    range_size(va), !s, &path))
			violation("remembers what was flushed", &path, 0);
}

void __wrap_tlb_flush(struct tlb_gather *g)
{
	struct tlb_space *s = g->space;
	struct range va = g->va;

	flush_begins(s, va);
	__real_tlb_flush(g);
	if (machine)
		check_flush(s, va);
}

void __wrap_tlb_flush_new(struct tlb_gather *g)
{
	struct tlb_space *s = g->space;
	struct range va = g->va;

	flush_begins(s, va);
	__real_tlb_flush_new(g);
	if (machine)
		check_flush(s, va);
}

void __wrap_tlb_flush_page(struct tlb_space *s, vaddr_t va)
{
	struct range page = {va, va + PAGE_SIZE};

	flush_begins(s, page);
	__real_tlb_flush_page(s, va);
	if (machine)
		check_flush(s, page);
}

void __wrap_tlb_switch(struct tlb_space *space, const struct pgtable *pt)
{
	if (machine)
		machine->switching[arch_cpu()] = true;
	__real_tlb_switch(space, pt);
	if (machine)
		machine->switching[arch_cpu()] = false;
}

void __wrap_tlb_idle_enter(void)
{
	if (machine)
		machine->hart[arch_cpu()].idle = true;
	__real_tlb_idle_enter();
}

void __wrap_tlb_idle_exit(void)
{
	__real_tlb_idle_exit();
	if (!machine)
		return;
	machine->hart[arch_cpu()].idle = false;
	check_poison(arch_cpu(), "awake with what was freed");
}

void machine_begin(struct machine *m, const struct machine_config *c)
{
	assert(!machine && c->started <= c->harts && c->harts <= HARTS_MAX);
	*m = (struct machine){.config = *c};
	m->config.mmu.page = ram_page;
	mmu_sim_init(&m->mmu, &m->config.mmu, m->hart, c->started);
	m->sbi = (struct sbi_sim){
		.mmu = &m->mmu,
		.n = c->harts,
		.range_limit = c->range_limit,
	};
	for (unsigned cpu = 0; cpu < c->harts; cpu++) {
		m->sbi.hartid[cpu] = riscv_hartid[cpu] = c->hartid[cpu];
		m->sbi.started[cpu] = cpu < c->started;
	}
	riscv_features = (struct riscv_features){.svinval = c->svinval};
	cpus_online_ = cpu_bit(c->started) - 1;
	mmu_model_use(&m->mmu);
	mmu_model_satp_written = satp_written;
	sbi_sim_use(&m->sbi);
	machine = m;
}

static void yielded(void *ctx)
{
	struct machine *m = ctx;

	mmu_sim_disturb(&m->mmu);
}

void machine_run(struct machine *m, void (*const fn[])(void))
{
	const struct harts_hooks hooks = {
		.yield = yielded, .ctx = m, .keep_online = true};

	harts_run(m->config.started, fn, &hooks, m->config.mmu.seed);
}

void machine_end(struct machine *m)
{
	assert(machine == m);
	machine = NULL;
	mmu_model_use(NULL);
	mmu_model_satp_written = NULL;
	sbi_sim_use(NULL);
	cpus_online_ = 1;
	riscv_features = (struct riscv_features){0};
}
