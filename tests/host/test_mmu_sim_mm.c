/*
 * mm/ against the model of address translation: what the walker says of an
 * address is what a hart does there, and the fences that mm/ makes are enough
 * for one that forgets nothing else.
 */
#include <string.h>

#include <arch/mmu.h>
#include <asm/mmu.h>
#include <host/mmu_sim.h>
#include <kernel/ktest.h>
#include <mm/kmap.h>
#include <mm/layout.h>
#include <mm/page_map.h>
#include <mm/pgtable.h>
#include <mm/tlb.h>

#define TABLES 64

/* The only memory that harts can read. */
static _Alignas(4096) uint8_t frames[TABLES * PAGE_SIZE];

static struct {
	struct table_source source;
	struct pgtable pt;    /* the lower half */
	struct pgtable upper; /* the upper half, of the same root */
	unsigned used;
	struct mmu_sim sim;
	struct mmu_sim_hart hart;
	struct rng rng;
} m;

static paddr_t take(struct table_source *s)
{
	(void)s;
	if (m.used == TABLES)
		return PGTABLE_NO_FRAME;
	return virt_to_phys(frames + m.used++ * PAGE_SIZE);
}

static const uint64_t *frame_page(void *ctx, uint64_t pa)
{
	uint64_t start = virt_to_phys(frames);

	(void)ctx;
	if (pa < start || pa >= start + TABLES * PAGE_SIZE)
		return NULL;
	return (const uint64_t *)(frames + (pa - start));
}

/* A hart in the empty tables of m.pt. */
static bool set_up(unsigned levels, unsigned asid_bits)
{
	struct mmu_sim_config config = {
		.page = frame_page,
		.asid_bits = asid_bits,
		.modes = 0x38,
		.seed = ktest_seed(),
	};

	memset(frames, 0xff, TABLES * PAGE_SIZE);
	m.used = 0;
	m.source = (struct table_source){take, true, NULL};
	if (pgtable_init(&m.pt, levels, pgtable_lower_half(levels), &m.source))
		return false;
	m.upper = m.pt;
	m.upper.bounds = pgtable_upper_half(levels);
	mmu_sim_init(&m.sim, &config, &m.hart, 1);
	mmu_model_use(&m.sim);
	arch_mmu_activate(m.pt.root, levels);
	return true;
}

static void end(void)
{
	mmu_model_use(NULL);
}

static const struct pgtable *half(vaddr_t va)
{
	return range_has(m.upper.bounds, va) ? &m.upper : &m.pt;
}

/* All that is in the lower half is for users. */
static vm_prot_t whose(vaddr_t va)
{
	return half(va) == &m.pt ? VM_USER : 0;
}

static int map(struct range va, paddr_t pa, vm_prot_t prot,
	       struct tlb_gather *g)
{
	tlb_gather_init(g, NULL);
	return pgtable_map(half(va.start), va, pa, prot | whose(va.start),
			   ATTR_NORMAL, g);
}

static int unmap(struct range va, struct tlb_gather *g)
{
	tlb_gather_init(g, NULL);
	return pgtable_unmap(half(va.start), va, g);
}

static void fence_page(vaddr_t va)
{
	va = align_down(va, PAGE_SIZE);
	arch_tlb_fence(&(struct tlb_fence){range_make(va, va + PAGE_SIZE),
					   PAGE_SIZE, ASID_ANY});
}

/* For a page alone its address is enough, unless tables changed. */
static void fence_for(const struct tlb_gather *g, vaddr_t va)
{
	if (g->tables)
		arch_tlb_fence_all();
	else
		fence_page(va);
}

static struct mmu_sim_access access_of(vaddr_t va, unsigned n, bool user)
{
	static const enum mmu_sim_kind kinds[] = {MMU_SIM_LOAD, MMU_SIM_STORE,
						  MMU_SIM_FETCH};

	return (struct mmu_sim_access){
		.va = va, .kind = kinds[n], .user = user, .sum = n != 2};
}

/* What must happen at va: rights as mm/ names them, U-mode's or S-mode's. */
static struct mmu_sim_outcome due(const struct mapping *q,
				  const struct mmu_sim_access *a, unsigned n)
{
	static const vm_prot_t needed[] = {VM_READ, VM_WRITE, VM_EXEC};
	static const unsigned cause[] = {13, 15, 12};
	bool user_page = q->prot & VM_USER;
	bool allowed = q->present && (q->prot & needed[n]) &&
		       (a->user ? user_page : !user_page || n != 2);

	if (!allowed)
		return (struct mmu_sim_outcome){.cause = cause[n]};
	return (struct mmu_sim_outcome){.ok = true,
					.pa = q->pa + (a->va - q->va.start)};
}

/* Is that what a hart does, and all that it can do? */
static bool agrees(const struct mapping *q, vaddr_t va)
{
	for (unsigned i = 0; i < 6; i++) {
		struct mmu_sim_access a = access_of(va, i % 3, i >= 3);
		struct mmu_sim_outcome want = due(q, &a, i % 3), o;

		if (mmu_sim_outcomes(&m.sim, 0, &a, &o, 1) != 1 ||
		    !mmu_sim_possible(&m.sim, 0, &a, want))
			return false;
		o = mmu_sim_access(&m.sim, 0, &a);
		if (o.ok != want.ok || o.pa != want.pa || o.cause != want.cause)
			return false;
	}
	return true;
}

static bool query_agrees(vaddr_t va)
{
	struct mapping q;

	pgtable_query(half(va), va, &q);
	return agrees(&q, va);
}

/* Rights that mm/ can ask for, and what it gets: W brings R. */
static const struct {
	vm_prot_t asked, got;
} prots[] = {
	{VM_READ, VM_READ},
	{VM_WRITE, VM_READ | VM_WRITE},
	{VM_READ | VM_WRITE, VM_READ | VM_WRITE},
	{VM_EXEC, VM_EXEC},
	{VM_READ | VM_EXEC, VM_READ | VM_EXEC},
	{VM_WRITE | VM_EXEC, VM_READ | VM_WRITE | VM_EXEC},
};

KTEST(mmu_sim, walker_leaves_of_all_sizes_and_rights)
{
	for (unsigned n = 0; n < 3 * 5 * ARRAY_SIZE(prots); n++) {
		unsigned levels = 3 + n % 3, level = n / 3 % 5;
		struct mapping want = {.present = true};
		uint64_t span;

		if (level >= levels)
			continue;
		REQUIRE(set_up(levels, 0));
		span = pt_span(level);
		/* The last leaf of the lower half, and the first of the upper,
		 * to the highest memory that an entry can name. */
		for (unsigned upper = 0; upper < 2; upper++) {
			vaddr_t middle = pgtable_upper_half(levels).start;
			vaddr_t va = upper ? middle : 0 - middle - span;
			struct tlb_gather g;

			want.prot = prots[n / 15].got | whose(va);
			want.va = range_make(va, va + span);
			want.pa = ((paddr_t)1 << 56) - span;
			EXPECT_EQ(
				map(want.va, want.pa, prots[n / 15].asked, &g),
				0);
			EXPECT(agrees(&want, va));
			EXPECT(agrees(&want, va + span / 2 + 0x123));
			EXPECT(agrees(&want, va + span - 1));
			EXPECT(query_agrees(va - 1));
			EXPECT(query_agrees(va + span));
		}
		end();
	}
}

/* The machine's fences do what they are for, and no more than they must. */
KTEST(mmu_sim, the_machine_forwards_fences_exactly)
{
	struct mmu_sim_access a[2];
	struct range both;

	REQUIRE(set_up(3, 16));
	EXPECT_EQ(arch_mmu_modes(), m.sim.config.modes);
	both = range_make(MIB(2), MIB(2) + 2 * PAGE_SIZE);
	a[0] = access_of(both.start, 0, true);
	a[1] = access_of(both.start + PAGE_SIZE, 0, true);
	for (unsigned how = 0; how < 3; how++) {
		struct mmu_model before = mmu_model;
		struct tlb_gather g;

		EXPECT_EQ(map(both, GIB(1), VM_READ, &g), 0);
		arch_tlb_fence_all();
		mmu_sim_prefetch(&m.sim, 0, a[0].va);
		mmu_sim_prefetch(&m.sim, 0, a[1].va);
		EXPECT_EQ(unmap(both, &g), 0);
		EXPECT(mmu_sim_reaches(&m.sim, GIB(1), PAGE_SIZE, NULL));
		if (how == 0)
			fence_page(a[0].va);
		else if (how == 1)
			arch_tlb_fence_all();
		else
			arch_mmu_activate(m.pt.root, 3);
		EXPECT(!mmu_sim_may_succeed(&m.sim, 0, &a[0]));
		EXPECT(!mmu_sim_reaches(&m.sim, GIB(1), PAGE_SIZE, NULL));
		EXPECT_EQ(mmu_sim_may_succeed(&m.sim, 0, &a[1]), how == 0);
		EXPECT_EQ(mmu_model.flushed_pages - before.flushed_pages,
			  how == 0);
		EXPECT_EQ(mmu_model.flushed_all - before.flushed_all,
			  how ? how + 1 : 1);
		EXPECT_EQ(m.hart.satp, mmu_sim_satp(3, m.pt.root, 0));
	}
	end();
	/* Nobody is there. */
	mmu_sim_prefetch(&m.sim, 0, a[0].va);
	arch_mmu_activate(0, 4);
	EXPECT_EQ(m.hart.satp, mmu_sim_satp(3, m.pt.root, 0));
	EXPECT_EQ(arch_mmu_modes(), 1u << 3 | 1u << 4 | 1u << 5);
}

#define PLACES 6 /* windows that the random test maps in */

struct attempt {
	struct range va;
	paddr_t pa;
	vm_prot_t prot, got;
};

/* Ranges of one to four leaves of some level, sometimes ragged, in a few places
 * so that they meet. */
static struct attempt draw(void)
{
	struct rng *r = &m.rng;
	unsigned levels = m.pt.levels;
	uint64_t span = pt_span((unsigned)rng_below(r, levels));
	uint64_t step = rng_below(r, 3) ? 0 : PAGE_SIZE * rng_below(r, 4);
	vaddr_t middle = pgtable_upper_half(levels).start;
	uint64_t reach = 0 - middle, offset, i;
	struct attempt t;

	/* Places are at corners of a GiB, near both ends and the middle. */
	offset = reach / 2 * rng_below(r, 2) + GIB(1) * rng_below(r, PLACES) +
		 MIB(2) * rng_below(r, 2) + span * rng_below(r, 3);
	offset = align_down(offset % reach, span) + step;
	t.va.start = (rng_below(r, 2) ? middle : 0) + offset;
	t.va.end = t.va.start + span * (1 + rng_below(r, 4)) +
		   PAGE_SIZE * (rng_below(r, 4) ? 0 : rng_below(r, 3));
	if (range_empty(t.va))
		t.va.end = t.va.start + 1; /* would wrap; is refused */
	t.pa = align_down(rng_next(r) >> 8, rng_below(r, 4) ? span : PAGE_SIZE);
	t.pa += step;
	i = rng_below(r, ARRAY_SIZE(prots));
	t.prot = prots[i].asked;
	t.got = prots[i].got | whose(t.va.start);
	return t;
}

/* An address in the range, on its border or next to it. */
static vaddr_t probe(struct range r)
{
	switch (rng_below(&m.rng, 6)) {
	case 0:
		return r.start;
	case 1:
		return r.start - 1;
	case 2:
		return r.end;
	case 3:
		return r.end - 1;
	default:
		return r.start + rng_below(&m.rng, range_size(r));
	}
}

/* An address of any kind: of a border of the modes, or random. */
static vaddr_t anywhere(void)
{
	unsigned levels = 3 + (unsigned)rng_below(&m.rng, 3);
	vaddr_t middle = pgtable_upper_half(levels).start;
	vaddr_t at = rng_below(&m.rng, 2) ? middle : 0 - middle;

	if (rng_below(&m.rng, 2))
		return at - rng_below(&m.rng, 2);
	return rng_next(&m.rng) >> rng_below(&m.rng, 64);
}

/* Map, and a hart that knew of nothing there may fault until the fence. */
static bool try_map(const struct attempt *t)
{
	vaddr_t va = t->va.start + rng_below(&m.rng, range_size(t->va));
	struct mmu_sim_access load = access_of(va, 0, whose(va));
	struct mmu_sim_outcome fault = {.cause = 13};
	struct mapping was, want = {.prot = t->got, .present = true};
	struct tlb_gather g;
	int err;

	pgtable_query(half(va), va, &was);
	mmu_sim_prefetch(&m.sim, 0, va);
	err = map(t->va, t->pa, t->prot, &g);
	if (err) {
		arch_tlb_fence_all();
		return agrees(&was, va);
	}
	if (!mmu_sim_possible(&m.sim, 0, &load, fault))
		return false;
	fence_for(&g, va);
	want.va = t->va;
	want.pa = t->pa;
	if (!agrees(&want, va))
		return false;
	arch_tlb_fence_all();
	return agrees(&want, t->va.start) && agrees(&want, t->va.end - 1);
}

/* Unmap: the old translation is possible until the fence, and not after. */
static bool try_unmap(struct range r)
{
	vaddr_t va = r.start + rng_below(&m.rng, range_size(r));
	struct mmu_sim_outcome old;
	struct mmu_sim_access a;
	struct mapping was;
	unsigned right;
	bool found = pgtable_query(half(va), va, &was);
	struct tlb_gather g;

	right = was.prot & VM_READ ? 0 : 2;
	a = access_of(va, right, was.prot & VM_USER);
	old = due(&was, &a, right);
	mmu_sim_prefetch(&m.sim, 0, va);
	if (unmap(r, &g)) {
		arch_tlb_fence_all();
		return agrees(&was, va);
	}
	if (!mmu_sim_possible(&m.sim, 0, &a, old))
		return false;
	fence_for(&g, va);
	if (found && mmu_sim_may_succeed(&m.sim, 0, &a))
		return false;
	return !pgtable_query(half(va), va, &was) && query_agrees(va);
}

KTEST(mmu_sim, walker_property_equals_the_translation)
{
	struct range last = {0, PAGE_SIZE};

	m.rng = rng_seed(ktest_seed());
	for (uint64_t step = 0; step < ktest_ops() / 20; step++) {
		struct attempt t;

		/* Afresh: empty tables keep large leaves out. */
		if (step % 64 == 0) {
			REQUIRE(set_up(3 + (unsigned)(step / 64 % 3),
				       step / 64 % 2 * 16));
		}
		t = draw();
		if (rng_below(&m.rng, 3))
			EXPECT(try_map(&t));
		else
			EXPECT(try_unmap(rng_below(&m.rng, 2) ? last : t.va));
		last = t.va;
		arch_tlb_fence_all();
		for (unsigned i = 0; i < 4; i++)
			EXPECT(query_agrees(probe(t.va)));
		EXPECT(query_agrees(anywhere()));
	}
	end();
}

/* The map of frames grows while its neighbours are in use: after each growth,
 * the page is what any access finds, even by a hart that had looked for it. */
KTEST(mmu_sim, the_page_map_grows_with_fences_enough)
{
	for (unsigned levels = 3; levels <= 5; levels++) {
		struct page_map map = {.pages = (struct page *)PAGE_MAP_BASE};
		struct frame_pool pool = {.n = 0};

		REQUIRE(set_up(levels, 0));
		kernel_pgtable = m.upper;
		for (unsigned i = 0; i < FRAME_POOL_SIZE; i++)
			pool.frame[pool.n++] = take(NULL) >> PAGE_SHIFT;
		for (unsigned i = 0; i < 8; i++) {
			struct page *at = map.pages + i * PAGES_PER_CHUNK;
			vaddr_t va = (uintptr_t)at + i;
			struct mapping want = {
				.va = {(uintptr_t)at,
				       (uintptr_t)at + PAGE_SIZE},
				.prot = VM_READ | VM_WRITE,
				.present = true,
			};

			for (unsigned k = 0; k < 8; k++)
				mmu_sim_prefetch(&m.sim, 0,
						 (vaddr_t)(uintptr_t)map.pages +
							 k * PAGE_SIZE);
			want.pa = pool.frame[pool.n - 1] << PAGE_SHIFT;
			EXPECT_EQ(kmap_populate(&map, at, &pool), 0);
			EXPECT(agrees(&want, va));
		}
		kernel_pgtable = (struct pgtable){0};
		end();
	}
}
