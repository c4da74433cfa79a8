/*
 * Pages of a user space before they are asked for (user_populate(),
 * mm/aspace_impl.h): the same as a fault at each, but with one look for the VMA, and
 * a step from entry to entry.
 *
 * Cost: about what it takes to clear the page, and 100 instructions.
 * Locking: read sections of at most BATCH pages, so that writers get through.
 */
#include <lib/errno.h>

#include "user_impl.h"

#define BATCH 32

static const int result[] = {
	[FAULT_DONE] = 0,	  [FAULT_MAPERR] = -ENOMEM,
	[FAULT_ACCERR] = -EINVAL, [FAULT_BUS] = -EFAULT,
	[FAULT_NOMEM] = -ENOMEM,
};

/* Where the entry for f->va is, when f->s was that of the page before, if there was
 * one. */
static void find_next(struct fault *f, bool first)
{
	if (!first && !f->s.level && pt_index(f->va, 0))
		f->s.entry++;
	else
		pgtable_find(&f->as->map.pt, f->va, 0, &f->s);
}

static enum fault_result populate_page(struct fault *f)
{
	enum fault_result r = FAULT_DONE;

	while (!leaf_allows(pte_load(f->s.entry), f->kind)) {
		r = fault_serve(f);
		if (r != FAULT_DONE)
			break;
		/* Another hart may have been faster: is it as we want it? */
		pgtable_find(&f->as->map.pt, f->va, 0, &f->s);
	}
	return r;
}

/* Some pages from va->start on, which it moves. */
static int populate_some(struct aspace *as, struct range *va, enum access kind)
{
	struct tlb_gather g;
	struct fault f = {.as = as, .kind = kind, .g = &g};
	enum fault_result r = FAULT_DONE;
	vaddr_t end;

	tlb_gather_init(&g, &as->map.tlb);
	aspace_read_begin(as);
	f.va = va->start;
	f.v = vma_find(&as->vmas, f.va);
	if (!f.v || f.va < f.v->va.start)
		r = FAULT_MAPERR;
	end = r ? f.va : min_u64(va->end, f.v->va.end);
	end = min_u64(end, f.va + BATCH * PAGE_SIZE);
	for (; f.va < end && !r; f.va += PAGE_SIZE) {
		find_next(&f, f.va == va->start);
		r = populate_page(&f);
	}
	va->start = f.va;
	tlb_flush_new(&g);
	aspace_read_end();
	return result[r];
}

int user_populate(struct aspace *as, struct range va, bool write)
{
	int err = 0;

	while (!range_empty(va) && !err)
		err = populate_some(as, &va,
				    write ? ACCESS_STORE : ACCESS_LOAD);
	return err;
}
