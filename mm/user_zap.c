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
 * So a range of any size takes one fence, and no list of its pages. A few pages are
 * noted down instead; tables that become empty by them are kept for the next that are
 * needed.
 *
 * I1  A table that goes has refs - 1 leaves, the first of them at `owner` or behind.
 *     One above it that became empty with it has refs = 1.
 *
 * A frame that nobody else has goes back in a batch; the references of others are
 * counted down, and the last one frees.
 *
 * Cost: a descent, a store or none for each leaf, and then about 30 instructions to
 * drop it.
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
	/* Acquire: pairs with page_drop() of who had them before. */
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

/* Drop the leaf's reference, unless nobody else has the page: true, and it is the
 * caller's to free. */
static inline bool drop_if_shared(struct page *p)
{
	if (page_is_sole(p, 0))
		return true;
	if (!(p->flags & PAGE_ZEROS) && page_drop(p))
		page_free(p, p->order);
	return false;
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
	struct page **frame = phys_to_virt(page_to_phys(table));
	int32_t left = table->refs - 1;
	unsigned n = 0;

	/* Of one without leaves `owner` says nothing. */
	if (left)
		p += table->owner;
	for (; left; p++) {
		pte_t e = pte_load(p);

		if (!pte_is_leaf(e))
			continue;
		left--;
		if (drop_if_shared(leaf_page(e)))
			frame[n++] = leaf_page(e);
	}
	free_all(frame, n);
	free_frame(z, table);
}

/* Leaves in the cursor's table, up to a pointer. Returns how many entries
 * that is. */
static uint64_t drop_entries(const struct cursor *c, struct zap *z)
{
	uint64_t most = min_u64(cursor_room(c), cursor_entries(c));
	pte_t *p = c->slot, *const end = p + most;
	uint64_t n = 0;

	while (p < end) {
		pte_t e = pte_load(p);

		if (pte_is_leaf(e)) {
			pte_set(p++, pte_none());
			drop_leaf(z, e);
			n++;
		} else if (pte_is_table(e)) {
			break;
		} else {
			p = skip_empty(p + 1, end);
		}
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

/* The gather's tables were emptied entry by entry. */
static void flush_and_keep(struct tlb_gather *g)
{
	struct list gone = LIST_INIT(gone);

	list_splice(&gone, &g->pages);
	tlb_flush(g);
	list_for_each_safe (l, &gone)
		pgtable_keep(list_entry(l, struct page, link));
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
	if (n == 1 && end == c->slot + 1 && cursor_page(c)->refs > 2) {
		cursor_page(c)->refs--;
		tlb_flush_page(&as->map.tlb, c->va);
	} else {
		tlb_gather_init(&z.g, &as->map.tlb);
		tlb_gather_leaves(&z.g, range_make(c->va, c->last + 1),
				  PAGE_SIZE);
		cursor_count_gone(c, n, &z.g);
		flush_and_keep(&z.g);
	}
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

int user_zap(struct aspace *as, struct range va)
{
	struct cursor c;
	struct zap z;
	int err;

	cursor_start(&c, &as->map.pt, va);
	if (!pte_present(cursor_down(&c)) && cursor_entries(&c) == 1)
		return 0;
	if (in_one_table(&c) && cursor_entries(&c) <= FEW) {
		zap_few(as, &c);
		return 0;
	}
	tlb_gather_init(&z.g, &as->map.tlb);
	z.hidden = false;
	z.n = 0;
	err = user_split(as, va, &z.g);
	if (err)
		tlb_flush(&z.g);
	else
		zap_many(as, va, &z);
	return err;
}

void user_zap_all(struct aspace *as)
{
	struct zap z;

	tlb_gather_init(&z.g, &as->map.tlb);
	z.n = 0;
	for (struct vma *v = vma_first(&as->vmas); v; v = vma_next(v))
		drop_leaves(&as->map.pt, v->va, &z);
	flush_and_keep(&z.g);
	free_frames(&z);
}
