/*
 * The TLB flusher (<mm/tlb.h>).
 *
 * A hart may remember any entry of the tables that its satp leads to, at any
 * time and of its own accord, and use it for as long as nothing tells it to
 * forget. So a change of tables that can be live has three steps:
 *
 *	unhook	store the new entry
 *	fence	tell every hart that may remember the old one
 *	free	only now the frame, or the table, that it led to
 *
 * Who must be told? The harts that are in the space: `active`. One that is not
 * can't use what it remembers, as satp has another number, so it may be told
 * later: it is marked `stale`, and forgets before it enters the space again.
 * The kernel's space is the same, where "in it" means awake: a hart that waits
 * for an interrupt uses only its stack, its variables and the image, whose
 * mappings never change. But the tables of the
 * kernel's space are in every hart's satp, and hardware walks them, and may set
 * bits in them, even then. So when kernel tables are freed, all are told.
 *
 * The meeting of flusher and hart is Dekker's. Each writes its own word, then
 * reads the other's, with a full barrier in between:
 *
 *	flusher				hart
 *	unhook				active |= me
 *	stale |= ~active		barrier
 *	barrier				stale has me: clear it, and forget
 *	fence all that were		satp = the space's
 *	  active before or are now
 *
 *  I1  a hart that is in the space when the flusher looks is fenced; one that
 *      was not then enters later, finds itself stale, and forgets: there is no
 *      third case
 *  I2  a hart forgets a number before satp has it, so nothing can be remembered
 *      in between. Without numbers it forgets after satp is written.
 *  I3  a hart leaves `active` after satp has left the space
 *  I4  everything a gather frees is freed after the fence
 *  I5  a hart that takes a number for a space is in no other: on its way from
 *      space to space it passes through the kernel's tables. Else a rollover
 *      could come between, and the space it has not left yet get another number,
 *      which fences would then name (tests/spin: DIRECT)
 *
 * Harts are fenced through the firmware, which needs nothing of them: they may
 * have interrupts off and wait for a lock that the flusher holds.
 *
 * New mappings. A hart may remember that there was nothing. For the kernel's
 * space all are told before anybody can use the mapping: stacks must not fault.
 * In a user space only this hart is; others may fault once more for nothing.
 * If this one is not in it, it is marked stale like the others that are not: its
 * walks are ordered after its own stores by a fence only. For the same reason a
 * new space is stale for all.
 *
 * Cost: a flush of one page with one hart running is one fence. With others, an
 * atomic and a barrier more, and one call of firmware for all that are active.
 * Ranges of more than RANGE_MAX steps are fenced as a whole.
 *
 * Source: privileged specification, SFENCE.VMA and satp; SBI, chapter RFENCE.
 */
#include <kernel/assert.h>
#include <mm/kmap.h>
#include <mm/page_alloc.h>
#include <mm/pgtable.h>

#include "tlb_here.h"

/* Single fences until one of everything is cheaper. On a hart with some dozens
 * of entries that is about as many as it can remember (docs/tlb.md). */
#define RANGE_MAX 64

static bool full; /* every fence is one of everything (c) */
static uint64_t range_max = RANGE_MAX; /* 0 if so (c) */
static struct asid_pool asids;
static struct tlb_space kernel_space = {.active = 1};

PERCPU struct tlb_hart tlb_hart;

void tlb_init(unsigned cpus, bool everything)
{
	full = everything;
	range_max = full ? 0 : RANGE_MAX;
	asid_pool_init(&asids, 1u << arch_asid_bits(), cpus);
}

unsigned tlb_asids(void)
{
	return asids.numbers;
}

bool tlb_full(void)
{
	return full;
}

const struct tlb_counters *tlb_counters(unsigned cpu)
{
	return &cpu_var(tlb_hart, cpu)->n;
}

void tlb_gather_leaves(struct tlb_gather *g, struct range va, uint64_t step)
{
	if (range_empty(g->va)) {
		g->va = va;
		g->step = step;
		return;
	}
	g->va.start = min_u64(g->va.start, va.start);
	g->va.end = max_u64(g->va.end, va.end);
	g->step = min_u64(g->step, step);
}

/* Is this hart in the space? Interrupts are off. */
static bool inside(const struct tlb_hart *h, const struct tlb_space *s)
{
	return s == h->in || s == &kernel_space;
}

/* The space's number, for a fence; the kernel's entries have none. */
static inline unsigned number_for(const struct tlb_space *s)
{
	return s && !full ? tlb_number(s) : ASID_ANY;
}

/* What has to be forgotten for these changes, of a space with this number. */
static inline void fence_for(struct tlb_fence *f, const struct tlb_gather *g,
			     unsigned asid)
{
	f->va = g->va;
	f->step = g->step;
	f->asid = asid;
	if (g->tables || range_size(g->va) > range_max * g->step)
		f->va = range_make(0, 0);
}

static inline void fence_here(struct tlb_hart *h, const struct tlb_fence *f)
{
	if (!range_empty(f->va))
		h->n.ranges++;
	else if (f->asid != ASID_ANY)
		h->n.spaces++;
	else
		h->n.all++;
	arch_tlb_fence(f);
}

static void forget(struct tlb_hart *h, unsigned asid)
{
	fence_here(h, &(struct tlb_fence){.asid = full ? ASID_ANY : asid});
}

/* The harts that must forget now. Those that are not among them will when they
 * enter: I1. */
static cpumask_t in_space(struct tlb_space *s)
{
	cpumask_t before = __atomic_load_n(&s->active, __ATOMIC_RELAXED);

	__atomic_fetch_or(&s->stale, ~before, __ATOMIC_RELAXED);
	arch_smp_mb(); /* partner: enter() */
	return before | __atomic_load_n(&s->active, __ATOMIC_RELAXED);
}

static unsigned count(cpumask_t cpus)
{
	return (unsigned)__builtin_popcountll(cpus);
}

static void fence_others(struct tlb_hart *h, const struct tlb_fence *f,
			 cpumask_t cpus)
{
	const struct tlb_fence all = {.asid = ASID_ANY};

	h->n.remote++;
	h->n.remote_harts += count(cpus);
	/* It refuses? Once more, in the plainest words. */
	if (arch_tlb_fence_remote(f, cpus) && arch_tlb_fence_remote(&all, cpus))
		panic("tlb: firmware refuses to fence harts %#llx",
		      (unsigned long long)cpus);
}

/* More than one hart runs, or this one is not in the space. */
static __attribute__((noinline)) void fence_space(struct tlb_hart *h,
						  const struct tlb_gather *g,
						  struct tlb_space *s)
{
	cpumask_t online = cpus_online(), now = in_space(s);
	struct tlb_fence f;

	/* Hardware may walk the kernel's tables in its sleep. */
	if (s == &kernel_space && g->tables)
		now = online;
	now &= online;
	h->n.deferred += count(online & ~now);
	/* Read after `active`: a hart that is in it has set it before. */
	fence_for(&f, g, number_for(g->space));
	if (inside(h, s))
		fence_here(h, &f);
	now &= ~cpu_bit(arch_cpu());
	if (now)
		fence_others(h, &f, now);
}

static inline void fence(const struct tlb_gather *g)
{
	uint64_t flags = arch_irq_save();
	struct tlb_hart *h = this_cpu(tlb_hart);
	struct tlb_fence f;

	arch_smp_mb(); /* what was unhooked, before who is there to see it */
	if (cpus_online() == cpu_bit(arch_cpu()) &&
	    (!g->space || g->space == h->in)) {
		fence_for(&f, g, number_for(g->space));
		fence_here(h, &f);
	} else {
		fence_space(h, g, g->space ? g->space : &kernel_space);
	}
	arch_irq_restore(flags);
}

static __attribute__((noinline)) void free_pages(struct tlb_gather *g)
{
	list_for_each_safe (l, &g->pages) {
		struct page *p = list_entry(l, struct page, link);

		page_free(p, p->order);
	}
	list_init(&g->pages);
}

void tlb_flush(struct tlb_gather *g)
{
	if (g->tables || !range_empty(g->va))
		fence(g);
	if (!list_empty(&g->pages))
		free_pages(g);
	g->va = range_make(0, 0);
	g->tables = false;
}

void tlb_flush_added(struct tlb_gather *g)
{
	uint64_t flags;
	struct tlb_hart *h;

	if (!g->tables && range_empty(g->va))
		return;
	flags = arch_irq_save();
	h = this_cpu(tlb_hart);
	if (inside(h, g->space)) {
		struct tlb_fence f;

		fence_for(&f, g, number_for(g->space));
		fence_here(h, &f);
	} else {
		in_space(g->space);
	}
	arch_irq_restore(flags);
	g->va = range_make(0, 0);
	g->tables = false;
}

void tlb_flush_new(struct tlb_gather *g)
{
	/* A mapping that failed half way was there for a moment. */
	if (!g->space || !list_empty(&g->pages))
		tlb_flush(g);
	else
		tlb_flush_added(g);
}

/* No interrupt takes this hart out of the space, so they may come. */
static void forget_page(struct tlb_hart *h, const struct tlb_space *s,
			vaddr_t va)
{
	if (full) {
		forget(h, ASID_ANY);
	} else {
		h->n.ranges++;
		arch_tlb_fence_page(va, tlb_number(s));
	}
}

static __attribute__((noinline)) void flush_page(struct tlb_space *s,
						 vaddr_t va)
{
	struct tlb_gather g;

	tlb_gather_init(&g, s);
	tlb_gather_leaves(&g, range_make(va, va + PAGE_SIZE), PAGE_SIZE);
	tlb_flush(&g);
}

void tlb_flush_page(struct tlb_space *s, vaddr_t va)
{
	struct tlb_hart *h = this_cpu(tlb_hart);

	arch_smp_mb(); /* as in fence() */
	if (s == h->in && cpus_online() == cpu_bit(arch_cpu()))
		forget_page(h, s, va);
	else
		flush_page(s, va);
}

void tlb_flush_added_page(struct tlb_space *s, vaddr_t va)
{
	struct tlb_hart *h = this_cpu(tlb_hart);

	if (s == h->in)
		forget_page(h, s, va);
	else
		in_space(s);
}

void tlb_flush_added_table(struct tlb_space *s)
{
	uint64_t flags = arch_irq_save();
	struct tlb_hart *h = this_cpu(tlb_hart);

	if (s == h->in)
		forget(h, tlb_number(s));
	else
		in_space(s);
	arch_irq_restore(flags);
}

void tlb_forget(struct tlb_space *s)
{
	uint64_t flags = arch_irq_save();
	struct tlb_hart *h = this_cpu(tlb_hart);

	if (inside(h, s))
		forget(h, tlb_number(s));
	arch_irq_restore(flags);
}

/* From now on flushers see this hart in the space. Was there something that it
 * was not told? */
static bool enter(struct tlb_hart *h, struct tlb_space *s, cpumask_t me)
{
	__atomic_fetch_or(&s->active, me, __ATOMIC_RELAXED);
	arch_smp_mb(); /* partner: in_space() */
	if (!(__atomic_load_n(&s->stale, __ATOMIC_RELAXED) & me))
		return false;
	__atomic_fetch_and(&s->stale, ~me, __ATOMIC_RELAXED);
	h->n.caught_up++;
	return true;
}

static void leave(struct tlb_space *s, cpumask_t me)
{
	/* Release: what was done in it comes before. */
	__atomic_fetch_and(&s->active, ~me, __ATOMIC_RELEASE);
}

/* Make the space's number good on this hart, and return it. */
static unsigned enter_numbered(struct tlb_hart *h, struct tlb_space *s,
			       unsigned cpu)
{
	bool everything;
	unsigned number = asid_enter(&asids, &s->context, cpu, &everything);
	bool stale = enter(h, s, cpu_bit(cpu));

	if (everything) {
		h->n.rollovers++;
		forget(h, ASID_ANY);
	} else if (stale) {
		forget(h, number);
	}
	return number;
}

void tlb_switch(struct tlb_space *to, const struct pgtable *pt)
{
	unsigned cpu = arch_cpu(), number = 0;
	struct tlb_hart *h = this_cpu(tlb_hart);
	struct tlb_space *from = h->in;

	if (to == from)
		return;
	h->n.switches++;
	if (asids.numbers && from && to) { /* I5 */
		arch_mmu_switch(kernel_pgtable.root, pt->levels, 0);
		leave(from, cpu_bit(cpu));
		from = NULL;
	}
	if (to && asids.numbers)
		number = enter_numbered(h, to, cpu);
	else if (to)
		enter(h, to, cpu_bit(cpu));
	arch_mmu_switch(pt->root, pt->levels, number);
	/* All spaces are one to this hart: it forgets the one before. */
	if (!asids.numbers)
		forget(h, 0);
	h->in = to;
	h->by_page = full ? NULL : to;
	if (from)
		leave(from, cpu_bit(cpu));
}

void tlb_join(void)
{
	struct tlb_hart *h = this_cpu(tlb_hart);

	enter(h, &kernel_space, cpu_bit(arch_cpu()));
	forget(h, ASID_ANY);
	arch_icache_fence();
}

void tlb_idle_enter(void)
{
	leave(&kernel_space, cpu_bit(arch_cpu()));
}

void tlb_idle_exit(void)
{
	struct tlb_hart *h = this_cpu(tlb_hart);

	if (enter(h, &kernel_space, cpu_bit(arch_cpu())))
		forget(h, ASID_ANY);
}

void tlb_sync_code(void)
{
	uint64_t flags = arch_irq_save();
	cpumask_t others;

	arch_smp_mb(); /* the stores, before who is there; partner: enter() */
	others = cpus_online() & ~cpu_bit(arch_cpu());
	this_cpu(tlb_hart)->n.code++;
	arch_icache_fence();
	if (others && arch_icache_fence_remote(others))
		panic("tlb: firmware refuses fence.i for harts %#llx",
		      (unsigned long long)others);
	arch_irq_restore(flags);
}
