/*
 * The page table walker (<mm/pgtable.h>): single entries, for several harts at once.
 *
 * Faults of one space run on many harts and hold no lock. All that they do to
 * tables are compare-and-swaps of single entries, which take something away from
 * nobody:
 *
 *	nothing		-> a table that is empty
 *	nothing		-> a leaf
 *	a leaf		-> another leaf
 *
 * So a table that a hart has found stays where it is as long as only such harts are
 * about, and who loses a race finds what it wanted. Whoever takes away (the writer of
 * the space) is alone: the cursor of the other files needs no atomics.
 *
 * I7  Who hooks tables in has all that it takes for its leaf before the first one:
 *     it then fills the last of them, or somebody else has. So none stays empty (I1).
 * I8  Counts of live entries (I2) follow their entries, by atomic addition: they are
 *     true when no hart is in between.
 *
 * Tables that were emptied entry by entry are cleared: each hart keeps a few, so that
 * what comes and goes (a mapping, a child) needs not clear them again.
 *
 * Cost: one load a level down, and a compare-and-swap for what is new.
 */
#include <lib/errno.h>
#include <mm/page_alloc.h>
#include <mm/reclaim.h>

#include "pgtable_internal.h"

#define KEPT 8

/* A hart's own, used with interrupts off. */
struct kept {
	unsigned n;
	struct page *table[KEPT];
};

static PERCPU struct kept kept;

/* Into the table that `e`, which is where the slot is, points to. */
static inline void enter(struct pgtable_slot *s, vaddr_t va, pte_t e)
{
	s->count = table_page(e);
	s->level--;
	s->entry = table_at(pte_next(e)) + pt_index(va, s->level);
}

void pgtable_find(const struct pgtable *pt, vaddr_t va, unsigned level,
		  struct pgtable_slot *s)
{
	slot_find(pt, va, level, s);
}

bool pgtable_fill(const struct pgtable_slot *s, pte_t e)
{
	return slot_fill(s, e);
}

static struct kept *my_kept(void)
{
	return this_cpu(kept);
}

/* One that was kept, or a new one. */
static struct page *get_table(void)
{
	uint64_t irq = arch_irq_save();
	struct kept *k = my_kept();
	struct page *p = k->n ? k->table[--k->n] : NULL;

	arch_irq_restore(irq);
	if (!p)
		p = page_alloc(0, ALLOC_ZERO);
	if (p)
		p->flags |= PAGE_TABLE;
	return p;
}

static void give_back(void)
{
	uint64_t irq = arch_irq_save();
	struct kept *k = my_kept();

	while (k->n)
		page_free(k->table[--k->n], 0);
	arch_irq_restore(irq);
}

static struct shrinker shrinker = {.name = "tables", .drain_hart = give_back};

void pgtable_keep(struct page *table)
{
	uint64_t irq = arch_irq_save();
	struct kept *k = my_kept();
	bool room = k->n < KEPT && !reclaim_bypassed();

	if (room) {
		table->refs = 1;
		k->table[k->n++] = table;
	}
	arch_irq_restore(irq);
	reclaim_register_once(&shrinker);
	if (!room)
		page_free(table, 0);
}

static void free_tables(struct page **table, unsigned n)
{
	while (n)
		page_free(table[--n], 0);
}

/* Hook in one table; true: it is now. */
static inline bool hook(struct pgtable_slot *s, vaddr_t va, struct page *table)
{
	pte_t e = pte_table(page_to_phys(table), false);
	bool hooked = slot_fill(s, e);

	if (hooked)
		enter(s, va, e);
	return hooked;
}

/* Several tables, or a race that was lost: with those n that there are. */
static __attribute__((noinline)) int grow_by(vaddr_t va, unsigned level,
					     struct pgtable_slot *s,
					     struct page **table, unsigned n)
{
	for (; n < s->level - level; n++) {
		table[n] = get_table();
		if (!table[n]) {
			free_tables(table, n);
			return -ENOMEM;
		}
	}
	while (s->level > level) {
		pte_t e = pte_load(s->entry);

		if (pte_is_table(e))
			enter(s, va, e);
		else if (pte_present(e))
			break;
		else if (hook(s, va, table[n - 1]))
			n--;
	}
	free_tables(table, n);
	return 0;
}

int pgtable_grow(vaddr_t va, unsigned level, struct pgtable_slot *s)
{
	struct page *table[PT_MAX_LEVELS];

	if (s->level == level)
		return 0;
	*table = get_table();
	if (!*table)
		return -ENOMEM;
	if (s->level == level + 1 && hook(s, va, *table))
		return 0;
	return grow_by(va, level, s, table, 1);
}
