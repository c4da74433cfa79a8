/*
 * What the walker's tests stand on: tables of page_alloc(), of which any can be
 * made to fail, that no hart walks; and an account of them.
 */
#pragma once

#include <string.h>

#include <kernel/ktest.h>
#include <lib/errno.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>
#include <mm/pgtable.h>
#include <mm/tlb.h>
#include <mm/zone.h>

#define PROT_RW (VM_READ | VM_WRITE)

struct bed {
	struct table_source source;
	unsigned fail_at;   /* this allocation fails, counted from 1; 0: none */
	unsigned taken;	    /* allocations since fail_at was set */
	uint64_t used;	    /* frames, before the first table */
	bool attrs, groups; /* that the format had before */
	struct pgtable pt;
	struct tlb_gather g;
};

static inline paddr_t bed_alloc(struct table_source *s)
{
	struct bed *b = s->ctx;
	struct page *p;

	if (++b->taken == b->fail_at)
		return PGTABLE_NO_FRAME;
	p = page_alloc(0, 0);
	if (!p)
		return PGTABLE_NO_FRAME;
	/* Rubbish, as frames are: the walker must clear its tables. */
	memset(phys_to_virt(page_to_phys(p)), 0xff, PAGE_SIZE);
	return page_to_phys(p);
}

/*
 * An empty table, for harts with these features, until bed_leave(). They hold for
 * the live kernel as well. What it maps meanwhile are single pages of ordinary
 * memory for the page map, which are the same with all features. Returns false,
 * with nothing changed, if there is no memory.
 */
static inline bool bed_make(struct bed *b, unsigned levels, struct range bounds,
			    bool attrs, bool groups)
{
	*b = (struct bed){.source = {.alloc = bed_alloc, .ctx = b}};
	b->attrs = pte_attr(pte_leaf(0, VM_READ, ATTR_IO)) == ATTR_IO;
	b->groups = pte_group_entries() > 1;
	b->used = zone_used_frames();
	tlb_gather_init(&b->g, NULL);
	if (pgtable_init(&b->pt, levels, bounds, &b->source))
		return false;
	pte_features_set(attrs, groups);
	return true;
}

static inline void bed_leave(const struct bed *b)
{
	pte_features_set(b->attrs, b->groups);
}

/* All tables go; those of the last flush and these must be all there were. */
static inline void bed_end(struct bed *b)
{
	tlb_flush(&b->g);
	EXPECT_EQ(zone_used_frames() - b->used, pgtable_tables(&b->pt));
	pgtable_destroy(&b->pt, &b->g);
	bed_leave(b);
	tlb_flush(&b->g);
	EXPECT_EQ(zone_used_frames(), b->used);
}

static inline int bed_map(struct bed *b, vaddr_t va, uint64_t size, paddr_t pa,
			  vm_prot_t prot)
{
	return pgtable_map(&b->pt, range_make(va, va + size), pa, prot,
			   ATTR_NORMAL, &b->g);
}

static inline int bed_unmap(struct bed *b, vaddr_t va, uint64_t size)
{
	return pgtable_unmap(&b->pt, range_make(va, va + size), &b->g);
}

/* Is it sound, and are all frames it took its own, or back? */
static inline const char *bed_check(struct bed *b)
{
	const char *wrong = pgtable_check(&b->pt);

	tlb_flush(&b->g);
	if (!wrong && zone_used_frames() - b->used != pgtable_tables(&b->pt))
		return "tables leaked";
	return wrong;
}

#define EXPECT_SOUND(b)                                               \
	do {                                                          \
		const char *wrong_ = bed_check(b);                    \
                                                                      \
		if (wrong_)                                           \
			ktest_fail(__FILE__, __LINE__, "%s", wrong_); \
	} while (0)

/* Does va lead to pa, by a leaf of that level and size, with these rights? */
static inline bool bed_leads(const struct bed *b, vaddr_t va, paddr_t pa,
			     unsigned level, uint64_t size, vm_prot_t prot)
{
	struct mapping m;

	return pgtable_query(&b->pt, va, &m) && m.level == level &&
	       m.prot == pte_prot(pte_leaf(0, prot, ATTR_NORMAL)) &&
	       range_has(m.va, va) && range_size(m.va) == size &&
	       is_aligned(m.va.start, size) && m.pa + (va - m.va.start) == pa;
}

static inline bool bed_maps(const struct bed *b, vaddr_t va)
{
	struct mapping m;

	return pgtable_query(&b->pt, va, &m);
}
