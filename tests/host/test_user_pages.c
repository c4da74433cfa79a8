/*
 * Pages of user spaces on the native machine: taken away, moved, with other rights,
 * fetched before they are wanted, forgotten everywhere; what becomes of frames, tables
 * and what harts remember.
 */
#include <string.h>

#include <lib/errno.h>
#include <mm/fail.h>
#include <mm/kmap.h>
#include <mm/page_alloc.h>
#include <mm/zone.h>

#include "../../mm/user_impl.h"
#include "user_bed.h"

#define RW (PROT_READ | PROT_WRITE)

static struct aspace *enter_with(struct range va)
{
	struct aspace *as;

	host_bed_enter();
	as = aspace_create();
	if (!as || !user_map(as, va, RW, NULL, MAP_PRIVATE))
		return NULL;
	umap_activate(&as->map);
	return as;
}

static void leave(struct aspace *as)
{
	EXPECT_FITS(as);
	umap_activate(NULL);
	aspace_put(as);
}

static void fill(struct aspace *as, struct range va)
{
	for (vaddr_t at = va.start; at < va.end; at += PAGE_SIZE)
		EXPECT_STORE(as, at, at);
}

static void expect(struct aspace *as, struct range va, bool filled)
{
	for (vaddr_t at = va.start; at < va.end; at += PAGE_SIZE)
		EXPECT_LOAD(as, at, filled ? at : 0);
}

static struct aspace_stats stats(struct aspace *as)
{
	struct aspace_stats s;

	aspace_stats(as, &s);
	return s;
}

static int zap(struct aspace *as, struct range va)
{
	int err;

	aspace_lock(as);
	err = user_zap(as, va);
	aspace_unlock(as);
	return err;
}

/* Parts of tables, whole ones, several at once, with holes. */
static void zapping(void)
{
	struct range all = pages(0, 3 * 512);
	struct aspace *as = enter_with(all);

	REQUIRE(as);
	fill(as, all);
	EXPECT_EQ(stats(as).tables, 3 + 3);
	EXPECT_EQ(zap(as, pages(5, 1)), 0);
	EXPECT_EQ(zap(as, pages(3, 5)), 0);
	EXPECT_EQ(stats(as).resident, 3 * 512 - 5);
	EXPECT_FITS(as);
	expect(as, pages(0, 3), true);
	expect(as, pages(3, 5), false);
	expect(as, pages(8, 100), true);
	EXPECT_EQ(zap(as, pages(500, 512 + 100)), 0);
	EXPECT_FITS(as);
	EXPECT_EQ(stats(as).tables, 3 + 2);
	expect(as, pages(400, 100), true);
	expect(as, pages(500, 612), false);
	expect(as, pages(500 + 612, 424), true);
	/* The last leaves of a table are gone, and it with them. */
	EXPECT_EQ(zap(as, pages(0, 512)), 0);
	EXPECT_STORE(as, page(100), 1);
	EXPECT_STORE(as, page(101), 1);
	EXPECT_EQ(stats(as).tables, 3 + 3);
	EXPECT_EQ(zap(as, pages(90, 50)), 0);
	EXPECT_EQ(stats(as).tables, 3 + 2);
	EXPECT_EQ(zap(as, all), 0);
	EXPECT_EQ(stats(as).tables, 1);
	EXPECT_EQ(stats(as).resident, 0);
	expect(as, pages(0, 600), false);
	leave(as);
}

KTEST(user_pages, zapping)
{
	user_bed_run(zapping);
}

static void protecting(void)
{
	struct range all = pages(0, 600);
	struct aspace *as = enter_with(all), *child;
	uint64_t value;

	REQUIRE(as);
	fill(as, pages(0, 550));
	EXPECT_LOAD(as, page(560), 0);
	EXPECT_EQ(aspace_mprotect(as, USER_BASE, 600 * PAGE_SIZE, PROT_READ),
		  0);
	EXPECT_EQ(user_store(as, page(0), 1), FAULT_ACCERR);
	EXPECT_EQ(user_store(as, page(560), 1), FAULT_ACCERR);
	EXPECT_EQ(user_store(as, page(570), 1), FAULT_ACCERR);
	expect(as, pages(0, 550), true);
	EXPECT_EQ(aspace_mprotect(as, USER_BASE, 600 * PAGE_SIZE, PROT_NONE),
		  0);
	EXPECT_FITS(as);
	EXPECT_EQ(user_load(as, page(0), &value), FAULT_ACCERR);
	EXPECT_EQ(user_load(as, page(560), &value), FAULT_ACCERR);
	EXPECT_EQ(stats(as).resident, 550);
	/* What nobody else has can be stored to without a fault. */
	EXPECT_EQ(aspace_mprotect(as, USER_BASE, 600 * PAGE_SIZE, RW), 0);
	expect(as, pages(0, 550), true);
	value = aspace_faults(as);
	for (unsigned i = 0; i < 550; i += 10)
		EXPECT_STORE(as, page(i), page(i));
	EXPECT_EQ(aspace_faults(as), value);
	EXPECT_STORE(as, page(560), 1);
	EXPECT_EQ(user_faults(as, FAULTS_ANON), 551);
	/* But not what a child has. */
	REQUIRE(aspace_fork(as, &child) == 0);
	EXPECT_EQ(aspace_mprotect(as, USER_BASE, 600 * PAGE_SIZE, PROT_NONE),
		  0);
	EXPECT_EQ(aspace_mprotect(as, USER_BASE, 600 * PAGE_SIZE, RW), 0);
	EXPECT_FITS(as);
	EXPECT_STORE(as, page(7), 1);
	EXPECT_EQ(user_faults(as, FAULTS_COPY), 1);
	EXPECT_EQ(aspace_read(child, page(7), &value, 8), 8);
	EXPECT_EQ(value, page(7));
	/* Hidden pages are inherited, too. */
	EXPECT_EQ(aspace_mprotect(child, USER_BASE, 600 * PAGE_SIZE, PROT_NONE),
		  0);
	umap_activate(NULL);
	aspace_put(as);
	as = child;
	REQUIRE(aspace_fork(as, &child) == 0);
	aspace_put(as);
	EXPECT_EQ(aspace_mprotect(child, USER_BASE, 600 * PAGE_SIZE, PROT_READ),
		  0);
	umap_activate(&child->map);
	expect(child, pages(0, 550), true);
	leave(child);
}

KTEST(user_pages, protecting)
{
	user_bed_run(protecting);
}

/* Whole tables and parts of them, up and down, by any distance. */
static void moving(void)
{
	static const struct {
		unsigned first, n;
		int by;
	} m[] = {
		{0, 1, 2000},	 {0, 512, 512},	       {0, 1200, 2048},
		{3, 1200, 2048}, {3, 1200, 2049},      {0, 512, 3000},
		{100, 5, -50},	 {700, 1100, 512 * 5}, {512, 512, -512},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(m); i++) {
		struct range all = pages(0, 8192);
		struct range from = pages(m[i].first, m[i].n);
		uint64_t by = (uint64_t)(int64_t)m[i].by * PAGE_SIZE;
		struct aspace *as = enter_with(all);

		REQUIRE(as);
		fill(as, range_make(from.start, from.start + PAGE_SIZE));
		fill(as, range_make(from.end - PAGE_SIZE, from.end));
		for (vaddr_t at = from.start; at < from.end;
		     at += 3 * PAGE_SIZE)
			fill(as, range_make(at, at + PAGE_SIZE));
		aspace_lock(as);
		EXPECT_EQ(user_move(as, from, from.start + by), 0);
		aspace_unlock(as);
		EXPECT_FITS(as);
		for (vaddr_t at = from.start; at < from.end; at += PAGE_SIZE) {
			uint64_t k = (at - from.start) / PAGE_SIZE;
			bool filled = !(k % 3) || k == m[i].n - 1;

			EXPECT_LOAD(as, at + by, filled ? at : 0);
			EXPECT_LOAD(as, at, 0);
		}
		leave(as);
	}
}

KTEST(user_pages, moving)
{
	user_bed_run(moving);
}

static void moving_huge(void)
{
	struct range all = {USER_BASE, USER_BASE + 8 * HUGE_SIZE};
	struct aspace *as = enter_with(all);
	struct range two = {USER_BASE, USER_BASE + 2 * HUGE_SIZE};

	REQUIRE(as);
	EXPECT_EQ(aspace_madvise(as, USER_BASE, 8 * HUGE_SIZE, MADV_HUGEPAGE),
		  0);
	EXPECT_STORE(as, USER_BASE, 1);
	EXPECT_STORE(as, USER_BASE + HUGE_SIZE, 2);
	EXPECT_EQ(stats(as).huge, 2);
	aspace_lock(as);
	EXPECT_EQ(user_move(as, two, USER_BASE + 4 * HUGE_SIZE), 0);
	aspace_unlock(as);
	EXPECT_LOAD(as, USER_BASE + 5 * HUGE_SIZE, 2);
	EXPECT_EQ(stats(as).huge, 2);
	two = range_make(USER_BASE + 4 * HUGE_SIZE, USER_BASE + 6 * HUGE_SIZE);
	aspace_lock(as);
	EXPECT_EQ(user_move(as, two, USER_BASE + PAGE_SIZE), 0);
	aspace_unlock(as);
	EXPECT_EQ(stats(as).huge, 0);
	EXPECT_LOAD(as, USER_BASE + PAGE_SIZE, 1);
	EXPECT_LOAD(as, USER_BASE + HUGE_SIZE + PAGE_SIZE, 2);
	EXPECT_FITS(as);
	leave(as);
}

KTEST(user_pages, moving_huge_pages)
{
	user_bed_run(moving_huge);
}

static void populating(void)
{
	struct vm_object *o = object_create(PAGE_SIZE);
	struct aspace *as = enter_with(pages(0, 600));
	uint8_t vec[600];

	REQUIRE(as && o);
	EXPECT_STORE(as, page(10), 1);
	EXPECT_LOAD(as, page(11), 0);
	EXPECT_EQ(user_populate(as, pages(0, 40), false), 0);
	EXPECT_EQ(stats(as).resident, 1);
	EXPECT_EQ(user_populate(as, pages(0, 600), true), 0);
	EXPECT_EQ(stats(as).resident, 600);
	EXPECT_EQ(user_faults(as, FAULTS_SPURIOUS), 0);
	EXPECT_LOAD(as, page(10), 1);
	EXPECT_EQ(user_populate(as, pages(590, 20), true), -ENOMEM);
	REQUIRE(user_map(as, pages(600, 10), PROT_READ, NULL, MAP_PRIVATE));
	EXPECT_EQ(user_populate(as, pages(590, 20), true), -EINVAL);
	EXPECT_EQ(user_populate(as, pages(590, 20), false), 0);
	REQUIRE(user_map(as, pages(620, 2), RW, o, MAP_SHARED));
	EXPECT_EQ(user_populate(as, pages(620, 2), true), -EFAULT);
	EXPECT_EQ(zap(as, pages(100, 200)), 0);
	EXPECT_LOAD(as, page(150), 0);
	aspace_read_begin(as);
	user_incore(as, vma_find(&as->vmas, USER_BASE), pages(0, 600), vec);
	aspace_read_end(as);
	for (unsigned i = 0; i < 600; i++)
		EXPECT_EQ(vec[i], i < 100 || i == 150 || i >= 300);
	aspace_read_begin(as);
	user_incore(as, vma_find(&as->vmas, page(620)), pages(620, 2), vec);
	aspace_read_end(as);
	EXPECT_EQ(vec[0], 1);
	EXPECT_EQ(vec[1], 0);
	leave(as);
	object_put(o);
}

KTEST(user_pages, populating)
{
	user_bed_run(populating);
}

/* A hart that remembers that nothing was there is told of the page, and of its table. */
static void first_stores(void)
{
	struct aspace *as = enter_with(pages(0, 8 * 512));

	REQUIRE(as);
	for (unsigned i = 0; i < 8 * 512; i += 64)
		EXPECT_STORE(as, page(i), i);
	EXPECT_EQ(user_faults(as, FAULTS_ANON), 64);
	EXPECT_EQ(user_faults(as, FAULTS_SPURIOUS), 0);
	leave(as);
}

KTEST(user_pages, first_stores_take_one_fault_each)
{
	user_bed_run(first_stores);
}

static unsigned left; /* batches until the program is killed */

static bool killed(void)
{
	if (!left)
		return true;
	left--;
	return false;
}

/* So many pages are there when it is killed before the batch that comes `after`; with
 * the call's result. */
static uint64_t populated(unsigned after, int (*call)(struct aspace *as),
			  int *err)
{
	struct aspace *as = enter_with(pages(0, 600));
	uint64_t n;

	if (!as)
		return 0;
	left = after;
	aspace_killed = killed;
	*err = call(as);
	aspace_killed = NULL;
	n = stats(as).resident;
	EXPECT_FITS(as);
	leave(as);
	return n;
}

static int by_advice(struct aspace *as)
{
	return aspace_madvise(as, USER_BASE, 600 * PAGE_SIZE,
			      MADV_POPULATE_WRITE);
}

static int by_lock(struct aspace *as)
{
	return aspace_mlock(as, USER_BASE, 600 * PAGE_SIZE, false);
}

static int by_map(struct aspace *as)
{
	vaddr_t at;

	return aspace_map_anonymous(as, USER_BASE, 600 * PAGE_SIZE, RW,
				    MAP_FIXED | MAP_POPULATE, &at);
}

static int as_code(struct aspace *as)
{
	int err = aspace_mprotect(as, USER_BASE, 600 * PAGE_SIZE, PROT_EXEC);

	return err ? err : by_lock(as);
}

static void populating_killed(void)
{
	int err = 0;

	EXPECT_EQ(populated(UINT32_MAX, by_advice, &err), 600);
	EXPECT_EQ(err, 0);
	EXPECT_EQ(populated(0, by_advice, &err), 0);
	EXPECT_EQ(err, -EINTR);
	EXPECT_EQ(populated(3, by_advice, &err), 96);
	EXPECT_EQ(err, -EINTR);
	EXPECT_EQ(populated(3, by_lock, &err), 96);
	EXPECT_EQ(err, -ENOMEM); /* mlock() has no other */
	EXPECT_EQ(populated(3, by_map, &err), 96);
	EXPECT_EQ(err, 0);
	EXPECT_EQ(populated(3, as_code, &err), 0); /* the zero page, thrice */
	EXPECT_EQ(err, -ENOMEM);
}

KTEST(user_pages, who_is_killed_populates_no_more)
{
	user_bed_run(populating_killed);
}

static void accessing(void)
{
	struct aspace *as = enter_with(pages(0, 4));
	static uint8_t bytes[5 * 4096], back[5 * 4096];

	REQUIRE(as);
	memset(bytes, 7, sizeof(bytes));
	EXPECT_EQ(aspace_write(as, page(0) + 100, bytes, 3 * PAGE_SIZE),
		  3 * PAGE_SIZE);
	EXPECT_EQ(aspace_read(as, page(0) + 100, back, 3 * PAGE_SIZE),
		  3 * PAGE_SIZE);
	EXPECT(!memcmp(bytes, back, 3 * PAGE_SIZE));
	EXPECT_EQ(aspace_write(as, page(3) + 4000, bytes, 200), 96);
	EXPECT_EQ(aspace_read(as, page(3) + 4000, back, 200), 96);
	EXPECT_EQ(aspace_read(as, UINT64_MAX - 10, back, 100), 0);
	EXPECT_EQ(aspace_write(as, kernel_pgtable.bounds.start, back, 8), 0);
	EXPECT_LOAD(as, page(0), 0);
	EXPECT_LOAD(as, page(0) + 104, 0x0707070707070707);
	leave(as);
}

KTEST(user_pages, accessing)
{
	user_bed_run(accessing);
}

/* Shared pages go everywhere; what a private view changed stays. */
static void removing(void)
{
	struct vm_object *o = object_create(8 * PAGE_SIZE);
	struct aspace *as[3];
	uint64_t n;

	host_bed_enter();
	REQUIRE(o);
	for (unsigned i = 0; i < 3; i++) {
		as[i] = aspace_create();
		REQUIRE(as[i]);
		REQUIRE(user_map(as[i], pages(i, 8), RW, o,
				 i == 2 ? MAP_PRIVATE : MAP_SHARED));
		umap_activate(&as[i]->map);
		for (unsigned k = 0; k < 8; k++)
			if (i == 0)
				EXPECT_STORE(as[i], page(k), k + 1);
			else
				EXPECT_LOAD(as[i], page(i + k), k + 1);
	}
	EXPECT_STORE(as[2], page(2 + 3), 100);
	user_remove(o, range_make(2, 5));
	EXPECT_EQ(o->npages, 5);
	for (unsigned i = 0; i < 3; i++) {
		umap_activate(&as[i]->map);
		EXPECT_FITS(as[i]);
		for (unsigned k = 0; k < 8; k++) {
			n = k >= 2 && k < 5 ? 0 : k + 1;
			if (i == 2 && k == 3)
				n = 100;
			EXPECT_LOAD(as[i], page(i + k), n);
		}
	}
	umap_activate(NULL);
	for (unsigned i = 0; i < 3; i++)
		aspace_put(as[i]);
	EXPECT_EQ(object_check(o), NULL);
	object_put(o);
}

KTEST(user_pages, removing)
{
	user_bed_run(removing);
}

/* Every allocation fails once, in all that can fail. */
static bool try(struct aspace *as, unsigned what)
{
	struct range part = {USER_BASE + PAGE_SIZE, USER_BASE + 3 * PAGE_SIZE};
	struct aspace *child;
	int err = 0;

	switch (what) {
	case 0:
		err = zap(as, part);
		break;
	case 1:
		aspace_lock(as);
		err = user_protect(as, part, VM_READ | VM_WRITE, false);
		aspace_unlock(as);
		break;
	case 2:
		aspace_lock(as);
		err = user_move(as, part, USER_BASE + 4 * HUGE_SIZE);
		aspace_unlock(as);
		break;
	case 3:
		err = user_populate(as,
				    range_make(USER_BASE + HUGE_SIZE,
					       USER_BASE + HUGE_SIZE + 65536),
				    true);
		break;
	case 4:
		err = aspace_fork(as, &child);
		if (!err)
			aspace_put(child);
		break;
	}
	EXPECT(!err || err == -ENOMEM);
	return !err;
}

static void memory_out(void)
{
	for (unsigned what = 0; what < 5; what++) {
		struct aspace *as = enter_with(
			range_make(USER_BASE, USER_BASE + 8 * HUGE_SIZE));
		bool done = false;

		REQUIRE(as);
		EXPECT_EQ(
			aspace_madvise(as, USER_BASE, HUGE_SIZE, MADV_HUGEPAGE),
			0);
		EXPECT_STORE(as, USER_BASE, 1);
		EXPECT_STORE(as, USER_BASE + PAGE_SIZE, 2);
		for (uint64_t n = 1; n < 60 && !done; n++) {
			fail_arm(n, false);
			done = try(as, what);
			fail_arm(0, false);
			EXPECT_FITS(as);
			EXPECT_LOAD(as, USER_BASE, 1);
			if (!done)
				EXPECT_LOAD(as, USER_BASE + PAGE_SIZE, 2);
		}
		EXPECT(done);
		leave(as);
	}
}

KTEST(user_pages, memory_out_at_each_place)
{
	user_bed_run(memory_out);
}

/* Of two large leaves that are to be split, the first is, but for the second there is
 * no memory: harts must know of the one. */
static void half_a_split(void)
{
	struct range all = {USER_BASE, USER_BASE + 2 * HUGE_SIZE};
	struct range part = {all.start + PAGE_SIZE, all.end - PAGE_SIZE};
	const struct tlb_counters *fences = tlb_counters(arch_cpu());
	struct aspace *as = enter_with(all);
	unsigned halves = 0;
	int err = -ENOMEM;

	REQUIRE(as);
	EXPECT_EQ(aspace_madvise(as, all.start, range_size(all), MADV_HUGEPAGE),
		  0);
	EXPECT_STORE(as, all.start, 1);
	EXPECT_STORE(as, all.start + HUGE_SIZE, 1);
	for (uint64_t n = 1; n < 10 && err; n++) {
		uint64_t before = fences->spaces + fences->all;
		uint64_t huge = stats(as).huge;

		fail_arm(n, false);
		aspace_lock(as);
		err = user_protect(as, part, VM_READ, false);
		aspace_unlock(as);
		fail_arm(0, false);
		if (!err || stats(as).huge == huge)
			continue;
		halves++;
		EXPECT(fences->spaces + fences->all > before);
	}
	EXPECT_EQ(err, 0);
	EXPECT(halves > 0);
	leave(as);
}

KTEST(user_pages, half_a_split_is_told)
{
	user_bed_run(half_a_split);
}

/* What children don't get need not fit for them. */
static void large_and_not_for_children(void)
{
	uint64_t ram = zone_sums().total << PAGE_SHIFT;
	uint64_t part = align_up(ram / 4 * 3, PAGE_SIZE);
	struct range first = {GIB(2), GIB(2) + part};
	struct aspace *as = enter_with(first), *child = NULL;

	REQUIRE(as);
	REQUIRE(user_map(as, range_make(first.end, first.end + part), RW, NULL,
			 MAP_PRIVATE));
	EXPECT_EQ(aspace_fork(as, &child), -ENOMEM);
	EXPECT_EQ(aspace_madvise(as, first.start, 2 * part, MADV_DONTFORK), 0);
	REQUIRE(aspace_fork(as, &child) == 0);
	EXPECT_EQ(child->total, 0);
	EXPECT_FITS(child);
	aspace_put(child);
	leave(as);
}

KTEST(user_pages, what_stays_behind_is_not_promised_twice)
{
	user_bed_run(large_and_not_for_children);
}
