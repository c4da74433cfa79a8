/*
 * What the model's harts remember, and what makes them forget: by hand, a case
 * for each rule of SFENCE.VMA.
 */
#include <string.h>

#include <host/mmu_sim.h>
#include <kernel/ktest.h>

/*
 * Sv39. Three trees in frames of RAM that begins at 0x80000000: root at frame
 * 3k, one table each below it. Entries by number: R + W + A + D + V is 0xc7, G
 * 0x20; a pointer to frame n is 0x20000001 + 0x400 n.
 */
#define RAM    0x80000000u
#define FRAMES 12
#define LEAF   0xc7u
#define GLOBAL 0x20u
#define FIVE   ((uint64_t)5 << 10) /* frame 5 */
#define SIX    ((uint64_t)6 << 10)

static uint64_t ram[FRAMES][512];
static struct mmu_sim sim;
static struct mmu_sim_hart hart[2];

static const uint64_t va = 0x40201000, neighbour = 0x40202000;
static const uint64_t asid7 = 7, asid8 = 8;

static const uint64_t *ram_page(void *ctx, uint64_t pa)
{
	uint64_t frame = (pa - RAM) >> 12;

	(void)ctx;
	return frame < FRAMES ? ram[frame] : NULL;
}

static uint64_t pointer(unsigned frame)
{
	return 0x20000001 + 0x400 * (uint64_t)frame;
}

static void use(unsigned tree, unsigned asid)
{
	mmu_sim_write_satp(&sim, 0, mmu_sim_satp(3, RAM + tree * 0x3000, asid));
}

/* Tree 0, address space 7, with nothing mapped at va. */
static void set_up(unsigned asid_bits)
{
	struct mmu_sim_config config = {
		.page = ram_page,
		.asid_bits = asid_bits,
		.modes = 0x38,
		.seed = ktest_seed(),
	};

	memset(ram, 0, sizeof(ram));
	mmu_sim_init(&sim, &config, hart, 2);
	for (unsigned k = 0; k < 9; k += 3) {
		ram[k][1] = pointer(k + 1);
		ram[k + 1][1] = pointer(k + 2);
	}
	use(0, 7);
}

/* What loads from `at` can lead to: 1 a fault, 2 frame 5, 4 frame 6, 8 else. */
static unsigned leads(uint64_t at)
{
	struct mmu_sim_access a = {.va = at, .kind = MMU_SIM_LOAD};
	struct mmu_sim_outcome o[4];
	unsigned n = mmu_sim_outcomes(&sim, 0, &a, o, 4), all = 0;

	EXPECT(n <= 4);
	for (unsigned i = 0; i < n && i < 4; i++)
		all |= !o[i].ok		    ? 1u
		       : o[i].pa >> 12 == 5 ? 2u
		       : o[i].pa >> 12 == 6 ? 4u
					    : 8u;
	return all;
}

static void fence(const uint64_t *v, const uint64_t *asid)
{
	mmu_sim_sfence_vma(&sim, 0, v, asid);
}

KTEST(mmu_sim, a_stale_leaf_stays_until_the_right_fence)
{
	static const uint64_t last_byte = 0x40201fff;

	set_up(16);
	ram[2][1] = FIVE | LEAF;
	EXPECT_EQ(leads(va), 2);
	/* Not remembered, so it is gone at once. */
	ram[2][1] = 0;
	EXPECT_EQ(leads(va), 1);
	ram[2][1] = FIVE | LEAF;
	mmu_sim_prefetch(&sim, 0, va);
	ram[2][1] = 0;
	EXPECT_EQ(leads(va), 3);
	fence(&neighbour, NULL);
	EXPECT_EQ(leads(va), 3);
	fence(NULL, &asid8);
	EXPECT_EQ(leads(va), 3);
	fence(&va, &asid8);
	EXPECT_EQ(leads(va), 3);
	fence(&neighbour, &asid7);
	EXPECT_EQ(leads(va), 3);
	mmu_sim_sfence_vma(&sim, 1, NULL, NULL);
	EXPECT_EQ(leads(va), 3);
	fence(&last_byte, NULL);
	EXPECT_EQ(leads(va), 1);
}

/* Each operand pair takes a leaf that it names, and A to B is the same. */
KTEST(mmu_sim, every_kind_of_fence_takes_the_leaf_that_it_names)
{
	for (unsigned k = 0; k < 4; k++) {
		set_up(16);
		ram[2][1] = FIVE | LEAF;
		mmu_sim_prefetch(&sim, 0, va);
		ram[2][1] = SIX | LEAF;
		EXPECT_EQ(leads(va), 6);
		mmu_sim_prefetch(&sim, 0, va); /* both are remembered */
		EXPECT_EQ(leads(va), 6);
		ram[2][1] = 0;
		EXPECT_EQ(leads(va), 7);
		ram[2][1] = SIX | LEAF;
		fence(k & 1 ? &va : NULL, k & 2 ? &asid7 : NULL);
		EXPECT_EQ(leads(va), 4);
	}
}

KTEST(mmu_sim, a_fence_by_asid_leaves_global_entries)
{
	/* G in the leaf; or above it, which makes all below global. */
	for (unsigned above = 0; above < 3; above++) {
		set_up(16);
		ram[2][1] = FIVE | LEAF | (above == 0 ? GLOBAL : 0);
		ram[1][1] |= above == 1 ? GLOBAL : 0;
		ram[0][1] |= above == 2 ? GLOBAL : 0;
		mmu_sim_prefetch(&sim, 0, va);
		ram[2][1] = 0;
		fence(NULL, &asid7);
		EXPECT_EQ(leads(va), 3);
		fence(&va, &asid7);
		EXPECT_EQ(leads(va), 3);
		/* It is for every address space. */
		use(1, 8);
		EXPECT_EQ(leads(va), 3);
		fence(&va, NULL);
		/* A pointer above it stays. */
		ram[2][1] = SIX | LEAF;
		EXPECT_EQ(leads(va), above ? 5 : 1);
		fence(NULL, NULL);
		EXPECT_EQ(leads(va), 1);
	}
}

KTEST(mmu_sim, a_fence_by_address_leaves_pointers)
{
	set_up(16);
	ram[2][1] = FIVE | LEAF;
	ram[4][1] = SIX | LEAF;
	mmu_sim_prefetch(&sim, 0, va);
	ram[1][1] = pointer(4); /* another table, tree 1's frame is lent */
	EXPECT_EQ(leads(va), 6);
	fence(&va, NULL);
	EXPECT_EQ(leads(va), 6); /* by the old pointer, to the old leaf */
	ram[2][1] = 0;
	EXPECT_EQ(leads(va), 5);
	/* A table that was freed and holds something else. */
	ram[2][1] = ((uint64_t)9 << 10) | LEAF;
	EXPECT_EQ(leads(va), 12);
	fence(&va, &asid7);
	EXPECT_EQ(leads(va), 12);
	/* A hart that walks on its own remembers what it finds there. */
	mmu_sim_prefetch(&sim, 0, va);
	ram[2][1] = 0;
	EXPECT_EQ(leads(va), 13);
	fence(NULL, &asid7);
	EXPECT_EQ(leads(va), 4);
}

KTEST(mmu_sim, nothing_may_be_remembered_too)
{
	/* A leaf at the last level: its address is enough. */
	set_up(16);
	mmu_sim_prefetch(&sim, 0, va);
	ram[2][1] = FIVE | LEAF;
	EXPECT_EQ(leads(va), 3);
	fence(&neighbour, NULL);
	EXPECT_EQ(leads(va), 3);
	fence(&va, NULL);
	EXPECT_EQ(leads(va), 2);
	/* A new table: its address is not. */
	set_up(16);
	ram[1][1] = 0;
	mmu_sim_prefetch(&sim, 0, va);
	ram[2][1] = FIVE | LEAF;
	ram[1][1] = pointer(2);
	EXPECT_EQ(leads(va), 3);
	fence(&va, NULL);
	EXPECT_EQ(leads(va), 3);
	fence(NULL, NULL);
	EXPECT_EQ(leads(va), 2);
	/* A leaf in its place: it is, wherever in it. */
	set_up(16);
	ram[1][1] = 0;
	mmu_sim_prefetch(&sim, 0, va);
	ram[1][1] = LEAF; /* 2 MiB at 0 */
	EXPECT_EQ(leads(va), 9);
	fence(&neighbour, NULL);
	EXPECT_EQ(leads(va), 8);
	/* A new global leaf: not by address space. */
	set_up(16);
	mmu_sim_prefetch(&sim, 0, va);
	ram[2][1] = FIVE | LEAF | GLOBAL;
	fence(&va, &asid7);
	EXPECT_EQ(leads(va), 3);
	fence(NULL, &asid7);
	EXPECT_EQ(leads(va), 3);
	fence(&va, NULL);
	EXPECT_EQ(leads(va), 2);
}

KTEST(mmu_sim, superpages_and_napot_go_by_any_address_in_them)
{
	static const uint64_t far = 0x403ff000, outside = 0x40400000;
	static const uint64_t page0 = 0x40200000, page16 = 0x40210000;

	set_up(16);
	ram[1][1] = 0x80000 | LEAF; /* 2 MiB */
	mmu_sim_prefetch(&sim, 0, va);
	ram[1][1] = 0;
	EXPECT_EQ(leads(neighbour), 9);
	fence(&outside, NULL);
	EXPECT_EQ(leads(neighbour), 9);
	fence(&far, NULL);
	EXPECT_EQ(leads(neighbour), 1);
	/* 64 KiB from frame 0 on: one entry read, remembered for all. */
	set_up(16);
	sim.config.extensions = MMU_SIM_SVNAPOT;
	ram[2][1] = 0x8000000000002000 | LEAF;
	mmu_sim_prefetch(&sim, 0, va);
	ram[2][1] = 0;
	EXPECT_EQ(leads(va + 0x4000), 3); /* page 5 */
	EXPECT_EQ(leads(page16), 1);
	fence(&page16, NULL);
	EXPECT_EQ(leads(va + 0x4000), 3);
	fence(&page0, NULL);
	EXPECT_EQ(leads(va + 0x4000), 1);
}

KTEST(mmu_sim, satp_forgets_nothing)
{
	/* Other address spaces are told apart, */
	set_up(16);
	ram[2][1] = FIVE | LEAF;
	ram[5][1] = SIX | LEAF;
	mmu_sim_prefetch(&sim, 0, va);
	use(1, 8);
	EXPECT_EQ(leads(va), 4);
	/* but an ASID that is used again is not, */
	use(1, 7);
	EXPECT_EQ(leads(va), 6);
	fence(NULL, &asid8);
	EXPECT_EQ(leads(va), 6);
	fence(NULL, &asid7);
	EXPECT_EQ(leads(va), 4);
	/* nor any where there are no ASIDs. */
	set_up(0);
	ram[2][1] = FIVE | LEAF;
	ram[5][1] = SIX | LEAF;
	mmu_sim_prefetch(&sim, 0, va);
	use(1, 8);
	EXPECT_EQ(leads(va), 6);
	fence(NULL, &asid7); /* 7 is 0 here, as is 8 */
	EXPECT_EQ(leads(va), 4);
	/* As many bits as there are. */
	set_up(3);
	ram[2][1] = FIVE | LEAF;
	ram[5][1] = SIX | LEAF;
	mmu_sim_prefetch(&sim, 0, va);
	use(1, 8);
	EXPECT_EQ(leads(va), 4);
	use(1, 15);
	EXPECT_EQ(leads(va), 6);
}

/* Rights are those that were remembered. */
KTEST(mmu_sim, a_right_is_lost_by_a_fence_only)
{
	struct mmu_sim_access store = {.va = va, .kind = MMU_SIM_STORE};
	struct mmu_sim_outcome to_five = {true, 0, 0x5000};

	set_up(16);
	ram[2][1] = FIVE | LEAF;
	mmu_sim_prefetch(&sim, 0, va);
	ram[2][1] &= ~(uint64_t)4; /* W */
	EXPECT(mmu_sim_may_succeed(&sim, 0, &store));
	EXPECT(mmu_sim_possible(&sim, 0, &store, to_five));
	EXPECT(mmu_sim_possible(&sim, 0, &store,
				(struct mmu_sim_outcome){.cause = 15}));
	EXPECT(!mmu_sim_may_succeed(&sim, 1, &store) || !hart[1].satp);
	fence(&va, NULL);
	EXPECT(!mmu_sim_may_succeed(&sim, 0, &store));
	EXPECT(!mmu_sim_possible(&sim, 0, &store, to_five));
	/* D = 0, set since: may fault still. */
	ram[2][1] = FIVE | 0x47;
	mmu_sim_prefetch(&sim, 0, va);
	ram[2][1] = FIVE | LEAF;
	EXPECT(mmu_sim_possible(&sim, 0, &store,
				(struct mmu_sim_outcome){.cause = 15}));
	EXPECT(mmu_sim_may_succeed(&sim, 0, &store));
}

KTEST(mmu_sim, what_can_be_reached_as_memory_and_as_table)
{
	struct mmu_sim_path path;

	set_up(16);
	/* The root, the tables; no others'. Hart 1 is in Bare mode. */
	for (unsigned frame = 0; frame < FRAMES; frame++) {
		EXPECT_EQ(mmu_sim_reaches(&sim, RAM + frame * 0x1000, 0x1000,
					  &path),
			  frame < 3);
		EXPECT(frame >= 3 || (path.table && !path.cached));
	}
	EXPECT(!mmu_sim_reaches(&sim, 0x5000, 0x1000, NULL));
	ram[2][511] = FIVE | LEAF;
	EXPECT(mmu_sim_reaches(&sim, 0x5000, 0x1000, &path));
	EXPECT_EQ(path.va, 0x403ff000);
	EXPECT_EQ(path.pte, FIVE | LEAF);
	EXPECT(!path.table && !path.cached && path.hart == 0);
	EXPECT(mmu_sim_reaches(&sim, 0x5ff8, 8, NULL));
	EXPECT(mmu_sim_reaches(&sim, 0x4000, 0x1008, NULL));
	EXPECT(!mmu_sim_reaches(&sim, 0x6000, 8, NULL));
	EXPECT(!mmu_sim_reaches(&sim, 0x4000, 0x1000, NULL));
	/* A = 0 leads nowhere. */
	ram[2][511] &= ~(uint64_t)0x40;
	EXPECT(!mmu_sim_reaches(&sim, 0x5000, 0x1000, NULL));
	ram[2][511] = 0;
	/* The upper half's addresses are told as such; 1 GiB leaves. */
	ram[0][511] = LEAF;
	EXPECT(mmu_sim_reaches(&sim, 0x5000, 8, &path));
	EXPECT_EQ(path.va, 0xffffffffc0000000);
	ram[0][511] = 0;
	/* A table taken out is walked until the pointer is forgotten; also by
	 * another address space on hart 1. */
	mmu_sim_write_satp(&sim, 1, mmu_sim_satp(3, RAM + 0x3000, 8));
	mmu_sim_prefetch(&sim, 1, va);
	ram[4][1] = 0;
	EXPECT(mmu_sim_reaches(&sim, RAM + 0x5000, 0x1000, &path));
	EXPECT(path.table && path.cached && path.hart == 1);
	ram[5][3] = SIX | LEAF;
	EXPECT(mmu_sim_reaches(&sim, 0x6000, 0x1000, &path));
	EXPECT_EQ(path.va, 0x40203000);
	mmu_sim_write_satp(&sim, 1, mmu_sim_satp(3, RAM + 0x6000, 9));
	mmu_sim_sfence_vma(&sim, 1, &va, NULL);
	EXPECT(mmu_sim_reaches(&sim, RAM + 0x5000, 0x1000, NULL));
	mmu_sim_sfence_vma(&sim, 1, NULL, &asid8);
	EXPECT(!mmu_sim_reaches(&sim, RAM + 0x5000, 0x1000, NULL));
	EXPECT(!mmu_sim_reaches(&sim, 0x6000, 0x1000, NULL));
}

/* The draws: inside the set, and all of it, given time; the same again. */
KTEST(mmu_sim, draws_are_possible_and_all_of_them_come)
{
	struct mmu_sim_access a = {.va = va, .kind = MMU_SIM_LOAD};
	uint64_t digest[2] = {0};

	for (unsigned round = 0; round < 2; round++) {
		unsigned seen = 0, lost = 0, by_root = 0;

		set_up(16);
		for (unsigned i = 0; i < 2000; i++) {
			struct mmu_sim_outcome o;
			unsigned before;

			ram[2][1] = FIVE | LEAF;
			fence(NULL, NULL);
			ram[0][1] = pointer(1);
			mmu_sim_prefetch(&sim, 0, va);
			/* The leaf is changed or cleared, or the root is. */
			ram[2][1] = i & 1 ? SIX | LEAF : 0;
			ram[0][1] = i % 3 ? pointer(1) : 0;
			before = leads(va);
			o = mmu_sim_access(&sim, 0, &a);
			EXPECT(before & (!o.ok		  ? 1u
					 : o.pa == 0x5000 ? 2u
							  : 4u));
			seen |= !o.ok ? 1u : o.pa == 0x5000 ? 2u : 4u;
			by_root += o.ok && !ram[0][1];
			/* Random loss: what was remembered is gone. */
			for (unsigned k = 0; k < 64; k++)
				mmu_sim_disturb(&sim);
			lost += leads(va) != before;
			digest[round] = digest[round] * 31 + o.pa + lost;
		}
		EXPECT_EQ(seen, 7);
		EXPECT(by_root > 0 && by_root < 2000 / 3);
		EXPECT(lost > 0 && lost < 2000);
	}
	EXPECT_EQ(digest[0], digest[1]);
}

/* Harts walk to addresses of interest on their own; the slots run out. */
KTEST(mmu_sim, speculation_and_a_full_memory)
{
	unsigned n = 0;

	set_up(16);
	ram[2][1] = FIVE | LEAF;
	mmu_sim_interest(&sim, va);
	for (unsigned i = 0; i < 200 && !n; i++) {
		mmu_sim_disturb(&sim);
		for (unsigned k = 0; k < MMU_SIM_ENTRIES; k++)
			n += hart[0].entry[k].size == 4096;
	}
	EXPECT_EQ(n, 1);
	ram[2][1] = 0;
	EXPECT(leads(va) & 2);
	EXPECT_EQ(hart[0].crowded_out, 0);
	/* By a pointer that was replaced, too. */
	fence(NULL, NULL);
	mmu_sim_prefetch(&sim, 0, neighbour);
	ram[2][1] = SIX | LEAF;
	ram[1][1] = pointer(4);
	n = 0;
	for (unsigned i = 0; i < 200 && !n; i++) {
		mmu_sim_disturb(&sim);
		for (unsigned k = 0; k < MMU_SIM_ENTRIES; k++)
			n += hart[0].entry[k].size &&
			     hart[0].entry[k].pte == (SIX | LEAF);
	}
	EXPECT_EQ(n, 1);
	ram[1][1] = pointer(2);
	for (uint64_t i = 0; i < 512; i++)
		mmu_sim_prefetch(&sim, 0, 0x40200000 + i * 4096);
	EXPECT(hart[0].crowded_out >= 512 - MMU_SIM_ENTRIES);
}
