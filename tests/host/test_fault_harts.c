/*
 * Faults of one space on several harts, while its writer changes it, on the native
 * machine: harts take turns anywhere in mm/, and remember what they may.
 *
 * Each hart has a word of its own in each page, which nobody else stores to. So what it
 * loads is what it stored last; or zero, if the page was dropped since, which is known of
 * some VMAs only. A child that was forked must go on seeing what it saw first.
 */
#include <string.h>

#include <arch/cpu.h>
#include <arch/task.h>
#include <host/harts.h>
#include <kernel/smp.h>
#include <lib/errno.h>
#include <lib/rng.h>
#include <mm/page_alloc.h>
#include <mm/reclaim.h>

#include "../../mm/user_impl.h"
#include "user_bed.h"

#define HARTS 3
#define RW    (PROT_READ | PROT_WRITE)
#define PAGES 24 /* of a part, in two tables */
#define BASE  (GIB(1) - PAGES / 2 * PAGE_SIZE)

/* Parts of the space: what happens to each. */
enum part {
	STAYS,	 /* private memory, whose rights change */
	DROPPED, /* private memory that is dropped, or moved away and back */
	VIEW,	 /* a private view of an object */
	SHARED,	 /* an object, pages of which are removed */
	PARTS
};

static struct rng rng;
static struct aspace *space;
static struct vm_object *object;
static unsigned left;
static bool ready;
static uint64_t last[PARTS][PAGES][HARTS]; /* what a hart stored */
static unsigned forks, stores;

static struct range part_at(enum part part)
{
	vaddr_t at = BASE + part * GIB(1);

	return range_make(at, at + PAGES * PAGE_SIZE);
}

static uint64_t pick(uint64_t n)
{
	return rng_below(&rng, n);
}

static vaddr_t word_of(enum part part, uint64_t page)
{
	return part_at(part).start + page * PAGE_SIZE + arch_cpu() * 8;
}

/* What may be there? */
static bool may_be(enum part part, uint64_t page, uint64_t value)
{
	uint64_t *want = &last[part][page][arch_cpu()];

	if (value == *want)
		return true;
	if ((part != DROPPED && part != SHARED) || value)
		return false;
	*want = 0;
	return true;
}

static void touch(void)
{
	enum part part = (enum part)pick(PARTS);
	uint64_t page = pick(PAGES), value = 0;
	vaddr_t va = word_of(part, page);
	enum fault_result r;

	if (pick(4))
		r = user_load(space, va, &value);
	else
		r = aspace_read(space, va, &value, 8) == 8 ? FAULT_DONE
							   : FAULT_ACCERR;
	EXPECT(r == FAULT_DONE || r == FAULT_ACCERR);
	if (r == FAULT_DONE && !may_be(part, page, value))
		ktest_fail(__FILE__, __LINE__,
			   "cpu %u part %u page %u: %llu, not %llu", arch_cpu(),
			   part, (unsigned)page, (unsigned long long)value,
			   (unsigned long long)last[part][page][arch_cpu()]);
	if (pick(2))
		return;
	value = left;
	r = user_store(space, va, value);
	EXPECT(r == FAULT_DONE || r == FAULT_ACCERR);
	if (r == FAULT_DONE) {
		last[part][page][arch_cpu()] = value;
		stores++;
	}
}

static struct range some(enum part part)
{
	uint64_t first = pick(PAGES), n = 1 + pick(PAGES - first);
	vaddr_t at = part_at(part).start + first * PAGE_SIZE;

	return range_make(at, at + n * PAGE_SIZE);
}

static void change_rights(void)
{
	static const uint32_t prot[] = {RW, PROT_READ, PROT_NONE, RW};
	struct range va = some(pick(2) ? STAYS : VIEW);

	EXPECT_EQ(aspace_mprotect(space, va.start, range_size(va),
				  prot[pick(ARRAY_SIZE(prot))]),
		  0);
}

/* Away and back: nothing is lost. Nobody else can see it in between. */
static void move(void)
{
	struct range va = some(DROPPED);
	vaddr_t away = GIB(16) + pick(4) * PAGE_SIZE;

	aspace_lock(space);
	EXPECT_EQ(user_move(space, va, away), 0);
	EXPECT_EQ(user_move(space, range_make(away, away + range_size(va)),
			    va.start),
		  0);
	aspace_unlock(space);
}

static void see_child(struct aspace *child, uint64_t *words)
{
	unsigned n = 0;

	for (unsigned part = STAYS; part <= VIEW; part++)
		for (unsigned page = 0; page < PAGES; page++) {
			vaddr_t va = part_at((enum part)part).start +
				     page * PAGE_SIZE;
			size_t size = HARTS * 8;

			if (aspace_read(child, va, words + n, size) != size)
				words[n] = words[n + 1] = words[n + 2] = 0;
			n += HARTS;
		}
}

#define WORDS (3 * PAGES * HARTS)

static void make_child(void)
{
	static uint64_t first[HARTS][WORDS], then[HARTS][WORDS];
	unsigned me = arch_cpu();
	struct aspace *child;
	uint64_t value;

	EXPECT_EQ(aspace_fork(space, &child), 0);
	see_child(child, first[me]);
	for (unsigned i = 0; i < 20; i++)
		touch();
	see_child(child, then[me]);
	for (unsigned i = 0; i < WORDS; i++)
		EXPECT_EQ(first[me][i], then[me][i]);
	/* The child stores, and is there itself. */
	umap_activate(&child->map);
	for (unsigned i = 0; i < 4; i++) {
		vaddr_t va = word_of(DROPPED, pick(PAGES));

		EXPECT_EQ(user_store(child, va, 1234567), FAULT_DONE);
		EXPECT_EQ(user_load(child, va, &value), FAULT_DONE);
		EXPECT_EQ(value, 1234567);
	}
	EXPECT_FITS(child);
	umap_activate(&space->map);
	aspace_put(child);
	forks++;
}

static void change(void)
{
	struct range va;

	switch (pick(8)) {
	case 0:
		change_rights();
		break;
	case 1:
		va = some(DROPPED);
		EXPECT_EQ(aspace_madvise(space, va.start, range_size(va),
					 MADV_DONTNEED),
			  0);
		break;
	case 2:
		move();
		break;
	case 3:
		user_remove(object, range_make(pick(PAGES), PAGES));
		break;
	case 4:
		user_populate(space, some(STAYS), pick(2));
		break;
	case 5:
		make_child();
		break;
	case 6:
		EXPECT_FITS(space);
		break;
	case 7:
		umap_activate(NULL);
		umap_activate(&space->map);
		break;
	}
}

static void set_up(void)
{
	space = aspace_create();
	object = object_create(PAGES * PAGE_SIZE);
	REQUIRE(space && object);
	for (unsigned part = 0; part < PARTS; part++)
		REQUIRE(user_map(space, part_at((enum part)part), RW,
				 part >= VIEW ? object : NULL,
				 part == SHARED ? MAP_SHARED : MAP_PRIVATE));
	/* So that what was removed of the object shows in no view. */
	for (vaddr_t at = part_at(VIEW).start; at < part_at(VIEW).end;
	     at += PAGE_SIZE)
		EXPECT_EQ(aspace_write(space, at, "", 1), 1);
	ready = true;
}

static void run(void)
{
	host_bed_enter();
	if (!arch_cpu())
		set_up();
	while (!ready)
		arch_relax();
	umap_activate(&space->map);
	while (left) {
		left--;
		if (pick(6))
			touch();
		else
			change();
	}
	umap_activate(NULL);
	reclaim_drain_hart();
}

KTEST(fault_harts, faults_while_all_is_changed)
{
	static void (*const fn[])(void) = {run, run, run};
	uint64_t free = 0;

	forks = stores = 0;
	for (unsigned i = 0; i < 4; i++) {
		memset(last, 0, sizeof(last));
		rng = rng_seed(ktest_seed() + i);
		left = (unsigned)min_u64(ktest_ops() / 100, 20000) + 500;
		ready = false;
		host_bed_run(1 + i % HARTS, i % 2 ? 4 : 0, ktest_seed() + i,
			     fn);
		EXPECT_FITS(space);
		aspace_put(space);
		EXPECT_EQ(object_check(object), NULL);
		object_put(object);
		reclaim();
		if (i)
			EXPECT_EQ(page_free_count(), free);
		free = page_free_count();
	}
	EXPECT(forks > 10);
	EXPECT(stores > 100);
}

/* Many stores to the same new pages at once: one page comes of it, with a word of
 * each. */
#define ROUNDS 60

static unsigned in_round[ROUNDS];

static void race(void)
{
	host_bed_enter();
	if (!arch_cpu())
		set_up();
	while (!ready)
		arch_relax();
	umap_activate(&space->map);
	for (unsigned i = 0; i < ROUNDS; i++) {
		enum part part = (enum part)(i % PARTS);
		uint64_t page = i / PARTS % PAGES, value;
		vaddr_t va = word_of(part, page);

		in_round[i]++;
		while (in_round[i] < HARTS)
			arch_relax();
		if (i & 8)
			EXPECT_EQ(user_load(space, va, &value), FAULT_DONE);
		EXPECT_EQ(user_store(space, va, i + 1), FAULT_DONE);
		EXPECT_EQ(user_load(space, va, &value), FAULT_DONE);
		EXPECT_EQ(value, i + 1);
	}
	umap_activate(NULL);
	reclaim_drain_hart();
}

KTEST(fault_harts, one_page_comes_of_many_faults)
{
	static void (*const fn[])(void) = {race, race, race};

	for (unsigned i = 0; i < 6; i++) {
		uint64_t words[HARTS];

		memset(in_round, 0, sizeof(in_round));
		ready = false;
		host_bed_run(HARTS, 4, ktest_seed() + i, fn);
		for (unsigned k = 0; k < ROUNDS; k++) {
			vaddr_t va = part_at((enum part)(k % PARTS)).start +
				     k / PARTS % PAGES * PAGE_SIZE;

			EXPECT_EQ(aspace_read(space, va, words, sizeof(words)),
				  sizeof(words));
			for (unsigned h = 0; h < HARTS; h++)
				EXPECT_EQ(words[h], k + 1);
		}
		EXPECT_FITS(space);
		aspace_put(space);
		object_put(object);
	}
}

/* New tables: one comes of many faults, too, and nobody takes it for a page. */
#define TABLES	  150
#define TABLES_AT GIB(64)

static unsigned at_table[TABLES];

static void race_for_tables(void)
{
	struct range va = {TABLES_AT, TABLES_AT + TABLES * HUGE_SIZE};

	host_bed_enter();
	if (!arch_cpu()) {
		space = aspace_create();
		REQUIRE(space && user_map(space, va, RW, NULL,
					  MAP_PRIVATE | MAP_NORESERVE));
		ready = true;
	}
	while (!ready)
		arch_relax();
	umap_activate(&space->map);
	for (unsigned i = 0; i < TABLES; i++) {
		vaddr_t at = TABLES_AT + i * HUGE_SIZE + arch_cpu() * PAGE_SIZE;
		uint64_t value;

		at_table[i]++;
		while (at_table[i] < HARTS)
			arch_relax();
		EXPECT_EQ(user_store(space, at, i), FAULT_DONE);
		EXPECT_EQ(user_load(space, at, &value), FAULT_DONE);
		EXPECT_EQ(value, i);
	}
	umap_activate(NULL);
	reclaim_drain_hart();
}

KTEST(fault_harts, one_table_comes_of_many_faults)
{
	static void (*const fn[])(void) = {race_for_tables, race_for_tables,
					   race_for_tables};

	for (unsigned i = 0; i < 4; i++) {
		struct aspace_stats s;

		memset(at_table, 0, sizeof(at_table));
		ready = false;
		host_bed_run(HARTS, 4, ktest_seed() + i, fn);
		aspace_stats(space, &s);
		EXPECT_EQ(s.resident, TABLES * HARTS);
		EXPECT_EQ(s.tables, 3 + TABLES);
		EXPECT_FITS(space);
		aspace_put(space);
	}
}

/*
 * A stack is to grow while a writer is at work: who faulted sleeps, and goes on on a
 * hart that never was in the space (1); here by a call that is left, and comes back
 * there.
 */
static struct {
	struct arch_context moved, idle, other;
	struct range stack[2]; /* of harts 0 and 1 */
	bool gone, back;
} trip;

static uint8_t idle_stack[256 << 10] __attribute__((aligned(4096)));

static void idle(void)
{
	trip.gone = true;
	while (!trip.back)
		arch_relax();
	arch_context_switch(&trip.idle, &trip.moved, trip.stack[0]);
}

static void leave_hart(void *arg)
{
	uintptr_t start = (uintptr_t)idle_stack;
	struct range all = {start, start + sizeof(idle_stack)};

	(void)arg;
	trip.stack[0] = arch_stack();
	arch_context_init(&trip.idle, all, idle);
	arch_context_switch(&trip.moved, &trip.idle, all);
}

static void come_back(void *arg)
{
	(void)arg;
	trip.back = true;
	arch_context_switch(&trip.moved, &trip.other, trip.stack[1]);
}

static void traveller(void)
{
	host_bed_enter();
	space = aspace_create();
	REQUIRE(space && user_map(space, page_at(BASE), RW, NULL,
				  MAP_PRIVATE | MAP_GROWSDOWN));
	ready = true;
	while (!left)
		arch_relax();
	EXPECT_EQ(aspace_fault(space, BASE - 1, ACCESS_STORE), FAULT_DONE);
	EXPECT_EQ(arch_cpu(), 1);
	EXPECT_FITS(space);
	left = 2;
	while (arch_cpu())
		arch_relax();
}

static void host(void)
{
	uint64_t flags;

	host_bed_enter();
	trip.stack[1] = arch_stack();
	while (!trip.gone)
		arch_relax();
	flags = arch_irq_save();
	arch_context_switch(&trip.other, &trip.moved, trip.stack[0]);
	arch_irq_restore(flags);
}

static void writer(void)
{
	host_bed_enter();
	while (!ready)
		arch_relax();
	mutex_lock(&space->mutex);
	left = 1;
	while (space->hart[0].reads != READS_NOT_NOW)
		harts_yield();
	/* To where it waits. */
	for (unsigned i = 0; i < 2000; i++)
		harts_yield();
	smp_call(cpu_bit(0), leave_hart, NULL);
	mutex_unlock(&space->mutex);
	while (left < 2)
		arch_relax();
	smp_call(cpu_bit(1), come_back, NULL);
}

KTEST(fault_harts, who_waits_may_wake_elsewhere)
{
	static void (*const fn[])(void) = {traveller, host, writer};

	memset(&trip, 0, sizeof(trip));
	ready = false;
	left = 0;
	host_bed_run(HARTS, 4, ktest_seed(), fn);
	aspace_put(space);
}

/* A child has a place in the lists of objects before it has its pages: who forgets an
 * object's finds it there, and must leave the others alone. In each table there is a
 * page of private memory, and behind that a view of the object. */
#define VIEWS 24

static vaddr_t private_page(unsigned i)
{
	return TABLES_AT + i * HUGE_SIZE;
}

static void set_up_views(void)
{
	space = aspace_create();
	object = object_create(PAGES * PAGE_SIZE);
	REQUIRE(space && object);
	for (unsigned i = 0; i < VIEWS; i++) {
		vaddr_t at = private_page(i), view = at + PAGE_SIZE;
		uint64_t value = i + 1;

		REQUIRE(user_map(space, page_at(at), RW, NULL, MAP_PRIVATE));
		REQUIRE(user_map(space,
				 range_make(view, view + PAGES * PAGE_SIZE), RW,
				 object, MAP_SHARED));
		EXPECT_EQ(aspace_write(space, at, &value, 8), 8);
	}
	left = (unsigned)min_u64(ktest_ops() / 2000, 400) + 10;
	ready = true;
}

static bool is_whole(struct aspace *child)
{
	for (unsigned i = 0; i < VIEWS; i++) {
		uint64_t value = 0;
		struct mapping m;

		/* A leaf that stays hidden would be waited for. */
		if (!umap_query(&child->map, private_page(i), &m) ||
		    !(m.prot & VM_READ) ||
		    aspace_read(child, private_page(i), &value, 8) != 8 ||
		    value != i + 1)
			return false;
	}
	return true;
}

static void fork_views(void)
{
	host_bed_enter();
	set_up_views();
	for (; left; left--) {
		struct aspace *child;

		EXPECT_EQ(aspace_fork(space, &child), 0);
		EXPECT(is_whole(child));
		EXPECT_FITS(child);
		aspace_put(child);
	}
	reclaim_drain_hart();
}

static void remove_views(void)
{
	host_bed_enter();
	while (!ready)
		arch_relax();
	while (left)
		user_remove(object, range_make(0, PAGES));
	reclaim_drain_hart();
}

KTEST(fault_harts, children_keep_their_own_when_an_object_shrinks)
{
	static void (*const fn[])(void) = {fork_views, remove_views};

	for (unsigned i = 0; i < 4; i++) {
		ready = false;
		host_bed_run(2, 4, ktest_seed() + i, fn);
		aspace_put(space);
		object_put(object);
	}
}
