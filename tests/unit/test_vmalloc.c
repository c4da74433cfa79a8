/* The kernel's dynamic addresses, on live tables. */
#include <string.h>

#include <arch/probe.h>
#include <kernel/ktest.h>
#include <kernel/spinlock.h>
#include <lib/rng.h>
#include <mm/fail.h>
#include <mm/kmap.h>
#include <mm/page_alloc.h>
#include <mm/reclaim.h>
#include <mm/tlb.h>
#include <mm/vmalloc.h>
#include <mm/zone.h>

#include "arch_bed.h"

#define RW (VM_READ | VM_WRITE)

static bool can(enum access kind, vaddr_t va)
{
	return arch_probe(kind, va, 0).ok;
}

static vaddr_t at(const void *p)
{
	return (vaddr_t)(uintptr_t)p;
}

static uint64_t word_of(vaddr_t va, uint64_t owner)
{
	return va * 0x9e3779b97f4a7c15u ^ owner;
}

/* In every word: whose it is, and where. */
static bool fill(vaddr_t va, size_t size, uint64_t owner)
{
	bool ok = true;

	for (vaddr_t end = va + size; va < end; va += 8)
		ok &= arch_probe(ACCESS_STORE, va, word_of(va, owner)).ok;
	return ok;
}

static bool holds(vaddr_t va, size_t size, uint64_t owner)
{
	for (vaddr_t end = va + size; va < end; va += 8) {
		struct probe p = arch_probe(ACCESS_LOAD, va, 0);

		if (!p.ok || p.value != word_of(va, owner))
			return false;
	}
	return true;
}

/* That this hart made of its own. */
static uint64_t fences(void)
{
	const struct tlb_counters *n = tlb_counters(arch_cpu());

	return n->ranges + n->spaces + n->all;
}

/* Nothing is allocated that was not before, and all is sound. */
static struct vmalloc_stats before;
static uint64_t frames_before;

static void begin(void)
{
	reclaim();
	vmalloc_stats(&before);
	frames_before = zone_used_frames();
}

static void end(void)
{
	struct vmalloc_stats now;

	reclaim();
	vmalloc_stats(&now);
	EXPECT_EQ(now.areas, before.areas);
	EXPECT_EQ(now.bytes, before.bytes);
	EXPECT_EQ(now.lazy, 0);
	EXPECT_EQ(now.lazy_bytes, 0);
	EXPECT_EQ(now.largest_free, before.largest_free);
	EXPECT_EQ(zone_used_frames(), frames_before);
	EXPECT(!vmalloc_check());
}

static void sizes(void)
{
	static const size_t size[] = {1,	4096,	   4097,
				      5 * 4096, 16 * 4096, 37 * 4096};
	void *p[ARRAY_SIZE(size)];

	begin();
	EXPECT(!vmalloc(0, 0));
	EXPECT(!vmalloc(SIZE_MAX, 0));
	EXPECT(!vmalloc(SIZE_MAX - PAGE_SIZE, 0));
	EXPECT(!vmalloc((size_t)1 << 38, 0));
	vfree(NULL);
	for (unsigned i = 0; i < ARRAY_SIZE(size); i++) {
		size_t usable = align_up(size[i], PAGE_SIZE);

		p[i] = vmalloc(size[i], 0);
		REQUIRE(p[i]);
		EXPECT_EQ(vmalloc_size(p[i]), usable);
		EXPECT(fill(at(p[i]), usable, i));
		/* Guards on both sides. */
		EXPECT(!can(ACCESS_LOAD, at(p[i]) - 8));
		EXPECT(!can(ACCESS_STORE, at(p[i]) + usable));
		EXPECT(!can(ACCESS_FETCH, at(p[i])));
	}
	for (unsigned i = 0; i < ARRAY_SIZE(size); i++) {
		EXPECT(holds(at(p[i]), vmalloc_size(p[i]), i));
		vfree(p[i]);
	}
	EXPECT(!vmalloc_check());
	vmalloc_purge();
	for (unsigned i = 0; i < ARRAY_SIZE(size); i++)
		EXPECT(!can(ACCESS_LOAD, at(p[i])));
	end();
}

KTEST(vmalloc, all_of_it_is_there_and_nothing_around)
{
	arch_bed_run(sizes);
}

static void zeroed(void)
{
	void *p;

	begin();
	p = vmalloc(3 * PAGE_SIZE, 0);
	REQUIRE(p);
	fill(at(p), 3 * PAGE_SIZE, 1);
	vfree(p);
	vmalloc_purge();
	p = vmalloc(3 * PAGE_SIZE, ALLOC_ZERO);
	REQUIRE(p);
	for (size_t i = 0; i < 3 * PAGE_SIZE; i += 8)
		EXPECT_EQ(arch_probe(ACCESS_LOAD, at(p) + i, 0).value, 0);
	vfree(p);
	end();
}

KTEST(vmalloc, zeroed_on_request)
{
	arch_bed_run(zeroed);
}

#define MANY 1000

/* One purge has one fence on each hart for all of them. */
static void many(void)
{
	void **p = ktest_alloc(MANY * sizeof(*p));
	uint64_t remote, n;

	REQUIRE(p);
	begin();
	for (unsigned i = 0; i < MANY; i++) {
		p[i] = vmalloc(PAGE_SIZE, 0);
		REQUIRE(p[i]);
	}
	EXPECT(!vmalloc_check());
	n = fences();
	remote = tlb_counters(arch_cpu())->remote;
	for (unsigned i = 0; i < MANY; i++)
		vfree(p[i]);
	EXPECT_EQ(fences(), n);
	vmalloc_purge();
	EXPECT_EQ(fences(), n + 1);
	EXPECT(tlb_counters(arch_cpu())->remote <= remote + 1);
	end();
}

KTEST(vmalloc, a_thousand_vfrees_share_one_fence)
{
	arch_bed_run(many);
}

/* What waits is bounded, with nobody who purges. */
static void bounded(void)
{
	struct vmalloc_stats s;
	uint64_t most = 0;

	begin();
	for (unsigned i = 0; i < 3000; i++) {
		void *p = vmalloc(KIB(64), 0);

		REQUIRE(p);
		vfree(p);
		vmalloc_stats(&s);
		most = max_u64(most, s.lazy_bytes);
	}
	EXPECT(s.purges > before.purges);
	EXPECT(most <= MIB(64) + KIB(68));
	end();
}

KTEST(vmalloc, what_waits_is_bounded_and_nothing_is_lost)
{
	arch_bed_run(bounded);
}

static struct mm_bug seen;
static unsigned nseen;

static void listen(const struct mm_bug *b)
{
	seen = *b;
	nseen++;
}

static bool reported(enum mm_bug_kind kind, vaddr_t va)
{
	bool ok =
		nseen == 1 && seen.kind == kind && seen.at == va && seen.caller;

	nseen = 0;
	return ok;
}

static void misuse(void)
{
	struct range stack = {0, 0};
	char *p, *q;
	vaddr_t w;

	begin();
	p = vmalloc(3 * PAGE_SIZE, 0);
	q = vmalloc(PAGE_SIZE, 0);
	w = vmap(0x10000000, 100, RW, ATTR_IO);
	stack = kstack_alloc(2 * PAGE_SIZE);
	nseen = 0;
	mm_bug_hook = listen;
	vfree(p + PAGE_SIZE);
	EXPECT(reported(BUG_INVALID_FREE, at(p) + PAGE_SIZE));
	EXPECT_EQ(seen.object, at(p));
	EXPECT_EQ(seen.size, 3 * PAGE_SIZE);
	EXPECT(seen.allocated.pc != 0);
	vfree(p + 8);
	EXPECT(reported(BUG_INVALID_FREE, at(p) + 8));
	vfree(p + 3 * PAGE_SIZE); /* the guard */
	EXPECT(reported(BUG_INVALID_FREE, at(p) + 3 * PAGE_SIZE));
	vfree(&p);
	EXPECT(reported(BUG_INVALID_FREE, at(&p)));
	vfree((void *)(uintptr_t)w);
	EXPECT(reported(BUG_INVALID_FREE, w));
	vunmap(at(q));
	EXPECT(reported(BUG_INVALID_FREE, at(q)));
	vfree((void *)(uintptr_t)stack.start);
	EXPECT(reported(BUG_INVALID_FREE, stack.start));
	/* None of it did anything. */
	EXPECT(can(ACCESS_STORE, at(p)) && can(ACCESS_STORE, at(q)));
	vfree(p);
	EXPECT_EQ(nseen, 0);
	vfree(p);
	EXPECT(reported(BUG_DOUBLE_FREE, at(p)));
	EXPECT(seen.freed.pc != 0);
	vmalloc_purge();
	vfree(p);
	EXPECT(reported(BUG_DOUBLE_FREE, at(p)));
	vfree(q);
	vunmap(w);
	vunmap(w);
	EXPECT(reported(BUG_DOUBLE_FREE, w & ~(PAGE_SIZE - 1)));
	kstack_free(stack);
	kstack_free(stack);
	EXPECT(reported(BUG_DOUBLE_FREE, stack.start));
	mm_bug_hook = NULL;
	end();
}

KTEST(vmalloc, misuse_is_told_and_does_nothing)
{
	arch_bed_run(misuse);
}

static void one_window(paddr_t pa, uint64_t size, uint64_t leaf)
{
	vaddr_t va = vmap(pa, size, RW, ATTR_IO);
	vaddr_t last = va + size - 1;
	struct mapping m;

	REQUIRE(va);
	EXPECT_EQ(va % PAGE_SIZE, pa % PAGE_SIZE);
	EXPECT(pgtable_query(&kernel_pgtable, va, &m));
	EXPECT_EQ(m.pa + (va - m.va.start), pa);
	EXPECT_EQ(range_size(m.va), leaf);
	EXPECT_EQ(m.prot, RW);
	EXPECT(pgtable_query(&kernel_pgtable, last, &m));
	EXPECT_EQ(m.pa + (last - m.va.start), pa + size - 1);
	EXPECT(!pgtable_query(&kernel_pgtable, last + PAGE_SIZE, &m));
	vunmap(va);
	EXPECT(!pgtable_query(&kernel_pgtable, va, &m));
}

static void windows(void)
{
	begin();
	one_window(MIB(512), PAGE_SIZE, PAGE_SIZE);
	one_window(MIB(512) + 0xffc, 8, PAGE_SIZE);
	one_window(MIB(512), MIB(16), MIB(2));
	/* Not aligned, but a large leaf is in it. */
	one_window(MIB(512) - PAGE_SIZE, MIB(4), PAGE_SIZE);
	/* What is kept for the next of a size is not for any of that size. */
	one_window(MIB(512), MIB(2), MIB(2));
	one_window(MIB(514) - PAGE_SIZE, MIB(2), PAGE_SIZE);
	one_window(MIB(512), MIB(2), MIB(2));
	EXPECT(!vmap(MIB(512), 0, RW, ATTR_IO));
	EXPECT(!vmap(UINT64_MAX - 4, 100, RW, ATTR_IO));
	EXPECT(!vmap(UINT64_MAX, 1, RW, ATTR_IO));
	EXPECT(!vmap(MIB(512), UINT64_MAX, RW, ATTR_IO));
	EXPECT(!vmap(MIB(512), GIB(512), RW, ATTR_IO));
	EXPECT(!vmap((uint64_t)1 << 56, 4096, RW, ATTR_IO));
	EXPECT(!vmap(MIB(512), 4096, RW | VM_EXEC, ATTR_IO));
	EXPECT(!vmap(MIB(512), 4096, RW | VM_USER, ATTR_IO));
	EXPECT(!vmap(MIB(512), 4096, 0, ATTR_IO));
	end();
}

KTEST(vmalloc, windows_have_large_leaves_and_leave_nothing)
{
	arch_bed_run(windows);
}

static void stacks(void)
{
	struct range s[3];

	begin();
	for (unsigned i = 0; i < ARRAY_SIZE(s); i++) {
		s[i] = kstack_alloc(4 * PAGE_SIZE);
		REQUIRE(range_size(s[i]) == 4 * PAGE_SIZE);
		EXPECT(fill(s[i].start, 4 * PAGE_SIZE, i));
		EXPECT(!can(ACCESS_STORE, s[i].start - 8));
		EXPECT(!can(ACCESS_STORE, s[i].end));
	}
	EXPECT(range_empty(kstack_alloc(0)));
	for (unsigned i = 0; i < ARRAY_SIZE(s); i++) {
		EXPECT(holds(s[i].start, 4 * PAGE_SIZE, i));
		kstack_free(s[i]);
	}
	end();
}

KTEST(vmalloc, stacks_have_guards)
{
	arch_bed_run(stacks);
}

static bool explains(vaddr_t va, const char *words)
{
	char text[160];

	vmalloc_explain(va, text, sizeof(text));
	if (strstr(text, words))
		return true;
	ktest_fail(__FILE__, __LINE__, "%s", text);
	return false;
}

static void explained(void)
{
	struct range s;
	char text[8];
	vaddr_t va;

	begin();
	s = kstack_alloc(2 * PAGE_SIZE);
	va = at(vmalloc(PAGE_SIZE + 1, 0));
	EXPECT(explains(va + 5, "byte 5 of memory of 8192 bytes"));
	EXPECT(explains(va + 2 * PAGE_SIZE + 3,
			"guard page, 3 bytes behind the end of memory of"));
	EXPECT(explains(s.start - 16, "guard page, 16 bytes below stack of"));
	vfree((void *)(uintptr_t)va);
	EXPECT(explains(va, "freed, not yet unmapped, memory of 8192"));
	vmalloc_purge();
	EXPECT(explains(va + 4096, "freed and unmapped, memory of 8192"));
	EXPECT(explains(before.arena.end - 1, "nobody"));
	vmalloc_explain(0, text, sizeof(text));
	EXPECT(!strcmp(text, ""));
	vmalloc_explain(s.start, text, sizeof(text));
	EXPECT_EQ(strlen(text), sizeof(text) - 1);
	kstack_free(s);
	end();
}

KTEST(vmalloc, addresses_are_explained)
{
	arch_bed_run(explained);
}

#define SLOTS 64

/* Random allocations, with their owner in every word of the first and of the last
 * page. */
static void random_steps(void)
{
	struct slot {
		vaddr_t va;
		size_t size;
	} *slot = ktest_alloc(SLOTS * sizeof(*slot));
	struct rng r = rng_seed(ktest_seed());

	REQUIRE(slot);
	begin();
	KTEST_STEPS (n, ktest_ops() / 200) {
		unsigned i = (unsigned)rng_below(&r, SLOTS);
		struct slot *s = &slot[i];

		if (s->va) {
			EXPECT(holds(s->va, 256, i));
			EXPECT(holds(s->va + s->size - 256, 256, i));
			vfree((void *)(uintptr_t)s->va);
			s->va = 0;
			continue;
		}
		s->size = (1 + rng_below(&r, rng_below(&r, 8) ? 8 : 100)) *
			  PAGE_SIZE;
		s->va = at(vmalloc(s->size, 0));
		if (!s->va)
			continue;
		EXPECT(fill(s->va, 256, i));
		EXPECT(fill(s->va + s->size - 256, 256, i));
		EXPECT(!can(ACCESS_LOAD, s->va + s->size));
		if (!rng_below(&r, 100))
			EXPECT(!vmalloc_check());
	}
	for (unsigned i = 0; i < SLOTS; i++)
		vfree((void *)(uintptr_t)slot[i].va);
	end();
}

KTEST(vmalloc, random_steps_keep_every_owner_s_words)
{
	arch_bed_run(random_steps);
}

static bool make_memory(bool undo)
{
	static void *p;

	if (undo)
		vfree(p);
	else
		p = vmalloc(37 * PAGE_SIZE, 0);
	return p;
}

static bool make_window(bool undo)
{
	static vaddr_t va;

	if (undo)
		vunmap(va);
	else /* tables for its ends */
		va = vmap(MIB(512) - PAGE_SIZE, MIB(4), RW, ATTR_IO);
	return va;
}

static bool make_stack(bool undo)
{
	static struct range stack;

	if (undo)
		kstack_free(stack);
	else
		stack = kstack_alloc(4 * PAGE_SIZE);
	return !range_empty(stack);
}

/* The n-th allocation in it fails, for every n: nothing is changed, and then it
 * works. */
static void each_failure(bool (*make)(bool undo))
{
	uint64_t n = 0;
	bool made;

	do {
		begin();
		fail_arm(++n, true);
		made = make(false);
		fail_arm(0, false);
		if (made)
			make(true);
		end();
	} while (!made && n < 1000);
	EXPECT(made && n > 2);
}

static void failures(void)
{
	each_failure(make_memory);
	each_failure(make_window);
	each_failure(make_stack);
}

KTEST(vmalloc, every_failing_allocation_leaves_all_as_it_was)
{
	arch_bed_run(failures);
}

/* In an interrupt or with locks held, as far as a test can be there. */
static void atomic(void)
{
	static struct spinlock inner = SPINLOCK_INIT(LOCK_PAGE_MAP);
	uint64_t flags, n;
	void *p;

	begin();
	p = vmalloc(PAGE_SIZE, 0);
	REQUIRE(p);
	n = fences();
	flags = spin_lock_irqsave(&inner);
	vfree(p);
	spin_unlock_irqrestore(&inner, flags);
	EXPECT_EQ(fences(), n);
	end();
}

KTEST(vmalloc, vfree_with_locks_held)
{
	arch_bed_run(atomic);
}
