/*
 * The audit of the kernel's live tables (<mm/kmap.h>).
 *
 * One walk looks at each leaf. The direct map shows free frames and tables by
 * design; nothing else may. Other harts map and unmap meanwhile, so a leaf that seems
 * to lead to such memory is looked at again.
 */
#include <arch/image.h>
#include <mm/kmap.h>
#include <mm/layout.h>
#include <mm/vmalloc.h>
#include <mm/zone.h>

#include "dma_impl.h"
#include "kmap_impl.h"

struct check {
	const struct memblock *mb;
	void (*report)(const char *what, const struct mapping *m);
	unsigned faults;
};

static void fault(struct check *c, const char *what, const struct mapping *m)
{
	c->faults++;
	c->report(what, m);
}

static vm_prot_t image_prot(vaddr_t va)
{
	for (const struct image_section *s = arch_image_sections; s->name; s++)
		if (range_has(s->va, va))
			return s->prot;
	return 0;
}

static void check_image(struct check *c, const struct mapping *m)
{
	if (image_prot(m->va.start) != m->prot)
		fault(c, "rights differ from the section's", m);
	if (m->pa != image_phys + (m->va.start - IMAGE_BASE))
		fault(c, "not the image's frame", m);
}

static bool in_direct_map(const struct mapping *m)
{
	return m->va.start < PAGE_MAP_BASE;
}

/* What was unmapped meanwhile may be free, or a table. */
static bool is_still_there(const struct mapping *m)
{
	struct mapping now;

	/* Acquire: pairs with the flush before a frame is freed. */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return pgtable_query(&kernel_pgtable, m->va.start, &now) &&
	       now.pa == m->pa;
}

/* Memory that nobody but the direct map may show. */
static void check_memory(struct check *c, const struct mapping *m)
{
	for (paddr_t pa = m->pa; pa < m->pa + range_size(m->va);
	     pa += PAGE_SIZE) {
		const struct region *r = memblock_at(c->mb, pa);
		const char *wrong = NULL;

		if (!r) /* not RAM */
			continue;
		if (r->type == REGION_TABLES || page_is_table(pa >> PAGE_SHIFT))
			wrong = "a page table";
		else if (page_is_free(pa >> PAGE_SHIFT))
			wrong = "a free frame";
		if (wrong && is_still_there(m))
			return fault(c, wrong, m);
	}
}

static void check_holders(struct check *c, const struct mapping *m)
{
	struct range pa = {m->pa, m->pa + range_size(m->va)};
	struct range fdt_window = {FIXED_BASE, DEVICES_BASE};

	/* The device tree is read where it was put, whoever holds that. */
	if (range_within(m->va, fdt_window) && m->prot == VM_READ)
		return;
	for (unsigned i = 0; i < c->mb->n; i++) {
		const struct region *r = &c->mb->region[i];

		if (kmap_shows(r->type) || !range_overlaps(r->range, pa))
			continue;
		/* What is kept for devices is shown as far as they use it. */
		if (r->type != REGION_NOMAP || in_direct_map(m) ||
		    !dma_area_lends(pa))
			fault(c, region_type_name(r->type), m);
	}
	if (!in_direct_map(m))
		check_memory(c, m);
}

static int check_leaf(void *ctx, const struct mapping *m)
{
	struct range image = {IMAGE_BASE, IMAGE_END};
	struct check *c = ctx;

	if ((m->prot & VM_WRITE) && (m->prot & VM_EXEC))
		fault(c, "writable and executable", m);
	if (m->prot & VM_USER)
		fault(c, "reachable from user mode", m);
	if (!range_within(m->va, pgtable_upper_half(kernel_pgtable.levels)))
		fault(c, "in the user half, or the last page", m);
	if (range_overlaps(m->va, image)) {
		check_image(c, m);
		return 0;
	}
	if (m->prot & VM_EXEC)
		fault(c, "executable outside the image", m);
	check_holders(c, m);
	return 0;
}

/* The walk keeps to the kernel's half. What is in the other half of the root,
 * leaf or table, harts would follow whenever they are in no space. */
static void check_user_half(struct check *c)
{
	const pte_t *root = phys_to_virt(kernel_pgtable.root);
	uint64_t span = pt_span(kernel_pgtable.levels - 1);

	for (unsigned i = 0; i < PT_ENTRIES / 2; i++)
		if (!pte_same(pte_load(&root[i]), pte_none()))
			fault(c, "in the user half, or the last page",
			      &(struct mapping){
				      .va = {i * span, (i + 1) * span}});
}

static void check_guards(struct check *c)
{
	for (unsigned i = 0; i < kmap_nstacks; i++) {
		struct range stack = kmap_stacks[i];
		struct mapping m;

		if (pgtable_query(&kernel_pgtable, stack.start - 1, &m) ||
		    pgtable_query(&kernel_pgtable, stack.end, &m))
			fault(c, "the guard page of a stack", &m);
	}
}

unsigned kmap_check(const struct memblock *mb,
		    void (*report)(const char *what, const struct mapping *m))
{
	struct check c = {.mb = mb, .report = report};
	const char *wrong = pgtable_check(&kernel_pgtable);

	if (wrong)
		fault(&c, wrong, &(struct mapping){.present = false});
	pgtable_walk(&kernel_pgtable, range_make(0, UINT64_MAX), check_leaf,
		     &c);
	check_user_half(&c);
	check_guards(&c);
	wrong = vmalloc_check();
	if (wrong)
		fault(&c, wrong, &(struct mapping){.present = false});
	return c.faults;
}
