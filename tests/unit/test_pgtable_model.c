/*
 * The page table walker against a flat model: which physical address, rights
 * and attribute each page of a window has. Random sequences of all operations,
 * in all modes, with and without groups and attributes, and with every
 * allocation of a table failing once.
 *
 * The window spans leaves of all sizes around a border of all levels. A page of
 * it is one of the model's cells: all ranges begin and end at cuts, and between
 * two cuts pages follow each other, so a cell says what all its pages are.
 *
 *	cuts	   | |  |    |         ||         |    |  | |
 *		-2 MiB	 -64 KiB    border   64 KiB      2 MiB
 */
#include <lib/rng.h>

#include "test_pgtable.h"

#define MAX_CUTS 160

struct cell {
	bool mapped;
	paddr_t pa; /* of the cell's first byte */
	vm_prot_t prot;
	enum mem_attr attr;
};

struct model {
	unsigned n; /* cuts; cell i is from cut[i] to cut[i + 1] */
	vaddr_t cut[MAX_CUTS];
	struct cell cell[MAX_CUTS];
	struct cell before[MAX_CUTS];
	vaddr_t border;
	vm_prot_t user;
};

static struct bed bed;
static struct model *model;
static struct rng rng;
static uint64_t unmapped; /* bytes that g->unmapped was told of */
static bool unmapped_wrong;

static void add_cut(struct model *m, vaddr_t va)
{
	unsigned i = m->n;

	if (m->n == MAX_CUTS || va < bed.pt.bounds.start ||
	    va > bed.pt.bounds.end)
		return;
	while (i && m->cut[i - 1] > va)
		i--;
	if (i && m->cut[i - 1] == va)
		return;
	memmove(&m->cut[i + 1], &m->cut[i], (m->n - i) * sizeof(m->cut[0]));
	m->cut[i] = va;
	m->n++;
}

static void make_cuts(struct model *m)
{
	const uint64_t top = pt_span(bed.pt.levels - 1);
	const uint64_t group = 16 * PAGE_SIZE;

	memset(m, 0, sizeof(*m));
	m->border = bed.pt.bounds.start + 4 * top;
	m->user = bed.pt.bounds.start ? 0 : VM_USER;
	add_cut(m, m->border);
	for (unsigned level = 0; level < bed.pt.levels; level++) {
		for (unsigned k = 1; k <= 2; k++) {
			uint64_t d = k * pt_span(level);

			add_cut(m, m->border - d);
			add_cut(m, m->border + d);
			add_cut(m, m->border + d + PAGE_SIZE);
			add_cut(m, m->border - d - PAGE_SIZE);
			add_cut(m, m->border + d - group);
			add_cut(m, m->border - d + group);
		}
	}
	add_cut(m, bed.pt.bounds.start);
	add_cut(m, bed.pt.bounds.start + PAGE_SIZE);
	add_cut(m, bed.pt.bounds.end);
	add_cut(m, bed.pt.bounds.end - group);
}

/* The cell that an address is in; n when it is in none. */
static unsigned cell_of(const struct model *m, vaddr_t va)
{
	for (unsigned i = 0; i + 1 < m->n; i++)
		if (va >= m->cut[i] && va < m->cut[i + 1])
			return i;
	return m->n;
}

/* Is all of [va, va + size) mapped as one piece, beginning with `c`, which maps
 * its start to pa? */
static bool one_piece(const struct model *m, vaddr_t va, uint64_t size,
		      paddr_t pa, const struct cell *c)
{
	unsigned i = cell_of(m, va);
	const vaddr_t last = va + size - 1;

	for (; i < m->n - 1 && m->cut[i] <= last; i++) {
		const struct cell *k = &m->cell[i];

		if (!k->mapped || k->pa - m->cut[i] != pa - va ||
		    k->prot != c->prot || k->attr != c->attr)
			return false;
	}
	return i && i < m->n && m->cut[i] > last;
}

/* Walking: every leaf is what the model says, in order. */
struct walk {
	const struct model *m;
	struct range joined; /* leaves in there must be as large as can be */
	vaddr_t last;
	uint64_t bytes; /* that leaves map */
	struct range watch;
	vm_prot_t but;	 /* but leaves with these rights */
	uint64_t step;	 /* the smallest leaf in there */
	uint64_t digest; /* of all leaves */
	const char *wrong;
};

/* Could a leaf of so many bytes do what this one does? */
static bool could_be(const struct walk *w, const struct mapping *l,
		     uint64_t size)
{
	const struct cell like = {true, 0, l->prot, l->attr};
	vaddr_t at = align_down(l->va.start, size);
	paddr_t pa = l->pa - (l->va.start - at);

	return at >= w->joined.start && at + size - 1 < w->joined.end &&
	       is_aligned(pa, size) && one_piece(w->m, at, size, pa, &like);
}

static bool too_small(const struct walk *w, const struct mapping *l)
{
	uint64_t group = pte_group_entries() * PAGE_SIZE;

	return (range_size(l->va) < group && could_be(w, l, group)) ||
	       (l->level + 1 < bed.pt.levels &&
		could_be(w, l, pt_span(l->level + 1)));
}

static int see_leaf(void *ctx, const struct mapping *l)
{
	struct walk *w = ctx;
	uint64_t size = range_size(l->va);
	const struct cell like = {true, 0, l->prot, l->attr};
	const uint64_t parts[] = {l->va.start, l->pa,	l->level,
				  l->prot,     l->attr, size};

	if (w->bytes && l->va.start < w->last)
		w->wrong = "leaves out of order";
	else if (!one_piece(w->m, l->va.start, size, l->pa, &like))
		w->wrong = "a leaf that the model does not have";
	else if (too_small(w, l))
		w->wrong = "a leaf that could be larger";
	w->last = l->va.end;
	w->bytes += size;
	if (range_overlaps(l->va, w->watch) && l->prot != w->but)
		w->step = min_u64(w->step, l->level ? size : PAGE_SIZE);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		w->digest = (w->digest ^ parts[i]) * 0x9e3779b97f4a7c15u;
	return w->wrong != NULL;
}

static struct walk walk(struct walk w)
{
	const struct model *m = model;
	uint64_t bytes = 0;

	w.m = m;
	w.step = UINT64_MAX;
	pgtable_walk(&bed.pt, range_make(0, UINT64_MAX), see_leaf, &w);
	for (unsigned i = 0; i + 1 < m->n; i++)
		if (m->cell[i].mapped)
			bytes += m->cut[i + 1] - m->cut[i];
	if (!w.wrong && bytes != w.bytes)
		w.wrong = "a page is not mapped";
	return w;
}

static bool query_agrees(const struct model *m, vaddr_t va)
{
	unsigned i = cell_of(m, va);
	struct mapping q;
	bool present = pgtable_query(&bed.pt, va, &q);
	const struct cell *c = &m->cell[i];

	if (i == m->n || !c->mapped)
		return !present && (i == m->n || range_has(q.va, va));
	return present && range_has(q.va, va) &&
	       q.pa + (va - q.va.start) == c->pa + (va - m->cut[i]) &&
	       q.prot == c->prot && q.attr == c->attr;
}

static void see_unmapped(struct tlb_gather *g, const struct mapping *l)
{
	const struct cell like = {true, 0, l->prot, l->attr};

	/* The model still has it, the tables don't. */
	if (!one_piece(model, l->va.start, range_size(l->va), l->pa, &like) ||
	    bed_maps(&bed, l->va.start) || g != &bed.g)
		unmapped_wrong = true;
	unmapped += range_size(l->va);
}

enum kind { MAP, UNMAP, PROTECT, SPLIT, JOIN, KINDS };

struct op {
	enum kind kind;
	unsigned first, end; /* cuts */
	struct range va;
	paddr_t pa;
	vm_prot_t prot; /* as asked, without VM_USER */
	enum mem_attr attr;
	bool other_user, quiet; /* nobody is told what is unmapped */
};

/* An offset of physical addresses that makes at most a few thousand leaves. */
static paddr_t draw_pa(const struct range va)
{
	const uint64_t top = pt_span(bed.pt.levels - 1);
	paddr_t pa = 4 * top + (va.start - (model->border - 4 * top));
	unsigned level = 0;

	/* Smallest level of which all leaves can be. */
	while (range_size(va) >> (PAGE_SHIFT + level * PT_INDEX_BITS) > 2048)
		level++;
	if (rng_below(&rng, 2) && level < bed.pt.levels)
		pa += pt_span(level) * (1 + rng_below(&rng, 40));
	return pa;
}

static struct op draw(void)
{
	static const vm_prot_t prots[] = {VM_READ, VM_WRITE, VM_EXEC,
					  VM_READ | VM_EXEC, PROT_RW};
	unsigned n = model->n, width = rng_below(&rng, 3) ? 6 : n;
	struct op o = {.kind = (enum kind)rng_below(&rng, KINDS)};

	o.first = (unsigned)rng_below(&rng, n - 1);
	o.end = o.first + 1 + (unsigned)rng_below(&rng, width);
	if (o.end > n - 1)
		o.end = n - 1;
	o.va = range_make(model->cut[o.first], model->cut[o.end]);
	o.pa = draw_pa(o.va);
	/* Few, so that neighbours are often alike. */
	o.prot = prots[rng_below(&rng, rng_below(&rng, 3) ? 2 : 5)];
	o.attr = rng_below(&rng, 4) ? ATTR_NORMAL
				    : (enum mem_attr)rng_below(&rng, 3);
	o.other_user =
		(o.kind == PROTECT || o.kind == MAP) && !rng_below(&rng, 8);
	o.quiet = rng_below(&rng, 2);
	return o;
}

static int perform(const struct op *o)
{
	vm_prot_t user = o->other_user ? VM_USER : 0;
	vm_prot_t prot = o->prot | (model->user ^ user);

	bed.g.unmapped = o->quiet ? NULL : see_unmapped;

	switch (o->kind) {
	case MAP:
		return pgtable_map(&bed.pt, o->va, o->pa, prot, o->attr,
				   &bed.g);
	case UNMAP:
		return pgtable_unmap(&bed.pt, o->va, &bed.g);
	case PROTECT:
		return pgtable_protect(&bed.pt, o->va, prot, &bed.g);
	case SPLIT:
		return pgtable_split(&bed.pt, o->va, &bed.g);
	default:
		return pgtable_join(&bed.pt, o->va, &bed.g);
	}
}

/* What it must return, and what of the model it changes then. */
static int expect(const struct op *o)
{
	bool any = false;

	if (o->other_user)
		return -EINVAL;
	for (unsigned i = o->first; i < o->end; i++)
		any = any || model->cell[i].mapped;
	if (o->kind == MAP && (o->pa + range_size(o->va)) >> PT_PADDR_BITS &&
	    o->pa + range_size(o->va) != (uint64_t)1 << PT_PADDR_BITS)
		return -EINVAL;
	if (o->kind == MAP)
		return any ? -EEXIST : 0;
	return 0;
}

static void apply(const struct op *o)
{
	pte_t leaf = pte_leaf(0, o->prot | model->user, o->attr);

	for (unsigned i = o->first; i < o->end; i++) {
		struct cell *c = &model->cell[i];

		if (o->kind == MAP)
			*c = (struct cell){
				true, o->pa + (model->cut[i] - o->va.start),
				pte_prot(leaf), pte_attr(leaf)};
		else if (o->kind == UNMAP)
			*c = (struct cell){0};
		else if (o->kind == PROTECT && c->mapped)
			c->prot = pte_prot(leaf);
	}
}

/* Where the model changed. */
static struct range changed(void)
{
	struct range r = {UINT64_MAX, 0};

	for (unsigned i = 0; i + 1 < model->n; i++) {
		const struct cell *a = &model->cell[i];
		const struct cell *b = &model->before[i];

		if (a->mapped == b->mapped && a->pa == b->pa &&
		    a->prot == b->prot && a->attr == b->attr)
			continue;
		r.start = min_u64(r.start, model->cut[i]);
		r.end = model->cut[i + 1];
	}
	return range_empty(r) ? range_make(0, 0) : r;
}

/* Would the flush fence all that changed? */
static const char *gather_wrong(uint64_t step, uint64_t tables)
{
	struct range r = changed();

	if (!range_within(r, bed.g.va))
		return "a change that is not gathered";
	if (!range_empty(bed.g.va) &&
	    !is_aligned(bed.g.va.start | bed.g.va.end, bed.g.step))
		return "a range that steps do not fill";
	if (!range_empty(r) && bed.g.step > step)
		return "smaller leaves changed than is gathered";
	if (tables != pgtable_tables(&bed.pt) && !bed.g.tables)
		return "a table came or went ungathered";
	return NULL;
}

/* Let the first, second, ... table be missing: each time all must be as before.
 * Returns what comes of it when none is. */
static int perform_failing(const struct op *o, uint64_t digest, uint64_t tables,
			   const char **wrong)
{
	for (unsigned n = 1;; n++) {
		int err;

		bed.fail_at = n;
		bed.taken = 0;
		unmapped = 0;
		err = perform(o);
		bed.fail_at = 0;
		if (bed.taken < n)
			return err;
		if (err != -ENOMEM && err != -EEXIST)
			*wrong = "a table is missing, and nobody cares";
		else if (unmapped)
			*wrong = "unmapped by an operation that failed";
		else if (tables != pgtable_tables(&bed.pt))
			*wrong = "other tables after a failure";
		else if (walk((struct walk){.bytes = 0}).digest != digest)
			*wrong = "other leaves after a failure";
		else
			*wrong = bed_check(&bed);
		if (*wrong)
			return err;
	}
}

/* Leaves there are as large as can be after these. */
static struct range joined_by(const struct op *o, int err)
{
	if (err || (o->kind != MAP && o->kind != JOIN))
		return range_make(0, 0);
	return o->va;
}

static uint64_t bytes_mapped(const struct op *o)
{
	uint64_t bytes = 0;

	for (unsigned i = o->first; i < o->end; i++)
		if (model->cell[i].mapped)
			bytes += model->cut[i + 1] - model->cut[i];
	return bytes;
}

static const char *step(const struct op *o)
{
	vm_prot_t same = pte_prot(pte_leaf(0, o->prot | model->user, 0));
	struct walk was = walk((struct walk){
		.watch = o->va, .but = o->kind == PROTECT ? same : 0});
	uint64_t tables = pgtable_tables(&bed.pt);
	const char *wrong = NULL;
	int want = expect(o), err;
	struct walk is;

	memcpy(model->before, model->cell, sizeof(model->cell));
	err = perform_failing(o, was.digest, tables, &wrong);
	if (wrong)
		return wrong;
	if (err != want)
		return "not what it should return";
	if (unmapped_wrong ||
	    unmapped != (o->kind == UNMAP && !o->quiet ? bytes_mapped(o) : 0))
		return "told of other leaves than it unmapped";
	if (!err)
		apply(o);
	is = walk((struct walk){.joined = joined_by(o, err), .watch = o->va});
	if (is.wrong)
		return is.wrong;
	if (err && is.digest != was.digest)
		return "refused, but done in part";
	wrong = gather_wrong(o->kind == MAP ? is.step : was.step, tables);
	return wrong ? wrong : bed_check(&bed);
}

static bool run(unsigned levels, unsigned features, uint64_t steps)
{
	static const char *const names[] = {"map", "unmap", "protect", "split",
					    "join"};
	struct range bounds = rng_below(&rng, 2) ? pgtable_upper_half(levels)
						 : pgtable_lower_half(levels);

	if (!bed_make(&bed, levels, bounds, features & 1, features & 2))
		return false;
	make_cuts(model);
	KTEST_STEPS (i, steps) {
		struct op o = draw();
		const char *wrong = step(&o);

		for (unsigned k = 0; k < 8 && !wrong; k++) {
			vaddr_t va = model->cut[rng_below(&rng, model->n)] -
				     rng_below(&rng, 2);

			if (!query_agrees(model, va))
				wrong = "query";
		}
		if (wrong) {
			ktest_fail(__FILE__, __LINE__,
				   "%u levels, features %u, step %llu, %s of "
				   "%#llx-%#llx: %s",
				   levels, features, (unsigned long long)i,
				   names[o.kind],
				   (unsigned long long)o.va.start,
				   (unsigned long long)o.va.end, wrong);
			break;
		}
	}
	bed.g.unmapped = NULL;
	bed_end(&bed);
	return true;
}

KTEST(pgtable, property_equals_flat_model)
{
	rng = rng_seed(ktest_seed());
	unmapped_wrong = false;
	model = ktest_alloc(sizeof(*model));
	if (!model)
		return ktest_skip("no memory");
	for (unsigned levels = 3; levels <= 5; levels++)
		for (unsigned features = 0; features < 4; features++)
			if (!run(levels, features, ktest_ops() / 5000))
				return ktest_skip("no memory");
}
