/*
 * User page tables (<mm/umap.h>).
 *
 * The root's upper half is a copy of the kernel root's. The kernel's root never
 * changes after boot (<mm/kmap.h>), so the copy is good for ever, and what the
 * tables below it say is the same for all spaces: one store changes all.
 *
 *	root	0 ... half | half ... 511	of the kernel: nothing | A B C
 *		own tables | A B C		of each space
 *
 * So the root of a space that went, with its lower half empty, is as good as new: each
 * hart keeps one for the next process.
 *
 * Locking: the space's lock around each change and its flush. Firmware fences
 * other harts by itself, so the flush may be made with the lock held.
 */
#include <string.h>

#include <kernel/assert.h>
#include <mm/kmap.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>
#include <mm/reclaim.h>
#include <mm/umap.h>

/* NULL: none. A hart's own, used with interrupts off. */
static PERCPU struct page *kept_root;

static struct page *take_root(void)
{
	uint64_t irq = arch_irq_save();
	struct page **kept = this_cpu(kept_root), *p = *kept;

	*kept = NULL;
	arch_irq_restore(irq);
	return p;
}

static void give_back(void)
{
	struct page *p = take_root();

	if (p)
		page_free(p, 0);
}

static struct shrinker shrinker = {.name = "roots", .drain_hart = give_back};

static void keep_root(struct page *p)
{
	uint64_t irq = arch_irq_save();
	struct page **kept = this_cpu(kept_root);
	bool room = !*kept && !reclaim_bypassed();

	if (room)
		*kept = p;
	arch_irq_restore(irq);
	reclaim_register_once(&shrinker);
	if (!room)
		page_free(p, 0);
}

static int make_root(struct umap *u, unsigned levels)
{
	const pte_t *kernel = phys_to_virt(kernel_pgtable.root);
	int err = pgtable_init(&u->pt, levels, pgtable_lower_half(levels),
			       &page_tables);
	pte_t *root;

	if (err)
		return err;
	root = phys_to_virt(u->pt.root);
	memcpy(root + PT_ENTRIES / 2, kernel + PT_ENTRIES / 2, PAGE_SIZE / 2);
	return 0;
}

int umap_init(struct umap *u)
{
	unsigned levels = kernel_pgtable.levels;
	struct page *root = take_root();

	*u = (struct umap){.lock = SPINLOCK_INIT(LOCK_UMAP)};
	tlb_space_init(&u->tlb);
	if (!root)
		return make_root(u, levels);
	u->pt = (struct pgtable){page_to_phys(root), levels,
				 pgtable_lower_half(levels), &page_tables};
	return 0;
}

void umap_keep(struct umap *u)
{
	assert(!DEBUG_CHECKS ||
	       (pgtable_tables(&u->pt) == 1 &&
		!__atomic_load_n(&u->tlb.active, __ATOMIC_RELAXED)));
	keep_root(pfn_to_page(u->pt.root >> PAGE_SHIFT));
	u->pt = (struct pgtable){0};
}

void umap_destroy(struct umap *u)
{
	struct tlb_gather g;

	tlb_gather_init(&g, &u->tlb);
	pgtable_destroy(&u->pt, &g);
	tlb_flush(&g);
}

int umap_map(struct umap *u, struct range va, paddr_t pa, vm_prot_t prot,
	     enum mem_attr attr)
{
	uint64_t flags = spin_lock_irqsave(&u->lock);
	struct tlb_gather g;
	int err;

	tlb_gather_init(&g, &u->tlb);
	err = pgtable_map(&u->pt, va, pa, prot | VM_USER, attr, &g);
	/* What was there for a moment, others may remember. */
	if (err)
		tlb_flush(&g);
	else
		tlb_flush_new(&g);
	spin_unlock_irqrestore(&u->lock, flags);
	return err;
}

int umap_unmap(struct umap *u, struct range va,
	       void (*unmapped)(struct tlb_gather *g, const struct mapping *m))
{
	uint64_t flags = spin_lock_irqsave(&u->lock);
	struct tlb_gather g;
	int err;

	tlb_gather_init(&g, &u->tlb);
	g.unmapped = unmapped;
	err = pgtable_unmap(&u->pt, va, &g);
	tlb_flush(&g);
	spin_unlock_irqrestore(&u->lock, flags);
	return err;
}

int umap_protect(struct umap *u, struct range va, vm_prot_t prot)
{
	uint64_t flags = spin_lock_irqsave(&u->lock);
	struct tlb_gather g;
	int err;

	tlb_gather_init(&g, &u->tlb);
	err = pgtable_protect(&u->pt, va, prot | VM_USER, &g);
	tlb_flush(&g);
	spin_unlock_irqrestore(&u->lock, flags);
	return err;
}

bool umap_query(struct umap *u, vaddr_t va, struct mapping *m)
{
	uint64_t flags = spin_lock_irqsave(&u->lock);
	bool present = pgtable_query(&u->pt, va, m);

	spin_unlock_irqrestore(&u->lock, flags);
	return present;
}

void umap_activate(struct umap *u)
{
	uint64_t flags = arch_irq_save();

	if (u)
		tlb_switch(&u->tlb, &u->pt);
	else
		tlb_switch(NULL, &kernel_pgtable);
	arch_irq_restore(flags);
}
