/*
 * The model's judgement: each fault that it is there to find, made by hand, and
 * next to it what is no fault. And its instruction caches.
 */
#include <string.h>

#include <host/mmu_sim.h>
#include <kernel/ktest.h>

/*
 * Sv39. Frames from 0x80000000 on: 0 to 2 a tree for address space 7, 3 to 5 one
 * for 8; `va` is entry 1 of each table. Frames 8 and up are pages.
 */
#define RAM    0x80000000u
#define FRAMES 12
#define USER   0xd7u /* D A U W R V */
#define KERNEL 0xe7u /* D A G W R V */
#define CODE   0xdbu /* D A U X R V */

static uint64_t ram[FRAMES][512];
static struct mmu_sim sim;
static struct mmu_sim_hart hart[2];
static struct mmu_sim_path path;

static const uint64_t va = 0x40201000, asid7 = 7;

static const uint64_t *ram_page(void *ctx, uint64_t pa)
{
	uint64_t frame = (pa - RAM) >> 12;

	(void)ctx;
	return frame < FRAMES ? ram[frame] : NULL;
}

static uint64_t frame(unsigned n)
{
	return RAM + n * 0x1000;
}

static uint64_t entry(unsigned n, uint64_t bits)
{
	return frame(n) >> 12 << 10 | bits;
}

static void use(unsigned tree, unsigned asid)
{
	mmu_sim_write_satp(&sim, 0, mmu_sim_satp(3, frame(3 * tree), asid));
}

/* va leads to frame 8 in space 7, where hart 0 is and has looked. */
static void set_up(uint64_t bits)
{
	struct mmu_sim_config config = {
		.page = ram_page,
		.asid_bits = 16,
		.modes = 0x38,
		.seed = ktest_seed(),
	};

	memset(ram, 0, sizeof(ram));
	mmu_sim_init(&sim, &config, hart, 2);
	for (unsigned k = 0; k < 6; k += 3) {
		ram[k][1] = entry(k + 1, 1);
		ram[k + 1][1] = entry(k + 2, 1);
	}
	ram[2][1] = entry(8, bits);
	use(0, 7);
	mmu_sim_prefetch(&sim, 0, va);
}

static bool freed(unsigned n)
{
	return mmu_sim_freed(&sim, frame(n), 0x1000, &path);
}

KTEST(mmu_sim, freed_while_mapped_or_remembered)
{
	set_up(USER);
	EXPECT(freed(8));
	EXPECT(!path.cached && !path.table && path.va == va);
	EXPECT(!freed(9));
	ram[2][1] = 0;
	EXPECT(freed(8));
	EXPECT(path.cached && !path.table && path.hart == 0);
	EXPECT_EQ(path.pte, entry(8, USER));
	EXPECT_EQ(path.va, va);
	mmu_sim_sfence_vma(&sim, 0, &va, &asid7);
	EXPECT(!freed(8));
	/* Tables, the root too; hart 1 is in none. */
	for (unsigned n = 0; n < 4; n++)
		EXPECT_EQ(freed(n), n < 3);
	EXPECT(path.table);
	ram[1][1] = 0;
	EXPECT(freed(2));
	EXPECT(path.table && path.cached);
	/* A fence by address leaves the pointer, */
	mmu_sim_sfence_vma(&sim, 0, &va, NULL);
	EXPECT(freed(2));
	/* and through it what is mapped below. */
	ram[2][1] = entry(9, USER);
	EXPECT(freed(9));
	mmu_sim_sfence_vma(&sim, 0, NULL, &asid7);
	EXPECT(!freed(2) && !freed(9));
}

KTEST(mmu_sim, freed_where_it_is_exempt)
{
	set_up(KERNEL);
	sim.config.exempt = va;
	sim.config.exempt_size = 0x1000;
	EXPECT(!freed(8));
	EXPECT(freed(2)); /* tables are not */
	sim.config.exempt = va + 0x1000;
	EXPECT(freed(8));
}

/* What another space remembers matters once satp has its number. */
KTEST(mmu_sim, freed_while_another_space_remembers)
{
	for (unsigned how = 0; how < 4; how++) {
		set_up(USER);
		use(1, 8);
		ram[2][1] = 0;
		EXPECT(!freed(8));
		EXPECT(!mmu_sim_poisoned(&sim, 0, &path));
		if (how == 1)
			mmu_sim_sfence_vma(&sim, 0, &va, &asid7);
		else if (how == 2)
			mmu_sim_sfence_vma(&sim, 0, NULL, NULL);
		else if (how == 3)
			mmu_sim_sfence_vma(&sim, 1, NULL, NULL);
		use(1, 7);
		EXPECT_EQ(mmu_sim_poisoned(&sim, 0, &path),
			  how == 0 || how == 3);
	}
	EXPECT(path.va == va && path.pte == entry(8, USER) && !path.table);
	/* A table. */
	set_up(USER);
	use(1, 8);
	ram[1][1] = 0;
	EXPECT(!freed(2));
	mmu_sim_sfence_vma(&sim, 0, &va, NULL);
	use(0, 7);
	EXPECT(mmu_sim_poisoned(&sim, 0, &path) && path.table);
	/* Global ones are used in every space. */
	set_up(KERNEL);
	use(1, 8);
	ram[2][1] = 0;
	EXPECT(freed(8));
	/* And without ASIDs all are. */
	set_up(USER);
	sim.config.asid_bits = 0;
	use(0, 7);
	mmu_sim_prefetch(&sim, 0, va);
	use(1, 8);
	ram[2][1] = 0;
	EXPECT(freed(8));
}

KTEST(mmu_sim, an_idle_hart_may_keep_global_leaves)
{
	set_up(KERNEL);
	hart[0].idle = true;
	EXPECT(freed(8)); /* it is still mapped */
	ram[2][1] = 0;
	EXPECT(!freed(8));
	EXPECT(!mmu_sim_poisoned(&sim, 0, &path));
	hart[0].idle = false;
	EXPECT(mmu_sim_poisoned(&sim, 0, &path));
	mmu_sim_sfence_vma(&sim, 0, NULL, NULL);
	EXPECT(!mmu_sim_poisoned(&sim, 0, &path));
	/* No user's leaves, no tables. */
	set_up(USER);
	hart[0].idle = true;
	ram[2][1] = 0;
	EXPECT(freed(8));
	ram[1][1] = 0;
	EXPECT(freed(2));
}

/* Memory that was freed and is mapped there again is no fault any more. */
KTEST(mmu_sim, what_is_read_anew_is_not_poisoned)
{
	set_up(KERNEL);
	hart[0].idle = true;
	ram[2][1] = 0;
	EXPECT(!freed(8));
	ram[2][1] = entry(8, KERNEL);
	mmu_sim_prefetch(&sim, 0, va);
	hart[0].idle = false;
	EXPECT(!mmu_sim_poisoned(&sim, 0, &path));
}

/* A hole that was seen in a table that is gone: a fence need not look at what is
 * there now. */
KTEST(mmu_sim, holes_of_freed_tables_are_forgotten_by_asid)
{
	set_up(0);
	use(1, 8);
	ram[1][1] = 0;
	EXPECT(!freed(2));
	ram[2][1] = entry(9, KERNEL);
	mmu_sim_sfence_vma(&sim, 0, NULL, &asid7);
	for (unsigned i = 0; i < MMU_SIM_ENTRIES; i++)
		EXPECT(!hart[0].entry[i].size);
}

static bool outdated(bool exact)
{
	return mmu_sim_outdated(&sim, 0, va & ~0xfffffull, 0x100000, exact,
				&path);
}

KTEST(mmu_sim, rights_that_are_lost_or_gained)
{
	set_up(USER);
	EXPECT(!outdated(true));
	/* Less than before. */
	ram[2][1] = entry(8, USER & ~4u);
	EXPECT(outdated(false));
	EXPECT(path.va - va < 0x1000 && path.pte == entry(8, USER));
	/* Elsewhere. */
	ram[2][1] = entry(9, USER);
	EXPECT(outdated(false));
	ram[2][1] = 0;
	EXPECT(outdated(false));
	mmu_sim_sfence_vma(&sim, 0, &va, NULL);
	EXPECT(!outdated(true));
	/* More than before. */
	mmu_sim_prefetch(&sim, 0, va);
	ram[2][1] = entry(8, USER);
	EXPECT(!outdated(false));
	EXPECT(outdated(true));
	/* Out of the range, or of another space, it is no matter. */
	EXPECT(!mmu_sim_outdated(&sim, 0, va + 0x1000, 0x1000, true, &path));
	EXPECT(!mmu_sim_outdated(&sim, 0, va - 0x1000, 0x1000, true, &path));
	use(1, 8);
	EXPECT(!outdated(true));
	/* By a table that was replaced. */
	set_up(USER);
	ram[1][1] = entry(5, 1);
	mmu_sim_sfence_vma(&sim, 0, &va, NULL);
	EXPECT(mmu_sim_outdated(&sim, 0, va, 0x1000, false, &path));
	EXPECT(path.table);
	mmu_sim_sfence_vma(&sim, 0, NULL, &asid7);
	EXPECT(!outdated(true));
	/* Up to the last address that there is. */
	ram[0][511] = USER;
	mmu_sim_prefetch(&sim, 0, UINT64_MAX);
	ram[0][511] = 0;
	EXPECT(mmu_sim_outdated(&sim, 0, UINT64_MAX - 0xfff, 0x1000, false,
				&path));
}

#define FLUSH 7 /* the last number */

static void flush_begins(uint64_t from)
{
	mmu_sim_flush_begins(&sim, FLUSH, from, 0x1000, false);
}

static bool overdue(unsigned flush)
{
	return mmu_sim_overdue(&sim, flush, 0, va, 0x1000, false, &path);
}

/* A flush answers for what was unhooked before it began, and not after. */
KTEST(mmu_sim, overdue_is_what_was_outdated_when_the_flush_began)
{
	set_up(USER);
	flush_begins(va);
	EXPECT(!overdue(FLUSH));
	ram[2][1] = 0;
	EXPECT(outdated(false) && !overdue(FLUSH));
	flush_begins(va + 0x1000);
	EXPECT(!overdue(FLUSH));
	flush_begins(va);
	EXPECT(overdue(FLUSH) && path.va == va && path.hart == 0);
	EXPECT_EQ(path.pte, entry(8, USER));
	/* The other harts' flushes, and their own memories. */
	EXPECT(!overdue(0));
	EXPECT(!mmu_sim_overdue(&sim, FLUSH, 1, va, 0x1000, false, &path));
	mmu_sim_sfence_vma(&sim, 1, NULL, NULL);
	EXPECT(overdue(FLUSH));
	mmu_sim_sfence_vma(&sim, 0, &va, NULL);
	EXPECT(!overdue(FLUSH));
	/* What takes the place of a forgotten entry owes nothing. */
	ram[2][1] = entry(9, USER);
	mmu_sim_prefetch(&sim, 0, va);
	ram[2][1] = 0;
	EXPECT(outdated(false) && !overdue(FLUSH));
	/* Nor does one that was read once more, */
	flush_begins(va);
	EXPECT(overdue(FLUSH));
	ram[2][1] = entry(9, USER);
	EXPECT(!overdue(FLUSH));
	mmu_sim_prefetch(&sim, 0, va);
	ram[2][1] = 0;
	EXPECT(outdated(false) && !overdue(FLUSH));
	/* unless it was read through a table that should be forgotten. */
	set_up(USER);
	mmu_sim_sfence_vma(&sim, 0, &va, NULL);
	ram[1][1] = entry(5, 1);
	flush_begins(va);
	mmu_sim_prefetch(&sim, 0, va);
	mmu_sim_sfence_vma(&sim, 0, &va, NULL);
	EXPECT(overdue(FLUSH) && path.table);
}

static uint64_t fetch(unsigned n)
{
	struct mmu_sim_access a = {
		.va = va + 8, .kind = MMU_SIM_FETCH, .user = true};
	uint64_t word = 0;

	if (!mmu_sim_fetch(&sim, n, &a, &word).ok)
		return 0;
	return word;
}

/* Old words come until FENCE.I on this hart, or by chance not. */
KTEST(mmu_sim, code_is_old_until_fence_i)
{
	unsigned old = 0;

	set_up(CODE);
	hart[1].satp = hart[0].satp;
	for (unsigned i = 0; i < 200; i++) {
		ram[8][1] = 100;
		mmu_sim_fence_i(&sim, 0);
		mmu_sim_fence_i(&sim, 1);
		EXPECT_EQ(fetch(0), 100);
		EXPECT_EQ(fetch(1), 100);
		ram[8][1] = 200;
		EXPECT(mmu_sim_stale_code(&sim, 0, frame(8) + 8));
		EXPECT(!mmu_sim_stale_code(&sim, 0, frame(8) + 16));
		/* Neither does SFENCE.VMA help, nor the other hart's. */
		mmu_sim_sfence_vma(&sim, 0, NULL, NULL);
		mmu_sim_fence_i(&sim, 1);
		EXPECT_EQ(fetch(1), 200);
		old += fetch(0) == 100;
		mmu_sim_fence_i(&sim, 0);
		EXPECT(!mmu_sim_stale_code(&sim, 0, frame(8) + 8));
		EXPECT_EQ(fetch(0), 200);
	}
	EXPECT(old > 100);
	ram[2][1] = entry(8, USER);
	mmu_sim_sfence_vma(&sim, 0, NULL, NULL);
	EXPECT_EQ(fetch(0), 0);
}

/* Harts fetch of their own accord, too. */
KTEST(mmu_sim, code_is_prefetched)
{
	bool stale = false;

	set_up(CODE);
	ram[8][1] = 100;
	mmu_sim_interest(&sim, va + 8);
	for (unsigned i = 0; i < 1000 && !stale; i++) {
		mmu_sim_disturb(&sim);
		ram[8][1]++;
		stale = mmu_sim_stale_code(&sim, 0, frame(8) + 8);
	}
	EXPECT(stale);
}
