/* Private to mm/pgtable*.c and user*.c: tables, their counts, and the cursor. */
#pragma once

#include <mm/layout.h>
#include <mm/page.h>
#include <mm/pgtable.h>
#include <mm/tlb.h>

/* More levels have no addresses. */
#define PT_MAX_LEVELS ((64 - PAGE_SHIFT) / PT_INDEX_BITS)

static inline unsigned pt_shift(unsigned level)
{
	return PAGE_SHIFT + level * PT_INDEX_BITS;
}

static inline pte_t *table_at(paddr_t pa)
{
	return phys_to_virt(pa);
}

/* Where the live entries of the table that `e` points to are counted, and one
 * more (I2); NULL: nowhere, it is permanent. */
static inline struct page *table_page(pte_t e)
{
	return pte_permanent(e) ? NULL : pfn_to_page(pte_next_pfn(e));
}

/* The same for the table of page_alloc(), no root, that this entry is in. */
static inline struct page *page_of_entry(const pte_t *entry)
{
	return pfn_to_page(virt_to_phys(entry) >> PAGE_SHIFT);
}

/* What of `va` lies in [at, at + span), an entry's part or several. The very last
 * entry ends where addresses do, so a sum would wrap. */
static inline struct range range_of_entry(struct range va, vaddr_t at,
					  uint64_t span)
{
	return range_make(max_u64(va.start, at),
			  min_u64(va.end - 1, at + span - 1) + 1);
}

/* Bytes that leaf `e` of level `level` maps. */
static inline uint64_t leaf_size(pte_t e, unsigned level)
{
	uint64_t size = pt_span(level);

	return pte_is_group(e) ? size * pte_group_entries() : size;
}

/* The mapping of leaf `e`, an entry of level `level` that maps `at`. */
static inline struct mapping mapping_of(pte_t e, vaddr_t at, unsigned level)
{
	uint64_t size = leaf_size(e, level);

	at = align_down(at, size);
	return (struct mapping){
		.va = {at, at + size},
		.pa = pte_paddr(e),
		.prot = pte_prot(e),
		.attr = pte_attr(e),
		.level = level,
		.present = true,
	};
}

/* Not empty, whole pages, inside the bounds? */
static inline bool pgtable_takes(const struct pgtable *pt, struct range va)
{
	return !range_empty(va) && is_aligned(va.start | va.end, PAGE_SIZE) &&
	       range_within(va, pt->bounds);
}

/* Are there rights in it (a leaf without is hidden), and VM_USER just where it must
 * be (I6)? */
static inline bool pgtable_allows(const struct pgtable *pt, vm_prot_t prot)
{
	const bool upper = pt->bounds.start >> 63;

	return (prot & (VM_READ | VM_WRITE | VM_EXEC)) &&
	       !(prot & VM_USER) == upper;
}

/* The same, but leaves of the lower half may be hidden. */
static inline bool pgtable_keeps(const struct pgtable *pt, vm_prot_t prot)
{
	return pgtable_allows(pt, prot & VM_USER ? prot | VM_READ : prot);
}

/* An empty table in `frame`; its entries will be counted unless `permanent`. */
void pgtable_clear_table(paddr_t frame, bool permanent);

/*
 * A cursor moves over the entries for a range: down to the last on the way to an
 * address, along those of one table, up where they end, and down again.
 *
 *	above[n]	NULL: above the root
 *	above[1]	the entry that points to the table of
 *	above[0]	the entry that points to the table of
 *	slot		where the cursor stands
 *
 * So operations touch no more of the tables than they must. What is above it
 * is known too: there the entries of its table are counted, and go when the
 * table does. It may go on in a table that went: that stays until the flush, and
 * the rest of it is empty.
 */
struct cursor {
	vaddr_t va;	/* where it stands, */
	vaddr_t last;	/* and the last byte that it goes to */
	unsigned shift; /* log2 of what an entry of its table maps */
	pte_t *slot;
	pte_t **above; /* in way, which fills from its end */
	pte_t *way[PT_MAX_LEVELS];
};

static inline void cursor_start(struct cursor *c, const struct pgtable *pt,
				struct range va)
{
	c->va = va.start;
	c->last = va.end - 1;
	c->shift = pt_shift(pt->levels - 1);
	c->slot = table_at(pt->root) + (c->va >> c->shift) % PT_ENTRIES;
	c->above = &c->way[PT_MAX_LEVELS - 1];
	*c->above = NULL;
}

static inline unsigned cursor_level(const struct cursor *c)
{
	return (c->shift - PAGE_SHIFT) / PT_INDEX_BITS;
}

/* Into the table that the entry where it stands points to. */
static inline void cursor_enter(struct cursor *c)
{
	pte_t *table = table_at(pte_next(pte_load(c->slot)));

	*--c->above = c->slot;
	c->shift -= PT_INDEX_BITS;
	c->slot = table + (c->va >> c->shift) % PT_ENTRIES;
}

/* To the last entry on the way: a leaf or nothing. Returns it. */
static inline pte_t cursor_down(struct cursor *c)
{
	pte_t e = pte_load(c->slot), *slot = c->slot, **above = c->above;
	unsigned shift = c->shift;

	/* Most operations are little more than this loop. */
	while (pte_is_table(e)) {
		*--above = slot;
		shift -= PT_INDEX_BITS;
		slot = table_at(pte_next(e)) + (c->va >> shift) % PT_ENTRIES;
		e = pte_load(slot);
	}
	c->slot = slot;
	c->above = above;
	c->shift = shift;
	return e;
}

/* The struct page that counts the entries of the table that `slot` points to, or
 * NULL. */
static inline struct page *count_of(const pte_t *slot)
{
	return slot ? table_page(pte_load(slot)) : NULL;
}

static inline struct page *cursor_page(const struct cursor *c)
{
	return count_of(*c->above);
}

static inline bool ends_table(const pte_t *end)
{
	return is_aligned((uintptr_t)end, PAGE_SIZE);
}

/* How many entries from the cursor's on are in its table? */
static inline uint64_t cursor_room(const struct cursor *c)
{
	return PT_ENTRIES - (c->va >> c->shift) % PT_ENTRIES;
}

/* And how many of that size are for the range, the last perhaps in part? */
static inline uint64_t cursor_entries(const struct cursor *c)
{
	return (c->last >> c->shift) - (c->va >> c->shift) + 1;
}

/* Is the range, at whose start the cursor stands, pages of its table? */
static inline bool in_one_table(const struct cursor *c)
{
	return c->shift == PAGE_SHIFT && cursor_entries(c) <= cursor_room(c);
}

/* Over n entries, and up where the table ends. False: that was all. */
static inline bool cursor_along(struct cursor *c, uint64_t n)
{
	vaddr_t end = ((c->va >> c->shift) + n) << c->shift;

	/* The last entry of all ends at 0. */
	if (end - 1 >= c->last)
		return false;
	c->va = end;
	c->slot += n;
	while (ends_table(c->slot)) {
		c->slot = *c->above++ + 1;
		c->shift += PT_INDEX_BITS;
	}
	return true;
}

/* The cursor's table goes: it is unhooked by one store, and kept by the gather until
 * no hart can be in it. So do those above that it leaves empty. */
void cursor_drop_table(const struct cursor *c, struct tlb_gather *g);

/* n entries of the cursor's table went, which were live. */
static inline void cursor_count_gone(const struct cursor *c, uint64_t n,
				     struct tlb_gather *g)
{
	struct page *page = cursor_page(c);

	if (page && (page->refs -= (int32_t)n) == 1)
		cursor_drop_table(c, g);
}

static inline unsigned pte_any_(const pte_t *p)
{
	return pte_present(pte_load(p));
}

/* The first entry from p on, before `end`, where something is; or end. */
static inline pte_t *skip_empty(pte_t *p, const pte_t *end)
{
	for (; end - p >= 4; p += 4)
		if (pte_any_(p) | pte_any_(p + 1) | pte_any_(p + 2) |
		    pte_any_(p + 3))
			break;
	while (p < end && !pte_any_(p))
		p++;
	return p;
}

/* The entry that pgtable_find() finds; *at is its level. */
static inline pte_t *entry_find(const struct pgtable *pt, vaddr_t va,
				unsigned level, unsigned *at)
{
	unsigned n = pt->levels - 1;
	/* What comes next of the address is at the top. */
	uint64_t left = va << (64 - PT_INDEX_BITS - pt_shift(n));
	pte_t *entry = table_at(pt->root) + (left >> (64 - PT_INDEX_BITS));
	pte_t e;

	while (n > level && (e = pte_load(entry), pte_is_table(e))) {
		n--;
		left <<= PT_INDEX_BITS;
		entry = table_at(pte_next(e)) + (left >> (64 - PT_INDEX_BITS));
	}
	*at = n;
	return entry;
}

static inline struct pgtable_slot slot_of(const struct pgtable *pt,
					  pte_t *entry, unsigned level)
{
	return (struct pgtable_slot){
		.entry = entry,
		.level = level,
		.count = level + 1 < pt->levels ? page_of_entry(entry) : NULL,
	};
}

/* pgtable_find(), for hot paths. */
static inline void slot_find(const struct pgtable *pt, vaddr_t va,
			     unsigned level, struct pgtable_slot *s)
{
	unsigned at;
	pte_t *entry = entry_find(pt, va, level, &at);

	*s = slot_of(pt, entry, at);
}

/* pgtable_fill(), too. */
static inline bool slot_fill(const struct pgtable_slot *s, pte_t e)
{
	if (!pte_cas(s->entry, pte_none(), e))
		return false;
	if (s->count)
		__atomic_fetch_add(&s->count->refs, 1, __ATOMIC_RELAXED);
	return true;
}
