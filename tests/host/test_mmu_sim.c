/*
 * The model of address translation against expectations worked out by hand from
 * the specification: all encodings, all rights, canonical addresses. Here it
 * remembers nothing that matters; test_mmu_sim_tlb.c has that part.
 */
#include <string.h>

#include <host/mmu_sim.h>
#include <kernel/ktest.h>

/* Physical memory: frames from here on, the first ones of which are tables. */
#define RAM    0x80000000u
#define FRAMES 8

static uint64_t ram[FRAMES][512];
static struct mmu_sim sim;
static struct mmu_sim_hart hart;

static const uint64_t *ram_page(void *ctx, uint64_t pa)
{
	uint64_t frame = (pa - RAM) >> 12;

	(void)ctx;
	return frame < FRAMES ? ram[frame] : NULL;
}

static void set_up(unsigned levels, unsigned extensions)
{
	struct mmu_sim_config config = {
		.page = ram_page,
		.modes = 0x38,
		.extensions = extensions,
		.seed = ktest_seed(),
	};

	memset(ram, 0, sizeof(ram));
	mmu_sim_init(&sim, &config, &hart, 1);
	mmu_sim_write_satp(&sim, 0, mmu_sim_satp(levels, RAM, 0));
	/* Frame k is the table at level levels - 1 - k; entry 1 leads on. */
	for (unsigned k = 0; k + 1 < levels; k++)
		ram[k][1] = (RAM >> 12 << 10) + (k + 1) * 0x400 + 1;
}

/* The address that entry 1 of every table is for: 0x40201000 in Sv39. */
static uint64_t ones(unsigned levels)
{
	static const uint64_t va[] = {0x40201000, 0x8040201000,
				      0x1008040201000};

	return va[levels - 3];
}

/* The outcome, which must be the only one, whichever way it is asked for. */
static struct mmu_sim_outcome outcome(struct mmu_sim_access a)
{
	struct mmu_sim_outcome o[2] = {{0}}, drawn;

	mmu_sim_sfence_vma(&sim, 0, NULL, NULL);
	EXPECT_EQ(mmu_sim_outcomes(&sim, 0, &a, o, 2), 1);
	EXPECT_EQ(mmu_sim_may_succeed(&sim, 0, &a), o[0].ok);
	EXPECT(mmu_sim_possible(&sim, 0, &a, o[0]));
	for (unsigned i = 0; i < 2; i++) {
		drawn = mmu_sim_access(&sim, 0, &a);
		EXPECT_EQ(drawn.ok, o[0].ok);
		EXPECT_EQ(drawn.cause, o[0].cause);
		EXPECT_EQ(drawn.pa, o[0].pa);
	}
	return o[0];
}

/* A load by S-mode: where it leads, or 100 + the cause. */
static uint64_t load(uint64_t va)
{
	struct mmu_sim_outcome o = outcome(
		(struct mmu_sim_access){.va = va, .kind = MMU_SIM_LOAD});

	return o.ok ? o.pa : 100 + o.cause;
}

/* Which accesses the page allows: 1 load, 2 store, 4 fetch. */
static unsigned allows(uint64_t va, bool user, bool sum, bool mxr)
{
	static const struct {
		enum mmu_sim_kind kind;
		unsigned bit, cause;
	} kinds[] = {
		{MMU_SIM_LOAD, 1, 13},
		{MMU_SIM_STORE, 2, 15},
		{MMU_SIM_FETCH, 4, 12},
	};
	unsigned allowed = 0;

	for (unsigned i = 0; i < 3; i++) {
		struct mmu_sim_outcome o = outcome((struct mmu_sim_access){
			va, kinds[i].kind, user, sum, mxr});

		if (o.ok)
			allowed |= kinds[i].bit;
		else
			EXPECT_EQ(o.cause, kinds[i].cause);
	}
	return allowed;
}

/* For each XWR: S, S with SUM, S with MXR, S with both; U, U with MXR. */
static const uint8_t rights[2][8][6] = {
	{
		/* U = 0 */
		{0, 0, 0, 0, 0, 0}, /* --- */
		{1, 1, 1, 1, 0, 0}, /* --R */
		{0, 0, 0, 0, 0, 0}, /* -W-: reserved */
		{3, 3, 3, 3, 0, 0}, /* -WR */
		{4, 4, 5, 5, 0, 0}, /* X-- */
		{5, 5, 5, 5, 0, 0}, /* X-R */
		{0, 0, 0, 0, 0, 0}, /* XW-: reserved */
		{7, 7, 7, 7, 0, 0}, /* XWR */
	},
	{
		/* U = 1 */
		{0, 0, 0, 0, 0, 0},
		{0, 1, 0, 1, 1, 1},
		{0, 0, 0, 0, 0, 0},
		{0, 3, 0, 3, 3, 3},
		{0, 0, 0, 1, 4, 5},
		{0, 1, 0, 1, 5, 5},
		{0, 0, 0, 0, 0, 0},
		{0, 3, 0, 3, 7, 7},
	},
};

/* All values of the low ten bits, at all levels. In a higher table an entry
 * without rights is a pointer, here to memory that does not exist: access
 * faults are told apart in another test. */
KTEST(mmu_sim, rights_of_every_encoding_in_every_mode)
{
	for (unsigned n = 0; n < 3 * 1024; n++) {
		unsigned levels = 3 + n / 1024, low = n % 1024;
		unsigned level = low / 7 % levels;

		set_up(levels, 0);
		if (!(low & 0xe))
			level = 0;
		ram[levels - 1 - level][1] = low; /* physical address 0 */
		for (unsigned context = 0; context < 6; context++) {
			bool user = context >= 4;
			bool mxr = user ? context == 5 : context >= 2;
			unsigned want =
				rights[low >> 4 & 1][low >> 1 & 7][context];

			if (!(low & 0x40) || !(low & 1))
				want = 0;
			if (!(low & 0x80))
				want &= ~2u;
			EXPECT_EQ(allows(ones(levels), user, context & 1, mxr),
				  want);
		}
		/* In U-mode SUM is without effect. */
		EXPECT_EQ(allows(ones(levels), true, true, false),
			  allows(ones(levels), true, false, false));
	}
}

/* Entry, level, and what a load of ...0abc leads to, or 100 + the cause. In
 * Sv57: levels 4 to 0. */
static const struct {
	unsigned extensions;
	unsigned level;
	uint64_t pte;
	uint64_t want;
} encodings[] = {
	/* All of PPN counts, and RSW does not. */
	{0, 0, 0x003ffffffffffc43, 0xfffffffffffabc},
	{0, 0, 0x0000000000000443, 0x1abc},
	{0, 0, 0x0020000000000343, 0x80000000000abc},
	/* Bits 60 to 54. */
	{0, 0, 0x0040000000000043, 113},
	{0, 0, 0x0080000000000043, 113},
	{0, 0, 0x0100000000000043, 113},
	{0, 0, 0x0200000000000043, 113},
	{0, 0, 0x0400000000000043, 113},
	{0, 0, 0x0800000000000043, 113},
	{0, 0, 0x1000000000000043, 113},
	{3, 0, 0x0040000000000043, 113},
	{3, 0, 0x1000000000000043, 113},
	{0, 1, 0x1000000000000043, 113},
	/* PBMT and N without the extensions. */
	{0, 0, 0x2000000000000043, 113},
	{0, 0, 0x4000000000000043, 113},
	{0, 0, 0x6000000000000043, 113},
	{0, 0, 0x8000000000002043, 113},
	{1, 0, 0x2000000000000043, 113},
	{2, 0, 0x8000000000002043, 113},
	/* With them. */
	{2, 0, 0x2000000000000043, 0xabc},
	{2, 0, 0x4000000000000043, 0xabc},
	{2, 2, 0x4000000000000043, 0x201abc},
	{2, 0, 0x6000000000000043, 113},
	{1, 0, 0x8000000000002043, 0x1abc}, /* page 1 of 16 */
	{1, 0, 0x8000000000006043, 0x11abc},
	{1, 0, 0x8000000000000043, 113},
	{1, 0, 0x8000000000000443, 113},
	{1, 0, 0x8000000000001043, 113},
	{1, 0, 0x8000000000002443, 113},
	{1, 0, 0x8000000000004043, 113},
	{1, 1, 0x8000000000002043, 113},
	{1, 1, 0x8000000000000043, 113},
	/* Superpages: aligned, and not by their lowest and highest bit. */
	{0, 1, 0x0000000000080043, 0x201abc},
	{0, 1, 0x0000000000000443, 113},
	{0, 1, 0x0000000000040043, 113},
	{0, 2, 0x0000000010000043, 0x40201abc},
	{0, 2, 0x0000000000000443, 113},
	{0, 2, 0x0000000008000043, 113},
	{0, 3, 0x0000002000000043, 0x8040201abc},
	{0, 3, 0x0000000000000443, 113},
	{0, 3, 0x0000001000000043, 113},
	{0, 4, 0x0000400000000043, 0x1008040201abc},
	{0, 4, 0x0000000000000443, 113},
	{0, 4, 0x0000200000000043, 113},
	/* Pointers, to frame 7, whose entry 1 maps frame 0x12345; with G and
	 * RSW; with U, A, D, high bits, which are reserved; to nowhere. */
	{0, 1, 0x0000000020001c01, 0x12345abc},
	{0, 1, 0x0000000020001f21, 0x12345abc},
	{0, 1, 0x0000000020001c11, 113},
	{0, 1, 0x0000000020001c41, 113},
	{0, 1, 0x0000000020001c81, 113},
	{0, 1, 0x1000000020001c01, 113},
	{0, 1, 0x2000000020001c01, 113},
	{0, 1, 0x8000000020001c01, 113},
	{3, 1, 0x2000000020001c01, 113},
	{3, 1, 0x8000000020001c01, 113},
	{0, 1, 0x0000000020001c00, 113},
	{0, 1, 0x0000000020002001, 105},
	{0, 1, 0x003ffffffffffc01, 105},
	{0, 4, 0x0000000020002001, 105},
	/* A pointer at the last level. */
	{0, 0, 0x0000000020001c01, 113},
	{0, 0, 0x0000000000000001, 113},
};

KTEST(mmu_sim, legal_and_reserved_encodings)
{
	for (size_t i = 0; i < ARRAY_SIZE(encodings); i++) {
		set_up(5, encodings[i].extensions);
		ram[4 - encodings[i].level][1] = encodings[i].pte;
		ram[7][1] = 0x48d1443; /* frame 0x12345: A R V */
		if (load(ones(5) + 0xabc) != encodings[i].want)
			ktest_fail(__FILE__, __LINE__,
				   "%u: %#llx at level %u: %#llx", (unsigned)i,
				   (unsigned long long)encodings[i].pte,
				   encodings[i].level,
				   (unsigned long long)load(ones(5) + 0xabc));
	}
}

KTEST(mmu_sim, only_canonical_addresses_are_translated)
{
	static const struct {
		unsigned levels;
		uint64_t va;
		bool ok;
	} at[] = {
		{3, 0x0000003fffffffff, true},	{3, 0x0000004000000000, false},
		{3, 0xffffffc000000000, true},	{3, 0xffffffbfffffffff, false},
		{3, 0x0000008000000000, false}, {3, 0x8000000000000000, false},
		{3, 0xffffffffffffffff, true},	{3, 0x7fffffffffffffff, false},
		{4, 0x00007fffffffffff, true},	{4, 0x0000800000000000, false},
		{4, 0xffff800000000000, true},	{4, 0xffff7fffffffffff, false},
		{4, 0x0001000000000000, false}, {4, 0x8000000000000000, false},
		{5, 0x00ffffffffffffff, true},	{5, 0x0100000000000000, false},
		{5, 0xff00000000000000, true},	{5, 0xfeffffffffffffff, false},
		{5, 0x0200000000000000, false}, {5, 0x8000000000000000, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		struct mmu_sim_access a = {at[i].va, MMU_SIM_FETCH, false,
					   false, false};

		set_up(at[i].levels, 0);
		for (unsigned k = 0; k < 512; k++)
			ram[0][k] = 0x4b; /* A X R V */
		EXPECT_EQ(outcome(a).ok, at[i].ok);
		EXPECT_EQ(outcome(a).cause, at[i].ok ? 0 : 12);
	}
}

KTEST(mmu_sim, satp_takes_known_modes_and_its_own_asid_bits)
{
	set_up(3, 0);
	EXPECT_EQ(hart.satp, 0x8000000000080000);
	sim.config.asid_bits = 9;
	mmu_sim_write_satp(&sim, 0, 0xaffff00000080000);
	EXPECT_EQ(hart.satp, 0xa01ff00000080000);
	/* Modes 1 and 11 are none, 9 is one that this hart has not. */
	sim.config.modes = 0x28;
	mmu_sim_write_satp(&sim, 0, 0x1000000000000001);
	mmu_sim_write_satp(&sim, 0, 0xb000000000000001);
	mmu_sim_write_satp(&sim, 0, 0x9000000000000001);
	EXPECT_EQ(hart.satp, 0xa01ff00000080000);
	/* The root is no memory: all kinds of access fault. */
	mmu_sim_write_satp(&sim, 0, 0x8000000000000001);
	EXPECT_EQ(load(0), 105);
	EXPECT_EQ(outcome((struct mmu_sim_access){.kind = MMU_SIM_FETCH}).cause,
		  1);
	EXPECT_EQ(outcome((struct mmu_sim_access){.kind = MMU_SIM_STORE}).cause,
		  7);
	/* Bare. */
	mmu_sim_write_satp(&sim, 0, 0);
	EXPECT_EQ(load(0x123456789abcdef0), 0x123456789abcdef0);
}
