/*
 * Inside address spaces: the lock, and what the VMA side (aspace*.c) asks of the
 * page side (user_*.c, fault*.c).
 *
 * Keys: (W) the writer's lock is held; (R) inside a read section.
 */
#pragma once

#include <kernel/smp.h>
#include <lib/relaxed.h>
#include <mm/aspace.h>
#include <mm/object.h>

/*
 * The writer's lock. Not in a read section.
 */
void aspace_lock(struct aspace *as);
void aspace_unlock(struct aspace *as);

/*
 * Read sections: short, and nothing in one sleeps, touches user memory, or begins
 * another. VMAs stay as they are in it, and no entry of a page table goes away
 * but by the readers' own compare-and-swap. Interrupts on or off.
 */
enum aspace_reads { READS_NEVER, READS_NOT_NOW, READS_NOW };

/* A writer is at work: wait for it. May sleep. */
void aspace_read_wait(struct aspace *as);

/* This hart's part, while the hart stays the same. */
static inline struct aspace_hart *aspace_here(struct aspace *as)
{
	uint64_t cpu = arch_cpu();

	return &as->hart[cpu];
}

/* Begins one, if that is true; else it is only to be ended. */
static inline bool aspace_read_try(struct aspace *as, struct aspace_hart *me)
{
	uint32_t before = __atomic_load_n(&me->reads, __ATOMIC_RELAXED);

	store_relaxed(&me->reads, READS_NOW);
	if (before == READS_NEVER)
		__atomic_fetch_or(&as->readers, cpu_bit(arch_cpu()),
				  __ATOMIC_RELAXED);
	/* Pairs with that of aspace_lock(): one of the two sees the other. */
	arch_smp_mb();
	return !__atomic_load_n(&as->changing, __ATOMIC_ACQUIRE);
}

static inline void aspace_read_stop(struct aspace_hart *me)
{
	/* Release: what was done in here is seen by the writer that waited. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	store_relaxed(&me->reads, READS_NOT_NOW);
}

static inline void aspace_read_end(struct aspace *as)
{
	aspace_read_stop(aspace_here(as));
}

static inline void aspace_read_begin(struct aspace *as)
{
	while (!aspace_read_try(as, aspace_here(as))) {
		aspace_read_end(as);
		aspace_read_wait(as);
	}
}

/* For aspace_fault(), outside of read sections: the VMA above `va` grows down to it,
 * if it may. 0: it has; then look again. -ENOMEM: it can't. */
int aspace_grow_stack(struct aspace *as, vaddr_t va);

/*
 * Pages. A leaf holds one reference (struct page.refs) of the block that it maps: a
 * frame of order 0, or of order 9 (a leaf of 2 MiB; refs in the head). The zero page
 * has none. An object holds one of each of its pages. Anonymous pages belong to
 * whoever maps them: refs == 1 is "mine alone", and may be made writable. A block
 * of order 9 is mapped by one leaf of 2 MiB, and becomes 512 frames before a part of
 * it is wanted, or it is shared. PROT_NONE with pages: the leaf stays, hidden.
 *
 * All ranges are whole pages, not empty, inside the lower half.
 */

/* Take all leaves away (W); references go after the flush, tables that become
 * empty go, too. -ENOMEM: a 2 MiB leaf across an end could not be split, and
 * nothing was done. */
int user_zap(struct aspace *as, struct range va);

/* The same for all VMAs of a space that no hart is in, nor will be. */
void user_zap_all(struct aspace *as);

/* Leaves take the rights of `prot`, but VM_WRITE only where the page may be written
 * without a copy (W). `shared`: of a VMA that is VMA_SHARED. -ENOMEM as above. */
int user_protect(struct aspace *as, struct range va, vm_prot_t prot,
		 bool shared);

/* Move leaves elsewhere, where there are none; the ranges don't overlap (W).
 * -ENOMEM: nothing moved. */
int user_move(struct aspace *as, struct range from, vaddr_t to);

/* Fork: the child's tables get what the parent's have, where children have it;
 * private pages become read-only in both (both W). -ENOMEM: the caller destroys the
 * child. */
int user_copy(struct aspace *child, struct aspace *parent);

/* Fault all pages in, in order, for reading or writing; finds VMAs itself. No lock
 * held. Stops at the first failure: -ENOMEM (a hole, or no memory), -EFAULT (beyond
 * the end of an object), -EINVAL (no such right), -EINTR (aspace_killed()). */
int user_populate(struct aspace *as, struct range va, bool write);

/* Forget pages of an object, by index: in it, and wherever it is mapped. Private
 * copies stay. -ENOMEM never; no lock held, may sleep. */
void user_remove(struct vm_object *o, struct range index);

/* vec[k]: is page k of `va`, a part of v, in memory (R)? */
void user_incore(struct aspace *as, const struct vma *v, struct range va,
		 uint8_t *vec);

/* Fill in resident, shared, huge, tables (W). */
void user_count(struct aspace *as, struct aspace_stats *s);

/* Do page tables fit the VMAs: every leaf belongs to one, has no more rights, W only
 * where the page is its own or shared; references are had. NULL, or what is
 * wrong (W). */
const char *user_check(struct aspace *as);
