/*
 * Page faults on the native machine: what each does, which frames it takes, who sees
 * what. Races are in test_fault_harts.c.
 */
#include <string.h>

#include <lib/errno.h>
#include <mm/fail.h>
#include <mm/fault.h>
#include <mm/kmap.h>
#include <mm/page_alloc.h>

#include <asm/mmu.h>

#include "user_bed.h"

#define RW   (PROT_READ | PROT_WRITE)
#define HUGE MIB(2)

static struct aspace *enter_new(void)
{
	struct aspace *as;

	host_bed_enter();
	as = aspace_create();
	if (as)
		umap_activate(&as->map);
	return as;
}

static void leave(struct aspace *as)
{
	EXPECT_FITS(as);
	umap_activate(NULL);
	aspace_put(as);
}

static uint64_t resident(struct aspace *as)
{
	struct aspace_stats s;

	aspace_stats(as, &s);
	return s.resident;
}

static void anonymous(void)
{
	struct aspace *as = enter_new();

	REQUIRE(as && user_map(as, pages(0, 8), RW, NULL, MAP_PRIVATE));
	/* One fault for the zero page, none for the next load. */
	EXPECT_LOAD(as, page(0), 0);
	EXPECT_LOAD(as, page(0) + 8, 0);
	EXPECT_EQ(user_faults(as, FAULTS_ZERO), 1);
	EXPECT_EQ(resident(as), 0);
	EXPECT_STORE(as, page(0) + 8, 5);
	EXPECT_LOAD(as, page(0), 0);
	EXPECT_LOAD(as, page(0) + 8, 5);
	EXPECT_EQ(user_faults(as, FAULTS_ANON), 1);
	/* One fault for a store where nothing is. */
	EXPECT_STORE(as, page(1), 6);
	EXPECT_LOAD(as, page(1), 6);
	EXPECT_EQ(user_faults(as, FAULTS_ZERO), 1);
	EXPECT_EQ(user_faults(as, FAULTS_ANON), 2);
	EXPECT_EQ(user_faults(as, FAULTS_SPURIOUS), 0);
	EXPECT_EQ(resident(as), 2);
	leave(as);
}

KTEST(fault_host, anonymous)
{
	user_bed_run(anonymous);
}

static void errors(void)
{
	struct vm_object *o = object_create(PAGE_SIZE + 8);
	struct aspace *as = enter_new();
	uint64_t value;

	REQUIRE(as && o);
	REQUIRE(user_map(as, pages(0, 1), PROT_READ, NULL, MAP_PRIVATE));
	REQUIRE(user_map(as, pages(1, 1), PROT_NONE, NULL, MAP_PRIVATE));
	REQUIRE(user_map(as, pages(2, 1), PROT_WRITE, NULL, MAP_PRIVATE));
	REQUIRE(user_map(as, pages(3, 1), PROT_EXEC, NULL, MAP_PRIVATE));
	REQUIRE(user_map(as, pages(4, 4), RW, o, MAP_PRIVATE));
	REQUIRE(user_map(as, pages(8, 4), RW, o, MAP_SHARED));
	EXPECT_EQ(user_store(as, page(0), 1), FAULT_ACCERR);
	EXPECT_EQ(user_load(as, page(1), &value), FAULT_ACCERR);
	EXPECT_STORE(as, page(2), 1);
	EXPECT_LOAD(as, page(2), 1);
	EXPECT_EQ(user_load(as, page(3), &value), FAULT_ACCERR);
	EXPECT_EQ(aspace_fault(as, page(3), ACCESS_FETCH), FAULT_DONE);
	EXPECT_EQ(user_load(as, page(3), &value), FAULT_ACCERR);
	for (unsigned i = 4; i <= 8; i += 4) {
		EXPECT_LOAD(as, page(i + 1), 0);
		EXPECT_EQ(user_load(as, page(i + 2), &value), FAULT_BUS);
		EXPECT_EQ(user_store(as, page(i + 3), 1), FAULT_BUS);
	}
	EXPECT_EQ(user_load(as, page(12), &value), FAULT_MAPERR);
	EXPECT_EQ(user_load(as, 0, &value), FAULT_MAPERR);
	/* Addresses that no program can have. */
	EXPECT_EQ(aspace_fault(as, UINT64_MAX, ACCESS_STORE), FAULT_MAPERR);
	EXPECT_EQ(aspace_fault(as, kernel_pgtable.bounds.start, ACCESS_LOAD),
		  FAULT_MAPERR);
	EXPECT_EQ(aspace_fault(as, as->map.pt.bounds.end, ACCESS_LOAD),
		  FAULT_MAPERR);
	leave(as);
	object_put(o);
}

KTEST(fault_host, errors)
{
	user_bed_run(errors);
}

static void copy_on_write(void)
{
	struct aspace *as = enter_new(), *child = NULL;
	uint64_t copies, reuses;

	REQUIRE(as && user_map(as, pages(0, 4), RW, NULL, MAP_PRIVATE));
	EXPECT_LOAD(as, page(0), 0);
	EXPECT_STORE(as, page(1), 1);
	EXPECT_STORE(as, page(2), 2);
	REQUIRE(aspace_fork(as, &child) == 0);
	EXPECT_FITS(as);
	EXPECT_FITS(child);
	copies = user_faults(as, FAULTS_COPY);
	EXPECT_STORE(as, page(1), 10);
	EXPECT_STORE(as, page(0), 11);
	EXPECT_EQ(user_faults(as, FAULTS_COPY), copies + 1);
	umap_activate(&child->map);
	EXPECT_LOAD(child, page(0), 0);
	EXPECT_LOAD(child, page(1), 1);
	EXPECT_LOAD(child, page(2), 2);
	/* The last owner keeps it. */
	reuses = user_faults(child, FAULTS_REUSE);
	EXPECT_STORE(child, page(1), 20);
	EXPECT_EQ(user_faults(child, FAULTS_REUSE), reuses + 1);
	EXPECT_STORE(child, page(2), 21);
	EXPECT_EQ(user_faults(child, FAULTS_COPY), 1);
	EXPECT_STORE(child, page(3), 22);
	EXPECT_LOAD(child, page(1), 20);
	umap_activate(&as->map);
	EXPECT_LOAD(as, page(0), 11);
	EXPECT_LOAD(as, page(1), 10);
	EXPECT_LOAD(as, page(2), 2);
	EXPECT_LOAD(as, page(3), 0);
	EXPECT_FITS(child);
	aspace_put(child);
	EXPECT_STORE(as, page(2), 12);
	EXPECT_EQ(user_faults(as, FAULTS_REUSE), 1);
	leave(as);
}

KTEST(fault_host, copy_on_write)
{
	user_bed_run(copy_on_write);
}

static void objects(void)
{
	static uint64_t data[64 * 512];
	struct vm_object *o = object_create(sizeof(data));
	struct aspace *as = enter_new();
	uint64_t n;

	REQUIRE(as && o);
	for (unsigned i = 0; i < ARRAY_SIZE(data); i++)
		data[i] = i / 512;
	REQUIRE(object_write(o, 0, data, sizeof(data)) == 0);
	REQUIRE(user_map(as, pages(0, 64), RW, o, MAP_PRIVATE));
	REQUIRE(user_map(as, pages(64, 64), RW, o, MAP_SHARED));
	/* What is there already comes along: 64 KiB, aligned. */
	n = user_faults(as, FAULTS_OBJECT);
	for (unsigned i = 16; i < 32; i++)
		EXPECT_LOAD(as, page(i), i);
	EXPECT_EQ(user_faults(as, FAULTS_OBJECT), n + 1);
	EXPECT_EQ(user_faults(as, FAULTS_SPURIOUS), 0);
	EXPECT_LOAD(as, page(15), 15);
	EXPECT_EQ(user_faults(as, FAULTS_OBJECT), n + 2);
	/* A private view has copies, of what was loaded and what was not. */
	EXPECT_STORE(as, page(16), 100);
	EXPECT_STORE(as, page(40), 101);
	EXPECT_EQ(user_faults(as, FAULTS_COPY), 2);
	EXPECT_LOAD(as, page(40) + 8, 40);
	EXPECT_LOAD(as, page(64 + 16), 16);
	EXPECT_LOAD(as, page(64 + 40), 40);
	/* A shared one has the object's. */
	EXPECT_STORE(as, page(64 + 17), 102);
	EXPECT_STORE(as, page(64 + 63), 103);
	EXPECT_LOAD(as, page(17), 102);
	EXPECT_LOAD(as, page(63), 103);
	EXPECT_EQ(object_read(o, 17 * PAGE_SIZE, data, 8), 8);
	EXPECT_EQ(data[0], 102);
	EXPECT_EQ(user_faults(as, FAULTS_COPY), 2);
	leave(as);
	EXPECT_EQ(object_check(o), NULL);
	object_put(o);
}

KTEST(fault_host, objects)
{
	user_bed_run(objects);
}

static void huge_pages(void)
{
	struct range va = {USER_BASE, USER_BASE + 3 * HUGE};
	struct aspace *as = enter_new(), *child = NULL;
	struct aspace_stats s;

	REQUIRE(as && user_map(as, va, RW, NULL, MAP_PRIVATE));
	EXPECT_EQ(aspace_madvise(as, USER_BASE, 3 * HUGE, MADV_HUGEPAGE), 0);
	/* A load takes no memory, and then it is too late. */
	EXPECT_LOAD(as, USER_BASE + 2 * HUGE, 0);
	EXPECT_STORE(as, USER_BASE + 2 * HUGE, 3);
	EXPECT_STORE(as, USER_BASE + HUGE - 8, 1);
	EXPECT_STORE(as, USER_BASE + HUGE, 2);
	EXPECT_LOAD(as, USER_BASE, 0);
	aspace_stats(as, &s);
	EXPECT_EQ(s.huge, 2);
	EXPECT_EQ(s.resident, 2 * 512 + 1);
	/* A part of one goes, or gets other rights. */
	EXPECT_EQ(aspace_munmap(as, USER_BASE + PAGE_SIZE, PAGE_SIZE), 0);
	EXPECT_LOAD(as, USER_BASE + HUGE - 8, 1);
	EXPECT_FITS(as);
	aspace_stats(as, &s);
	EXPECT_EQ(s.huge, 1);
	EXPECT_EQ(s.resident, 2 * 512);
	EXPECT_EQ(aspace_mprotect(as, USER_BASE + HUGE, HUGE, PROT_READ), 0);
	EXPECT_EQ(user_store(as, USER_BASE + HUGE, 1), FAULT_ACCERR);
	EXPECT_EQ(aspace_mprotect(as, USER_BASE + HUGE, HUGE, RW), 0);
	EXPECT_STORE(as, USER_BASE + HUGE + 8, 4);
	aspace_stats(as, &s);
	EXPECT_EQ(s.huge, 1);
	/* What is shared is shared by pages. */
	REQUIRE(aspace_fork(as, &child) == 0);
	EXPECT_STORE(as, USER_BASE + HUGE, 5);
	EXPECT_FITS(as);
	EXPECT_FITS(child);
	umap_activate(&child->map);
	EXPECT_LOAD(child, USER_BASE + HUGE, 2);
	EXPECT_LOAD(child, USER_BASE + HUGE + 8, 4);
	EXPECT_LOAD(child, USER_BASE + HUGE - 8, 1);
	umap_activate(&as->map);
	aspace_put(child);
	leave(as);
}

KTEST(fault_host, huge_pages)
{
	user_bed_run(huge_pages);
}

/* What was added without this hart's knowledge it knows after the fault. */
static void spurious(void)
{
	struct mmu_sim *sim = mmu_model_in_use();
	const struct mmu_sim_access a = {
		.va = page(0), .kind = MMU_SIM_STORE, .user = true};
	struct page *p = page_alloc(0, ALLOC_ZERO);
	struct aspace *as = enter_new();
	struct mmu_sim_outcome set[8];
	struct pgtable_slot s;
	unsigned n;

	REQUIRE(as && p && user_map(as, pages(0, 2), RW, NULL, MAP_PRIVATE));
	EXPECT_STORE(as, page(1), 1);
	mmu_sim_prefetch(sim, 0, page(0));
	pgtable_find(&as->map.pt, page(0), 0, &s);
	EXPECT(pgtable_fill(&s, pte_leaf(page_to_phys(p),
					 VM_READ | VM_WRITE | VM_USER,
					 ATTR_NORMAL)));
	EXPECT_EQ(aspace_fault(as, page(0), ACCESS_STORE), FAULT_DONE);
	EXPECT_EQ(user_faults(as, FAULTS_SPURIOUS), 1);
	n = mmu_sim_outcomes(sim, 0, &a, set, ARRAY_SIZE(set));
	EXPECT_EQ(n, 1);
	EXPECT(set[0].ok);
	leave(as);
}

KTEST(fault_host, spurious)
{
	user_bed_run(spurious);
}

static void stacks(void)
{
	struct range va = {USER_BASE - 4 * PAGE_SIZE, USER_BASE};
	struct aspace *as = enter_new();
	uint64_t value;

	REQUIRE(as && user_map(as, va, RW, NULL, MAP_PRIVATE | MAP_GROWSDOWN));
	EXPECT_STORE(as, USER_BASE - 8, 1);
	EXPECT_STORE(as, USER_BASE - 100 * PAGE_SIZE, 2);
	EXPECT_LOAD(as, USER_BASE - 100 * PAGE_SIZE, 2);
	EXPECT_EQ(vma_first(&as->vmas)->va.start, USER_BASE - 100 * PAGE_SIZE);
	EXPECT_EQ(user_load(as, USER_BASE - MIB(9), &value), FAULT_MAPERR);
	leave(as);
}

KTEST(fault_host, stacks_grow)
{
	user_bed_run(stacks);
}

/* Let each allocation of a store to `va` fail: nothing is changed, and in the end it
 * works. */
static void starve(struct aspace *as, vaddr_t va, bool store)
{
	struct aspace_stats before, after;
	enum fault_result r;
	uint64_t value;

	for (uint64_t n = 1; n < 20; n++) {
		aspace_stats(as, &before);
		fail_arm(n, false);
		r = store ? user_store(as, va, n) : user_load(as, va, &value);
		fail_arm(0, false);
		EXPECT_FITS(as);
		if (r == FAULT_DONE)
			return;
		EXPECT_EQ(r, FAULT_NOMEM);
		aspace_stats(as, &after);
		EXPECT_EQ(before.resident, after.resident);
		EXPECT_EQ(before.tables, after.tables);
	}
	EXPECT(false);
}

static void memory_out(void)
{
	struct vm_object *o = object_create(GIB(1));
	struct aspace *as = enter_new(), *child = NULL;

	REQUIRE(as && o);
	REQUIRE(user_map(as, pages(0, 4), RW, NULL, MAP_PRIVATE));
	REQUIRE(user_map(as, range_make(GIB(4), GIB(4) + HUGE), RW, NULL,
			 MAP_PRIVATE));
	REQUIRE(user_map(as, range_make(GIB(6), GIB(6) + HUGE), RW, o,
			 MAP_SHARED));
	REQUIRE(user_map(as, range_make(GIB(8), GIB(8) + HUGE), RW, o,
			 MAP_PRIVATE));
	EXPECT_EQ(aspace_madvise(as, GIB(4), HUGE, MADV_HUGEPAGE), 0);
	starve(as, page(0), false);
	starve(as, page(0), true);
	starve(as, page(1), true);
	starve(as, GIB(4), true);
	starve(as, GIB(6) + PAGE_SIZE, false);
	starve(as, GIB(6), true);
	starve(as, GIB(8), true);
	starve(as, GIB(8) + PAGE_SIZE, false);
	starve(as, GIB(8) + PAGE_SIZE, true);
	REQUIRE(aspace_fork(as, &child) == 0);
	starve(as, page(1), true);
	aspace_put(child);
	leave(as);
	object_put(o);
}

KTEST(fault_host, memory_out_at_each_place)
{
	user_bed_run(memory_out);
}
