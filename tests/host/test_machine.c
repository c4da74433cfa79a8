/*
 * mm/ as it is on the native machine: a few harts map, unmap, protect, split and
 * join, switch spaces, patch code, wait and access, at random and in any
 * interleaving, while the machine watches every free and every flush
 * (<host/machine.h>). What each address must do is known from a flat array.
 *
 * A page that is being changed may behave as before, as after, or fault. In a
 * user space a fault without reason may happen, once (tlb_forget). All else is a
 * failure. Test code does not yield between a check and what follows from it.
 */
#include <string.h>

#include <arch/mmu.h>
#include <host/machine.h>
#include <host/ram.h>
#include <kernel/ktest.h>
#include <lib/errno.h>
#include <mm/kmap.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>
#include <mm/umap.h>

#include "machine_model.h"

#define ROUND 3000 /* steps on one machine */

static struct {
	struct machine m;
	struct space *in[HARTS_MAX];
	uint64_t steps_left;
	struct list permanent; /* the kernel's tables */
	struct sums {
		uint64_t frees, flushes, refused, violations;
		uint64_t deferred, caught_up, rollovers, code;
	} sum;
} t;

#define FAIL(...)                                            \
	do {                                                 \
		model.failures++;                            \
		ktest_fail(__FILE__, __LINE__, __VA_ARGS__); \
	} while (0)

static bool try_lock(struct space *s)
{
	if (s->locked)
		return false;
	return s->locked = true;
}

/* Harts look there, as if of their own accord. */
static void tempt(struct run r)
{
	vaddr_t va = r.va.start + pick(r.n) * PAGE_SIZE;

	mmu_sim_interest(&t.m.mmu, va);
	for (unsigned cpu = 0; cpu < t.m.config.started; cpu++)
		if (pick(2))
			mmu_sim_prefetch(&t.m.mmu, cpu, va);
}

static vm_prot_t draw_prot(const struct space *s)
{
	static const vm_prot_t prots[] = {VM_READ, VM_READ | VM_WRITE, VM_EXEC,
					  VM_READ | VM_EXEC,
					  VM_READ | VM_WRITE | VM_EXEC};

	return prots[pick(ARRAY_SIZE(prots) - is_kernel(s))];
}

static void unmapped(struct tlb_gather *g, const struct mapping *m)
{
	struct page *p = model_drop(m->pa, range_size(m->va) >> PAGE_SHIFT);

	if (p)
		tlb_gather_free(g, p);
}

static int change_map(struct run r, paddr_t pa, vm_prot_t prot)
{
	return is_kernel(r.s)
		       ? kmap_map(r.va, pa, prot, ATTR_NORMAL)
		       : umap_map(&r.s->umap, r.va, pa, prot, ATTR_NORMAL);
}

static void do_map(struct space *s)
{
	struct run r = model_draw_run(s);
	vm_prot_t prot = draw_prot(s);
	struct page *p = model_take_frames(r.n);
	bool taken = false;
	int err;

	if (!p)
		return;
	for (unsigned i = 0; i < r.n; i++)
		taken |= r.slot[i].now.prot != 0;
	if (prot & VM_EXEC)
		tlb_sync_code();
	model_begin(r, (struct state){page_to_phys(p), prot});
	tempt(r);
	err = change_map(r, page_to_phys(p), prot);
	model_end(r, !err);
	if (err ? err != (taken ? -EEXIST : -ENOMEM) && err != -ENOMEM : taken)
		FAIL("map: %d", err);
	if (err)
		page_free(p, p->order);
}

static void do_unmap(struct space *s)
{
	struct run r = model_draw_run(s);
	struct state was[512];
	int err;

	for (unsigned i = 0; i < r.n; i++)
		was[i] = r.slot[i].now;
	tempt(r);
	model_begin(r, (struct state){0, 0});
	err = is_kernel(s) ? kmap_unmap(r.va)
			   : umap_unmap(&s->umap, r.va, unmapped);
	model_end(r, !err);
	if (err && err != -ENOMEM)
		FAIL("unmap: %d", err);
	for (unsigned i = 0; !err && is_kernel(s) && i < r.n; i++) {
		struct page *p = was[i].prot ? model_drop(was[i].pa, 1) : NULL;

		if (p)
			page_free(p, p->order);
	}
}

static void do_protect(struct space *s)
{
	struct run r = model_draw_run(s);
	vm_prot_t prot = draw_prot(s);
	int err;

	if (prot & VM_EXEC)
		tlb_sync_code();
	tempt(r);
	model_begin(r, (struct state){0, prot});
	for (unsigned i = 0; i < r.n; i++) {
		r.slot[i].next.pa = r.slot[i].now.pa;
		if (!r.slot[i].now.prot)
			r.slot[i].next = r.slot[i].now;
	}
	err = is_kernel(s) ? kmap_protect(r.va, prot)
			   : umap_protect(&s->umap, r.va, prot);
	model_end(r, !err);
	if (err && err != -ENOMEM)
		FAIL("protect: %d", err);
}

/* Translation stays as it is. */
static void do_reshape(struct space *s)
{
	struct run r = model_draw_run(s);
	struct tlb_gather g;
	uint64_t flags;

	if (is_kernel(s))
		return;
	tempt(r);
	flags = spin_lock_irqsave(&s->umap.lock);
	tlb_gather_init(&g, &s->umap.tlb);
	if (pick(2))
		pgtable_split(&s->umap.pt, r.va, &g);
	else
		pgtable_join(&s->umap.pt, r.va, &g);
	tlb_flush(&g);
	spin_unlock_irqrestore(&s->umap.lock, flags);
}

/* Of a word; few, so that harts meet there. */
static unsigned draw_offset(void)
{
	return (unsigned)pick(4) * 8;
}

static void do_patch(struct space *s)
{
	struct run r = model_draw_run(s);
	struct mmu_sim_access a = {.va = r.va.start + draw_offset(),
				   .kind = MMU_SIM_FETCH,
				   .user = !is_kernel(s)};
	paddr_t pa = r.slot->now.pa + a.va % PAGE_SIZE;
	uint64_t word;

	if (!(r.slot->now.prot & VM_EXEC))
		return;
	/* Those that can fetch it have it now. */
	for (unsigned cpu = 0; cpu < t.m.config.started; cpu++)
		mmu_sim_fetch(&t.m.mmu, cpu, &a, &word);
	r.slot->patching = true;
	*(uint64_t *)phys_to_virt(pa) = rng_next(&model.rng);
	tlb_sync_code();
	r.slot->patching = false;
	for (unsigned cpu = 0; cpu < t.m.config.started; cpu++)
		if (mmu_sim_stale_code(&t.m.mmu, cpu, pa))
			FAIL("cpu %u has old code", cpu);
}

static void do_query(struct space *s)
{
	struct run r = model_draw_run(s);
	struct mapping m;
	bool present = is_kernel(s)
			       ? pgtable_query(&kernel_pgtable, r.va.start, &m)
			       : umap_query(&s->umap, r.va.start, &m);

	if (present != (r.slot->now.prot != 0) ||
	    (present && m.pa + (r.va.start - m.va.start) != r.slot->now.pa))
		FAIL("query at %#llx", (unsigned long long)r.va.start);
}

/* Is that what a page in this state does? */
static bool fits(const struct state *s, const struct mmu_sim_access *a,
		 struct mmu_sim_outcome o)
{
	static const vm_prot_t needed[] = {VM_EXEC, VM_READ, VM_WRITE};
	static const unsigned cause[] = {12, 13, 15};

	if (s->prot & needed[a->kind])
		return o.ok && o.pa == s->pa + a->va % PAGE_SIZE;
	return !o.ok && o.cause == cause[a->kind];
}

/* One access; whether it did what it may. */
static bool access(const struct slot *s, const struct mmu_sim_access *a,
		   struct mmu_sim_outcome *o)
{
	unsigned cpu = arch_cpu();
	uint64_t word;

	if (a->kind != MMU_SIM_FETCH)
		*o = mmu_sim_access(&t.m.mmu, cpu, a);
	else
		*o = mmu_sim_fetch(&t.m.mmu, cpu, a, &word);
	if (a->kind == MMU_SIM_FETCH && o->ok && !s->patching && !s->changing &&
	    fits(&s->now, a, *o) && word != *(uint64_t *)phys_to_virt(o->pa))
		FAIL("old code at %#llx", (unsigned long long)a->va);
	return fits(&s->now, a, *o) ||
	       (s->changing && (!o->ok || fits(&s->next, a, *o)));
}

static void do_access(void)
{
	struct space *in = t.in[arch_cpu()];
	bool kernel = !in || !pick(4);
	struct run r = model_draw_run(kernel ? &model.space[KERNEL] : in);
	struct mmu_sim_access a = {
		.va = r.va.start + draw_offset(),
		.kind = (enum mmu_sim_kind)pick(3),
		.user = !kernel,
	};
	struct mmu_sim_outcome o;

	for (unsigned tries = 0;;) {
		unsigned version = r.slot->version;

		if (access(r.slot, &a, &o))
			return;
		if (kernel || o.ok || tries)
			break;
		/* For no reason: others may have mapped it. */
		tlb_forget(&in->umap.tlb);
		tries = r.slot->version == version;
	}
	FAIL("cpu %u at %#llx: %s %#llx, must be %#llx, %u", arch_cpu(),
	     (unsigned long long)a.va, o.ok ? "leads to" : "faults",
	     (unsigned long long)o.pa, (unsigned long long)r.slot->now.pa,
	     r.slot->now.prot);
}

static void leave(void)
{
	struct space *s = t.in[arch_cpu()];

	t.in[arch_cpu()] = NULL;
	if (s)
		s->users--;
}

static void do_switch(void)
{
	struct space *to = pick(6) ? &model.space[pick(model.spaces)] : NULL;

	if (to == t.in[arch_cpu()] || (to && to->renewing))
		return;
	if (to)
		to->users++;
	umap_activate(to ? &to->umap : NULL);
	leave();
	t.in[arch_cpu()] = to;
}

static void do_idle(void)
{
	uint64_t flags = arch_irq_save();

	tlb_idle_enter();
	for (uint64_t n = pick(200); n; n--)
		arch_wait_for_interrupt();
	tlb_idle_exit();
	arch_irq_restore(flags);
}

/* The space is locked, and nobody is in it. */
static void destroy(struct space *s)
{
	const char *wrong = pgtable_check(&s->umap.pt);

	if (wrong)
		FAIL("tables: %s", wrong);
	umap_destroy(&s->umap);
	model_free_frames(s);
}

static void do_renew(struct space *s)
{
	if (is_kernel(s) || s->users)
		return;
	s->renewing = true;
	destroy(s);
	if (umap_init(&s->umap))
		FAIL("no memory for a root");
	s->renewing = false;
}

static void step(void)
{
	static void (*const changes[])(struct space * s) = {
		do_map,	    do_map,	do_map,	    do_map,   do_unmap,
		do_unmap,   do_unmap,	do_protect, do_query, do_protect,
		do_reshape, do_reshape, do_patch,   do_renew,
	};
	struct space *s = t.in[arch_cpu()];

	switch (pick(16)) {
	case 0:
	case 5:
		return do_switch();
	case 1:
		if (!pick(4))
			do_idle();
		return;
	case 2:
	case 3:
	case 4:
		break;
	default:
		return do_access();
	}
	if (!s || !pick(4))
		s = &model.space[pick(8) ? pick(model.spaces) : KERNEL];
	if (!try_lock(s))
		return;
	changes[pick(ARRAY_SIZE(changes))](s);
	s->locked = false;
}

static void hart(void)
{
	arch_mmu_activate(kernel_pgtable.root, kernel_pgtable.levels);
	if (arch_cpu())
		tlb_join();
	while (t.steps_left && !model.failures && !t.m.violations) {
		t.steps_left--;
		step();
	}
	umap_activate(NULL);
	leave();
}

static paddr_t take_permanent(struct table_source *s)
{
	struct page *p = page_alloc(0, 0);

	(void)s;
	list_add(&t.permanent, &p->link);
	return page_to_phys(p);
}

/* The kernel's half: RAM in the direct map, and an arena. */
static void make_kernel(unsigned levels, struct range direct)
{
	static struct table_source permanent = {take_permanent, true, NULL};
	struct tlb_gather g;

	list_init(&t.permanent);
	tlb_gather_init(&g, NULL);
	EXPECT_EQ(pgtable_init(&kernel_pgtable, levels,
			       pgtable_upper_half(levels), &permanent),
		  0);
	EXPECT_EQ(pgtable_map(&kernel_pgtable, direct, HOST_RAM_START,
			      VM_READ | VM_WRITE, ATTR_NORMAL, &g),
		  0);
	kmap_arena = range_make(ARENA_BASE, ARENA_BASE + GIB(2));
	EXPECT_EQ(pgtable_reserve(&kernel_pgtable, kmap_arena, levels - 2), 0);
	tlb_flush(&g);
	kernel_pgtable.source = &page_tables;
}

static void configure(struct machine_config *c)
{
	static const uint64_t ids[] = {5, 1, 70, 2, 131, 64, 0, 4000000000};
	static const unsigned bits[] = {0, 2, 3, 4, 16};
	unsigned levels = 3 + (unsigned)pick(3), first = (unsigned)pick(8);
	vaddr_t direct = pgtable_upper_half(levels).start;

	*c = (struct machine_config){
		.harts = 5,
		.started = 2 + (unsigned)pick(3),
		.range_limit = pick(2) ? PAGE_SIZE : UINT64_MAX - 1,
		.svinval = pick(2),
		.mmu =
			{
				.asid_bits = bits[pick(ARRAY_SIZE(bits))],
				.modes = 1u << levels,
				.extensions = MMU_SIM_SVPBMT |
					      (pick(2) ? MMU_SIM_SVNAPOT : 0),
				.exempt = direct + HOST_RAM_START % GIB(1),
				.exempt_size = HOST_RAM_SIZE,
				.seed = rng_next(&model.rng),
			},
	};
	for (unsigned i = 0; i < c->harts; i++)
		c->hartid[i] = ids[(first + i) % ARRAY_SIZE(ids)];
	pte_features_set(true, c->mmu.extensions & MMU_SIM_SVNAPOT);
}

static paddr_t root_of(const struct tlb_space *s)
{
	return list_entry(s, struct umap, tlb)->pt.root;
}

/* Now and then firmware refuses to fence; but never to fence everything. */
static int64_t refuse(const struct sbi_sim_call *c)
{
	bool all = c->fid == SBI_RFENCE_I ||
		   (c->fid == SBI_RFENCE_VMA && c->arg[3] == UINT64_MAX);

	return c->ext == SBI_EXT_RFENCE && !all && !pick(10) ? -1 : 0;
}

static void play(void)
{
	void (*fn[HARTS_MAX])(void);
	struct machine_config c;
	unsigned levels;

	configure(&c);
	c.root_of = root_of;
	levels = lowest_bit(c.mmu.modes);
	machine_begin(&t.m, &c);
	t.m.sbi.refuse = refuse;
	model.spaces = pick(2) ? SPACES : 2 + (unsigned)pick(2);
	tlb_init(c.started, !pick(16));
	model_reset(levels);
	make_kernel(levels,
		    range_make(c.mmu.exempt, c.mmu.exempt + c.mmu.exempt_size));
	for (unsigned i = 0; i < SPACES; i++)
		EXPECT_EQ(umap_init(&model.space[i].umap), 0);
	for (unsigned i = 0; i < c.started; i++)
		fn[i] = hart;
	machine_run(&t.m, fn);
}

/* What happened, so that a test that does nothing is seen. */
static void add_up(void)
{
	struct sums *sum = &t.sum;

	sum->frees += t.m.frees;
	sum->flushes += t.m.flushes;
	sum->refused += t.m.sbi.refused;
	sum->violations += t.m.violations;
	for (unsigned cpu = 0; cpu < t.m.config.started; cpu++) {
		const struct tlb_counters *n = tlb_counters(cpu);

		sum->deferred += n->deferred;
		sum->caught_up += n->caught_up;
		sum->rollovers += n->rollovers;
		sum->code += n->code;
	}
}

static void clean_up(void)
{
	add_up();
	for (unsigned i = 0; i < SPACES; i++)
		destroy(&model.space[i]);
	EXPECT_EQ(kmap_unmap(kmap_arena), 0);
	model_free_frames(&model.space[KERNEL]);
	machine_end(&t.m);
	list_for_each_safe (l, &t.permanent)
		page_free(list_entry(l, struct page, link), 0);
	kernel_pgtable = (struct pgtable){0};
	pte_features_set(false, false);
}

KTEST(machine, random_steps_of_all_harts)
{
	uint64_t left = ktest_ops();

	memset(&t, 0, sizeof(t));
	model.failures = 0;
	model.rng = rng_seed(ktest_seed());
	while (left && !model.failures && !t.sum.violations) {
		uint64_t before = page_free_count();

		t.steps_left = min_u64(left, ROUND);
		left -= t.steps_left;
		play();
		clean_up();
		EXPECT_EQ(page_free_count(), before);
	}
	if (ktest_ops() < 100000 || left)
		return;
	EXPECT(t.sum.frees > ktest_ops() / 20);
	EXPECT(t.sum.flushes > ktest_ops() / 20);
	EXPECT(t.sum.refused && t.sum.deferred && t.sum.caught_up);
	EXPECT(t.sum.rollovers && t.sum.code);
}
