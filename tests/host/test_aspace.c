/*
 * User spaces on the native machine: each allocation of each call fails once, and
 * nothing has happened then; limits, the heap and stacks; as many VMAs as there may
 * be; a writer while other harts fault.
 */
#include <string.h>

#include <host/ram.h>
#include <lib/errno.h>
#include <mm/aspace.h>
#include <mm/fail.h>
#include <mm/layout.h>
#include <mm/object.h>

#include "../unit/slab_bed.h"
#include "host_bed.h"

#include <asm/mmu.h>

#define BASE GIB(4)
#define HUGE MIB(2)
#define RW   (PROT_READ | PROT_WRITE)

static struct aspace *as;
static struct rng rng;

static vaddr_t page(unsigned n)
{
	return BASE + n * PAGE_SIZE;
}

static int map_at(vaddr_t at, uint64_t len, uint32_t prot, uint32_t flags)
{
	vaddr_t got;

	return aspace_map_anonymous(as, at, len, prot, flags | MAP_FIXED, &got);
}

/* At BASE. */
static int map_shared(unsigned pages)
{
	struct aspace_mmap m = {
		.addr = BASE,
		.len = pages * PAGE_SIZE,
		.prot = RW,
		.flags = MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED,
	};
	vaddr_t at;

	return aspace_mmap(as, &m, &at);
}

static bool touch(vaddr_t at)
{
	uint64_t value = at;

	return aspace_write(as, at, &value, sizeof(value)) == sizeof(value);
}

static bool untouched(vaddr_t at)
{
	uint64_t value = 0;

	return aspace_read(as, at, &value, sizeof(value)) == sizeof(value) &&
	       value == at;
}

static void on_machine(void (*fn)(void))
{
	void (*const harts[])(void) = {fn};

	host_bed_run(1, 8, ktest_seed(), harts);
}

/* --- allocations that fail --- */

/* Two leaves of 2 MiB, and two pages of another kind beside them. */
static bool furnish(void)
{
	as = aspace_create();
	return as && !map_at(BASE, 2 * HUGE, RW, 0) &&
	       !aspace_madvise(as, BASE, 2 * HUGE, MADV_HUGEPAGE) &&
	       !map_at(BASE + 2 * HUGE, 2 * PAGE_SIZE, PROT_READ, 0) &&
	       touch(BASE) && touch(BASE + HUGE);
}

static int call_map_other(void)
{
	return map_at(BASE + 4 * HUGE, PAGE_SIZE, PROT_READ, 0);
}

static int call_map_over(void)
{
	return map_at(BASE + PAGE_SIZE, HUGE, RW, 0);
}

static int call_map_shared(void)
{
	struct aspace_mmap m = {.len = PAGE_SIZE,
				.prot = RW,
				.flags = MAP_SHARED | MAP_ANONYMOUS};
	vaddr_t at;

	return aspace_mmap(as, &m, &at);
}

static int call_unmap(void)
{
	return aspace_munmap(as, BASE + PAGE_SIZE, HUGE);
}

static int call_protect(void)
{
	return aspace_mprotect(as, BASE + PAGE_SIZE, HUGE, PROT_READ);
}

static int call_remap(void)
{
	vaddr_t at;

	return aspace_mremap(as, BASE + PAGE_SIZE, HUGE, HUGE,
			     MREMAP_MAYMOVE | MREMAP_FIXED, BASE + 8 * HUGE,
			     &at);
}

static int call_dontunmap(void)
{
	vaddr_t at;

	return aspace_mremap(as, BASE + PAGE_SIZE, HUGE, HUGE,
			     MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP,
			     BASE + 8 * HUGE + PAGE_SIZE, &at);
}

static int call_advise(void)
{
	return aspace_madvise(as, BASE + PAGE_SIZE, HUGE, MADV_DONTFORK);
}

static int call_drop(void)
{
	return aspace_madvise(as, BASE + PAGE_SIZE, HUGE, MADV_DONTNEED);
}

static int call_fork(void)
{
	struct aspace *child = NULL;
	int err = aspace_fork(as, &child);

	if (!err)
		aspace_put(child);
	return err;
}

/* How often it failed, before it did not; 0: not as it should. */
static uint64_t fail_each(int (*call)(void))
{
	for (uint64_t n = 1; n < 100; n++) {
		uint64_t total, vmas;
		int err;

		if (!furnish())
			return 0;
		total = as->total;
		vmas = as->vmas.count;
		fail_arm(n, true);
		err = call();
		fail_arm(0, false);
		if (aspace_check(as))
			return 0;
		if (err && (as->total != total || as->vmas.count != vmas ||
			    !untouched(BASE) || !untouched(BASE + HUGE)))
			return 0;
		aspace_put(as);
		if (!err)
			return n;
		if (err != -ENOMEM && err != -EAGAIN)
			return 0;
	}
	return 0;
}

static void all_fail(void)
{
	static int (*const calls[])(void) = {
		call_map_other, call_map_over, call_map_shared, call_unmap,
		call_protect,	call_remap,    call_dontunmap,	call_advise,
		call_drop,	call_fork};
	uint64_t before;

	host_bed_enter();
	EXPECT(fail_each(call_map_other));
	before = frames_used();
	for (unsigned i = 0; i < ARRAY_SIZE(calls); i++) {
		if (!fail_each(calls[i]))
			ktest_fail(__FILE__, __LINE__, "call %u", i);
		EXPECT_EQ(frames_used(), before);
	}
}

KTEST(aspace, a_call_without_memory_does_nothing)
{
	on_machine(all_fail);
}

/* --- limits --- */

static void limits(void)
{
	vaddr_t at;

	host_bed_enter();
	as = aspace_create();
	REQUIRE(as);
	as->limit[LIMIT_AS] = 4 * PAGE_SIZE + 5;
	EXPECT_EQ(map_at(BASE, 5 * PAGE_SIZE, RW, 0), -ENOMEM);
	EXPECT_EQ(map_at(BASE, 4 * PAGE_SIZE, RW, 0), 0);
	/* In place of itself it is no more. */
	EXPECT_EQ(map_at(BASE, 4 * PAGE_SIZE, PROT_READ, 0), 0);
	EXPECT_EQ(map_at(page(4), PAGE_SIZE, RW, 0), -ENOMEM);
	as->limit[LIMIT_AS] = UINT64_MAX;
	as->limit[LIMIT_DATA] = PAGE_SIZE;
	EXPECT_EQ(aspace_mprotect(as, BASE, 2 * PAGE_SIZE, RW), -ENOMEM);
	EXPECT_EQ(aspace_mprotect(as, BASE, PAGE_SIZE, RW), 0);
	EXPECT_EQ(map_at(page(8), PAGE_SIZE, RW, 0), -ENOMEM);
	EXPECT_EQ(map_at(page(8), PAGE_SIZE, PROT_READ, 0), 0);
	as->limit[LIMIT_DATA] = UINT64_MAX;
	as->may_lock = false;
	as->limit[LIMIT_MEMLOCK] = 0;
	EXPECT_EQ(aspace_mlock(as, BASE, 1, false), -EPERM);
	EXPECT_EQ(map_at(page(16), PAGE_SIZE, RW, MAP_LOCKED), -EPERM);
	as->limit[LIMIT_MEMLOCK] = 2 * PAGE_SIZE;
	EXPECT_EQ(map_at(page(16), 3 * PAGE_SIZE, RW, MAP_LOCKED), -EAGAIN);
	EXPECT_EQ(map_at(page(16), 2 * PAGE_SIZE, RW, MAP_LOCKED), 0);
	EXPECT_EQ(aspace_mlock(as, page(16), 2 * PAGE_SIZE, false), 0);
	EXPECT_EQ(aspace_mlock(as, page(0), 1, false), -ENOMEM);
	EXPECT_EQ(aspace_mremap(as, page(16), 2 * PAGE_SIZE, 3 * PAGE_SIZE, 0,
				0, &at),
		  -EAGAIN);
	EXPECT_EQ(aspace_munlock(as, page(16), PAGE_SIZE), 0);
	EXPECT_EQ(aspace_mlock(as, page(0), 1, false), 0);
	EXPECT_EQ(as->locked, 2 * PAGE_SIZE);
	EXPECT_EQ(map_at(page(0), HOST_RAM_SIZE * 2, RW, 0), -ENOMEM);
	EXPECT_EQ(map_at(page(64), HOST_RAM_SIZE * 2, RW, MAP_NORESERVE), 0);
	EXPECT(!aspace_check(as));
	aspace_put(as);
}

KTEST(aspace, limits_are_kept)
{
	on_machine(limits);
}

static void heap_and_stack(void)
{
	const vaddr_t top = BASE + GIB(1), heap = BASE;

	host_bed_enter();
	as = aspace_create();
	REQUIRE(as);
	as->brk = range_make(heap, heap);
	EXPECT_EQ(aspace_brk(as, 0), heap);
	EXPECT_EQ(aspace_brk(as, heap + 1), heap + 1);
	EXPECT_EQ(as->total, PAGE_SIZE);
	EXPECT(touch(BASE));
	EXPECT_EQ(aspace_brk(as, page(3)), page(3));
	EXPECT_EQ(aspace_brk(as, page(2) + 7), page(2) + 7);
	EXPECT_EQ(as->total, 3 * PAGE_SIZE);
	/* A page stays free in front of what is mapped. */
	EXPECT_EQ(map_at(page(6), PAGE_SIZE, RW, 0), 0);
	EXPECT_EQ(aspace_brk(as, page(6)), page(2) + 7);
	EXPECT_EQ(aspace_brk(as, page(5)), page(5));
	EXPECT_EQ(aspace_brk(as, UINT64_MAX), page(5));
	EXPECT_EQ(aspace_brk(as, heap), heap);
	EXPECT_EQ(as->total, PAGE_SIZE);
	/* A stack, down to its limit, and no nearer to others than a guard. */
	EXPECT_EQ(map_at(top - PAGE_SIZE, PAGE_SIZE, RW, MAP_GROWSDOWN), 0);
	EXPECT(touch(top - MIB(1)));
	EXPECT_EQ(as->stack, MIB(1));
	EXPECT(touch(top - MIB(8)) && !touch(top - MIB(8) - 8));
	as->limit[LIMIT_STACK] = UINT64_MAX;
	EXPECT_EQ(map_at(top - MIB(16), PAGE_SIZE, PROT_READ, 0), 0);
	EXPECT(!touch(top - MIB(16) + PAGE_SIZE + VMA_GUARD - 8));
	EXPECT(touch(top - MIB(16) + PAGE_SIZE + VMA_GUARD));
	EXPECT(!aspace_check(as));
	aspace_put(as);
}

KTEST(aspace, heaps_and_stacks_grow)
{
	on_machine(heap_and_stack);
}

/* Every other page, so that no two are one. */
static uint64_t map_most(void)
{
	uint64_t n = 0;

	while (!map_at(BASE + n * 2 * PAGE_SIZE, PAGE_SIZE, PROT_READ,
		       MAP_NORESERVE))
		n++;
	return n;
}

static void many(void)
{
	host_bed_enter();
	as = aspace_create();
	REQUIRE(as);
	EXPECT_EQ(map_most(), ASPACE_MAX_VMAS + 1);
	EXPECT(!aspace_check(as));
	aspace_put(as);
}

KTEST(aspace, as_many_vmas_as_on_linux)
{
	on_machine(many);
}

static bool shows(vaddr_t at, uint64_t index)
{
	uint64_t value = 0;

	return aspace_read(as, at, &value, sizeof(value)) == sizeof(value) &&
	       value == index;
}

static int rearrange(unsigned n, unsigned pages, uint64_t pgoff)
{
	return aspace_remap_pages(as, page(n), pages * PAGE_SIZE, 0, pgoff, 0);
}

/* Shared pages get another order, and their own again, over several VMAs. */
static void rearranging(void)
{
	struct aspace_stats s;

	host_bed_enter();
	as = aspace_create();
	REQUIRE(as && !map_at(page(0), 4 * PAGE_SIZE, RW, 0));
	EXPECT(rearrange(0, 1, 0) == -EINVAL);
	EXPECT(!aspace_munmap(as, page(0), 4 * PAGE_SIZE));
	REQUIRE(!map_shared(4));
	for (uint64_t i = 0; i < 4; i++)
		EXPECT(aspace_write(as, page((unsigned)i), &i, sizeof(i)));
	EXPECT(!rearrange(1, 1, 3) && shows(page(1), 3) && shows(page(2), 2));
	aspace_stats(as, &s);
	EXPECT(s.vmas == 3);
	EXPECT(rearrange(0, 4, 1) == 0 && shows(page(0), 1));
	EXPECT(shows(page(2), 3));
	EXPECT(!rearrange(2, 1, 0) && !rearrange(0, 3, 0) && shows(page(1), 1));
	/* Too far, and around. */
	EXPECT(rearrange(0, 1, (uint64_t)1 << 52) == -EOVERFLOW);
	EXPECT(rearrange(0, 1, UINT64_MAX) == -EINVAL);
	/* Other rights, and a hole. */
	EXPECT(!aspace_mprotect(as, page(1), PAGE_SIZE, PROT_READ));
	EXPECT(rearrange(0, 3, 0) == -EINVAL);
	EXPECT(!aspace_munmap(as, page(1), PAGE_SIZE));
	EXPECT(rearrange(0, 3, 0) == -EINVAL);
	EXPECT(!aspace_check(as));
	aspace_put(as);
}

KTEST(aspace, shared_pages_are_rearranged)
{
	on_machine(rearranging);
}

/* --- others fault meanwhile --- */

#define PAGES 96

static bool ready, over;
static unsigned inside;
static uint64_t loads, stores;

static void change(void)
{
	unsigned first = (unsigned)rng_below(&rng, PAGES);
	uint64_t len = PAGE_SIZE * (1 + rng_below(&rng, PAGES - first));
	struct aspace *child;
	vaddr_t at = page(first);

	switch (rng_below(&rng, 8)) {
	case 0:
		EXPECT_EQ(aspace_munmap(as, at, len), 0);
		break;
	case 1:
		aspace_mprotect(as, at, len, PROT_READ);
		break;
	case 2:
		aspace_mprotect(as, at, len, PROT_NONE);
		break;
	case 3:
		aspace_mprotect(as, at, len, RW);
		break;
	case 4:
		aspace_madvise(as, at, len, MADV_DONTNEED);
		break;
	case 5:
		if (!aspace_fork(as, &child))
			aspace_put(child);
		break;
	default:
		EXPECT_EQ(map_at(at, len, RW, 0), 0);
	}
}

static void writer(void)
{
	host_bed_enter();
	as = aspace_create();
	REQUIRE(as);
	ready = true;
	while (inside < 2)
		arch_relax();
	for (uint64_t i = 0; i < ktest_ops() / 200 + 50; i++)
		change();
	over = true;
	while (inside)
		arch_relax();
	EXPECT(!aspace_check(as));
	aspace_put(as);
}

/* A page holds zeros, or what was stored there. */
static void access_page(struct mmu_sim *sim, unsigned n, bool store)
{
	struct mmu_sim_access a = {.va = page(n) + 8,
				   .kind = store ? MMU_SIM_STORE : MMU_SIM_LOAD,
				   .user = true};

	for (unsigned tries = 0; tries < 4; tries++) {
		struct mmu_sim_outcome o = mmu_sim_access(sim, arch_cpu(), &a);
		uint64_t *word;

		if (!o.ok) {
			if (aspace_fault(as, a.va,
					 store ? ACCESS_STORE : ACCESS_LOAD))
				return;
			continue;
		}
		word = phys_to_virt(o.pa);
		EXPECT(!*word || *word == a.va);
		if (store)
			*word = a.va;
		*(store ? &stores : &loads) += 1;
		return;
	}
}

static void reader(void)
{
	struct rng mine = rng_seed(ktest_seed() + arch_cpu());
	struct mmu_sim *sim;

	host_bed_enter();
	while (!ready)
		arch_relax();
	sim = mmu_model_in_use();
	umap_activate(&as->map);
	inside++;
	while (!over) {
		unsigned n = (unsigned)rng_below(&mine, PAGES);

		mmu_sim_interest(sim, page(n));
		access_page(sim, n, rng_below(&mine, 2));
		harts_yield();
	}
	umap_activate(NULL);
	inside--;
}

KTEST(aspace, writers_and_faults_on_three_harts)
{
	static void (*const harts[])(void) = {writer, reader, reader};
	uint64_t before = 0;

	for (unsigned i = 0; i < 4; i++) {
		ready = over = false;
		loads = stores = 0;
		rng = rng_seed(ktest_seed() + i);
		host_bed_run(3, 8, ktest_seed() + i, harts);
		EXPECT(loads > 10 && stores > 10);
		if (i)
			EXPECT_EQ(frames_used(), before);
		before = frames_used();
	}
}
