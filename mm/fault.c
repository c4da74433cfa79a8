/*
 * Page faults of programs: what fault_decide() says (<mm/fault.h>) is done.
 *
 * A fault is served in a read section of its space (mm/aspace.c): VMAs stand still,
 * and only other faults are at the tables. Each of them gets what it needs first,
 * memory and tables, then puts its leaf in by one compare-and-swap. Who loses gives
 * back what it had, and that is all: the program goes on, and finds the other's page.
 *
 * A leaf that takes the place of another has a middle step:
 *
 *	old, read-only	->  old, hidden	 ->  flush  ->	new
 *
 * In between nobody uses either. Else one hart could store to the new page while
 * another still loads from the old one, and the two might know of each other. Who faults
 * meanwhile sees a hidden leaf, and tries again. The old page loses its reference
 * after the flush.
 *
 *  I1  Whoever holds a leaf's page alone (refs == 1) may make it writable: the count
 *      can't grow, as only writers of this space could give the reference on.
 *  I2  A page is cleared, or is a copy, before it is seen.
 *  I3  What may be executed was made known to all harts' instruction fetches.
 *
 * A page is copied while others may replace it: then the frame may be free, and the copy
 * is garbage, but the swap fails. An entry never becomes again what it was, but by a
 * writer.
 *
 * Most faults are the first load or store of a page of private memory: these
 * aspace_fault() serves itself, in one straight way. All others go by the table.
 *
 * Cost: the VMA (O(log n)), a load a level, one frame, one swap and one fence.
 */
#include <kernel/assert.h>
#include <lib/errno.h>

#include "frame_cache.h"
#include "page_clear.h"
#include "tlb_here.h"
#include "user_impl.h"

/* Pages of an object that come with the one that is wanted, if it has them. */
#define AROUND 16

enum fault_huge fault_huge = HUGE_MADVISE;

static inline void count_fault(const struct fault *f, enum fault_kind kind)
{
	count_faults(aspace_here(f->as), kind, 1);
}

static enum fault_place place_of(const struct fault *f)
{
	const struct vma *v = f->v;

	if (!v)
		return PLACE_HOLE;
	if (f->va < v->va.start)
		return v->flags & VMA_GROWSDOWN ? PLACE_BELOW : PLACE_HOLE;
	if (!v->object)
		return PLACE_ANON;
	return v->flags & VMA_SHARED ? PLACE_SHARED : PLACE_PRIVATE;
}

static inline enum fault_entry entry_of(pte_t e)
{
	const struct page *p;

	if (!pte_present(e))
		return ENTRY_NOTHING;
	/* Where nothing was a moment ago another hart may have put a table. */
	if (pte_is_hidden(e) || pte_is_table(e))
		return ENTRY_HIDDEN;
	p = leaf_page(e);
	if (p->flags & PAGE_ZEROS)
		return ENTRY_ZERO;
	if (p->flags & PAGE_OBJECT)
		return ENTRY_OBJECT;
	/* Acquire: pairs with page_drop() of who had it, too. */
	return __atomic_load_n(&p->refs, __ATOMIC_ACQUIRE) == 1 ? ENTRY_MINE
								: ENTRY_OTHERS;
}

static inline struct pgtable_slot slot_at(const struct fault *f)
{
	return slot_of(&f->as->map.pt, f->entry, f->level);
}

/* Harts learn of leaves that were added, and of their tables. */
static __attribute__((noinline)) void tell(const struct fault *f,
					   struct range va, uint64_t step)
{
	struct tlb_gather g;

	if (f->quiet)
		return;
	tlb_gather_init(&g, &f->as->map.tlb);
	tlb_gather_leaves(&g, va, step);
	if (f->tables)
		tlb_gather_table(&g);
	tlb_flush_added(&g);
}

/* Of any size. */
static __attribute__((noinline)) void tell_leaf(const struct fault *f)
{
	uint64_t span = pt_span(f->level);
	vaddr_t start = align_down(f->va, span);

	tell(f, range_make(start, start + span), span);
}

/* This hart is not in the space, or its fences are of another kind. */
static __attribute__((noinline, cold)) enum fault_result tell_otherwise(
	struct tlb_space *space, vaddr_t va, bool tables)
{
	if (tables)
		tlb_flush_added_table(space);
	else
		tlb_flush_added_page(space, va);
	return FAULT_DONE;
}

static inline void tell_page(const struct fault *f)
{
	struct tlb_space *space = &f->as->map.tlb;

	if (f->quiet)
		return;
	if (!(f->tables ? tlb_forget_added_table(space)
			: tlb_forget_added_page(space, f->va)))
		tell_otherwise(space, f->va, f->tables);
}

/* Have the tables for a leaf of `level`; harts are told of them with the leaf. DONE
 * with another f->level: another hart was faster. */
static inline enum fault_result grow(struct fault *f, unsigned level)
{
	struct pgtable_slot s = slot_at(f);

	if (f->level <= level)
		return FAULT_DONE;
	if (pgtable_grow(f->va, level, &s))
		return FAULT_NOMEM;
	f->entry = s.entry;
	f->level = s.level;
	f->tables = true;
	return FAULT_DONE;
}

static inline bool fill(const struct fault *f, pte_t e)
{
	struct pgtable_slot s = slot_at(f);

	return slot_fill(&s, e);
}

/* Put a leaf for p where nothing is; it takes over the reference. */
static __attribute__((noinline)) enum fault_result add(struct fault *f,
						       struct page *p,
						       bool store)
{
	enum fault_result r = grow(f, 0);

	if (r != FAULT_DONE || f->level ||
	    !fill(f, leaf_of(p, f->v->prot, store)))
		leaf_put(p);
	tell_page(f);
	return r;
}

/* Put a leaf for p, which may be stored to, in the place of the one there. */
static inline enum fault_result replace(struct fault *f, struct page *p)
{
	debug_assert(!f->level);
	if (!pte_cas(f->entry, f->e, pte_protect(f->e, VM_USER))) {
		page_free(p, 0);
		return FAULT_DONE;
	}
	tlb_flush_page(&f->as->map.tlb, f->va);
	pte_store(f->entry, leaf_of(p, f->v->prot, true));
	leaf_put(leaf_page(f->e));
	return FAULT_DONE;
}

/* I3, for a frame that was somebody else's before. */
static void sync_new(const struct fault *f)
{
	if (f->v->prot & VM_EXEC)
		tlb_sync_code();
}

static inline bool wants_huge(const struct vma *v, vaddr_t va)
{
	enum fault_huge huge = __atomic_load_n(&fault_huge, __ATOMIC_RELAXED);
	vaddr_t start = align_down(va, HUGE_SIZE);

	if (huge == HUGE_NEVER || v->as->no_huge || (v->flags & VMA_NOHUGE) ||
	    (huge == HUGE_MADVISE && !(v->flags & VMA_HUGE)))
		return false;
	return range_within(range_make(start, start + HUGE_SIZE), v->va);
}

/* Is it served? If not, there is no such block, and the fault is as before. */
static __attribute__((noinline)) bool add_huge(struct fault *f)
{
	vaddr_t start = align_down(f->va, HUGE_SIZE);
	struct page *p = page_alloc(HUGE_ORDER, ALLOC_ZERO | ALLOC_NORETRY);

	if (!p)
		return false;
	sync_new(f);
	if (grow(f, 1) != FAULT_DONE) {
		page_free(p, HUGE_ORDER);
		return false;
	}
	if (f->level == 1 && fill(f, leaf_of(p, f->v->prot, true))) {
		tell(f, range_make(start, start + HUGE_SIZE), HUGE_SIZE);
		count_fault(f, FAULTS_HUGE);
	} else {
		page_free(p, HUGE_ORDER);
	}
	return true;
}

static __attribute__((noinline)) enum fault_result map_anon(struct fault *f)
{
	bool empty = !pte_present(f->e);
	struct page *p;

	if (f->level && wants_huge(f->v, f->va) && add_huge(f))
		return FAULT_DONE;
	p = page_alloc(0, ALLOC_ZERO);
	if (!p)
		return FAULT_NOMEM;
	sync_new(f);
	count_fault(f, FAULTS_ANON);
	return empty ? add(f, p, true) : replace(f, p);
}

static enum fault_result map_zero(struct fault *f)
{
	struct page *p = user_zero_page();

	if (!p)
		return FAULT_NOMEM;
	count_fault(f, FAULTS_ZERO);
	return add(f, p, false);
}

static struct page *copy_of(const struct page *from)
{
	struct page *p = page_alloc(0, 0);

	if (p)
		page_copy(p, from);
	return p;
}

static enum fault_result copy(struct fault *f)
{
	struct page *p = copy_of(leaf_page(f->e));

	if (!p)
		return FAULT_NOMEM;
	sync_new(f);
	count_fault(f, FAULTS_COPY);
	return replace(f, p);
}

static enum fault_result result_of(int err)
{
	return err == -ERANGE ? FAULT_BUS : FAULT_NOMEM;
}

/* What the object does not have reads as zeros, and a private view need not give it
 * to the object. */
static __attribute__((noinline)) enum fault_result copy_object(struct fault *f)
{
	struct page *from, *p;
	int err =
		object_page(f->v->object, index_of(f->v, f->va), false, &from);

	if (err == -ENOENT)
		return map_anon(f);
	if (err)
		return result_of(err);
	p = copy_of(from);
	page_put(from);
	if (!p)
		return FAULT_NOMEM;
	sync_new(f);
	count_fault(f, FAULTS_COPY);
	return add(f, p, true);
}

/* The pages around va that come with it: in one table, as the size is aligned. */
static struct range window(const struct fault *f)
{
	vaddr_t start = align_down(f->va, AROUND * PAGE_SIZE);

	if (f->kind == ACCESS_STORE)
		return page_at(f->va);
	return range_intersect(range_make(start, start + AROUND * PAGE_SIZE),
			       f->v->va);
}

/* Put leaves for those n pages that there are; the first belongs at `start`. */
static void add_pages(struct fault *f, vaddr_t start, struct page **page,
		      unsigned n)
{
	struct pgtable_slot s = slot_at(f);

	s.entry -= (f->va - start) >> PAGE_SHIFT;
	for (unsigned i = 0; i < n; i++, s.entry++) {
		bool store = f->v->flags & VMA_SHARED;

		if (!page[i])
			continue;
		if (s.level ||
		    !pgtable_fill(&s, leaf_of(page[i], f->v->prot, store)))
			page_put(page[i]);
	}
	tell(f, range_make(start, start + ((uint64_t)n << PAGE_SHIFT)),
	     PAGE_SIZE);
}

static void put_pages(struct page **page, unsigned n)
{
	while (n--)
		if (page[n])
			page_put(page[n]);
}

static __attribute__((noinline)) enum fault_result map_object(struct fault *f)
{
	struct range va = window(f);
	unsigned n = (unsigned)(range_size(va) >> PAGE_SHIFT);
	unsigned mine = (unsigned)((f->va - va.start) >> PAGE_SHIFT);
	struct vm_object *o = f->v->object;
	struct page *page[AROUND];
	enum fault_result r = FAULT_DONE;
	int err = 0;

	object_pages(o, index_of(f->v, va.start), n, page);
	if (!page[mine])
		err = object_page(o, index_of(f->v, f->va), true, &page[mine]);
	r = err ? result_of(err) : grow(f, 0);
	if (r != FAULT_DONE) {
		if (err)
			page[mine] = NULL;
		put_pages(page, n);
		return r;
	}
	if (f->v->prot & VM_EXEC)
		object_sync_code(o);
	count_fault(f, FAULTS_OBJECT);
	add_pages(f, va.start, page, n);
	return FAULT_DONE;
}

/* `store`: the page may be stored to. */
static enum fault_result set_rights(struct fault *f, bool store)
{
	pte_t e = pte_protect(f->e, leaf_prot(f->v->prot, store));

	sync_new(f);
	count_fault(f, FAULTS_REUSE);
	if (!pte_cas(f->entry, f->e, e))
		return FAULT_DONE;
	if (f->level)
		tell_leaf(f);
	else
		tell_page(f);
	return FAULT_DONE;
}

static enum fault_result forget(struct fault *f)
{
	count_fault(f, FAULTS_SPURIOUS);
	tlb_forget(&f->as->map.tlb);
	return FAULT_DONE;
}

static inline __attribute__((always_inline)) enum fault_result serve(
	struct fault *f)
{
	struct fault_case c = {.place = place_of(f), .kind = f->kind};

	if (c.place > PLACE_BELOW) {
		f->e = pte_load(f->entry);
		c.prot = f->v->prot;
		c.entry = entry_of(f->e);
		c.leaf = pte_prot(f->e);
	}
	switch (fault_decide(&c)) {
	case ACT_ZERO:
		return map_zero(f);
	case ACT_ANON:
		return map_anon(f);
	case ACT_OBJECT:
		return map_object(f);
	case ACT_COPY_OBJECT:
		return copy_object(f);
	case ACT_COPY:
		return copy(f);
	case ACT_RIGHTS:
		return set_rights(f, c.place == PLACE_SHARED ||
					     c.entry == ENTRY_MINE);
	case ACT_FORGET:
		return forget(f);
	case ACT_AGAIN:
		return FAULT_DONE;
	case ACT_ACCERR:
		return FAULT_ACCERR;
	case ACT_GROW:
		return FAULT_GROW;
	case ACT_MAPERR:
		break;
	}
	return FAULT_MAPERR;
}

enum fault_result fault_serve(struct fault *f)
{
	return serve(f);
}

/* After a read section that could not begin, as a writer was at work, or was left, as
 * a stack is to grow. */
static __attribute__((noinline, cold)) enum fault_result serve_late(
	struct aspace *as, vaddr_t va, enum access kind)
{
	struct fault f = {.as = as, .va = va, .kind = kind};
	enum fault_result r;

	aspace_read_end(as);
	do {
		aspace_read_begin(as);
		f.v = vma_find(&as->vmas, va);
		f.entry = entry_find(&as->map.pt, va, 0, &f.level);
		r = fault_serve(&f);
		aspace_read_end(as);
	} while (r == FAULT_GROW && !aspace_grow_stack(as, va));
	return r == FAULT_GROW ? FAULT_MAPERR : r;
}

/* In a read section, which it ends. */
static __attribute__((noinline)) enum fault_result serve_other(
	struct aspace *as, vaddr_t va, enum access kind, const struct vma *v,
	pte_t *entry, unsigned level)
{
	struct fault f = {.as = as,
			  .va = va,
			  .kind = kind,
			  .v = v,
			  .entry = entry,
			  .level = level};
	enum fault_result r = serve(&f);

	aspace_read_end(as);
	return r == FAULT_GROW ? serve_late(as, va, kind) : r;
}

/* Another hart was faster, or (r) there is no memory for a table. */
static __attribute__((noinline, cold)) enum fault_result lose(
	struct aspace *as, struct page *p, enum fault_result r)
{
	leaf_put(p);
	aspace_read_end(as);
	/* Of tables, and of what the other put there. */
	tlb_flush_added_table(&as->map.tlb);
	return r;
}

/* Is it a first access to private memory that can't be executed? */
static inline bool is_first(const struct vma *v, vaddr_t va, const pte_t *entry,
			    enum access kind)
{
	return v && va >= v->va.start && !v->object && !(v->prot & VM_EXEC) &&
	       fault_allows(v->prot, kind) && !pte_present(pte_load(entry));
}

/* Then put p there, and end the read section. */
static inline __attribute__((always_inline)) enum fault_result add_first(
	struct aspace *as, struct aspace_hart *me, vaddr_t va, pte_t *entry,
	struct page *p, bool store, bool tables)
{
	if (!pte_cas(entry, pte_none(), leaf_of(p, VM_READ | VM_WRITE, store)))
		return lose(as, p, FAULT_DONE);
	page_get(page_of_entry(entry));
	count_faults(me, store ? FAULTS_ANON : FAULTS_ZERO, 1);
	aspace_read_stop(me);
	if (tables ? tlb_forget_added_table(&as->map.tlb)
		   : tlb_forget_added_page(&as->map.tlb, va))
		return FAULT_DONE;
	return tell_otherwise(&as->map.tlb, va, tables);
}

/* The first store where there is no table yet, and no large page is to be. */
static __attribute__((noinline)) enum fault_result store_first(
	struct aspace *as, vaddr_t va, pte_t *entry, unsigned level)
{
	struct pgtable_slot s = slot_of(&as->map.pt, entry, level);
	struct aspace_hart *me = aspace_here(as);
	struct page *p = page_alloc(0, ALLOC_ZERO);

	if (!p) {
		aspace_read_stop(me);
		return FAULT_NOMEM;
	}
	if (pgtable_grow(va, 0, &s))
		return lose(as, p, FAULT_NOMEM);
	if (s.level)
		return lose(as, p, FAULT_DONE);
	return add_first(as, me, va, s.entry, p, true, true);
}

/* Most faults are first stores and loads. They take no call, as long as the hart has
 * a frame; and where this leaves to, everything is in registers. So it needs no
 * stack. */
enum fault_result aspace_fault(struct aspace *as, vaddr_t va, enum access kind)
{
	struct aspace_hart *me = aspace_here(as);
	const struct vma *v;
	struct page *p;
	unsigned level;
	pte_t *entry;

	va = align_down(va, PAGE_SIZE);
	if (!aspace_read_try(as, me))
		return serve_late(as, va, kind);
	v = vma_find(&as->vmas, va);
	entry = entry_find(&as->map.pt, va, 0, &level);
	if (!is_first(v, va, entry, kind))
		return serve_other(as, va, kind, v, entry, level);
	if (kind == ACCESS_STORE) {
		if (level && !wants_huge(v, va))
			return store_first(as, va, entry, level);
		p = level ? NULL : frame_cache_pop(0);
		if (p) {
			page_clear_here(p, 0);
			return add_first(as, me, va, entry, p, true, false);
		}
	} else {
		p = __atomic_load_n(&user_zeros, __ATOMIC_RELAXED);
		if (p && !level)
			return add_first(as, me, va, entry, p, false, false);
	}
	return serve_other(as, va, kind, v, entry, level);
}
