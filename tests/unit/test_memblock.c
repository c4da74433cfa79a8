/*
 * The map of RAM and the bump allocator: named cases, and random operations
 * compared step by step with a byte map. Attacks I1 to I3 of mm/memblock.c.
 */
#include <string.h>

#include <kernel/ktest.h>
#include <lib/errno.h>
#include <lib/rng.h>
#include <mm/bump.h>
#include <mm/memblock.h>

static struct memblock *new_map(void)
{
	return ktest_alloc(sizeof(struct memblock));
}

KTEST(memblock, claims_split_and_melt)
{
	struct memblock *mb = new_map();

	REQUIRE(mb);
	EXPECT_EQ(memblock_add(mb, range_make(0x1000, 0x9000)), 0);
	EXPECT_EQ(memblock_claim(mb, range_make(0x3000, 0x4000), REGION_FDT),
		  0);
	EXPECT_EQ(mb->n, 3);
	EXPECT_EQ(memblock_claim(mb, range_make(0x4000, 0x5000), REGION_FDT),
		  0);
	EXPECT_EQ(mb->n, 3);
	EXPECT_EQ(memblock_bytes(mb, REGION_FDT), 0x2000);
	EXPECT_EQ(memblock_total(mb), 0x8000);
	EXPECT_EQ(memblock_retype(mb, range_make(0, UINT64_MAX), REGION_FDT,
				  REGION_FREE),
		  0);
	EXPECT_EQ(mb->n, 1);
	EXPECT(memblock_check(mb));
}

KTEST(memblock, higher_type_wins_in_either_order)
{
	struct memblock *mb = new_map();

	REQUIRE(mb);
	memblock_add(mb, range_make(0, 0x8000));
	memblock_claim(mb, range_make(0, 0x4000), REGION_NOMAP);
	memblock_claim(mb, range_make(0x2000, 0x6000), REGION_RESERVED);
	EXPECT_EQ(memblock_bytes(mb, REGION_NOMAP), 0x4000);
	EXPECT_EQ(memblock_bytes(mb, REGION_RESERVED), 0x2000);
	memblock_claim(mb, range_make(0x3000, 0x6000), REGION_KERNEL);
	EXPECT_EQ(memblock_bytes(mb, REGION_KERNEL), 0x3000);
	EXPECT_EQ(memblock_at(mb, 0x2fff)->type, REGION_NOMAP);
	EXPECT(memblock_at(mb, 0x8000) == NULL);
}

KTEST(memblock, a_claim_outside_ram_claims_nothing)
{
	struct memblock *mb = new_map();

	REQUIRE(mb);
	memblock_add(mb, range_make(0x1000, 0x2000));
	memblock_claim(mb, range_make(0x2000, 0x9000), REGION_NOMAP);
	memblock_claim(mb, range_make(0, 0x1000), REGION_NOMAP);
	EXPECT_EQ(mb->n, 1);
	EXPECT_EQ(memblock_bytes(mb, REGION_NOMAP), 0);
}

KTEST(memblock, a_full_map_refuses_and_stays_as_it_is)
{
	struct memblock *mb = new_map();

	REQUIRE(mb);
	for (uint64_t i = 0; i < MEMBLOCK_MAX; i++)
		EXPECT_EQ(memblock_add(mb, range_make(i * 32, i * 32 + 16)), 0);
	EXPECT_EQ(memblock_add(mb, range_make(1 << 20, (1 << 20) + 1)),
		  -ENOSPC);
	EXPECT_EQ(memblock_claim(mb, range_make(4, 8), REGION_FDT), -ENOSPC);
	EXPECT_EQ(memblock_remove(mb, range_make(4, 8)), -ENOSPC);
	EXPECT_EQ(memblock_total(mb), MEMBLOCK_MAX * 16);
	EXPECT(memblock_check(mb));
	/* Counted by gaps to fill, even where all would melt afterwards. */
	EXPECT_EQ(memblock_add(mb, range_make(0, 64)), -ENOSPC);
}

KTEST(memblock, find_respects_bounds_and_alignment)
{
	struct memblock *mb = new_map();
	paddr_t at = 0;

	REQUIRE(mb);
	memblock_add(mb, range_make(0x1100, 0x5f00));
	EXPECT(memblock_find(mb, 0x1000, 0x1000, range_make(0, UINT64_MAX),
			     false, &at));
	EXPECT_EQ(at, 0x2000);
	EXPECT(memblock_find(mb, 0x1000, 0x1000, range_make(0, UINT64_MAX),
			     true, &at));
	EXPECT_EQ(at, 0x4000);
	EXPECT(!memblock_find(mb, 0x1000, 0x1000, range_make(0x2001, 0x3fff),
			      false, &at));
	EXPECT(!memblock_find(mb, 0x1000, 0x1000, range_make(0x2001, 0x3fff),
			      true, &at));
	EXPECT(!memblock_find(mb, 0x8000, 1, range_make(0, UINT64_MAX), false,
			      &at));
}

KTEST(memblock, find_at_the_top_of_the_address_space)
{
	struct memblock *mb = new_map();
	paddr_t at = 0;

	REQUIRE(mb);
	memblock_add(mb, range_make(UINT64_MAX - 0x1800, UINT64_MAX));
	EXPECT(!memblock_find(mb, 0x1000, 0x2000, range_make(0, UINT64_MAX),
			      false, &at));
	EXPECT(memblock_find(mb, 0x400, 0x400, range_make(0, UINT64_MAX), true,
			     &at));
	EXPECT_EQ(at, UINT64_MAX - 0x7ff);
}

KTEST(memblock, trim_leaves_whole_frames)
{
	struct memblock *mb = new_map();

	REQUIRE(mb);
	memblock_add(mb, range_make(0x1100, 0x5f00));
	memblock_add(mb, range_make(0x8001, 0x8fff));
	EXPECT_EQ(memblock_trim(mb), 0);
	EXPECT_EQ(memblock_bytes(mb, REGION_FREE), 0x3000);
	EXPECT_EQ(memblock_bytes(mb, REGION_RESERVED), 0xf00 + 0xf00 + 0xffe);
	EXPECT(memblock_check(mb));
}

/* Property test: a byte map is the model; 255 means no RAM. */
#define MODEL_SIZE 2048
#define NO_RAM	   255

struct model {
	struct memblock mb;
	uint8_t byte[MODEL_SIZE];
};

static bool agrees(const struct model *m)
{
	unsigned i = 0;

	for (uint64_t at = 0; at < MODEL_SIZE; at++) {
		while (i < m->mb.n && m->mb.region[i].range.end <= at)
			i++;
		if (i < m->mb.n && range_has(m->mb.region[i].range, at)
			    ? m->byte[at] != m->mb.region[i].type
			    : m->byte[at] != NO_RAM)
			return false;
	}
	return true;
}

static void apply(struct model *m, unsigned op, struct range r,
		  enum region_type type)
{
	for (uint64_t at = r.start; at < r.end; at++) {
		uint8_t *b = &m->byte[at];

		if (op == 0 && *b == NO_RAM)
			*b = REGION_FREE;
		else if (op == 1 && *b != NO_RAM && *b < type)
			*b = (uint8_t)type;
		else if (op == 2)
			*b = NO_RAM;
		else if (op == 3 && *b == type)
			*b = REGION_FREE;
	}
}

/* Is [at, at + size) what memblock_find must give? */
static bool find_is_right(const struct model *m, uint64_t size, uint64_t align,
			  struct range bounds, bool top_down, bool found,
			  paddr_t at)
{
	uint64_t best = UINT64_MAX;

	for (uint64_t s = 0; s + size <= MODEL_SIZE; s += align) {
		uint64_t n = 0;

		if (!range_within(range_make(s, s + size), bounds))
			continue;
		while (n < size && m->byte[s + n] == REGION_FREE)
			n++;
		if (n == size && (best == UINT64_MAX || top_down))
			best = s;
	}
	return found ? at == best : best == UINT64_MAX;
}

KTEST(memblock, property_partition_equals_byte_map)
{
	struct model *m = ktest_alloc(sizeof(*m));
	struct rng rng = rng_seed(ktest_seed());

	REQUIRE(m);
	memset(m->byte, NO_RAM, sizeof(m->byte));
	/* One operation and its check cost as much as 10 of other tests. */
	KTEST_STEPS (step, ktest_ops() / 10) {
		uint64_t a = rng_below(&rng, MODEL_SIZE);
		uint64_t len = rng_below(&rng, 1 + (1u << rng_below(&rng, 11)));
		struct range r = {a, min_u64(a + len, MODEL_SIZE)};
		enum region_type type = (enum region_type)(
			1 + rng_below(&rng, REGION_TYPES - 1));
		unsigned op = (unsigned)rng_below(&rng, 5);
		uint64_t align = 1ull << rng_below(&rng, 6);
		bool top = rng_below(&rng, 2), found;
		paddr_t at = 0;
		int err = 0;

		switch (op) {
		case 0:
			err = memblock_add(&m->mb, r);
			break;
		case 1:
			err = memblock_claim(&m->mb, r, type);
			break;
		case 2:
			err = memblock_remove(&m->mb, r);
			break;
		case 3:
			err = memblock_retype(&m->mb, r, type, REGION_FREE);
			break;
		default:
			len = 1 + rng_below(&rng, 64);
			found = memblock_find(&m->mb, len, align, r, top, &at);
			REQUIRE(find_is_right(m, len, align, r, top, found,
					      at));
		}
		if (!err)
			apply(m, op, r, type);
		REQUIRE(memblock_check(&m->mb));
		REQUIRE(agrees(m));
	}
}

/* Bump: everything it gives was free, lies as asked for, and what it leaves is
 * handed over to the byte. */
struct handed {
	uint64_t bytes;
	uint64_t last_end;
	bool sorted;
};

#define BUMPS 40 /* allocations a round */

static void take(void *ctx, struct range r)
{
	struct handed *h = ctx;

	h->bytes += range_size(r);
	h->sorted = h->sorted && r.start >= h->last_end &&
		    is_aligned(r.start | r.end, PAGE_SIZE);
	h->last_end = r.end;
}

KTEST(bump, property_never_overlaps_and_returns_the_rest)
{
	struct memblock *mb = new_map();
	uint8_t *used = ktest_alloc(MODEL_SIZE);
	struct rng rng = rng_seed(ktest_seed() + 1);

	REQUIRE(mb && used);
	KTEST_STEPS (round, ktest_ops() / BUMPS) {
		struct handed h = {.sorted = true};
		uint64_t given = 0;
		struct bump b;

		mb->n = 0;
		memset(used, 0, MODEL_SIZE);
		/* In units of 64 bytes, so that frames come out partial. */
		memblock_add(mb, range_make(64, 64 * 700));
		memblock_add(mb, range_make(64 * 900, 64 * MODEL_SIZE));
		bump_init(&b, mb);
		for (unsigned i = 0; i < BUMPS; i++) {
			uint64_t n = 1 + rng_below(&rng, 40);
			uint64_t align = 64ull << rng_below(&rng, 8);
			paddr_t at;

			b.top_down = rng_below(&rng, 2);
			b.bounds =
				range_make(rng_below(&rng, 300) * 64,
					   (1000 + rng_below(&rng, 1000)) * 64);
			at = bump_alloc(&b, n * 64, align, REGION_METADATA);
			if (at == BUMP_NONE)
				continue;
			REQUIRE(is_aligned(at, align));
			REQUIRE(range_within(range_make(at, at + n * 64),
					     b.bounds));
			for (uint64_t k = at / 64; k < at / 64 + n; k++)
				REQUIRE(!used[k]++);
			given += n * 64;
		}
		REQUIRE(memblock_bytes(mb, REGION_METADATA) == given);
		REQUIRE(bump_retire(&b, take, &h) == 0);
		REQUIRE(h.sorted);
		REQUIRE(h.bytes == memblock_bytes(mb, REGION_FREE));
		REQUIRE(given + h.bytes + memblock_bytes(mb, REGION_RESERVED) ==
			memblock_total(mb));
	}
}
