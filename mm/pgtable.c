/*
 * The page table walker (<mm/pgtable.h>).
 *
 * All operations descend by one recursion over levels; there is no code for
 * any one of them. Virtual addresses are canonical: with n levels, bits from
 * 12 + 9n - 1 up are equal. A range that starts at one and stays inside its
 * half never wraps, as the last page of the address space is never mapped.
 *
 * Cost: a leaf costs one store and the loop; a descent, one load a level.
 * Source: RISC-V privileged specification, 4.3.2 (the walk it must agree with).
 */
#include <string.h>

#include <lib/errno.h>
#include <mm/layout.h>
#include <mm/pgtable.h>

static pte_t *table_at(paddr_t pa)
{
	return phys_to_virt(pa);
}

static unsigned va_bits(unsigned levels)
{
	return PAGE_SHIFT + levels * PT_INDEX_BITS;
}

vaddr_t pgtable_upper_half(unsigned levels)
{
	return ~(vaddr_t)0 << (va_bits(levels) - 1);
}

/* Is [start, end) inside one half? */
static bool reachable(const struct pgtable *pt, struct range va)
{
	vaddr_t half = pgtable_upper_half(pt->levels);

	return !range_empty(va) &&
	       (va.start >= half || va.end <= (vaddr_t)0 - half);
}

/* Can entries hold the addresses from pa on? */
static bool encodable(paddr_t pa, uint64_t size)
{
	const uint64_t limit = (uint64_t)1 << PT_PADDR_BITS;

	return size <= limit && pa <= limit - size;
}

static paddr_t new_table(struct table_source *source)
{
	paddr_t pa = source->alloc(source);

	if (pa != PGTABLE_NO_FRAME)
		memset(table_at(pa), 0, PAGE_SIZE);
	return pa;
}

int pgtable_init(struct pgtable *pt, unsigned levels,
		 struct table_source *source)
{
	paddr_t root = new_table(source);

	if (root == PGTABLE_NO_FRAME)
		return -ENOMEM;
	*pt = (struct pgtable){.root = root, .levels = levels};
	return 0;
}

struct map_job {
	struct range va; /* start moves up as it is mapped */
	paddr_t pa;
	vm_prot_t prot;
	enum mem_attr attr;
	struct table_source *source;
};

/* Fill empty entries from table[i] up with leaves, as many as fit. */
static unsigned map_leaves(struct map_job *job, pte_t *table, unsigned i,
			   uint64_t span)
{
	uint64_t n = min_u64(range_size(job->va) / span, PT_ENTRIES - i);
	pte_t leaf = pte_leaf(job->pa, job->prot, job->attr);
	pte_t *p = table + i, *end = p + n;

	for (; p < end && !pte_present(*p); p++) {
		*p = leaf;
		leaf = pte_advance(leaf, span);
	}
	n = (uint64_t)(p - table) - i;
	job->va.start += n * span;
	job->pa += n * span;
	return i + (unsigned)n;
}

static int map_level(struct map_job *job, pte_t *table, unsigned level)
{
	uint64_t span = pt_span(level);
	unsigned i = pt_index(job->va.start, level);

	while (i < PT_ENTRIES && !range_empty(job->va)) {
		int err;

		if (is_aligned(job->va.start | job->pa, span) &&
		    range_size(job->va) >= span && !pte_present(table[i])) {
			i = map_leaves(job, table, i, span);
			continue;
		}
		if (pte_is_leaf(table[i]) || level == 0)
			return -EEXIST;
		if (!pte_present(table[i])) {
			paddr_t pa = new_table(job->source);

			if (pa == PGTABLE_NO_FRAME)
				return -ENOMEM;
			table[i] = pte_table(pa);
		}
		err = map_level(job, table_at(pte_paddr(table[i])), level - 1);
		if (err)
			return err;
		i++;
	}
	return 0;
}

int pgtable_map(const struct pgtable *pt, struct range va, paddr_t pa,
		vm_prot_t prot, enum mem_attr attr, struct table_source *source)
{
	struct map_job job = {va, pa, prot, attr, source};
	int err;

	/* An entry without rights would be one that points to a table. */
	if (!(prot & (VM_READ | VM_WRITE | VM_EXEC)))
		return -EINVAL;
	if (!reachable(pt, va) || !encodable(pa, range_size(va)) ||
	    !is_aligned(va.start | va.end | pa, PAGE_SIZE))
		return -EINVAL;
	err = map_level(&job, table_at(pt->root), pt->levels - 1);
	if (err && job.va.start > va.start)
		pgtable_unmap(pt, range_make(va.start, job.va.start));
	return err;
}

struct walk_job {
	struct range va;
	int (*each)(void *ctx, const struct mapping *m);
	void *ctx;
	bool unmap; /* clear the leaves after `each` saw them */
};

static int walk_level(struct walk_job *job, pte_t *table, unsigned level,
		      vaddr_t base)
{
	uint64_t span = pt_span(level);
	unsigned first =
		job->va.start > base ? pt_index(job->va.start, level) : 0;

	for (unsigned i = first; i < PT_ENTRIES; i++) {
		vaddr_t at = base + i * span;
		struct mapping m;
		int err = 0;

		if (at >= job->va.end)
			return 0;
		if (!pte_present(table[i]))
			continue;
		if (!pte_is_leaf(table[i])) {
			if (level)
				err = walk_level(job,
						 table_at(pte_paddr(table[i])),
						 level - 1, at);
		} else {
			m = (struct mapping){
				.va = {at, at + span},
				.pa = pte_paddr(table[i]),
				.prot = pte_prot(table[i]),
				.attr = pte_attr(table[i]),
				.level = level,
				.present = true,
			};
			err = job->each(job->ctx, &m);
			if (job->unmap && !err)
				table[i] = pte_none();
		}
		if (err)
			return err;
	}
	return 0;
}

/* Walk, half by half: the addresses between the halves are no addresses. */
static int walk(const struct pgtable *pt, struct walk_job *job)
{
	vaddr_t half = pgtable_upper_half(pt->levels);
	struct range va = job->va;
	struct range halves[] = {{0, 0 - half}, {half, UINT64_MAX}};
	unsigned top = pt->levels - 1;
	pte_t *root = table_at(pt->root);

	for (unsigned i = 0; i < 2; i++) {
		/* Entry 0 of the root maps this address. */
		vaddr_t base = i ? half - (0 - half) : 0;
		int err;

		job->va = range_intersect(va, halves[i]);
		if (range_empty(job->va))
			continue;
		err = walk_level(job, root, top, base);
		if (err)
			return err;
	}
	return 0;
}

int pgtable_walk(const struct pgtable *pt, struct range va,
		 int (*each)(void *ctx, const struct mapping *m), void *ctx)
{
	struct walk_job job = {.va = va, .each = each, .ctx = ctx};

	return walk(pt, &job);
}

static int leaf_lies_within(void *ctx, const struct mapping *m)
{
	return range_within(m->va, *(const struct range *)ctx) ? 0 : -EINVAL;
}

int pgtable_unmap(const struct pgtable *pt, struct range va)
{
	struct walk_job job = {.va = va, .each = leaf_lies_within, .ctx = &va};
	int err = walk(pt, &job);

	if (err)
		return err;
	job.va = va;
	job.unmap = true;
	return walk(pt, &job);
}

bool pgtable_query(const struct pgtable *pt, vaddr_t va, struct mapping *m)
{
	unsigned level = pt->levels - 1;
	const pte_t *table = table_at(pt->root);

	*m = (struct mapping){.level = level};
	if (!reachable(pt, range_make(va, va + 1)))
		return false;
	for (;; level--) {
		pte_t e = table[pt_index(va, level)];
		vaddr_t start = align_down(va, pt_span(level));
		vaddr_t end = start + pt_span(level);

		m->level = level;
		m->va = range_make(start, end ? end : UINT64_MAX);
		if (!pte_present(e) || (level == 0 && !pte_is_leaf(e)))
			return false;
		if (pte_is_leaf(e)) {
			m->pa = pte_paddr(e);
			m->prot = pte_prot(e);
			m->attr = pte_attr(e);
			m->present = true;
			return true;
		}
		table = table_at(pte_paddr(e));
	}
}

static uint64_t count_tables(const pte_t *table, unsigned level)
{
	uint64_t n = 1;

	for (unsigned i = 0; level && i < PT_ENTRIES; i++)
		if (pte_present(table[i]) && !pte_is_leaf(table[i]))
			n += count_tables(table_at(pte_paddr(table[i])),
					  level - 1);
	return n;
}

uint64_t pgtable_tables(const struct pgtable *pt)
{
	return count_tables(table_at(pt->root), pt->levels - 1);
}
