/*
 * Taking pages of a user space away (user_zap(), mm/aspace_impl.h).
 *
 * What a leaf leads to is dropped after the fence, and until then something has to
 * remember it. The tables do that themselves:
 *
 *	1  unhook	tables that lose all their leaves are unhooked as they are;
 *			in others the leaves are hidden
 *	2  flush	once, for all of it
 *	3  drop		what is in those tables, and what is hidden in the others
 *
 *	one that stays				one that goes
 *	| hidden | hidden | leaf | - |		| leaf | leaf | - | leaf |
 *
 * So a range of any size takes one fence, and no list of its pages. One page, which is
 * most calls, has a straight way; a few are noted down. Tables that become empty by
 * them are kept for the next that are needed.
 *
 * A frame that nobody else has goes back in a batch; the references of others are
 * counted down, and the last one frees.
 *
 * When a space goes, no hart is in it, nor will be: what harts remember of it can't be
 * used (mm/tlb.c), so nothing is fenced.
 *
 * I1  A table that goes has refs - 1 leaves, the first of them at `owner` or behind.
 *     One above it that became empty with it has refs = 1.
 * I2  One release fence, begin_drop(), comes before the references of many pages are
 *     dropped, and an acquire fence before any of them is freed.
 *
 * Cost: a descent, a store or none for each leaf, and then 15 instructions to drop it,
 * or 13 and what page_free_bulk() takes.
 * Locking: the writer's, so no fault is on its way.
 */
#include "user_impl.h"

/* Frames that are freed at once; fewer than LEAST go to the hart's own. */
#define BATCH 32
#define LEAST 16

/* Entries that are not worth two passes. */
#define FEW 8

struct zap {
	struct tlb_gather g;
	bool hidden; /* are there leaves in tables that stay? */
	unsigned n;
	struct page *frame[BATCH];
	pte_t leaf[FEW];
};

/* The cursor's table goes; no leaf of it is in front of `first`. */
static void unhook_table(const struct cursor *c, struct zap *z,
			 const pte_t *first)
{
	cursor_page(c)->owner = (uintptr_t)first % PAGE_SIZE / sizeof(*first);
	cursor_drop_table(c, &z->g);
}

/* Hide leaves from p on, up to `end` or a pointer: where is that? */
static pte_t *hide(pte_t *p, const pte_t *end, pte_t **first, int32_t *n)
{
	while (p < end) {
		pte_t e = pte_load(p);

		if (pte_is_leaf(e)) {
			if (!*n)
				*first = p;
			++*n;
			pte_set(p++, pte_protect(e, VM_USER));
		} else if (pte_is_table(e)) {
			break;
		} else {
			p = skip_empty(p + 1, end);
		}
	}
	return p;
}

/* What of the range is in the cursor's table, up to a pointer. Returns how many
 * entries that is. */
static uint64_t unhook(const struct cursor *c, struct zap *z)
{
	uint64_t most = min_u64(cursor_room(c), cursor_entries(c));
	pte_t *first = c->slot, *end = first + most;
	bool whole = most == PT_ENTRIES && c->shift == PAGE_SHIFT;
	int32_t n = 0;
	vaddr_t at;

	if (!whole)
		end = hide(first, end, &first, &n);
	if (!whole && !n)
		return (uint64_t)(end - c->slot);
	at = c->va + ((uint64_t)(first - c->slot) << c->shift);
	tlb_gather_leaves(
		&z->g,
		range_make(at, at + ((uint64_t)(end - first) << c->shift)),
		(uint64_t)1 << c->shift);
	if (whole || cursor_page(c)->refs == 1 + n)
		unhook_table(c, z, first);
	else
		z->hidden = true;
	return (uint64_t)(end - c->slot);
}

static void free_all(struct page **frame, unsigned n)
{
	/* Acquire: pairs with begin_drop(), or page_drop(), of who had them. */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (n >= LEAST)
		page_free_bulk(n, frame);
	else
		for (unsigned i = 0; i < n; i++)
			page_free(frame[i], 0);
}

static void free_frames(struct zap *z)
{
	free_all(z->frame, z->n);
	z->n = 0;
}

static inline void free_frame(struct zap *z, struct page *p)
{
	z->frame[z->n++] = p;
	if (z->n == BATCH)
		free_frames(z);
}

static __attribute__((noinline, cold)) void free_last(struct page *p)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	page_free(p, p->order);
}

/* Drop the leaf's reference (I2), unless nobody else has the page: true, and it is the
 * caller's to free. */
static inline bool drop_if_shared(struct page *p)
{
	uint64_t head = __atomic_load_n(&p->head, __ATOMIC_RELAXED);

	if (head == page_head(PAGE_USED, 0)) /* page_is_sole() */
		return true;
	if (!(page_head_flags(head) & PAGE_ZEROS) &&
	    __atomic_fetch_sub(&p->refs, 1, __ATOMIC_RELAXED) == 1)
		free_last(p);
	return false;
}

/* Before references are dropped. */
static inline void begin_drop(void)
{
	/* Release: what was done with the pages comes before; pairs with free_all() and
	 * free_last() of whoever drops the last one. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static inline void drop_leaf(struct zap *z, pte_t e)
{
	struct page *p = leaf_page(e);

	if (drop_if_shared(p))
		free_frame(z, p);
}

/* A table that was unhooked, and what is in it. What has been read of it is overwritten
 * by a list of the frames to be freed. */
static void drop_table(struct zap *z, struct page *table)
{
	const pte_t *p = table_at(page_to_phys(table));
	struct page **const frames = phys_to_virt(page_to_phys(table));
	struct page **next = frames;
	int32_t left = table->refs - 1;

	/* Of one without leaves `owner` says nothing. */
	if (left)
		p += table->owner;
	for (; left; p++) {
		pte_t e = pte_load(p);

		if (!pte_is_leaf(e))
			continue;
		left--;
		if (drop_if_shared(leaf_page(e)))
			*next++ = leaf_page(e);
	}
	free_all(frames, (unsigned)(next - frames));
	free_frame(z, table);
}

/* Leaves in the cursor's table, up to a pointer. Returns how many entries
 * that is. */
static uint64_t drop_entries(const struct cursor *c, struct zap *z)
{
	uint64_t most = min_u64(cursor_room(c), cursor_entries(c));
	pte_t *p = c->slot, *const end = p + most;
	uint64_t n = 0;

	for (; p < end && !pte_is_table(pte_load(p)); p = skip_empty(p, end)) {
		const pte_t *const first = p;
		pte_t e;

		for (; p < end && (e = pte_load(p), pte_is_leaf(e)); p++) {
			pte_set(p, pte_none());
			drop_leaf(z, e);
		}
		n += (uint64_t)(p - first);
	}
	if (n)
		cursor_count_gone(c, n, &z->g);
	return (uint64_t)(p - c->slot);
}

/* All leaves there are of `va` go: no hart remembers them. */
static void drop_leaves(const struct pgtable *pt, struct range va,
			struct zap *z)
{
	struct cursor c;

	cursor_start(&c, pt, va);
	do
		cursor_down(&c);
	while (cursor_along(&c, drop_entries(&c, z)));
}

/* Tables that were emptied entry by entry. */
static void keep_tables(struct list *gone)
{
	list_for_each_safe (l, gone)
		pgtable_keep(list_entry(l, struct page, link));
}

static void flush_and_keep(struct tlb_gather *g)
{
	struct list gone = LIST_INIT(gone);

	list_splice(&gone, &g->pages);
	tlb_flush(g);
	keep_tables(&gone);
}

/* A page that is not the last of its table. */
static __attribute__((noinline)) int zap_page(struct aspace *as, vaddr_t va,
					      const struct pgtable_slot *s)
{
	struct page *page = leaf_page(pte_load(s->entry));

	s->count->refs--;
	pte_set(s->entry, pte_none());
	tlb_flush_page(&as->map.tlb, va);
	begin_drop();
	if (drop_if_shared(page))
		free_all(&page, 1);
	return 0;
}

/* A few entries, all in the cursor's table, whose pages are noted down. */
static void zap_few(struct aspace *as, const struct cursor *c)
{
	pte_t *p = c->slot, *const end = p + cursor_entries(c);
	struct zap z;
	unsigned n = 0;

	z.n = 0;
	for (; p < end; p++) {
		pte_t e = pte_load(p);

		if (!pte_is_leaf(e))
			continue;
		z.leaf[n++] = e;
		pte_set(p, pte_none());
	}
	if (!n)
		return;
	tlb_gather_init(&z.g, &as->map.tlb);
	tlb_gather_leaves(&z.g, range_make(c->va, c->last + 1), PAGE_SIZE);
	cursor_count_gone(c, n, &z.g);
	flush_and_keep(&z.g);
	begin_drop();
	for (unsigned i = 0; i < n; i++)
		drop_leaf(&z, z.leaf[i]);
	free_frames(&z);
}

static void zap_many(struct aspace *as, struct range va, struct zap *z)
{
	const struct pgtable *pt = &as->map.pt;
	struct list gone;
	struct cursor c;

	cursor_start(&c, pt, va);
	do
		cursor_down(&c);
	while (cursor_along(&c, unhook(&c, z)));
	list_init(&gone);
	list_splice(&gone, &z->g.pages);
	tlb_flush(&z->g);
	begin_drop();
	list_for_each_safe (l, &gone)
		drop_table(z, list_entry(l, struct page, link));
	if (z->hidden) {
		drop_leaves(pt, va, z);
		/* A table may be empty only now, when one went that was among its
		 * leaves. */
		flush_and_keep(&z->g);
	}
	free_frames(z);
}

static __attribute__((noinline)) int zap_range(struct aspace *as,
					       struct range va)
{
	struct cursor c;
	struct zap z;
	int err = 0;

	cursor_start(&c, &as->map.pt, va);
	cursor_down(&c);
	if (in_one_table(&c) && cursor_entries(&c) <= FEW) {
		zap_few(as, &c);
		return 0;
	}
	tlb_gather_init(&z.g, &as->map.tlb);
	z.hidden = false;
	z.n = 0;
	if (!in_one_table(&c))
		err = user_split(as, va, &z.g);
	if (err)
		tlb_flush(&z.g);
	else
		zap_many(as, va, &z);
	return err;
}

int user_zap(struct aspace *as, struct range va)
{
	struct pgtable_slot s;

	if (va.end - va.start == PAGE_SIZE) {
		slot_find(&as->map.pt, va.start, 0, &s);
		if (!pte_present(pte_load(s.entry)))
			return 0;
		if (!s.level && s.count->refs > 2)
			return zap_page(as, va.start, &s);
	}
	return zap_range(as, range_make(va.start, va.end));
}

void user_zap_all(struct aspace *as)
{
	struct vma *v = vma_first(&as->vmas);
	struct zap z;

	tlb_gather_init(&z.g, &as->map.tlb);
	z.n = 0;
	begin_drop();
	while (v) {
		struct range va = v->va;

		while ((v = vma_next(v)) && v->va.start == va.end)
			va.end = v->va.end;
		drop_leaves(&as->map.pt, va, &z);
	}
	/* No hart has to be fenced. */
	keep_tables(&z.g.pages);
	free_frames(&z);
}
