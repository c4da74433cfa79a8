/*
 * Address spaces: life and lock (<mm/aspace.h>).
 *
 * VMAs say what is mapped; they are the truth. Page tables are a cache of it that
 * faults fill. What changes VMAs, or takes entries away, is a writer. What only
 * adds entries, because a VMA says so, is a reader: faults, most of all.
 *
 * Readers run in parallel everywhere, in one space as in many. So that none of them
 * writes what others read, a space has a line for each hart, which says whether that
 * reads it:
 *
 *	reader				writer
 *					take the mutex
 *	reads = now			changing = 1
 *	(first time: note the hart
 *	in the space's `readers`)
 *	full fence			full fence
 *	changing? then reads = not now,	for each hart in `readers`: wait
 *	  wait for the mutex, again	  while it reads
 *	read				write
 *	release; reads = not now	release; changing = 0
 *					give the mutex back
 *
 * By the fences at least one of the two sees what the other stored. If the writer
 * sees the reader, it waits. If it does not, the reader sees the writer, goes
 * back, and waits in the mutex' queue. The hart that reads stays the same, as code
 * of the kernel is switched away from only where it asks for that, and read
 * sections don't. A section is short and waits for nobody but the page allocator,
 * so the writer spins, serving what other harts want of it.
 *
 * A hart that once read a space stays in `readers`; a space that only ever ran on
 * one hart costs its writers no look at others.
 *
 *  I1  while a writer changes something, no hart is in a read section of the space
 *  I2  total, data, stack, exec, locked, committed are the sums over all VMAs
 *  I3  every leaf of the page tables lies in a VMA, and allows no more
 *
 * Lock order: the mutex, then everything else. A task holds at most one of them, but
 * who forks: the parent's, then the child's.
 *
 * Source: Linux's per-VMA locks and seqcounts do the same with stores that harts
 * share; the two flags and their fences are Dekker's (Dijkstra, EWD 123).
 */
#include <mm/kmalloc.h>

#include "aspace_vma.h"

uint64_t (*aspace_random_source)(void);
bool (*aspace_killed)(void);
uint64_t aspace_max_vmas = ASPACE_MAX_VMAS;

static unsigned count; /* (a) */

/* Wait for readers on these harts. Apart, as it is rare. */
static __attribute__((noinline, cold)) void wait_for(const struct aspace *as,
						     cpumask_t cpus)
{
	for_each_cpu (cpu, cpus)
		/* Acquire: pairs with aspace_read_end(). */
		while (__atomic_load_n(&as->hart[cpu].reads,
				       __ATOMIC_ACQUIRE) == READS_NOW)
			smp_relax();
}

/* The mutex is held: no reader is in the space, nor comes, from now on. */
static inline void stop_readers(struct aspace *as)
{
	cpumask_t others;

	store_relaxed(&as->changing, 1);
	/* Pairs with that of aspace_read_try(). */
	arch_smp_mb();
	others = __atomic_load_n(&as->readers, __ATOMIC_RELAXED) &
		 ~cpu_bit(arch_cpu());
	if (others)
		wait_for(as, others);
}

static __attribute__((noinline, cold)) void lock_slowly(struct aspace *as)
{
	mutex_lock(&as->mutex);
	stop_readers(as);
}

void aspace_lock(struct aspace *as)
{
	if (mutex_trylock(&as->mutex))
		stop_readers(as);
	else
		lock_slowly(as);
}

void aspace_unlock(struct aspace *as)
{
	/* Release: pairs with the acquire in aspace_read_try(). */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	store_relaxed(&as->changing, 0);
	mutex_unlock(&as->mutex);
}

void aspace_read_wait(struct aspace *as)
{
	mutex_lock(&as->mutex);
	mutex_unlock(&as->mutex);
}

uint64_t aspace_random(unsigned bits)
{
	uint64_t (*source)(void) = aspace_random_source;

	return source ? (source() & (((uint64_t)1 << bits) - 1)) << PAGE_SHIFT
		      : 0;
}

/* Linux's: 2^18 places for what is mapped, and as many for the stack. */
#define RANDOM_BITS 18

void aspace_layout(struct aspace *as)
{
	struct range all = as->vmas.bounds;
	uint64_t stack = as->limit[LIMIT_STACK];
	uint64_t spread = (PAGE_SIZE << RANDOM_BITS) + VMA_GUARD;
	uint64_t room = stack + spread > stack ? stack + spread : stack;

	/* As Linux: at least 128 MiB, at most 5/6 of the whole. */
	room = min_u64(max_u64(room, MIB(128)), range_size(all) / 6 * 5);
	as->vmas.given.end = align_down(all.end - room, PAGE_SIZE) -
			     aspace_random(RANDOM_BITS);
}

struct aspace *aspace_new(void)
{
	struct aspace *as;

	if (!aspace_vma_ready())
		return NULL;
	as = kmalloc(sizeof(*as) + cpus_possible * sizeof(*as->hart),
		     ALLOC_ZERO);
	if (!as)
		return NULL;
	if (umap_init(&as->map)) {
		kfree(as);
		return NULL;
	}
	as->refs = 1;
	mutex_init(&as->mutex);
	vma_map_init(&as->vmas, as->map.pt.bounds);
	as->vmas.given.start = ASPACE_MIN_ADDR;
	as->limit[LIMIT_AS] = UINT64_MAX;
	as->limit[LIMIT_DATA] = UINT64_MAX;
	as->limit[LIMIT_STACK] = MIB(8);
	as->limit[LIMIT_MEMLOCK] = MIB(8);
	as->may_lock = true;
	as->max_vmas = aspace_max_vmas;
	__atomic_fetch_add(&count, 1, __ATOMIC_RELAXED);
	return as;
}

struct aspace *aspace_create(void)
{
	struct aspace *as = aspace_new();

	if (as)
		aspace_layout(as);
	return as;
}

struct aspace *aspace_get(struct aspace *as)
{
	__atomic_fetch_add(&as->refs, 1, __ATOMIC_RELAXED);
	return as;
}

void aspace_put(struct aspace *as)
{
	struct vma *v;

	/* Release what this one did, and acquire what others did. */
	if (__atomic_sub_fetch(&as->refs, 1, __ATOMIC_ACQ_REL))
		return;
	user_zap_all(as);
	while ((v = vma_dismantle(&as->vmas)))
		aspace_vma_drop(v);
	commit_add(-(int64_t)as->committed);
	umap_keep(&as->map);
	kfree(as);
	__atomic_fetch_sub(&count, 1, __ATOMIC_RELAXED);
}

unsigned aspace_count(void)
{
	return __atomic_load_n(&count, __ATOMIC_RELAXED);
}

uint64_t aspace_committed(void)
{
	return commit_sum();
}
