/*
 * Stores to new memory on two harts at once, in spaces of their own or in one:
 * what a fault takes between its trap and the return, without what others do to
 * the space meanwhile.
 *
 *	space	|<--- PAGES ---> kept| hole |<--- PAGES ---> kept|
 *		  hart 0's VMA		      hart 1's
 *
 * Both VMAs of a space are in one page table, as neighbours would be, but no cache
 * line of it has entries of both. The page that is kept, touched, at the end of each
 * keeps the table.
 *
 * Harts meet, each has a fault for each of its pages, and only that counts, from
 * the first's start to the last's end: harts that an emulator happens to run one
 * after the other must not look as if they were fast together. Then
 * each drops its own pages, one hart after the other, so that frames go back to
 * the hart that had them, and nobody waits for the space's lock.
 */
#include <arch/cpu.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <mm/aspace.h>

#include "bench_faults.h"

#define PAGES 192u
#define SIZE  (PAGES * PAGE_SIZE)
#define KEPT  (8 * PAGE_SIZE)
#define HOLE  (16 * PAGE_SIZE)
#define HARTS 2u

static struct aspace *spaces[HARTS];

static struct {
	bool one_space;
	unsigned waiting; /* for all to be there (a) */
	uint64_t start[HARTS], end[HARTS];
} run;

static vaddr_t memory_of(unsigned cpu)
{
	return GIB(1) + cpu * (SIZE + KEPT + HOLE);
}

static struct aspace *space_of(unsigned cpu)
{
	return spaces[run.one_space ? 0 : cpu];
}

static bool fill(struct aspace *as)
{
	for (unsigned cpu = 0; cpu < HARTS; cpu++) {
		vaddr_t at, kept = memory_of(cpu) + SIZE;

		if (aspace_map_anonymous(as, memory_of(cpu), SIZE + KEPT,
					 PROT_READ | PROT_WRITE, MAP_FIXED,
					 &at) ||
		    aspace_fault(as, kept, ACCESS_STORE) != FAULT_DONE)
			return false;
	}
	return true;
}

void bench_faults_put(void)
{
	for (unsigned i = 0; i < HARTS; i++)
		if (spaces[i])
			aspace_put(spaces[i]);
	spaces[0] = spaces[1] = NULL;
}

bool bench_faults_get(void)
{
	for (unsigned i = 0; i < HARTS; i++) {
		spaces[i] = aspace_create();
		if (!spaces[i] || !fill(spaces[i])) {
			bench_faults_put();
			return false;
		}
	}
	return true;
}

static void touch(void *arg)
{
	unsigned cpu = arch_cpu();
	struct aspace *as = space_of(cpu);
	vaddr_t at = memory_of(cpu);

	(void)arg;
	umap_activate(&as->map);
	__atomic_fetch_sub(&run.waiting, 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(&run.waiting, __ATOMIC_RELAXED))
		arch_relax();
	run.start[cpu] = arch_time();
	for (unsigned i = 0; i < PAGES; i++)
		aspace_fault(as, at + i * PAGE_SIZE, ACCESS_STORE);
	run.end[cpu] = arch_time();
	umap_activate(NULL);
}

static void drop(void *arg)
{
	unsigned cpu = arch_cpu();

	(void)arg;
	aspace_madvise(space_of(cpu), memory_of(cpu), SIZE, MADV_DONTNEED);
}

/* The second hart's part begins before the first's, or else comes after it. */
static void on_each(unsigned who, void (*fn)(void *arg), bool together)
{
	struct smp_work w = {.fn = fn};

	if (!together && (who & 1))
		fn(NULL);
	if (who & 2)
		smp_run(1, &w);
	if (together && (who & 1))
		fn(NULL);
	if (who & 2)
		smp_wait(&w);
}

static uint64_t span(unsigned who)
{
	if (who < 3)
		return run.end[who - 1] - run.start[who - 1];
	return max_u64(run.end[0], run.end[1]) -
	       min_u64(run.start[0], run.start[1]);
}

void bench_faults_run(bool one_space, unsigned n, unsigned who,
		      uint64_t ticks[2])
{
	run.one_space = one_space;
	ticks[0] = ticks[1] = 0;
	for (unsigned done = 0; done < n; done += PAGES) {
		run.waiting = (who & 1) + (who >> 1);
		on_each(who, touch, true);
		ticks[0] += span(who);
		on_each(who, drop, false);
	}
	ticks[1] = ticks[0];
}
