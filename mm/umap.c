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
 * A root that is empty is like any other, and was 4 KiB to write. So each hart keeps
 * that of the last space that went for the next one.
 *
 * Locking: the space's lock around each change and its flush. Firmware fences
 * other harts by itself, so the flush may be made with the lock held.
 */
#include <string.h>

#include <kernel/assert.h>
#include <lib/errno.h>
#include <mm/kmap.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>
#include <mm/reclaim.h>
#include <mm/umap.h>

static PERCPU struct page *spare; /* an empty root; used with interrupts off */

static struct page *take_spare(void)
{
	uint64_t flags = arch_irq_save();
	struct page *root = *this_cpu(spare);

	*this_cpu(spare) = NULL;
	arch_irq_restore(flags);
	return root;
}

static void drop_spare(void)
{
	struct page *root = take_spare();

	if (root)
		page_free(root, 0);
}

static void keep_in_reach(void)
{
	static struct shrinker shrinker = {
		.name = "roots",
		.drain_hart = drop_spare,
	};
	static uint32_t known; /* (a) */

	if (!__atomic_load_n(&known, __ATOMIC_RELAXED) &&
	    !__atomic_exchange_n(&known, 1, __ATOMIC_RELAXED))
		reclaim_register(&shrinker);
}

static struct page *make_root(void)
{
	const pte_t *kernel = phys_to_virt(kernel_pgtable.root);
	struct page *p = page_alloc(0, ALLOC_ZERO);
	pte_t *root;

	if (!p)
		return NULL;
	p->flags |= PAGE_TABLE;
	root = phys_to_virt(page_to_phys(p));
	memcpy(root + PT_ENTRIES / 2, kernel + PT_ENTRIES / 2, PAGE_SIZE / 2);
	return p;
}

int umap_init(struct umap *u)
{
	const unsigned levels = kernel_pgtable.levels;
	struct page *root = take_spare();

	if (!root)
		root = make_root();
	if (!root)
		return -ENOMEM;
	u->lock = (struct spinlock)SPINLOCK_INIT(LOCK_UMAP);
	u->pt = (struct pgtable){page_to_phys(root), levels,
				 pgtable_lower_half(levels), &page_tables};
	tlb_space_init(&u->tlb);
	return 0;
}

static void check_empty(const struct umap *u)
{
	const pte_t *root = phys_to_virt(u->pt.root);

	for (unsigned i = 0; i < PT_ENTRIES / 2; i++)
		assert(!pte_present(root[i]));
}

void umap_retire(struct umap *u)
{
	struct page *root = pfn_to_page(u->pt.root >> PAGE_SHIFT);
	uint64_t flags = arch_irq_save();
	bool room = !*this_cpu(spare) && !reclaim_bypassed();

	if (DEBUG_CHECKS)
		check_empty(u);
	if (room)
		*this_cpu(spare) = root;
	arch_irq_restore(flags);
	keep_in_reach();
	if (!room)
		page_free(root, 0);
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
