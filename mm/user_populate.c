/*
 * Pages of a user space before they are asked for (user_populate(),
 * mm/aspace_impl.h): the same as a fault at each, but with one look for the VMA, and
 * private memory comes in rows of new pages.
 *
 * Cost: in rows what it takes to clear a page, and 60 instructions; else a fault.
 * Locking: read sections of at most BATCH pages, so that writers get through; and who
 * is killed ends between two of them.
 */
#include <lib/errno.h>

#include "user_impl.h"

#define BATCH 32

static const int result[] = {
	[FAULT_DONE] = 0,	  [FAULT_MAPERR] = -ENOMEM,
	[FAULT_ACCERR] = -EINVAL, [FAULT_BUS] = -EFAULT,
	[FAULT_NOMEM] = -ENOMEM,
};

static void find(struct fault *f)
{
	f->entry = entry_find(&f->as->map.pt, f->va, 0, &f->level);
}

/* New pages for the empty entries from f's on, all in one table, before `end`: all at
 * once. Returns how many; 0: it is something else, or memory is scarce. */
static unsigned add_new(struct fault *f, vaddr_t end)
{
	uint64_t room = PT_ENTRIES - pt_index(f->va, 0);
	pte_t *entry = f->entry, *last;
	struct page *page[BATCH];
	unsigned n, added = 0;

	last = entry + min_u64(room, (end - f->va) >> PAGE_SHIFT);
	for (n = 0; entry + n < last && !pte_present(pte_load(entry + n)); n++)
		;
	if (!n || !page_alloc_bulk(n, page, ALLOC_ZERO | ALLOC_NORETRY))
		return 0;
	if (f->v->prot & VM_EXEC)
		tlb_sync_code();
	for (unsigned i = 0; i < n; i++)
		if (pte_cas(&entry[i], pte_none(),
			    leaf_of(page[i], f->v->prot, true)))
			added++;
		else
			page_free(page[i], 0);
	__atomic_fetch_add(&page_of_entry(entry)->refs, (int32_t)added,
			   __ATOMIC_RELAXED);
	count_faults(aspace_here(f->as), FAULTS_ANON, added);
	return n;
}

/* Is a row of pages the same as a page, and another? */
static bool takes_rows(const struct fault *f)
{
	return f->kind == ACCESS_STORE && !f->v->object &&
	       fault_allows(f->v->prot, ACCESS_STORE);
}

static enum fault_result populate_page(struct fault *f)
{
	enum fault_result r = FAULT_DONE;

	while (!leaf_allows(pte_load(f->entry), f->kind)) {
		r = fault_serve(f);
		if (r != FAULT_DONE)
			break;
		/* Another hart may have been faster: is it as we want it? */
		find(f);
	}
	return r;
}

/* Some pages from va->start on, which it moves. */
static int populate_some(struct aspace *as, struct range *va, enum access kind)
{
	struct tlb_gather g;
	struct fault f = {.as = as, .kind = kind, .quiet = true};
	enum fault_result r = FAULT_DONE;
	vaddr_t end;
	unsigned n;

	tlb_gather_init(&g, &as->map.tlb);
	aspace_read_begin(as);
	f.va = va->start;
	f.v = vma_find(&as->vmas, f.va);
	if (!f.v || f.va < f.v->va.start)
		r = FAULT_MAPERR;
	end = r ? f.va : min_u64(va->end, f.v->va.end);
	end = min_u64(end, f.va + BATCH * PAGE_SIZE);
	for (; f.va < end && !r; f.va += (uint64_t)n << PAGE_SHIFT) {
		find(&f);
		n = takes_rows(&f) && !f.level ? add_new(&f, end) : 0;
		if (n)
			continue;
		r = populate_page(&f);
		/* To the end of a large leaf. */
		n = (unsigned)(pt_span(f.level) - f.va % pt_span(f.level)) >>
		    PAGE_SHIFT;
	}
	if (f.va != va->start)
		tlb_gather_leaves(&g, range_make(va->start, f.va), PAGE_SIZE);
	if (f.tables)
		tlb_gather_table(&g);
	tlb_flush_added(&g);
	va->start = min_u64(f.va, va->end);
	aspace_read_end(as);
	return result[r];
}

int user_populate(struct aspace *as, struct range va, bool write)
{
	enum access kind = write ? ACCESS_STORE : ACCESS_LOAD;
	int err = 0;

	while (!range_empty(va) && !err)
		err = aspace_killed && aspace_killed()
			      ? -EINTR
			      : populate_some(as, &va, kind);
	return err;
}
