/*
 * User spaces on the simulated machine, against a model with a cell for each page
 * (aspace_model.h): random calls, forks and accesses by a hart that remembers what it
 * may of old entries. Results and contents are compared, now and then an allocation
 * fails, and nothing is left at the end.
 */
#include <string.h>

#include <kernel/printk.h>
#include <lib/errno.h>
#include <mm/fail.h>
#include <mm/layout.h>
#include <mm/object.h>

#include "../unit/slab_bed.h"
#include "aspace_model.h"
#include "host_bed.h"

#include <asm/mmu.h>

static struct {
	struct model m, saved;
	struct aspace *as[MODEL_SPACES];
	struct vm_object *file[MODEL_FILES];
	struct rng rng;
	uint64_t steps;
	uint64_t next; /* value to be stored */
	bool failing, failed;
	uint64_t failures;
	int err, expected; /* of the last call */
	unsigned what;	   /* the step */
} t;

static const unsigned file_pages[MODEL_FILES] = {300, 40, MODEL_OBJECT_PAGES};

static struct mmu_sim *mmu(void)
{
	return &container_of(mmu_model_in_use(), struct machine, mmu)->mmu;
}

static uint64_t below(uint64_t n)
{
	return rng_below(&t.rng, n);
}

/* Half of all happens around the end of a table. */
static unsigned some_page(void)
{
	return (unsigned)(below(2) ? 512 - 16 + below(32) : below(MODEL_PAGES));
}

static struct pages some_pages(void)
{
	unsigned n = 1 + (unsigned)below(below(12) ? 9 : 700);
	unsigned start = some_page();

	if (!below(16)) {
		start &= ~511u;
		n = 512;
	}
	return (struct pages){start, start + n < MODEL_PAGES ? start + n
							     : MODEL_PAGES};
}

static uint64_t bytes(struct pages p)
{
	return (p.end - p.start) * PAGE_SIZE;
}

static unsigned some_space(void)
{
	unsigned s;

	do
		s = (unsigned)below(MODEL_SPACES);
	while (!t.m.space[s].used);
	return s;
}

static uint32_t some_prot(void)
{
	static const uint32_t prot[] = {0, VM_READ, VM_READ | VM_EXEC,
					VM_READ | VM_WRITE | VM_EXEC};

	return below(2) ? VM_READ | VM_WRITE : prot[below(ARRAY_SIZE(prot))];
}

/* The next call may run out of memory, and must then do nothing at all. */
static void arm(unsigned one_in)
{
	t.failed = false;
	t.failing = !below(one_in);
	if (!t.failing)
		return;
	t.saved = t.m;
	fail_arm(1 + below(6), below(2));
}

/* It is over: was it as the model says, or without memory? */
static bool as_expected(int err, int expected)
{
	t.err = err;
	t.expected = expected;
	if (!t.failing)
		return err == expected;
	fail_arm(0, false);
	t.failing = false;
	if (err == expected)
		return true;
	t.m = t.saved;
	t.failed = true;
	t.failures++;
	return err == -ENOMEM || err == -EAGAIN;
}

/* Memory of some kind. False: there are too many objects. */
static bool choose_kind(struct pages p, struct model_cell *c, uint32_t *flags,
			bool *ro)
{
	bool shared = !below(3);

	*c = (struct model_cell){.object = -1, .prot = some_prot()};
	*flags = MAP_FIXED | (shared ? MAP_SHARED : MAP_PRIVATE);
	*ro = false;
	if (!below(3)) {
		c->object = (int8_t)below(MODEL_FILES);
		c->index = (uint32_t)below(file_pages[c->object]);
		*ro = !below(4);
		if (*ro && shared) {
			c->prot &= ~VM_WRITE;
			c->flags |= VMA_DENY_WRITE;
		}
	} else {
		*flags |= MAP_ANONYMOUS;
		if (shared)
			c->object =
				(int8_t)model_new_object(&t.m, p.end - p.start);
	}
	if (!below(8)) {
		*flags |= MAP_NORESERVE;
		c->flags |= VMA_NORESERVE;
	}
	if (!below(24)) {
		*flags |= MAP_LOCKED;
		c->flags |= VMA_LOCKED;
	}
	if (shared)
		c->flags |= VMA_SHARED;
	return !shared || c->object >= 0;
}

static bool step_map(unsigned s)
{
	struct pages p = some_pages();
	bool ro, now = !below(12);
	struct aspace_mmap a = {.addr = model_va(p.start), .len = bytes(p)};
	struct model_cell c;
	vaddr_t at = 0;
	int err;

	if (!choose_kind(p, &c, &a.flags, &ro))
		return true;
	if (bytes(p) / PAGE_SIZE > MODEL_OBJECT_PAGES)
		return true;
	a.prot = c.prot;
	a.object_ro = ro;
	if (!(a.flags & MAP_ANONYMOUS)) {
		a.object = t.file[c.object];
		a.offset = c.index * PAGE_SIZE;
	}
	if (now)
		a.flags |= MAP_POPULATE;
	arm(now || (c.flags & VMA_LOCKED) ? UINT32_MAX : 6);
	model_map(&t.m, s, p, &c, now);
	err = aspace_mmap(t.as[s], &a, &at);
	return as_expected(err, 0) && (err || at == a.addr);
}

static bool step_unmap(unsigned s)
{
	struct pages p = some_pages();

	arm(6);
	model_unmap(&t.m.space[s], p);
	return as_expected(aspace_munmap(t.as[s], model_va(p.start), bytes(p)),
			   0);
}

/* What changes several VMAs may change some and then run out of memory. */
static unsigned one_in(unsigned s, struct pages p)
{
	return model_one_vma(&t.m.space[s], p) ? 4 : UINT32_MAX;
}

static bool step_protect(unsigned s)
{
	struct pages p = some_pages();
	uint32_t prot = some_prot();
	int expected;

	/* Nobody is told which pages of locked memory could not be had. */
	arm(t.m.space[s].cell[p.start].flags & VMA_LOCKED ? UINT32_MAX
							  : one_in(s, p));
	expected = model_protect(&t.m, s, p, prot);
	return as_expected(
		aspace_mprotect(t.as[s], model_va(p.start), bytes(p), prot),
		expected);
}

static bool step_advise(unsigned s)
{
	static const int advice[] = {
		MADV_NORMAL,	 MADV_RANDOM,	      MADV_SEQUENTIAL,
		MADV_WILLNEED,	 MADV_DONTNEED,	      MADV_DONTNEED,
		MADV_DONTNEED,	 MADV_FREE,	      MADV_REMOVE,
		MADV_DONTFORK,	 MADV_DOFORK,	      MADV_DOFORK,
		MADV_HUGEPAGE,	 MADV_HUGEPAGE,	      MADV_NOHUGEPAGE,
		MADV_WIPEONFORK, MADV_KEEPONFORK,     MADV_COLD,
		MADV_PAGEOUT,	 MADV_POPULATE_READ,  MADV_POPULATE_WRITE,
		MADV_DODUMP,	 MADV_DONTNEED_LOCKED};
	int a = advice[below(ARRAY_SIZE(advice))], expected;
	struct pages p = some_pages();
	bool many = a == MADV_POPULATE_READ || a == MADV_POPULATE_WRITE;

	arm(many ? UINT32_MAX : one_in(s, p));
	expected = model_advise(&t.m, s, p, a);
	return as_expected(
		aspace_madvise(t.as[s], model_va(p.start), bytes(p), a),
		expected);
}

static bool step_lock(unsigned s)
{
	struct pages p = some_pages();
	bool on_fault = below(2);
	vaddr_t at = model_va(p.start) + below(PAGE_SIZE);
	uint64_t len = model_va(p.end) - at;

	if (!below(3))
		return aspace_mlock(t.as[s], at, len, on_fault) ==
		       model_lock(&t.m, s, p, on_fault);
	return aspace_munlock(t.as[s], at, len) ==
	       model_unlock(&t.m.space[s], p);
}

static bool step_remap(unsigned s)
{
	struct pages from = some_pages();
	unsigned n = from.end - from.start, len = n, to;
	uint32_t flags = 0;
	vaddr_t at = 0;
	int err, expected;

	if (below(2))
		len = 1 + (unsigned)below(n + 8);
	if (!below(16))
		from.end = from.start;
	if (below(2))
		flags = MREMAP_MAYMOVE | MREMAP_FIXED |
			(below(4) ? 0 : MREMAP_DONTUNMAP);
	to = some_page();
	if (from.start + len > MODEL_PAGES || to + len > MODEL_PAGES)
		return true;
	arm(flags && model_free(&t.m.space[s], (struct pages){to, to + len}) &&
			    len >= n && from.start < from.end
		    ? 4
		    : UINT32_MAX);
	expected = model_remap(&t.m, s, from, len, flags, to);
	err = aspace_mremap(t.as[s], model_va(from.start), bytes(from),
			    len * PAGE_SIZE, flags, model_va(to), &at);
	return as_expected(err, expected) &&
	       (err || at == model_va(flags ? to : from.start));
}

static bool step_fork(unsigned s)
{
	unsigned child;
	int err;

	for (child = 0; child < MODEL_SPACES && t.m.space[child].used;)
		child++;
	if (child == MODEL_SPACES)
		return true;
	arm(3);
	model_fork(&t.m, s, child);
	err = aspace_fork(t.as[s], &t.as[child]);
	return as_expected(err, 0);
}

static void leave_space(void)
{
	umap_activate(NULL);
}

static bool step_drop(unsigned s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < MODEL_SPACES; i++)
		n += t.m.space[i].used;
	if (n == 1)
		return true;
	leave_space();
	t.m.space[s].used = false;
	aspace_put(t.as[s]);
	return true;
}

/* The word of a page that is used: always the same, as pages move. */
static vaddr_t word_of(unsigned page)
{
	return model_va(page) + 37 * 8;
}

/* What the program sees, which is in the space. */
static enum fault_result user_access(struct aspace *as, vaddr_t va,
				     enum access kind, uint64_t *value)
{
	static const enum mmu_sim_kind kinds[] = {MMU_SIM_LOAD, MMU_SIM_STORE,
						  MMU_SIM_FETCH};
	struct mmu_sim_access a = {.va = va, .kind = kinds[kind], .user = true};

	for (unsigned tries = 0; tries < 8; tries++) {
		struct mmu_sim_outcome o = mmu_sim_access(mmu(), 0, &a);
		enum fault_result r;

		if (o.ok) {
			uint64_t *word = phys_to_virt(o.pa);

			if (kind == ACCESS_STORE)
				*word = *value;
			else
				*value = *word;
			return FAULT_DONE;
		}
		r = aspace_fault(as, va, kind);
		if (r != FAULT_DONE)
			return r;
	}
	return (enum fault_result) - 1; /* it would fault for ever */
}

static bool step_access(unsigned s)
{
	enum access kind = (enum access)below(3);
	unsigned page = some_page();
	uint64_t got = 0, want = 0;
	enum fault_result r, expected;

	mmu_sim_interest(mmu(), model_va(page));
	mmu_sim_disturb(mmu());
	umap_activate(&t.as[s]->map);
	arm(64);
	if (kind == ACCESS_STORE)
		got = want = ++t.next;
	expected = model_access(&t.m, s, page, kind, &want);
	r = user_access(t.as[s], word_of(page), kind, &got);
	if (t.failing && r == FAULT_NOMEM)
		return as_expected(-ENOMEM, 0);
	return as_expected((int)r, (int)expected) &&
	       (r != FAULT_DONE || got == want);
}

/* The kernel's own accesses. */
static bool step_kernel(unsigned s)
{
	unsigned page = some_page();
	uint64_t got = 0, want = 0, other = 0;
	bool store = below(2);
	enum fault_result r = model_access(&t.m, s, page, ACCESS_LOAD, &other);
	size_t n;

	if (store)
		got = want = ++t.next;
	r = model_access(&t.m, s, page, store ? ACCESS_STORE : ACCESS_LOAD,
			 &want);
	n = store ? aspace_write(t.as[s], word_of(page), &got, sizeof(got))
		  : aspace_read(t.as[s], word_of(page), &got, sizeof(got));
	return n == (r == FAULT_DONE ? sizeof(got) : 0) &&
	       (r != FAULT_DONE || got == want);
}

static bool step(void)
{
	unsigned s = some_space();

	t.what = (unsigned)below(32);
	switch (t.what) {
	case 0 ... 2:
		return step_map(s);
	case 3:
		return step_unmap(s);
	case 4 ... 5:
		return step_protect(s);
	case 6 ... 8:
		return step_advise(s);
	case 9:
		return step_lock(s);
	case 10 ... 11:
		return step_remap(s);
	case 12:
		return below(4) ? step_kernel(s) : step_fork(s);
	case 13:
		return below(4) ? step_kernel(s) : step_drop(s);
	default:
		return step_access(s);
	}
}

/* The VMAs are those of the model; that contents are is seen by accesses. */
static int compare_vma(void *ctx, const struct vma *v)
{
	const struct model_space *s = ctx;
	unsigned first = (unsigned)((v->va.start - MODEL_BASE) / PAGE_SIZE);
	unsigned end = (unsigned)((v->va.end - MODEL_BASE) / PAGE_SIZE);
	const struct model_cell *c = &s->cell[first];

	return !(end <= MODEL_PAGES && c->used && c->prot == v->prot &&
		 c->flags == v->flags && (c->object >= 0) == !!v->object &&
		 (!v->object || v->offset == c->index) &&
		 model_vma_end(s, first) == end);
}

static bool all_sound(void)
{
	for (unsigned s = 0; s < MODEL_SPACES; s++) {
		const char *wrong;
		uint64_t used = 0;

		if (!t.m.space[s].used)
			continue;
		wrong = aspace_check(t.as[s]);
		if (wrong)
			ktest_fail(__FILE__, __LINE__, "space %u: %s", s,
				   wrong);
		for (unsigned i = 0; i < MODEL_PAGES; i++)
			used += t.m.space[s].cell[i].used;
		if (wrong || aspace_each(t.as[s], compare_vma, &t.m.space[s]) ||
		    t.as[s]->total != used * PAGE_SIZE)
			return false;
	}
	return true;
}

static bool begin(void)
{
	for (unsigned i = 0; i < MODEL_FILES; i++) {
		struct model_object *o = &t.m.object[i];

		o->used = true;
		o->pages = file_pages[i];
		t.file[i] = object_create(file_pages[i] * PAGE_SIZE - 5);
		if (!t.file[i])
			return false;
	}
	for (unsigned i = 0; i < MODEL_PAGES; i++)
		t.m.space[0].cell[i].object = -1;
	t.m.space[0].used = true;
	t.as[0] = aspace_create();
	return t.as[0];
}

static void end(void)
{
	leave_space();
	for (unsigned s = 0; s < MODEL_SPACES; s++)
		if (t.m.space[s].used)
			aspace_put(t.as[s]);
	for (unsigned i = 0; i < MODEL_FILES; i++) {
		EXPECT(!object_check(t.file[i]));
		object_put(t.file[i]);
	}
}

static void run(void)
{
	host_bed_enter();
	REQUIRE(begin());
	KTEST_STEPS (i, t.steps) {
		if (!step()) {
			fail_arm(0, false);
			ktest_fail(__FILE__, __LINE__,
				   "step %llu, a %u, is not as the model's: "
				   "%d, not %d",
				   (unsigned long long)i, t.what, t.err,
				   t.expected);
			break;
		}
		if (i % 512)
			continue;
		if (!all_sound()) {
			ktest_fail(__FILE__, __LINE__,
				   "after step %llu a space is wrong",
				   (unsigned long long)i);
			break;
		}
	}
	EXPECT(all_sound());
	end();
}

/* One run on a machine of its own; frames that are left. */
static uint64_t run_once(uint64_t seed, uint64_t steps)
{
	static void (*const fn[])(void) = {run};

	memset(&t, 0, sizeof(t));
	t.rng = rng_seed(seed);
	t.steps = steps;
	host_bed_run(1, 8, seed, fn);
	return frames_used();
}

KTEST(aspace_model, calls_and_accesses_equal_those_of_the_model)
{
	/* Caches and the zero page come with the first space. */
	uint64_t before = run_once(ktest_seed(), 1000);
	uint64_t committed = aspace_committed();
	/* A step costs 50 us under sanitizers. */
	const uint64_t runs = 8, steps = min_u64(ktest_ops(), 1000000);

	for (uint64_t i = 0; i < runs; i++) {
		EXPECT_EQ(run_once(ktest_seed() + i, steps / runs), before);
		if (steps > 100000)
			EXPECT(t.failures > 10);
	}
	EXPECT_EQ(aspace_committed(), committed);
	EXPECT_EQ(aspace_count(), 0);
}
