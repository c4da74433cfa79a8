/*
 * User address spaces: VMAs over page tables, with demand paging and
 * copy-on-write. This is the kernel's interface to all that user memory does;
 * system calls only decode for it. Results and errors are Linux's, where a
 * function is named like a call. It knows no task: whoever may sleep calls it.
 *
 * Locking (the theory is in mm/aspace.c; tests/spin/aspace.pml searches it):
 *
 *	writers	change VMAs or take entries of page tables away: one at a time, a
 *		sleeping lock, and nobody reads meanwhile
 *	readers	faults, mincore: any number on any harts; they only add entries to
 *		tables, or replace single ones, by compare-and-swap
 *
 * All functions but those that say otherwise take the lock that they need, may
 * sleep, and are called with interrupts on and no spinlock held.
 */
#pragma once

#include <kernel/mutex.h>
#include <mm/mman.h>
#include <mm/umap.h>
#include <mm/vma.h>

/* Bytes; UINT64_MAX: none. */
enum aspace_limit {
	LIMIT_AS,      /* of all VMAs */
	LIMIT_DATA,    /* of private writable ones, but stacks */
	LIMIT_STACK,   /* of a VMA that grows down */
	LIMIT_MEMLOCK, /* of locked ones */
	ASPACE_LIMITS
};

/* Faults that were served, by what was done. */
enum fault_kind {
	FAULTS_ZERO,   /* the zero page was mapped */
	FAULTS_ANON,   /* a new page */
	FAULTS_HUGE,   /* one of 2 MiB */
	FAULTS_OBJECT, /* a page of an object */
	FAULTS_COPY,   /* copied, as others have it, too */
	FAULTS_REUSE,  /* made writable for its last owner */
	FAULTS_SPURIOUS,
	FAULT_KINDS
};

/* What a hart has of a space. It is a line of a cache: only that hart writes it, and
 * others look now and then. */
struct aspace_hart {
	uint32_t reads; /* enum aspace_reads, mm/aspace_impl.h (a) */
	uint64_t faults[FAULT_KINDS]; /* that it served; in read sections (a) */
} __attribute__((aligned(64)));

struct aspace {
	uint32_t refs;	   /* (a) */
	uint32_t changing; /* a writer is at work (a) */
	cpumask_t readers; /* harts that ever read it (a) */
	struct mutex mutex;
	struct umap map;

	/* The writer's; constant for readers: */
	struct vma_map vmas;
	uint64_t total; /* bytes of VMAs; by kind: */
	uint64_t data, stack, exec, other;
	uint64_t locked;    /* of those with VMA_LOCKED */
	uint64_t committed; /* of those with VMA_ACCOUNTED */
	struct range brk;   /* start, current end, exact */
	uint64_t limit[ASPACE_LIMITS];
	uint64_t max_vmas;    /* as many may exist before one is added */
	uint64_t image_data;  /* bytes of the program's own data: they count
				   with the heap for LIMIT_DATA */
	uint32_t lock_future; /* VMA_LOCKED, VMA_LOCKONFAULT: for new VMAs */
	bool may_lock; /* root's: LIMIT_MEMLOCK does not count, and what is
			  below ASPACE_MIN_ADDR can be mapped (a) */
	bool no_huge;  /* no pages of 2 MiB, whatever advice says */
	uint32_t membarrier; /* what membarrier() was registered for (a) */
	struct range code, args, env; /* for reports */
	vaddr_t stack_top;	      /* for reports; 0: none */

	struct aspace_hart hart[]; /* by cpu */
};

#define ASPACE_MAX_VMAS 65530

/* max_vmas of spaces that begin; of others' children it is what theirs is. Set by
 * boot. */
extern uint64_t aspace_max_vmas;

/* Nothing is placed below, no hint counts that is, and only root may say so. */
#define ASPACE_MIN_ADDR PAGE_SIZE

/*
 * Where random numbers come from that places are drawn from; NULL: none, places
 * are always the same. Set by boot. aspace_random() is a random multiple of a
 * page below PAGE_SIZE << bits, or 0.
 */
extern uint64_t (*aspace_random_source)(void);
uint64_t aspace_random(unsigned bits);

/*
 * Was the caller killed meanwhile? Calls that fault in any number of pages ask now and
 * then, and end with -EINTR, which nobody sees. NULL: never. Set by boot.
 */
extern bool (*aspace_killed)(void);

/* An empty one, with Linux's limits; NULL: no memory. */
struct aspace *aspace_create(void);
struct aspace *aspace_get(struct aspace *as);

/* The last reference goes: all is unmapped and freed. No hart is in the space. */
void aspace_put(struct aspace *as);

/* Choose anew below what end places are given out: what LIMIT_STACK wants stays
 * free. For a space in which nothing is mapped yet. */
void aspace_layout(struct aspace *as);

/* A copy whose private pages are shared until one side writes. 0, -ENOMEM (the
 * parent is as before). */
int aspace_fork(struct aspace *parent, struct aspace **child);

struct aspace_mmap {
	vaddr_t addr;
	uint64_t len;
	uint32_t prot;		  /* PROT_*; unknown bits are ignored */
	uint32_t flags;		  /* MAP_* */
	struct vm_object *object; /* NULL: anonymous. References are taken as
				     needed, the caller keeps its own */
	uint64_t offset;	  /* bytes, whole pages */
	bool object_ro;		  /* opened for reading only */
	int refuse; /* no object, as the file can't be mapped: the error for it */
};

/* mmap(): the address in *at. */
int aspace_mmap(struct aspace *as, const struct aspace_mmap *m, vaddr_t *at);

/* The same for private anonymous memory; MAP_PRIVATE and MAP_ANONYMOUS are added
 * to `flags`. */
int aspace_map_anonymous(struct aspace *as, vaddr_t addr, uint64_t len,
			 uint32_t prot, uint32_t flags, vaddr_t *at);

int aspace_munmap(struct aspace *as, vaddr_t addr, uint64_t len);
int aspace_mprotect(struct aspace *as, vaddr_t addr, uint64_t len,
		    uint32_t prot);
int aspace_mremap(struct aspace *as, vaddr_t old, uint64_t old_len,
		  uint64_t new_len, uint32_t flags, vaddr_t to, vaddr_t *at);

/* brk(): the break, which is as it was when that can't be. */
vaddr_t aspace_brk(struct aspace *as, vaddr_t end);

int aspace_madvise(struct aspace *as, vaddr_t addr, uint64_t len, int advice);

/* mincore(): calls `put` with vec[index], ..., n of them, without any lock, until
 * it returns an error, which is the result. */
int aspace_mincore(struct aspace *as, vaddr_t addr, uint64_t len,
		   int (*put)(void *ctx, uint64_t index, const uint8_t *vec,
			      size_t n),
		   void *ctx);
int aspace_msync(struct aspace *as, vaddr_t addr, uint64_t len, int flags);
int aspace_mlock(struct aspace *as, vaddr_t addr, uint64_t len, bool on_fault);
int aspace_munlock(struct aspace *as, vaddr_t addr, uint64_t len);
int aspace_mlockall(struct aspace *as, int flags);
int aspace_munlockall(struct aspace *as);

/* remap_file_pages(): what Linux makes of that old call. `pgoff` in pages. */
int aspace_remap_pages(struct aspace *as, vaddr_t addr, uint64_t len,
		       uint32_t prot, uint64_t pgoff, uint32_t flags);

/* A fault at `va`. Interrupts on or off; a spurious one is DONE, too. */
enum fault_result {
	FAULT_DONE,
	FAULT_MAPERR, /* nothing is mapped there */
	FAULT_ACCERR, /* not with that right */
	FAULT_BUS,    /* beyond the end of the object */
	FAULT_NOMEM,
};
enum fault_result aspace_fault(struct aspace *as, vaddr_t va, enum access kind);

/* As if the program had accessed them, but by the direct map, for whoever is not
 * in the space. Bytes done: fewer, if there is a fault. */
size_t aspace_read(struct aspace *as, vaddr_t va, void *p, size_t n);
size_t aspace_write(struct aspace *as, vaddr_t va, const void *p, size_t n);

/* Each VMA in order, until `each` returns non-zero, which is the result; else 0.
 * It must not use this space's functions, nor touch user memory. */
int aspace_each(struct aspace *as, int (*each)(void *ctx, const struct vma *v),
		void *ctx);

/* "[heap]", "[stack]", or NULL. In aspace_each(). */
const char *aspace_vma_name(const struct aspace *as, const struct vma *v);

struct aspace_stats {
	uint64_t vmas;
	uint64_t total, data, stack, exec, locked; /* bytes */
	uint64_t committed;			   /* bytes */
	uint64_t resident; /* frames that are mapped, those in 2 MiB too */
	uint64_t shared;   /* of these: of objects */
	uint64_t huge;	   /* leaves of 2 MiB */
	uint64_t tables;   /* frames of page tables */
	uint64_t faults[FAULT_KINDS];
};
void aspace_stats(struct aspace *as, struct aspace_stats *s);

/* Faults that were served, of one kind or all. Any context. */
uint64_t aspace_faults_of(const struct aspace *as, enum fault_kind kind);
uint64_t aspace_faults(const struct aspace *as);

/* How many spaces there are. Any context. */
unsigned aspace_count(void);

/* Bytes that all spaces, and shared memory, may need in the end. Any context; exact
 * while nobody maps. */
uint64_t aspace_committed(void);

/* Validate VMAs, sums, and that page tables fit them: NULL, or what is wrong. */
const char *aspace_check(struct aspace *as);
