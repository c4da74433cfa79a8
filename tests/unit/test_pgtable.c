/*
 * The page table walker, on tables of its own that no hart walks: named cases
 * for each number of levels, every failure, and random maps and unmaps compared
 * with a flat model, page by page.
 */
#include <string.h>

#include <kernel/ktest.h>
#include <lib/errno.h>
#include <lib/rng.h>
#include <mm/layout.h>
#include <mm/pgtable.h>

#define TABLES 48 /* frames for tables */

struct pool {
	struct table_source source;
	uint8_t *frames; /* page-aligned, in the direct map */
	unsigned used;
	unsigned limit;
};

static struct pool pool;

static paddr_t take(struct table_source *s)
{
	(void)s;
	if (pool.used == pool.limit)
		return PGTABLE_NO_FRAME;
	return virt_to_phys(pool.frames + pool.used++ * PAGE_SIZE);
}

static bool set_up(struct pgtable *pt, unsigned levels)
{
	uint8_t *p = ktest_alloc((TABLES + 1) * PAGE_SIZE);

	if (!p)
		return false;
	pool = (struct pool){
		.source = {take, NULL},
		.frames =
			(uint8_t *)(uintptr_t)align_up((uintptr_t)p, PAGE_SIZE),
		.limit = TABLES,
	};
	/* Rubbish, as frames are: the walker must clear its tables. */
	memset(pool.frames, 0xff, TABLES * PAGE_SIZE);
	return pgtable_init(pt, levels, &pool.source) == 0;
}

static int map(const struct pgtable *pt, vaddr_t va, uint64_t size, paddr_t pa,
	       vm_prot_t prot)
{
	return pgtable_map(pt, range_make(va, va + size), pa, prot, ATTR_NORMAL,
			   &pool.source);
}

/* Does va lead to pa, by a leaf at that level? */
static bool leads_to(const struct pgtable *pt, vaddr_t va, paddr_t pa,
		     unsigned level, vm_prot_t prot)
{
	struct mapping m;

	return pgtable_query(pt, va, &m) && m.level == level &&
	       m.prot == prot && range_has(m.va, va) &&
	       range_size(m.va) == pt_span(level) &&
	       m.pa + (va - m.va.start) == pa;
}

KTEST(pgtable, leaves_of_all_sizes_in_all_modes)
{
	for (unsigned levels = 3; levels <= 5; levels++) {
		vaddr_t half;
		struct pgtable pt;

		if (!set_up(&pt, levels))
			return ktest_skip("no memory");
		half = pgtable_upper_half(levels);
		for (unsigned level = 0; level < levels; level++) {
			uint64_t span = pt_span(level);
			/* A place of its own for each: two apart. */
			vaddr_t va = half + 2 * span;
			paddr_t pa = 4 * span;

			if (va + span < va || pa >> 56)
				continue;
			EXPECT_EQ(map(&pt, va, span, pa, VM_READ), 0);
			EXPECT(leads_to(&pt, va, pa, level, VM_READ));
			EXPECT(leads_to(&pt, va + span - 1, pa + span - 1,
					level, VM_READ));
			EXPECT(!leads_to(&pt, va + span, pa + span, level,
					 VM_READ));
			EXPECT_EQ(pgtable_unmap(&pt, range_make(va, va + span)),
				  0);
			EXPECT(!leads_to(&pt, va, pa, level, VM_READ));
		}
	}
}

KTEST(pgtable, a_ragged_range_takes_the_largest_leaves)
{
	struct pgtable pt;
	vaddr_t va;

	if (!set_up(&pt, 4))
		return ktest_skip("no memory");
	/* From one page below 2 MiB to one page above 6 MiB. */
	va = pgtable_upper_half(4) + MIB(2) - PAGE_SIZE;
	EXPECT_EQ(map(&pt, va, MIB(4) + 2 * PAGE_SIZE,
		      GIB(1) + MIB(2) - PAGE_SIZE, VM_READ | VM_WRITE),
		  0);
	EXPECT(leads_to(&pt, va, GIB(1) + MIB(2) - PAGE_SIZE, 0,
			VM_READ | VM_WRITE));
	EXPECT(leads_to(&pt, va + PAGE_SIZE, GIB(1) + MIB(2), 1,
			VM_READ | VM_WRITE));
	EXPECT(leads_to(&pt, va + PAGE_SIZE + MIB(4) - 1, GIB(1) + MIB(6) - 1,
			1, VM_READ | VM_WRITE));
	EXPECT(leads_to(&pt, va + PAGE_SIZE + MIB(4), GIB(1) + MIB(6), 0,
			VM_READ | VM_WRITE));
	/* Memory that is not aligned alike can only have small ones. */
	EXPECT_EQ(map(&pt, va + GIB(1) + PAGE_SIZE, MIB(2), PAGE_SIZE, VM_READ),
		  0);
	EXPECT(leads_to(&pt, va + GIB(1) + PAGE_SIZE, PAGE_SIZE, 0, VM_READ));
}

KTEST(pgtable, refuses_what_is_no_range)
{
	struct pgtable pt;
	vaddr_t half;

	if (!set_up(&pt, 3))
		return ktest_skip("no memory");
	half = pgtable_upper_half(3);
	EXPECT_EQ(map(&pt, half + 1, PAGE_SIZE, 0, VM_READ), -EINVAL);
	EXPECT_EQ(map(&pt, half, PAGE_SIZE + 1, 0, VM_READ), -EINVAL);
	EXPECT_EQ(map(&pt, half, PAGE_SIZE, 1, VM_READ), -EINVAL);
	EXPECT_EQ(map(&pt, half, 0, 0, VM_READ), -EINVAL);
	EXPECT_EQ(map(&pt, half, PAGE_SIZE, 0, 0), -EINVAL);
	EXPECT_EQ(map(&pt, half, PAGE_SIZE, 0, VM_USER), -EINVAL);
	/* Not canonical, across the hole, wrapping. */
	EXPECT_EQ(map(&pt, half - PAGE_SIZE, PAGE_SIZE, 0, VM_READ), -EINVAL);
	EXPECT_EQ(map(&pt, half - PAGE_SIZE, 2 * PAGE_SIZE, 0, VM_READ),
		  -EINVAL);
	EXPECT_EQ(map(&pt, 0 - half, PAGE_SIZE, 0, VM_READ), -EINVAL);
	EXPECT_EQ(map(&pt, 0 - half - PAGE_SIZE, 2 * PAGE_SIZE, 0, VM_READ),
		  -EINVAL);
	EXPECT_EQ(map(&pt, 0 - PAGE_SIZE, PAGE_SIZE, 0, VM_READ), -EINVAL);
	EXPECT_EQ(map(&pt, 0 - half - PAGE_SIZE, PAGE_SIZE, 0, VM_READ), 0);
	EXPECT(leads_to(&pt, 0 - half - PAGE_SIZE, 0, 0, VM_READ));
}

/* An entry has room for 56 bits: what is cut off must not alias other memory. */
KTEST(pgtable, refuses_physical_addresses_that_no_entry_can_hold)
{
	const paddr_t end = (paddr_t)1 << 56;
	struct pgtable pt;
	vaddr_t half;

	if (!set_up(&pt, 5))
		return ktest_skip("no memory");
	half = pgtable_upper_half(5);
	EXPECT_EQ(map(&pt, half, PAGE_SIZE, end, VM_READ), -EINVAL);
	EXPECT_EQ(map(&pt, half, 2 * PAGE_SIZE, end - PAGE_SIZE, VM_READ),
		  -EINVAL);
	EXPECT_EQ(map(&pt, half, 2 * PAGE_SIZE, 0 - PAGE_SIZE, VM_READ),
		  -EINVAL);
	EXPECT(!leads_to(&pt, half, 0, 0, VM_READ));
	EXPECT_EQ(map(&pt, half, PAGE_SIZE, end - PAGE_SIZE, VM_READ), 0);
	EXPECT(leads_to(&pt, half, end - PAGE_SIZE, 0, VM_READ));
}

KTEST(pgtable, never_maps_twice_and_takes_nothing_by_halves)
{
	struct pgtable pt;
	vaddr_t va;

	if (!set_up(&pt, 3))
		return ktest_skip("no memory");
	va = pgtable_upper_half(3);
	EXPECT_EQ(map(&pt, va + MIB(2), MIB(2), 0, VM_READ), 0);
	/* The part in front of the obstacle is rolled back. */
	EXPECT_EQ(map(&pt, va, MIB(4), 0, VM_READ), -EEXIST);
	EXPECT(!leads_to(&pt, va, 0, 1, VM_READ));
	EXPECT_EQ(map(&pt, va + MIB(2) + PAGE_SIZE, PAGE_SIZE, 0, VM_READ),
		  -EEXIST);
	/* A large leaf can't lose a part. */
	EXPECT_EQ(pgtable_unmap(&pt, range_make(va, va + MIB(2) + PAGE_SIZE)),
		  -EINVAL);
	EXPECT(leads_to(&pt, va + MIB(2), 0, 1, VM_READ));
	/* Small pages below keep a large leaf out, until they are gone. */
	EXPECT_EQ(map(&pt, va, PAGE_SIZE, 0, VM_READ), 0);
	EXPECT_EQ(map(&pt, va, MIB(2), 0, VM_READ), -EEXIST);
}

KTEST(pgtable, out_of_tables_at_every_step)
{
	for (unsigned n = 1;; n++) {
		struct pgtable pt;
		struct mapping m;
		vaddr_t va;
		int err;

		if (!set_up(&pt, 5))
			return ktest_skip("no memory");
		va = pgtable_upper_half(5) + GIB(1) - PAGE_SIZE;
		pool.limit = n;
		err = map(&pt, va, 2 * PAGE_SIZE, 0, VM_READ);
		if (!err) {
			/* Root, and four levels, two of them twice. */
			EXPECT_EQ(n, 1 + 2 + 2 * 2);
			EXPECT_EQ(pgtable_tables(&pt), n);
			return;
		}
		EXPECT_EQ(err, -ENOMEM);
		EXPECT(!pgtable_query(&pt, va, &m));
		EXPECT(!pgtable_query(&pt, va + PAGE_SIZE, &m));
		REQUIRE(n < TABLES);
	}
}

struct seen {
	unsigned n;
	vaddr_t last;
	bool ascending;
};

static int see(void *ctx, const struct mapping *m)
{
	struct seen *s = ctx;

	s->ascending = s->ascending && (!s->n || m->va.start > s->last);
	s->last = m->va.start;
	s->n++;
	return s->n == 4;
}

KTEST(pgtable, walks_both_halves_in_order_and_stops)
{
	struct seen s = {.ascending = true};
	struct pgtable pt;
	vaddr_t half;

	if (!set_up(&pt, 4))
		return ktest_skip("no memory");
	half = pgtable_upper_half(4);
	EXPECT_EQ(map(&pt, half, PAGE_SIZE, 0, VM_READ), 0);
	EXPECT_EQ(map(&pt, 0 - MIB(2), PAGE_SIZE, 0, VM_READ), 0);
	EXPECT_EQ(map(&pt, 0x1000, PAGE_SIZE, 0, VM_READ), 0);
	EXPECT_EQ(pgtable_walk(&pt, range_make(0, UINT64_MAX), see, &s), 0);
	EXPECT_EQ(s.n, 3);
	EXPECT(s.ascending);
	EXPECT_EQ(s.last, 0 - MIB(2));
	EXPECT_EQ(pgtable_walk(&pt, range_make(0, UINT64_MAX), see, &s), 1);
	s = (struct seen){.ascending = true};
	EXPECT_EQ(pgtable_walk(&pt, range_make(0x2000, half), see, &s), 0);
	EXPECT_EQ(s.n, 0);
}

/* The model: for each page of a window, what it maps to; 0 is nothing. */
#define WINDOW 2048

struct model {
	paddr_t pa[WINDOW];
	vm_prot_t prot[WINDOW];
	uint8_t level[WINDOW];
};

/* What the walker must do with this map request. */
static int expect_map(const struct model *m, uint64_t first, uint64_t n)
{
	for (uint64_t i = first; i < first + n; i++)
		if (m->pa[i])
			return -EEXIST;
	return 0;
}

static bool cuts_a_leaf(const struct model *m, uint64_t first, uint64_t n)
{
	for (uint64_t i = first; i < first + n; i++) {
		uint64_t leaf = align_down(i, 512);

		if (m->level[i] && (leaf < first || leaf + 512 > first + n))
			return true;
	}
	return false;
}

static bool agrees(const struct pgtable *pt, const struct model *m,
		   vaddr_t base, uint64_t i)
{
	struct mapping got;
	bool present = pgtable_query(pt, base + i * PAGE_SIZE, &got);
	vaddr_t va = base + i * PAGE_SIZE;

	if (present != !!m->pa[i])
		return false;
	return !present || (got.pa + (va - got.va.start) == m->pa[i] &&
			    got.prot == m->prot[i] && got.level == m->level[i]);
}

KTEST(pgtable, property_equals_flat_model)
{
	struct model *m = ktest_alloc(sizeof(*m));
	struct rng rng = rng_seed(ktest_seed());
	struct pgtable pt;
	vaddr_t base;

	if (!m || !set_up(&pt, 3 + (unsigned)rng_below(&rng, 3)))
		return ktest_skip("no memory");
	/* The window lies across a border of level 2. */
	base = pgtable_upper_half(pt.levels) + GIB(1) - MIB(4);
	for (uint64_t step = 0; step < ktest_ops() / 10; step++) {
		uint64_t first = rng_below(&rng, WINDOW);
		uint64_t n = 1 + rng_below(&rng, rng_below(&rng, 4) ? 8 : 1500);
		struct range va;
		/* Sometimes aligned like the window, so that 2 MiB fit. */
		paddr_t pa = GIB(2) + MIB(2) * rng_below(&rng, 64) +
			     PAGE_SIZE * (rng_below(&rng, 2) ? first : 7);
		vm_prot_t prot =
			rng_below(&rng, 2) ? VM_READ : VM_READ | VM_EXEC;
		int want, got;

		if (step % 256 == 0) {
			/* Afresh: empty tables keep large leaves out. */
			pool.used = 0;
			REQUIRE(!pgtable_init(&pt, pt.levels, &pool.source));
			memset(m, 0, sizeof(*m));
		}
		n = min_u64(n, WINDOW - first);
		va = range_make(base + first * PAGE_SIZE,
				base + (first + n) * PAGE_SIZE);
		if (rng_below(&rng, 2)) {
			want = expect_map(m, first, n);
			got = pgtable_map(&pt, va, pa, prot, ATTR_NORMAL,
					  &pool.source);
			/* A table that was left below keeps small leaves. */
			for (uint64_t i = first; !got && i < first + n; i++) {
				struct mapping q;

				pgtable_query(&pt, base + i * PAGE_SIZE, &q);
				m->pa[i] = pa + (i - first) * PAGE_SIZE;
				m->prot[i] = prot;
				m->level[i] = (uint8_t)q.level;
			}
		} else {
			want = cuts_a_leaf(m, first, n) ? -EINVAL : 0;
			got = pgtable_unmap(&pt, va);
			for (uint64_t i = first; !got && i < first + n; i++)
				m->pa[i] = m->level[i] = 0;
		}
		REQUIRE(got == want);
		for (unsigned k = 0; k < 8; k++)
			REQUIRE(agrees(&pt, m, base, rng_below(&rng, WINDOW)));
		if (step % 128 == 127)
			for (uint64_t i = 0; i < WINDOW; i++)
				REQUIRE(agrees(&pt, m, base, i));
	}
}
