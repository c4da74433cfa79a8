/*
 * Claims by several harts, which take turns anywhere in mm/, while all of them
 * remember what they can of old windows. What harts have from mmio_map() until
 * they call mmio_unmap() is written down here, and must go together.
 */
#include <string.h>

#include <asm/mmu.h>
#include <kernel/ktest.h>
#include <lib/errno.h>
#include <lib/rng.h>
#include <mm/mmio.h>
#include <mm/page_alloc.h>
#include <mm/reclaim.h>
#include <mm/vmalloc.h>
#include <mm/zone.h>

#include "host_bed.h"

#define HARTS 3
#define SLOTS 2
#define PAGES 2
#define AT    ((paddr_t)1 << 50)
#define SEEN  32

static struct {
	struct mmio m;
	bool held;
} slot[HARTS][SLOTS];

static bool inside[HARTS]; /* in the kernel's tables */
static struct rng rng;
static uint64_t left, claimed, refused;

/* Where windows have ever been. */
static vaddr_t seen[SEEN];
static unsigned nseen;

static void remember(vaddr_t va)
{
	for (unsigned i = 0; i < nseen; i++)
		if (seen[i] == va)
			return;
	if (nseen < SEEN)
		seen[nseen++] = va;
}

static vaddr_t window(const struct mmio *m)
{
	return align_down((uintptr_t)m->base, PAGE_SIZE);
}

/* May a load from there lead to this page? Must it? */
static void where(unsigned hart, vaddr_t va, paddr_t page, bool *may,
		  bool *must)
{
	struct mmu_sim_access a = {.va = va, .kind = MMU_SIM_LOAD};
	struct mmu_sim_outcome o[8];
	unsigned n = mmu_sim_outcomes(mmu_model_in_use(), hart, &a, o,
				      ARRAY_SIZE(o));

	*may = false;
	*must = n > 0;
	for (unsigned i = 0; i < n && i < ARRAY_SIZE(o); i++) {
		bool there = o[i].ok && align_down(o[i].pa, PAGE_SIZE) == page;

		*may |= there;
		*must &= there;
	}
}

static void all_harts_see(const struct mmio *m)
{
	bool may, must;

	for (unsigned hart = 0; hart < HARTS; hart++) {
		where(hart, window(m), m->pages.start, &may, &must);
		EXPECT(must || !inside[hart]);
	}
}

/* A claim that nobody can share: no other window leads there, on no hart. */
static void nobody_else_sees(const struct mmio *m)
{
	bool may, must;

	for (unsigned hart = 0; hart < HARTS; hart++)
		for (unsigned i = 0; i < nseen; i++) {
			where(hart, seen[i], m->pages.start, &may, &must);
			EXPECT(!may || seen[i] == window(m));
		}
}

/* All harts look there, as if of their own accord. */
static void tempt(const struct mmio *m)
{
	for (unsigned hart = 0; hart < HARTS; hart++)
		mmu_sim_prefetch(mmu_model_in_use(), hart, window(m));
}

static void goes_with_all(const struct mmio *m)
{
	for (unsigned hart = 0; hart < HARTS; hart++)
		for (unsigned i = 0; i < SLOTS; i++) {
			const struct mmio *other = &slot[hart][i].m;

			if (!slot[hart][i].held)
				continue;
			EXPECT(m->pa + m->size <= other->pa ||
			       other->pa + other->size <= m->pa ||
			       (m->flags & other->flags & MMIO_SHARED));
			EXPECT(m->pages.start != other->pages.start ||
			       !((m->flags ^ other->flags) & MMIO_WC));
		}
}

static void take(unsigned i, paddr_t pa, uint64_t size, unsigned flags)
{
	unsigned cpu = arch_cpu();
	struct mmio *m = &slot[cpu][i].m;
	int err = mmio_map(m, pa, size, flags, "hart");

	if (err) {
		EXPECT_EQ(err, -EBUSY);
		EXPECT(!m->base && !strcmp(m->owner, "hart"));
		refused++;
		return;
	}
	claimed++;
	goes_with_all(m);
	all_harts_see(m);
	if (size == PAGE_SIZE)
		nobody_else_sees(m);
	slot[cpu][i].held = true;
	remember(window(m));
}

static void give(unsigned i)
{
	unsigned cpu = arch_cpu();
	struct mmio *m = &slot[cpu][i].m;

	all_harts_see(m);
	tempt(m);
	slot[cpu][i].held = false;
	mmio_unmap(m);
	EXPECT(!m->base);
}

/* Whole pages, as one kind of memory or the other. */
static void claim_pages(unsigned i)
{
	take(i, AT + rng_below(&rng, PAGES) * PAGE_SIZE, PAGE_SIZE,
	     rng_below(&rng, 2) ? MMIO_WC : 0);
}

/* Registers in few pages. */
static void claim_registers(unsigned i)
{
	take(i,
	     AT + rng_below(&rng, PAGES) * PAGE_SIZE + 4 * rng_below(&rng, 6),
	     4 + 4 * rng_below(&rng, 2), rng_below(&rng, 2) ? MMIO_SHARED : 0);
}

static void (*claim)(unsigned i);

static void hart(void)
{
	unsigned cpu = arch_cpu();

	host_bed_enter();
	inside[cpu] = true;
	while (left) {
		unsigned i = (unsigned)rng_below(&rng, SLOTS);

		left--;
		if (slot[cpu][i].held)
			give(i);
		else
			claim(i);
		if (!rng_below(&rng, 50))
			vmalloc_purge();
	}
	for (unsigned i = 0; i < SLOTS; i++)
		if (slot[cpu][i].held)
			give(i);
}

static void run(void (*how)(unsigned i))
{
	static void (*const harts[HARTS])(void) = {hart, hart, hart};
	struct mmio_stats s;
	uint64_t before;

	rng = rng_seed(ktest_seed());
	claimed = refused = 0;
	claim = how;
	pte_features_set(true, false);
	for (uint64_t n = ktest_ops() / 25000 + 1; n; n--) {
		reclaim();
		before = zone_used_frames();
		left = 500;
		nseen = 0;
		memset(inside, 0, sizeof(inside));
		host_bed_run(HARTS, 0, rng_next(&rng), harts);
		EXPECT(!mmio_check());
		mmio_stats(&s);
		EXPECT_EQ(s.claims, 0);
		reclaim();
		EXPECT_EQ(zone_used_frames(), before);
	}
	pte_features_set(false, false);
	EXPECT(claimed > 10 && refused);
}

/* I2 and I4. */
KTEST(mmio_host, a_page_is_free_when_no_hart_sees_it_any_more)
{
	run(claim_pages);
}

/* I3: nobody joins a window that is going. */
KTEST(mmio_host, harts_share_a_window_as_long_as_one_needs_it)
{
	run(claim_registers);
}

static const struct memblock map = {
	.n = 4,
	.region =
		{
			{{GIB(2), GIB(2) + MIB(2)}, REGION_FIRMWARE},
			{{GIB(2) + MIB(2), GIB(3)}, REGION_FREE},
			{{GIB(3), GIB(3) + MIB(1)}, REGION_NOMAP},
			{{GIB(5), GIB(6)}, REGION_KERNEL},
		},
};

static const struct {
	paddr_t pa;
	uint64_t size;
	const char *owner; /* NULL: nobody */
} places[] = {
	{GIB(2) - 4, 4, NULL},
	{GIB(2) - 4, 8, "firmware"},
	{GIB(2), 4, "firmware"},
	{GIB(2) + MIB(2), 4, "free"},
	{GIB(3) - 4, 4, "free"},
	{GIB(3), 4, "no-map"},
	{GIB(3) + MIB(1) - 4, 4, "no-map"},
	{GIB(3) + MIB(1), 4, NULL},
	{GIB(4), GIB(1), NULL},
	{GIB(4), GIB(1) + 4, "kernel"},
	{GIB(6) - 4, 8, "kernel"},
	{GIB(6), 4, NULL},
	{0, GIB(64), "firmware"},
};

static void all_places(void)
{
	struct mmio m;

	host_bed_enter();
	mmio_init(&map);
	mmio_take_over();
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		int err = mmio_map(&m, places[i].pa, places[i].size, 0, "new");

		EXPECT_EQ(err, places[i].owner ? -EBUSY : 0);
		EXPECT(!strcmp(m.owner,
			       places[i].owner ? places[i].owner : "new"));
		mmio_unmap(&m);
	}
	EXPECT(!mmio_check());
	reclaim(); /* no window stays whose tables go */
}

KTEST(mmio_host, ram_names_its_holder)
{
	static void (*const harts[])(void) = {all_places};

	host_bed_run(ARRAY_SIZE(harts), 0, ktest_seed(), harts);
}
