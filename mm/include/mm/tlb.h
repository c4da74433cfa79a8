/*
 * The TLB flusher: what harts remember of page tables, and when they forget.
 *
 * The law: unhook, fence, free. No frame and no table is used for something
 * else before every hart that could still reach it through an old entry was
 * fenced. A gather carries a change through these three steps:
 *
 *	struct tlb_gather g;
 *
 *	tlb_gather_init(&g, space);
 *	pgtable_unmap(pt, va, &g);	unhooks; the gather notes what and where
 *	tlb_flush(&g);			fences, then frees
 *
 * Only this file's functions fence. The theory is in mm/tlb.c; docs/tlb.md has
 * the list of all fences.
 */
#pragma once

#include <kernel/cpu.h>
#include <lib/list.h>
#include <lib/range.h>
#include <mm/page.h>

struct mapping;
struct pgtable;

/* What TLBs know of a user address space. */
struct tlb_space {
	uint64_t context; /* generation and ASID; 0: never ran (a) */
	cpumask_t active; /* harts that walk its tables now (a) */
	cpumask_t stale;  /* harts that must forget it before they do (a) */
};

/* One that never ran. Its tables are new to every hart, so each orders its walks
 * after the stores to them, by a fence, when it first enters. */
static inline void tlb_space_init(struct tlb_space *s)
{
	*s = (struct tlb_space){.stale = ~(cpumask_t)0};
}

struct tlb_gather {
	struct tlb_space *space; /* NULL: the kernel's, which all harts share */
	struct range va;	 /* leaves that changed lie in it */
	uint64_t step;		 /* the smallest of them, bytes */
	bool tables;		 /* entries that point to tables changed */
	struct list pages;	 /* struct page: freed after the fence */
	/* Called for each leaf that is unmapped, before the fence; NULL when the
	 * memory is not the mapping's to free. May call tlb_gather_free. */
	void (*unmapped)(struct tlb_gather *g, const struct mapping *m);
};

static inline void tlb_gather_init(struct tlb_gather *g,
				   struct tlb_space *space)
{
	g->space = space;
	g->va = range_make(0, 0);
	g->step = 0;
	g->tables = false;
	list_init(&g->pages);
	g->unmapped = NULL;
}

/* The entries of leaves in `va`, none smaller than `step`, were changed. */
void tlb_gather_leaves(struct tlb_gather *g, struct range va, uint64_t step);

/* An entry that points or pointed to a table was changed. */
static inline void tlb_gather_table(struct tlb_gather *g)
{
	g->tables = true;
}

/* Free this block of page_alloc(), which nothing points to any more, after the
 * fence. Uses page->link. */
static inline void tlb_gather_free(struct tlb_gather *g, struct page *p)
{
	list_add(&g->pages, &p->link);
}

/*
 * Fence every hart that may remember what was changed, then free what is to be
 * freed. The gather is empty then. Any context; may be called with spinlocks
 * held and interrupts off. Panics when firmware refuses to fence: there is no
 * safe way on.
 */
void tlb_flush(struct tlb_gather *g);

/*
 * The same for entries that were only added. In a user space just this hart is
 * fenced, at once or when it enters, and others that are in it may still fault
 * there: then tlb_forget() helps.
 */
void tlb_flush_new(struct tlb_gather *g);

/* The same in a user space where others change entries meanwhile, each of which is
 * flushed by who changes it. Nothing is to be freed. */
void tlb_flush_added(struct tlb_gather *g);

/* tlb_flush() and tlb_flush_added() for the leaf of one page in a user space, by a
 * task. */
void tlb_flush_page(struct tlb_space *s, vaddr_t va);
void tlb_flush_added_page(struct tlb_space *s, vaddr_t va);

/* tlb_flush_added() for tables, and what is in them. */
void tlb_flush_added_table(struct tlb_space *s);

/* This hart forgets a user space, if it is in it: after a fault for which there
 * is no reason in the tables. */
void tlb_forget(struct tlb_space *s);

/*
 * This hart goes on with another address space: NULL is the kernel alone.
 * Interrupts are off. The space must not be destroyed while it is active.
 */
void tlb_switch(struct tlb_space *space, const struct pgtable *pt);

/* Around waiting for an interrupt, with interrupts off: fences that can wait
 * are made at the end of it. In between, nothing is used but stack,
 * per-hart variables and image. */
void tlb_idle_enter(void);
void tlb_idle_exit(void);

/* Code was stored: all harts fetch it from now on. */
void tlb_sync_code(void);

/* For so many harts at most. `full`: fence everything, always (tlbflush=full, or
 * a hart that needs it). Boot, by the boot hart, before the first space. */
void tlb_init(unsigned cpus, bool full);

/* A hart other than the one that booted, by itself, once it is in cpus_online()
 * and before it uses anything that is mapped later. */
void tlb_join(void);

/* What happened so far, per hart; it may miss one when an interrupt counts, too. */
struct tlb_counters {
	uint64_t ranges;       /* local fences with a range */
	uint64_t spaces;       /* local fences of a whole address space */
	uint64_t all;	       /* local fences of everything */
	uint64_t remote;       /* calls that fenced other harts */
	uint64_t remote_harts; /* harts in these */
	uint64_t deferred;  /* harts that were left to fence themselves later */
	uint64_t caught_up; /* deferred fences made by this hart */
	uint64_t switches;
	uint64_t rollovers; /* of the ASIDs, found by this hart */
	uint64_t code;	    /* tlb_sync_code() */
};

const struct tlb_counters *tlb_counters(unsigned cpu);

/* ASIDs in use, 0 when satp has none; whether every fence is a full one. */
unsigned tlb_asids(void);
bool tlb_full(void);
