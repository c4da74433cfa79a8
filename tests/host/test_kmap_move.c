/*
 * Frames moved under simulated harts' feet. Tables of all kinds are laid out at
 * random in four blocks of memory; one of them moves to another and back. Harts
 * may see the stores in any order and forget nothing by themselves: so any subset
 * of the changed entries must show the same memory as none and all of them.
 */
#include <string.h>

#include <arch/mmu.h>
#include <asm/mmu.h>
#include <host/mmu_sim.h>
#include <kernel/ktest.h>
#include <lib/errno.h>
#include <mm/kmap.h>
#include <mm/kmap_move.h>
#include <mm/layout.h>
#include <mm/tlb.h>

#define BLOCKS	  4
#define FRAMES	  (BLOCKS * KMAP_MOVE_FRAMES)
#define REGION	  (BLOCKS * KMAP_MOVE_SIZE)
#define WORDS	  (REGION / 8)
#define MAX_VIEWS 4096
#define SUBSETS	  4
#define DIRECT	  (ARENA_BASE - GIB(4)) /* of simulated harts */

enum use { UNUSED, TABLE, PINNED };

struct view {
	vaddr_t va;
	paddr_t pa; /* at home */
};

static struct {
	uint64_t *memory; /* REGION bytes */
	uint64_t *home, *copied;
	uint8_t use[FRAMES];
	struct table_source source;
	unsigned b, s; /* blocks: what moves, and where it goes */
	struct kmap_move move;
	uint64_t pinned[KMAP_MOVE_FRAMES / 64];
	struct view view[MAX_VIEWS];
	unsigned nviews;
	struct mmu_sim sim;
	struct mmu_sim_hart hart;
	struct rng rng;
} t;

static paddr_t base(void)
{
	return virt_to_phys(t.memory);
}

static paddr_t block(unsigned i)
{
	return base() + i * KMAP_MOVE_SIZE;
}

static bool in_block(paddr_t pa, unsigned i)
{
	return pa - block(i) < KMAP_MOVE_SIZE;
}

static vaddr_t direct(paddr_t pa)
{
	return DIRECT + (pa - align_down(base(), GIB(1)));
}

static const uint64_t *page_of(void *ctx, uint64_t pa)
{
	(void)ctx;
	return pa - base() < REGION ? t.memory + (pa - base()) / 8 : NULL;
}

static enum use use_of(paddr_t pa)
{
	return pa - base() < REGION ? t.use[(pa - base()) >> PAGE_SHIFT]
				    : UNUSED;
}

/* Half of the tables lie in what moves, the others elsewhere, none in the spare. */
static paddr_t take(struct table_source *source)
{
	bool here = rng_below(&t.rng, 2);

	(void)source;
	for (;;) {
		uint64_t n = rng_below(&t.rng, FRAMES);
		paddr_t pa = base() + n * PAGE_SIZE;

		if (t.use[n] || in_block(pa, t.b) != here || in_block(pa, t.s))
			continue;
		t.use[n] = TABLE;
		return pa;
	}
}

static int map(vaddr_t va, paddr_t pa, uint64_t size, vm_prot_t prot)
{
	struct tlb_gather g;
	int err;

	tlb_gather_init(&g, NULL);
	err = pgtable_map(&kernel_pgtable, range_make(va, va + size), pa, prot,
			  ATTR_NORMAL, &g);
	tlb_flush(&g);
	return err;
}

/* Runs of frames from anywhere but the spare, aligned in any way. */
static void map_pieces(vaddr_t va)
{
	for (unsigned i = 0; i < 24; i++, va += MIB(4)) {
		uint64_t align = (uint64_t)1 << (12 + rng_below(&t.rng, 10));
		uint64_t size = (1 + rng_below(&t.rng, 64)) * PAGE_SIZE;
		paddr_t pa =
			base() + align_down(rng_below(&t.rng, REGION), align);

		if (pa + size > base() + REGION ||
		    range_overlaps(
			    range_make(pa, pa + size),
			    range_make(t.move.to, t.move.to + KMAP_MOVE_SIZE)))
			continue;
		EXPECT_EQ(map(va + (pa & (MIB(2) - 1)), pa, size,
			      i % 2 ? VM_READ | VM_EXEC : VM_READ | VM_WRITE),
			  0);
	}
}

static void map_direct(void)
{
	paddr_t start = align_down(base(), GIB(1));

	if (rng_below(&t.rng, 2)) {
		EXPECT_EQ(map(DIRECT, start, GIB(2), VM_READ | VM_WRITE), 0);
		return;
	}
	/* With a hole, and leaves that fit around it. */
	start = block(t.b) + PAGE_SIZE * rng_below(&t.rng, 512);
	if (start > base())
		EXPECT_EQ(map(direct(base()), base(), start - base(),
			      VM_READ | VM_WRITE),
			  0);
	start += PAGE_SIZE;
	if (start < base() + REGION)
		EXPECT_EQ(map(direct(start), start, base() + REGION - start,
			      VM_READ | VM_WRITE),
			  0);
}

static void map_window(void)
{
	for (uint64_t n = 0; n < KMAP_MOVE_FRAMES; n++)
		if (!(t.pinned[n / 64] >> n % 64 & 1))
			EXPECT_EQ(map(KMAP_MOVE_WINDOW + n * PAGE_SIZE,
				      t.move.from + n * PAGE_SIZE, PAGE_SIZE,
				      VM_READ | VM_WRITE),
				  0);
}

static void pin_some(void)
{
	uint64_t n = rng_below(&t.rng, KMAP_MOVE_FRAMES);
	uint64_t end = n + rng_below(&t.rng, 40);

	memset(t.pinned, 0, sizeof(t.pinned));
	if (rng_below(&t.rng, 2))
		return;
	for (; n < end && n < KMAP_MOVE_FRAMES; n++) {
		t.pinned[n / 64] |= (uint64_t)1 << n % 64;
		t.use[t.b * KMAP_MOVE_FRAMES + n] = PINNED;
	}
}

static void build(unsigned levels, bool groups)
{
	struct mmu_sim_config config = {
		.page = page_of,
		.modes = 0x38,
		.extensions = groups ? MMU_SIM_SVNAPOT : 0,
		.seed = rng_next(&t.rng),
	};

	pte_features_set(false, groups);
	for (unsigned i = 0; i < WORDS; i++)
		t.memory[i] = rng_next(&t.rng);
	memset(t.use, UNUSED, sizeof(t.use));
	t.b = (unsigned)rng_below(&t.rng, BLOCKS);
	t.s = (t.b + 1 + (unsigned)rng_below(&t.rng, BLOCKS - 1)) % BLOCKS;
	t.move = (struct kmap_move){
		.from = block(t.b),
		.to = block(t.s),
		.seen = phys_to_virt(block(t.b)),
		.copy = phys_to_virt(block(t.s)),
		.keep = {range_make(direct(block(t.s)),
				    direct(block(t.s)) + KMAP_MOVE_SIZE),
			 range_make(KMAP_MOVE_WINDOW,
				    KMAP_MOVE_WINDOW + KMAP_MOVE_SIZE)},
		.pinned = t.pinned,
	};
	pin_some();
	t.source = (struct table_source){take, true, NULL};
	EXPECT_EQ(pgtable_init(&kernel_pgtable, levels,
			       pgtable_upper_half(levels), &t.source),
		  0);
	map_direct();
	map_pieces(IMAGE_BASE);
	map_pieces(VMALLOC_BASE);
	EXPECT_EQ(map(VMALLOC_BASE + MIB(512), block(t.b), MIB(2), VM_READ), 0);
	map_window();
	EXPECT_EQ(kmap_move_prepare(&t.move), 0);
	mmu_sim_init(&t.sim, &config, &t.hart, 1);
}

/* Some addresses of each leaf. */
static int note(void *ctx, const struct mapping *m)
{
	struct range region = {base(), base() + REGION};
	struct range pa = range_intersect(
		region, range_make(m->pa, m->pa + range_size(m->va)));

	(void)ctx;
	for (unsigned i = 0; i < 3 && !range_empty(pa); i++) {
		paddr_t at =
			pa.start + 8 * rng_below(&t.rng, range_size(pa) / 8);

		if (t.nviews == MAX_VIEWS)
			break;
		t.view[t.nviews++] =
			(struct view){m->va.start + (at - m->pa), at};
	}
	return 0;
}

static bool is_kept(vaddr_t va)
{
	return range_has(t.move.keep[0], va) || range_has(t.move.keep[1], va);
}

/* Where it is when all is away. */
static paddr_t place(const struct view *v)
{
	if (is_kept(v->va) || !in_block(v->pa, t.b) || use_of(v->pa) == PINNED)
		return v->pa;
	return v->pa - t.move.from + t.move.to;
}

/* Is it right that an access goes there? It may be at home or away; what is there
 * must be what was. */
static bool is_right(const struct view *v, const struct mmu_sim_outcome *o,
		     bool at_home, bool away)
{
	if (!o->ok ||
	    !((at_home && o->pa == v->pa) || (away && o->pa == place(v))))
		return false;
	return is_kept(v->va) || use_of(v->pa) == TABLE ||
	       *(uint64_t *)phys_to_virt(o->pa) == t.home[(v->pa - base()) / 8];
}

static void expect_all(bool at_home, bool away)
{
	struct mmu_sim_outcome o[8];

	for (unsigned i = 0; i < t.nviews; i++) {
		const struct view *v = &t.view[i];
		struct mmu_sim_access a = {
			.va = v->va, .kind = MMU_SIM_LOAD, .mxr = true};
		unsigned n = mmu_sim_outcomes(&t.sim, 0, &a, o, 8);
		bool right = n > 0 && n <= 8;

		for (unsigned k = 0; right && k < n; k++)
			right = is_right(v, &o[k], at_home, away);
		EXPECT(right);
		if (!right)
			return;
	}
}

static void remember(unsigned n)
{
	while (n--)
		mmu_sim_prefetch(&t.sim, 0,
				 t.view[rng_below(&t.rng, t.nviews)].va);
}

static void forget(void)
{
	mmu_sim_sfence_vma(&t.sim, 0, NULL, NULL);
}

static void walk_from(paddr_t root)
{
	mmu_sim_write_satp(&t.sim, 0,
			   mmu_sim_satp(kernel_pgtable.levels, root, 0));
}

/* Memory is what it was when all was copied and no entry changed, and becomes what
 * it is now, in all orders. The hart may walk either root. */
static void any_mix(paddr_t old, paddr_t new)
{
	static uint64_t after[WORDS];

	memcpy(after, t.memory, REGION);
	for (unsigned n = 0; n < SUBSETS; n++) {
		uint64_t one_in = 1 + rng_below(&t.rng, 8);

		for (unsigned i = 0; i < WORDS; i++)
			t.memory[i] = rng_below(&t.rng, one_in) ? t.copied[i]
								: after[i];
		forget();
		walk_from(n % 2 ? new : old);
		expect_all(true, true);
		remember(40);
	}
	memcpy(t.memory, after, REGION);
	expect_all(true, true);
}

/* All words that a move stored, but for copies, are entries of tables that are not
 * in `home`. */
static void only_entries_changed(const struct kmap_move *m)
{
	for (unsigned i = 0; i < WORDS; i++) {
		paddr_t pa = base() + 8 * i;
		bool to = pa - m->to < KMAP_MOVE_SIZE;

		if (t.memory[i] == t.copied[i])
			continue;
		EXPECT(pa - m->from >= KMAP_MOVE_SIZE);
		EXPECT_EQ(use_of(to ? t.move.from + (pa - m->to) : pa), TABLE);
	}
}

/* As the copy is made: all but what is pinned. */
static void note_copied(const struct kmap_move *m)
{
	memcpy(t.copied, t.memory, REGION);
	for (uint64_t n = 0; n < KMAP_MOVE_FRAMES; n++)
		if (!(t.pinned[n / 64] >> n % 64 & 1))
			memcpy(t.copied + (m->to - base() + n * PAGE_SIZE) / 8,
			       t.memory +
				       (m->from - base() + n * PAGE_SIZE) / 8,
			       PAGE_SIZE);
}

/* Nobody's memory. */
static void spoil(paddr_t start)
{
	for (uint64_t n = 0; n < KMAP_MOVE_FRAMES; n++)
		if (use_of(start + n * PAGE_SIZE) != PINNED)
			memset(phys_to_virt(start + n * PAGE_SIZE), 0xa5,
			       PAGE_SIZE);
}

/* Returns whether the hart, before it forgets, could still reach what moved. */
static bool go(const struct kmap_move *m, paddr_t *root, bool away)
{
	paddr_t old = *root;
	bool stale;

	note_copied(m);
	EXPECT_EQ(kmap_move_copy(m), KMAP_MOVE_GOOD);
	*root = kmap_move_entries(m, old, kernel_pgtable.levels);
	EXPECT_EQ(kmap_move_strays(m), 0);
	only_entries_changed(m);
	any_mix(old, *root);
	walk_from(*root);
	stale = mmu_sim_reaches(&t.sim, m->from, KMAP_MOVE_SIZE, NULL);
	forget();
	expect_all(!away, away);
	spoil(m->from);
	expect_all(!away, away);
	return stale;
}

static bool there_and_back(void)
{
	struct kmap_move back;
	paddr_t root = kernel_pgtable.root;
	bool stale;

	t.nviews = 0;
	pgtable_walk(&kernel_pgtable, kernel_pgtable.bounds, note, NULL);
	memcpy(t.home, t.memory, REGION);
	walk_from(root);
	expect_all(true, false);
	remember(40);
	stale = go(&t.move, &root, true);
	EXPECT_EQ(root == kernel_pgtable.root,
		  !in_block(kernel_pgtable.root, t.b));
	remember(40);
	back = kmap_move_back(&t.move);
	go(&back, &root, false);
	EXPECT_EQ(root, kernel_pgtable.root);
	/* Every bit, but in the spare. */
	memcpy((uint8_t *)t.home + t.s * KMAP_MOVE_SIZE,
	       phys_to_virt(block(t.s)), KMAP_MOVE_SIZE);
	EXPECT(!memcmp(t.home, t.memory, REGION));
	return stale;
}

static bool get_memory(void)
{
	uint8_t *p = ktest_alloc(REGION + MIB(2));

	t.memory = (uint64_t *)align_up((uintptr_t)p, MIB(2));
	t.home = ktest_alloc(REGION);
	t.copied = ktest_alloc(REGION);
	t.rng = rng_seed(ktest_seed());
	return p && t.home && t.copied;
}

KTEST(kmap_move, random_layouts_move_and_come_back)
{
	unsigned stale = 0;

	if (!get_memory())
		return ktest_skip("no memory");
	for (uint64_t n = 0; n < 4 + ktest_ops() / 10000; n++) {
		build(MMU_MIN_LEVELS + (unsigned)rng_below(&t.rng, 3),
		      rng_below(&t.rng, 2));
		stale += there_and_back();
	}
	/* Else the fences would prove nothing. */
	EXPECT(stale > 0);
	pte_features_set(false, false);
	kernel_pgtable = (struct pgtable){0};
}

KTEST(kmap_move, a_spare_that_somebody_sees_is_refused)
{
	if (!get_memory())
		return ktest_skip("no memory");
	build(3, false);
	EXPECT_EQ(map(VMALLOC_BASE + MIB(600), block(t.s) + PAGE_SIZE,
		      PAGE_SIZE, VM_READ),
		  0);
	EXPECT_EQ(kmap_move_prepare(&t.move), -EINVAL);
	kernel_pgtable = (struct pgtable){0};
}

KTEST(kmap_move, lost_stores_are_counted)
{
	if (!get_memory())
		return ktest_skip("no memory");
	build(4, false);
	memset(t.pinned, 0, sizeof(t.pinned));
	EXPECT_EQ(kmap_move_copy(&t.move), KMAP_MOVE_GOOD);
	EXPECT_EQ(kmap_move_strays(&t.move), 0);
	t.move.seen[MIB(1)]++;
	t.move.copy[MIB(2) - 1]++;
	EXPECT_EQ(kmap_move_strays(&t.move), 2);
	kernel_pgtable = (struct pgtable){0};
}

KTEST(kmap_move, physical_addresses_follow)
{
	struct kmap_move m = {.from = MIB(4), .to = MIB(8)};

	EXPECT(!kmap_is_moved());
	EXPECT_EQ(kmap_now(MIB(4)), MIB(4));
	kmap_moved(&m);
	EXPECT(kmap_is_moved());
	EXPECT_EQ(kmap_now(MIB(4) - 1), MIB(4) - 1);
	EXPECT_EQ(kmap_now(MIB(4)), MIB(8));
	EXPECT_EQ(kmap_now(MIB(6) - 1), MIB(10) - 1);
	EXPECT_EQ(kmap_now(MIB(6)), MIB(6));
	kmap_moved(NULL);
	EXPECT_EQ(kmap_now(MIB(4)), MIB(4));
}
