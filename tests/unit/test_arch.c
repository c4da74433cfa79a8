/*
 * The contract of arch/include/arch/: what every architecture must do, natively
 * and in the kernel. What a hart does at an address is asked by <arch/probe.h>.
 */
#include <string.h>

#include <arch/mmu.h>
#include <arch/probe.h>
#include <arch/smp.h>
#include <kernel/ktest.h>
#include <lib/errno.h>
#include <mm/kmap.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>
#include <mm/umap.h>

#include "arch_bed.h"

#define RW (VM_READ | VM_WRITE)

static void interrupts(void)
{
	bool before = arch_irq_enabled();
	uint64_t outer = arch_irq_save(), inner;

	EXPECT(!arch_irq_enabled());
	inner = arch_irq_save();
	EXPECT(!arch_irq_enabled());
	arch_irq_restore(inner);
	EXPECT(!arch_irq_enabled());
	arch_irq_restore(outer);
	EXPECT_EQ(arch_irq_enabled(), before);
}

KTEST(arch, interrupts_nest)
{
	arch_bed_run(interrupts);
}

static PERCPU uint64_t own = 42;

static void harts(void)
{
	unsigned cpu = arch_cpu();

	EXPECT(cpu < MAX_CPUS && (cpus_online() & cpu_bit(cpu)));
	EXPECT_EQ(arch_percpu_offset(), percpu_offset[cpu]);
	EXPECT_EQ((uintptr_t)this_cpu(own), (uintptr_t)cpu_var(own, cpu));
	for_each_cpu (a, cpus_online()) {
		EXPECT_EQ(*cpu_var(own, a), 42);
		for_each_cpu (b, cpus_online() & ~cpu_bit((unsigned)a)) {
			EXPECT(cpu_var(own, a) != cpu_var(own, b));
			EXPECT(arch_hartid((unsigned)a) !=
			       arch_hartid((unsigned)b));
		}
	}
}

KTEST(arch, harts_have_variables_and_ids_of_their_own)
{
	arch_bed_run(harts);
}

KTEST(arch, time_goes_on)
{
	uint64_t before = arch_time();

	while (arch_time() == before)
		arch_relax();
	EXPECT(arch_time() > before);
}

static struct page *frame[2];
static uint64_t *word[2];

static bool take_frames(void)
{
	for (unsigned i = 0; i < 2; i++) {
		frame[i] = page_alloc(0, ALLOC_ZERO);
		if (!frame[i])
			return false;
		word[i] = phys_to_virt(page_to_phys(frame[i]));
		*word[i] = 1000 + i;
	}
	return true;
}

static void give_frames(void)
{
	for (unsigned i = 0; i < 2; i++)
		page_free(frame[i], 0);
}

static bool loads(vaddr_t va, uint64_t value)
{
	struct probe p = arch_probe(ACCESS_LOAD, va, 0);

	return p.ok && p.value == value;
}

static bool faults(enum access kind, vaddr_t va)
{
	return !arch_probe(kind, va, 0).ok;
}

static void kernel_pages(void)
{
	struct range va = {kmap_arena.start, kmap_arena.start + PAGE_SIZE};
	paddr_t pa;

	REQUIRE(take_frames());
	pa = page_to_phys(frame[0]);
	EXPECT(faults(ACCESS_LOAD, va.start));
	REQUIRE(kmap_map(va, pa, RW, ATTR_NORMAL) == 0);
	EXPECT(loads(va.start, 1000));
	EXPECT(arch_probe(ACCESS_STORE, va.start, 5).ok);
	EXPECT_EQ(*word[0], 5);
	EXPECT(faults(ACCESS_FETCH, va.start));
	EXPECT_EQ(kmap_protect(va, VM_READ), 0);
	EXPECT(loads(va.start, 5));
	EXPECT(faults(ACCESS_STORE, va.start));
	EXPECT_EQ(kmap_unmap(va), 0);
	EXPECT(faults(ACCESS_LOAD, va.start));
	/* Another frame at once. */
	EXPECT_EQ(kmap_map(va, page_to_phys(frame[1]), RW, ATTR_NORMAL), 0);
	EXPECT(loads(va.start, 1001));
	EXPECT_EQ(kmap_unmap(va), 0);
	give_frames();
}

KTEST(arch, kernel_pages_do_what_the_tables_say)
{
	arch_bed_run(kernel_pages);
}

static void refused(void)
{
	const vaddr_t user = pgtable_lower_half(kernel_pgtable.levels).start;
	struct range low = {user + GIB(1), user + GIB(1) + PAGE_SIZE};
	struct range high = {kmap_arena.start, kmap_arena.start + PAGE_SIZE};
	struct umap u;
	struct mapping m;

	REQUIRE(umap_init(&u) == 0);
	EXPECT_EQ(kmap_map(low, 0, RW, ATTR_NORMAL), -EINVAL);
	EXPECT_EQ(kmap_map(high, 0, RW | VM_USER, ATTR_NORMAL), -EINVAL);
	EXPECT_EQ(kmap_map(high, 0, RW | VM_EXEC, ATTR_NORMAL), -EINVAL);
	EXPECT_EQ(kmap_unmap(low), -EINVAL);
	EXPECT_EQ(kmap_protect(low, VM_READ), -EINVAL);
	EXPECT_EQ(kmap_protect(high, VM_READ | VM_USER), -EINVAL);
	EXPECT_EQ(kmap_protect(high, RW | VM_EXEC), -EINVAL);
	/* Not the direct map, nor the image, nor the page map. */
	EXPECT_EQ(kmap_unmap(range_make(DIRECT_MAP_SV39,
					DIRECT_MAP_SV39 + PAGE_SIZE)),
		  -EINVAL);
	EXPECT_EQ(kmap_unmap(range_make(IMAGE_BASE, IMAGE_BASE + PAGE_SIZE)),
		  -EINVAL);
	EXPECT_EQ(kmap_unmap(
			  range_make(PAGE_MAP_BASE, PAGE_MAP_BASE + PAGE_SIZE)),
		  -EINVAL);
	EXPECT_EQ(umap_map(&u, high, 0, RW, ATTR_NORMAL), -EINVAL);
	EXPECT_EQ(umap_unmap(&u, high, NULL), -EINVAL);
	EXPECT_EQ(umap_protect(&u, high, VM_READ), -EINVAL);
	EXPECT_EQ(umap_map(&u, low, 0, 0, ATTR_NORMAL), -EINVAL);
	EXPECT(!umap_query(&u, low.start, &m));
	umap_destroy(&u);
}

KTEST(arch, each_mapper_keeps_to_its_half)
{
	arch_bed_run(refused);
}

static void user_spaces(void)
{
	struct range va = {GIB(1), GIB(1) + PAGE_SIZE};
	struct umap u[2];

	REQUIRE(take_frames());
	for (unsigned i = 0; i < 2; i++) {
		REQUIRE(umap_init(&u[i]) == 0);
		REQUIRE(umap_map(&u[i], va, page_to_phys(frame[i]), RW,
				 ATTR_NORMAL) == 0);
	}
	arch_probe_users(true);
	EXPECT(faults(ACCESS_LOAD, va.start));
	for (unsigned i = 0; i < 20; i++) {
		umap_activate(&u[i % 2]);
		EXPECT(loads(va.start, 1000 + i % 2));
	}
	/* The kernel is in each of them. */
	EXPECT_EQ(kmap_map(range_make(kmap_arena.start,
				      kmap_arena.start + PAGE_SIZE),
			   page_to_phys(frame[0]), VM_READ, ATTR_NORMAL),
		  0);
	EXPECT(loads(kmap_arena.start, 1000));
	EXPECT_EQ(kmap_unmap(range_make(kmap_arena.start,
					kmap_arena.start + PAGE_SIZE)),
		  0);
	/* Nobody touches user pages by chance. */
	arch_probe_users(false);
	EXPECT(faults(ACCESS_LOAD, va.start));
	arch_probe_users(true);
	/* What changes while it is not here is not here afterwards. */
	umap_activate(&u[0]);
	EXPECT(loads(va.start, 1000));
	umap_activate(&u[1]);
	EXPECT_EQ(umap_protect(&u[0], va, VM_READ), 0);
	umap_activate(&u[0]);
	EXPECT(faults(ACCESS_STORE, va.start));
	EXPECT_EQ(umap_unmap(&u[0], va, NULL), 0);
	EXPECT(faults(ACCESS_LOAD, va.start));
	arch_probe_users(false);
	umap_activate(NULL);
	umap_destroy(&u[0]);
	umap_destroy(&u[1]);
	give_frames();
}

KTEST(arch, user_spaces_are_apart)
{
	arch_bed_run(user_spaces);
}

static void code(void)
{
	struct range va = {kmap_arena.start, kmap_arena.start + PAGE_SIZE};

	REQUIRE(take_frames());
	arch_probe_code(word[0], 11);
	tlb_sync_code();
	REQUIRE(kmap_map(va, page_to_phys(frame[0]), VM_READ | VM_EXEC,
			 ATTR_NORMAL) == 0);
	for (unsigned n = 11; n < 20; n++) {
		struct probe p;

		arch_probe_code(word[0], n);
		tlb_sync_code();
		p = arch_probe(ACCESS_FETCH, va.start, 0);
		EXPECT(p.ok);
		EXPECT_EQ(p.value, n);
	}
	EXPECT_EQ(kmap_unmap(va), 0);
	EXPECT(faults(ACCESS_FETCH, va.start));
	give_frames();
}

KTEST(arch, stored_code_is_what_runs)
{
	arch_bed_run(code);
}

static void fences(void)
{
	const struct tlb_fence fence[] = {
		{.asid = ASID_ANY},
		{.asid = 1},
		{{kmap_arena.start, kmap_arena.start + PAGE_SIZE},
		 PAGE_SIZE,
		 ASID_ANY},
		{{GIB(1), GIB(1) + MIB(4)}, MIB(2), 1},
	};
	cpumask_t others = cpus_online() & ~cpu_bit(arch_cpu());

	EXPECT(arch_asid_bits() <= 16);
	for (unsigned i = 0; i < ARRAY_SIZE(fence); i++) {
		arch_tlb_fence(&fence[i]);
		if (others)
			EXPECT_EQ(arch_tlb_fence_remote(&fence[i], others), 0);
	}
	arch_icache_fence();
	if (others)
		EXPECT_EQ(arch_icache_fence_remote(others), 0);
}

KTEST(arch, fences_of_all_kinds_are_taken)
{
	arch_bed_run(fences);
}
