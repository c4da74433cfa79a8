/*
 * What this hart makes of each entry: every set of flags, at three levels,
 * against each kind of access, by the kernel and by user mode, with and without
 * SUM and MXR. What is expected is told by the rules of the privileged
 * specification (4.3.2, 4.1.1.2), not by the code that makes entries.
 */
#include <arch/mmu.h>
#include <arch/pgtable.h>
#include <asm/features.h>
#include <asm/probe.h>
#include <kernel/ktest.h>
#include <kernel/smp.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>
#include <mm/umap.h>

#define VALUE 0x123u
#define CODE  64 /* offset of the code in the page; the word is at 0 */

#define PLACE	   GIB(8) /* 1 GiB of the user's half, with nothing else in it */
#define USER_STUBS GIB(16) /* what U-mode runs to load and store */

static struct {
	struct umap space;
	struct page *frame, *stubs;
	uint64_t *word;
	pte_t *slot[3]; /* the entries of each level for PLACE */
	bool sets_a_d;	/* the hart sets A and D itself */
} t;

static pte_t *slot_of(vaddr_t va, unsigned wanted)
{
	pte_t *table = phys_to_virt(t.space.pt.root);

	for (unsigned level = t.space.pt.levels - 1; level > wanted; level--)
		table = phys_to_virt(pte_paddr(table[pt_index(va, level)]));
	return &table[pt_index(va, wanted)];
}

static bool set_up(void)
{
	struct range stubs = {USER_STUBS, USER_STUBS + PAGE_SIZE};
	struct range place = {PLACE, PLACE + PAGE_SIZE};
	char *at;

	if (umap_init(&t.space))
		return false;
	t.frame = page_alloc(0, ALLOC_ZERO);
	t.stubs = page_alloc(0, ALLOC_ZERO);
	if (!t.frame || !t.stubs)
		return false;
	t.word = phys_to_virt(page_to_phys(t.frame));
	arch_probe_code((char *)t.word + CODE, VALUE);
	at = phys_to_virt(page_to_phys(t.stubs));
	__builtin_memcpy(at, probe_by_load,
			 (size_t)(probe_by_end - probe_by_load));
	tlb_sync_code();
	if (umap_map(&t.space, stubs, page_to_phys(t.stubs), VM_READ | VM_EXEC,
		     ATTR_NORMAL) ||
	    umap_map(&t.space, place, page_to_phys(t.frame), VM_READ,
		     ATTR_NORMAL))
		return false;
	for (unsigned level = 0; level < 3; level++)
		t.slot[level] = slot_of(PLACE, level);
	umap_activate(&t.space);
	return true;
}

static void tear_down(void)
{
	umap_activate(NULL);
	umap_destroy(&t.space);
	if (t.frame)
		page_free(t.frame, 0);
	if (t.stubs)
		page_free(t.stubs, 0);
}

static const unsigned page_fault[] = {13, 15, 12}; /* load, store, fetch */

/* One access to the frame by a leaf at `level` with these bits; `*after` is the
 * entry then. */
static struct probe access(uint64_t bits, unsigned level, enum access kind,
			   const struct probe_mode *mode, uint64_t *after)
{
	paddr_t pa = page_to_phys(t.frame);
	paddr_t base = align_down(pa, pt_span(level));
	vaddr_t va = PLACE + (pa - base) + (kind == ACCESS_FETCH ? CODE : 0);
	pte_t before = *t.slot[level];
	struct probe p;

	*t.slot[level] = (pte_t){base >> PAGE_SHIFT << PTE_PPN_SHIFT | bits};
	arch_tlb_fence_all();
	*t.word = VALUE;
	p = riscv_probe(kind, va, VALUE + 1, mode);
	*after = t.slot[level]->v;
	*t.slot[level] = before;
	arch_tlb_fence_all();
	return p;
}

/* Do the rights suffice, A and D apart? */
static bool allowed(uint64_t bits, enum access kind, const struct probe_mode *m)
{
	bool u = bits & PTE_U;

	if (!(bits & PTE_V) || (!(bits & PTE_R) && (bits & PTE_W)))
		return false;
	if (m->user ? !u : u && (kind == ACCESS_FETCH || !m->sum))
		return false;
	switch (kind) {
	case ACCESS_LOAD:
		return (bits & PTE_R) || (m->mxr && (bits & PTE_X));
	case ACCESS_STORE:
		return bits & PTE_W;
	default:
		return bits & PTE_X;
	}
}

static bool right(uint64_t bits, unsigned level, enum access kind,
		  const struct probe_mode *m)
{
	uint64_t need = kind == ACCESS_STORE ? PTE_A | PTE_D : PTE_A, after;
	struct probe p = access(bits, level, kind, m, &after);
	bool ok = allowed(bits, kind, m);

	/* Without A, or D for a store, a hart faults or sets them. */
	if (ok && (bits & need) != need) {
		if (p.ok != ((after & need) == need))
			return false;
		ok = t.sets_a_d;
	}
	if (!ok)
		return !p.ok && p.cause == page_fault[kind];
	if (kind == ACCESS_STORE)
		return p.ok && *t.word == VALUE + 1;
	return p.ok && p.value == VALUE;
}

static void all_modes(uint64_t bits, unsigned level)
{
	for (unsigned n = 0; n < 24; n++) {
		struct probe_mode m = {
			.user = n & 1,
			.sum = n & 2,
			.mxr = n & 4,
			.code = USER_STUBS,
		};
		enum access kind = (enum access)(n / 8);

		if (!right(bits, level, kind, &m))
			ktest_fail(
				__FILE__, __LINE__,
				"level %u, entry bits %#llx, access %u%s%s%s",
				level, (unsigned long long)bits, kind,
				m.user ? ", user" : "", m.sum ? ", SUM" : "",
				m.mxr ? ", MXR" : "");
	}
}

static void find_out_a_d(void)
{
	struct probe_mode kernel = {.user = false};
	uint64_t after;

	t.sets_a_d = access(PTE_V | PTE_R, 0, ACCESS_LOAD, &kernel, &after).ok;
}

KTEST(flags, every_set_of_flags_does_what_the_specification_says)
{
	static const uint64_t flag[] = {PTE_R, PTE_W, PTE_X, PTE_U,
					PTE_A, PTE_D, PTE_G};

	REQUIRE(set_up());
	find_out_a_d();
	for (unsigned level = 0; level < 3; level++)
		for (unsigned set = 0; set < 128; set++) {
			uint64_t bits = PTE_V;

			for (unsigned i = 0; i < ARRAY_SIZE(flag); i++)
				bits |= set >> i & 1 ? flag[i] : 0;
			/* Further up, that is a pointer. */
			if (level && !(bits & PTE_RWX))
				continue;
			all_modes(bits, level);
			all_modes(bits & ~PTE_V, level);
		}
	tear_down();
}

/* In user mode interrupts are on, whatever SIE says; a handler that comes in
 * between would find its own exceptions taken away from it. */
KTEST(flags, nothing_interrupts_a_probe)
{
	struct probe_mode user = {.user = true, .code = USER_STUBS};
	const struct smp_counters *n = smp_counters(arch_cpu());
	uint64_t flags, before;

	if (!arch_timer_works())
		return ktest_skip("no timer");
	REQUIRE(set_up());
	flags = arch_irq_save();
	arch_timer_set(arch_time());
	before = n->timers;
	for (unsigned i = 0; i < 1000; i++)
		EXPECT(riscv_probe(ACCESS_LOAD, PLACE, 0, &user).ok);
	EXPECT_EQ(n->timers, before);
	arch_irq_restore(flags);
	EXPECT_EQ(n->timers, before + 1);
	tear_down();
}

/* An entry with these bits more, or of this form, faults on any access. */
static void faults(uint64_t bits, unsigned level)
{
	struct probe_mode kernel = {.user = false};
	uint64_t after;

	for (unsigned kind = 0; kind < 3; kind++) {
		struct probe p =
			access(bits, level, (enum access)kind, &kernel, &after);

		if (p.ok || p.cause != page_fault[kind])
			ktest_fail(__FILE__, __LINE__,
				   "level %u, entry bits %#llx, access %u: "
				   "cause %u",
				   level, (unsigned long long)bits, kind,
				   p.ok ? 0 : p.cause);
	}
}

KTEST(flags, reserved_encodings_fault)
{
	const uint64_t leaf = PTE_V | PTE_RWX | PTE_A | PTE_D;
	bool more = riscv_features.svnapot || riscv_features.svpbmt;

	REQUIRE(set_up());
	for (unsigned level = 0; level < 3; level++) {
		/* QEMU 7.2 no longer looks at these bits once it has one of the
		 * extensions that use those above, nor at PBMT 3. */
		for (unsigned bit = 54; bit < 61 && !more; bit++)
			faults(leaf | (uint64_t)1 << bit, level);
		if (!riscv_features.svpbmt) {
			faults(leaf | (uint64_t)1 << PTE_PBMT_SHIFT, level);
			faults(leaf | (uint64_t)2 << PTE_PBMT_SHIFT, level);
			faults(leaf | PTE_PBMT_MASK, level);
		}
		if (!riscv_features.svnapot)
			faults(leaf | PTE_N | PTE_NAPOT_SIZE, level);
		/* Misaligned, and pointers with what only leaves may have. */
		if (!level)
			continue;
		faults(leaf | (uint64_t)1 << PTE_PPN_SHIFT, level);
		faults(PTE_V | PTE_A, level);
		faults(PTE_V | PTE_D, level);
		faults(PTE_V | PTE_U, level);
	}
	tear_down();
}
