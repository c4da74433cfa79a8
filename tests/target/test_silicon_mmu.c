/*
 * What harts remember of page tables, and what they want of an entry. Entries of a
 * space of our own, and of the kernel's arena, are stored by hand; all is fenced
 * before it goes.
 */
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <arch/pgtable.h>
#include <kernel/smp.h>
#include <mm/asid.h>
#include <mm/kmap.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>
#include <mm/umap.h>

#include "silicon.h"

#define PLACE GIB(8) /* with nothing else in this 2 MiB */
#define RW    (VM_READ | VM_WRITE)

/* Two spaces with a page at PLACE, each its own; word i is i. */
static struct {
	struct umap space[2];
	struct page *frame[2];
	pte_t *slot; /* of PLACE in the first space, in which this hart is */
} t;

static pte_t *slot_of(const struct pgtable *pt, vaddr_t va)
{
	pte_t *table = phys_to_virt(pt->root);

	for (unsigned level = pt->levels - 1; level > 0; level--)
		table = phys_to_virt(pte_next(table[pt_index(va, level)]));
	return &table[pt_index(va, 0)];
}

static bool take_frames(void)
{
	for (unsigned i = 0; i < 2; i++) {
		t.frame[i] = page_alloc(0, ALLOC_ZERO);
		if (!t.frame[i])
			return false;
		*(uint64_t *)phys_to_virt(page_to_phys(t.frame[i])) = i;
	}
	return true;
}

static void give_frames(void)
{
	for (unsigned i = 0; i < 2; i++)
		if (t.frame[i])
			page_free(t.frame[i], 0);
}

static bool set_up(void)
{
	struct range place = {PLACE, PLACE + PAGE_SIZE};

	t.frame[0] = t.frame[1] = NULL;
	t.space[0].pt.root = t.space[1].pt.root = 0;
	if (!take_frames())
		return false;
	for (unsigned i = 0; i < 2; i++)
		if (umap_init(&t.space[i]) ||
		    umap_map(&t.space[i], place, page_to_phys(t.frame[i]), RW,
			     ATTR_NORMAL))
			return false;
	t.slot = slot_of(&t.space[0].pt, PLACE);
	umap_activate(&t.space[0]);
	arch_probe_users(true);
	return true;
}

static void tear_down(void)
{
	arch_probe_users(false);
	umap_activate(NULL);
	arch_tlb_fence_all();
	for (unsigned i = 0; i < 2; i++)
		if (t.space[i].pt.root)
			umap_destroy(&t.space[i]);
	give_frames();
}

/* The leaf of frame i at PLACE, with these bits beside V, R, W and U. */
static pte_t leaf(unsigned i, uint64_t bits)
{
	return (pte_t){page_to_phys(t.frame[i]) >> PAGE_SHIFT << PTE_PPN_SHIFT |
		       PTE_V | PTE_R | PTE_W | PTE_U | bits};
}

static struct probe look(void)
{
	return arch_probe(ACCESS_LOAD, PLACE, 0);
}

static bool sees(uint64_t value)
{
	struct probe p = look();

	return p.ok && p.value == value;
}

/* --- numbers of address spaces --- */

static void narrowest(void *arg)
{
	unsigned bits = arch_asid_bits(), *least = arg;

	if (bits < *least)
		*least = bits;
}

KTEST(silicon, asid)
{
	unsigned least = arch_asid_bits(), wrong = 0;

	/* One after the other. */
	for_each_cpu (cpu, cpus_online())
		smp_call(cpu_bit((unsigned)cpu), narrowest, &least);
	if (!set_up()) {
		tear_down();
		return silicon_skip("asid", "no memory");
	}
	for (unsigned n = 0; n < 100; n++) {
		umap_activate(&t.space[n % 2]);
		wrong += !sees(n % 2);
	}
	tear_down();
	silicon_say("asid", silicon_ok_if(!wrong && tlb_asids() <= 1u << least),
		    "%u bits in satp; %s; 100 switches, %u wrong", least,
		    tlb_asids() ? "spaces have numbers" : "each switch fences",
		    wrong);
}

/* --- accessed and dirty --- */

/* Leaves below this table, and those that lack A or D. */
static void count_leaves(paddr_t table, unsigned level, uint64_t n[2])
{
	const pte_t *e = phys_to_virt(table);

	for (unsigned i = 0; i < PT_ENTRIES; i++) {
		if (pte_is_table(e[i]) && level)
			count_leaves(pte_next(e[i]), level - 1, n);
		if (!pte_is_leaf(e[i]))
			continue;
		n[0]++;
		n[1] += (e[i].v & (PTE_A | PTE_D)) != (PTE_A | PTE_D);
	}
}

/* What comes of an access by a leaf without the bit; `*cause` 0: nothing does. */
static const char *without(uint64_t bit, enum access kind, unsigned *cause)
{
	struct probe p;
	pte_t after;

	pte_store(t.slot, leaf(0, (PTE_A | PTE_D) & ~bit));
	arch_tlb_fence_all();
	p = arch_probe(kind, PLACE, 0);
	after = pte_load(t.slot);
	*cause = p.ok ? 0 : p.cause;
	return !p.ok ? "faults" : after.v & bit ? "sets it" : "ignores it";
}

KTEST(silicon, a_d)
{
	const char *load, *store;
	unsigned a, d;
	uint64_t n[2] = {0};
	bool known;

	if (!set_up()) {
		tear_down();
		return silicon_skip("a_d", "no memory");
	}
	/* The kernel's are in it, and this one's own. */
	count_leaves(t.space[0].pt.root, t.space[0].pt.levels - 1, n);
	load = without(PTE_A | PTE_D, ACCESS_LOAD, &a);
	store = without(PTE_D, ACCESS_STORE, &d);
	tear_down();
	known = (!a && !d) || (a == 13 && d == 15);
	silicon_say("a_d",
		    n[1] && (a || d) ? SILICON_FAILED
		    : known	     ? SILICON_OK
				     : SILICON_DIFFERS,
		    "load without A %s (%u), store without D %s (%u); %llu of "
		    "%llu leaves lack them",
		    load, a, store, d, (unsigned long long)n[1],
		    (unsigned long long)n[0]);
}

/* --- what is remembered --- */

/* The hart uses frame 0, then the entry is another. Does it still see frame 0? */
static bool remembers(uint64_t bits, pte_t after)
{
	pte_store(t.slot, leaf(0, PTE_A | PTE_D | bits));
	arch_tlb_fence_all();
	look();
	pte_store(t.slot, after);
	return sees(0);
}

KTEST(silicon, stale)
{
	const struct tlb_fence page = {
		{PLACE, PLACE + PAGE_SIZE}, PAGE_SIZE, ASID_ANY};
	bool replaced, gone, hole, right;

	if (!set_up()) {
		tear_down();
		return silicon_skip("stale", "no memory");
	}
	replaced = remembers(0, leaf(1, PTE_A | PTE_D));
	arch_tlb_fence(&page);
	right = sees(1);
	gone = remembers(0, pte_none());
	arch_tlb_fence(&page);
	right &= !look().ok;
	pte_store(t.slot, leaf(1, PTE_A | PTE_D));
	hole = !look().ok;
	arch_tlb_fence(&page);
	right &= sees(1);
	tear_down();
#define FORGETS(x) ((x) ? "remembered" : "not remembered")
	silicon_say("stale", silicon_ok_if(right),
		    "without a fence a replaced leaf is %s, a removed one %s, "
		    "a hole %s; fenced, all are %s",
		    FORGETS(replaced), FORGETS(gone), FORGETS(hole),
		    right ? "right" : "WRONG");
#undef FORGETS
}

KTEST(silicon, global)
{
	struct tlb_fence space = {.asid = 0};
	bool kept, right;

	if (!set_up()) {
		tear_down();
		return silicon_skip("global", "no memory");
	}
	/* 0 without numbers: then all spaces are that one. */
	space.asid = asid_of(t.space[0].tlb.context);
	remembers(0, leaf(1, PTE_A | PTE_D));
	arch_tlb_fence(&space);
	right = sees(1);
	kept = remembers(PTE_G, leaf(1, PTE_A | PTE_D | PTE_G));
	arch_tlb_fence(&space);
	kept = kept && sees(0);
	arch_tlb_fence_all();
	right &= sees(1);
	tear_down();
	silicon_say("global", silicon_ok_if(right),
		    "a fence by number %u leaves a global leaf %s; one of "
		    "everything is %s",
		    space.asid, kept ? "alone" : "no more than others",
		    right ? "right" : "WRONG");
}

/* --- other harts --- */

static struct {
	vaddr_t va;
	uint64_t want;
	unsigned others; /* harts that see something else (a) */
} there;

static void look_there(void *arg)
{
	struct probe p = arch_probe(ACCESS_LOAD, there.va, 0);

	(void)arg;
	if (!p.ok || p.value != there.want)
		__atomic_fetch_add(&there.others, 1, __ATOMIC_RELAXED);
}

static unsigned others_than(uint64_t want, cpumask_t cpus)
{
	there.want = want;
	there.others = 0;
	smp_call(cpus, look_there, NULL);
	return there.others;
}

KTEST(silicon, remote)
{
	cpumask_t others = cpus_online() & ~cpu_bit(arch_cpu());
	struct range va = {kmap_arena.start, kmap_arena.start + PAGE_SIZE};
	struct tlb_fence f = {va, PAGE_SIZE, ASID_ANY};
	unsigned old = 0, bad = 0;
	pte_t *slot, first;
	int err = 0;

	if (!others)
		return silicon_skip("remote", "one hart runs");
	there.va = va.start;
	t.frame[0] = t.frame[1] = NULL;
	if (!take_frames() ||
	    kmap_map(va, page_to_phys(t.frame[0]), VM_READ, ATTR_NORMAL)) {
		give_frames();
		return silicon_skip("remote", "no memory");
	}
	slot = slot_of(&kernel_pgtable, va.start);
	first = pte_load(slot);
	bad += others_than(0, others);
	pte_store(slot,
		  pte_leaf(page_to_phys(t.frame[1]), VM_READ, ATTR_NORMAL));
	old = others_than(1, others);
	err = arch_tlb_fence_remote(&f, others);
	bad += others_than(1, others);
	pte_store(slot, first);
	kmap_unmap(va);
	give_frames();
	silicon_say("remote", silicon_ok_if(!bad && !err),
		    "of %u other harts %u see an old leaf, after a remote "
		    "fence %u do",
		    (unsigned)__builtin_popcountll(others), old, bad);
}
