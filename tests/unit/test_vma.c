/* The map of VMAs, against a map with a cell for each page. */
#include <kernel/ktest.h>
#include <lib/errno.h>
#include <lib/rng.h>
#include <mm/vma.h>

#define PAGES 1500u
#define VMAS  400u
#define BASE  0x100000u

struct cell {
	bool used;
	vm_prot_t prot;
	uint32_t flags;
	struct vm_object *object;
	uint64_t offset;
};

static struct {
	struct vma_map m;
	struct vma vma[VMAS];
	struct vma *pool[VMAS];
	unsigned free;
	struct cell cell[PAGES];
} * t;

static bool set_up(void)
{
	t = ktest_alloc(sizeof(*t));
	if (!t)
		return false;
	vma_map_init(&t->m, range_make(BASE, BASE + PAGES * PAGE_SIZE));
	for (unsigned i = 0; i < VMAS; i++)
		t->pool[t->free++] = &t->vma[i];
	return true;
}

static struct vma *get(void)
{
	return t->pool[--t->free];
}

static void put(struct vma *v)
{
	if (v)
		t->pool[t->free++] = v;
}

static unsigned page_of(vaddr_t va)
{
	return (unsigned)((va - BASE) / PAGE_SIZE);
}

static vaddr_t at_page(uint64_t page)
{
	return BASE + page * PAGE_SIZE;
}

static struct range some_range(struct rng *r)
{
	uint64_t first = rng_below(r, PAGES);
	uint64_t n = 1 + rng_below(r, rng_below(r, 8) ? 6 : 200);

	return range_make(at_page(first), at_page(min_u64(first + n, PAGES)));
}

static bool is_free(struct range va)
{
	for (unsigned i = page_of(va.start); i < page_of(va.end); i++)
		if (t->cell[i].used)
			return false;
	return true;
}

static void fill(struct range va, struct cell c)
{
	for (unsigned i = page_of(va.start); i < page_of(va.end); i++) {
		t->cell[i] = c;
		if (c.object)
			c.offset++;
	}
}

/* Few kinds, so that neighbours are often equal. Objects are only compared. */
static struct cell some_kind(struct rng *r, struct range va)
{
	struct cell c = {.used = true};

	c.prot = rng_below(r, 2) ? VM_READ : VM_READ | VM_WRITE;
	c.flags = rng_below(r, 24) ? 0 : VMA_GROWSDOWN;
	if (!rng_below(r, 3)) {
		c.object = (struct vm_object *)&t->cell[rng_below(r, 2)];
		c.offset = page_of(va.start) + 8 * rng_below(r, 2);
	}
	return c;
}

static bool step_add(struct rng *r)
{
	struct range va = some_range(r);
	struct cell c = some_kind(r, va);
	struct vma new = {.va = va,
			  .prot = c.prot,
			  .flags = c.flags,
			  .object = c.object,
			  .offset = c.offset};
	struct vma *over = vma_overlap(&t->m, va);
	struct vma_place place;
	unsigned joins;

	if (is_free(va) != !over)
		return false;
	if (over || !t->free)
		return true;
	place = vma_place(&t->m, va.start);
	joins = vma_add_joins(&new, &place);
	if (joins) {
		put(vma_join(&t->m, &new, &place, joins));
	} else {
		struct vma *v = get();

		*v = new;
		vma_insert(&t->m, v, place);
	}
	fill(va, c);
	return true;
}

static bool step_cut(struct rng *r)
{
	struct range va = some_range(r);
	struct vma *v = vma_overlap(&t->m, va), *next, *spare = NULL;

	for (; v && v->va.start < va.end; v = next) {
		next = vma_next(v);
		if (vma_cut_splits(v, va)) {
			if (!t->free)
				return true;
			spare = get();
		}
		if (range_within(v->va, va)) {
			vma_erase(&t->m, v);
			put(v);
		} else {
			vma_cut(&t->m, v, va, spare);
		}
	}
	fill(va, (struct cell){.used = false});
	return true;
}

static bool step_change(struct rng *r)
{
	struct range va = some_range(r);
	struct vma *v = vma_overlap(&t->m, va), *got;
	uint64_t before = t->m.count;
	struct vma_change c;

	if (!v || t->free < 2)
		return true;
	va = range_intersect(va, v->va);
	c = (struct vma_change){.v = v,
				.va = va,
				.prot = v->prot,
				.flags = v->flags ^ VMA_LOCKED};
	if (rng_below(r, 2))
		c.prot = VM_READ | (c.prot ^ VM_WRITE);
	for (unsigned i = page_of(va.start); i < page_of(va.end); i++) {
		t->cell[i].prot = c.prot;
		t->cell[i].flags = c.flags;
	}
	vma_change_plan(&c);
	for (int i = 0; i < c.adds; i++)
		c.spare[i] = get();
	got = vma_change(&t->m, &c);
	for (int i = 0; i < -c.adds; i++)
		put(c.gone[i]);
	return range_within(va, got->va) &&
	       t->m.count == before + (uint64_t)c.adds;
}

static bool same(const struct cell *c, const struct vma *v, unsigned page)
{
	uint64_t in = page - page_of(v->va.start);

	return c->used && c->prot == v->prot && c->flags == v->flags &&
	       c->object == v->object &&
	       c->offset == v->offset + (v->object ? in : 0);
}

/* All pages are as they should be, and there is no VMA more than needed. */
static bool as_cells(void)
{
	struct vma *v = vma_first(&t->m);
	unsigned page = 0;

	for (; v; v = vma_next(v)) {
		for (; page < page_of(v->va.start); page++)
			if (t->cell[page].used)
				return false;
		for (; page < page_of(v->va.end); page++)
			if (!same(&t->cell[page], v, page))
				return false;
	}
	for (; page < PAGES; page++)
		if (t->cell[page].used)
			return false;
	return !vma_check(&t->m);
}

/* Where nothing may be placed. A guard reaches no further than to what is mapped in
 * front of it. */
static void mark_taken(uint8_t taken[PAGES])
{
	const unsigned guard = VMA_GUARD / PAGE_SIZE;

	for (unsigned i = 0; i < PAGES; i++)
		taken[i] = t->cell[i].used;
	for (unsigned i = 0; i < PAGES; i++) {
		const struct cell *c = &t->cell[i];

		if (!c->used || !(c->flags & VMA_GROWSDOWN))
			continue;
		for (unsigned k = 1;
		     k <= guard && k <= i && !t->cell[i - k].used; k++)
			taken[i - k] = true;
	}
}

/* The highest place in `within`, or 0. */
static vaddr_t model_gap(const uint8_t taken[PAGES], uint64_t size,
			 struct range within)
{
	uint64_t run = 0;

	for (unsigned i = PAGES; i-- > 0;) {
		bool in = at_page(i) >= within.start &&
			  at_page(i + 1) <= within.end;

		run = in && !taken[i] ? run + 1 : 0;
		if (run * PAGE_SIZE >= size)
			return at_page(i);
	}
	return 0;
}

static bool right_place(vaddr_t at, const struct vma_place *place)
{
	return place->next == vma_find(&t->m, at) &&
	       place->prev ==
		       (place->next ? vma_prev(place->next) : vma_last(&t->m));
}

/* At a page; and if nothing is free there, above. */
static bool finds_gap(const uint8_t taken[PAGES], uint64_t size)
{
	vaddr_t want = model_gap(taken, size, t->m.given), at;
	struct vma_place place;

	if (vma_find_gap(&t->m, size, PAGE_SIZE, &at, &place))
		return at == want && right_place(at, &place);
	if (want)
		return false;
	want = model_gap(taken, size,
			 range_make(t->m.given.start, t->m.bounds.end));
	if (vma_find_above(&t->m, size, &at, &place))
		return at == want && right_place(at, &place);
	return !want;
}

static bool finds_aligned(const uint8_t taken[PAGES], uint64_t size,
			  uint64_t align)
{
	uint64_t room = size + align - PAGE_SIZE;
	vaddr_t want = model_gap(taken, room, t->m.given), at;
	struct vma_place place;

	if (!vma_find_gap(&t->m, size, align, &at, &place))
		return !want;
	return is_aligned(at, align) && at >= want &&
	       model_gap(taken, size, range_make(at, at + size)) == at &&
	       right_place(at, &place);
}

static bool finds_gaps(struct rng *r)
{
	uint64_t size = PAGE_SIZE * (1 + rng_below(r, 40));
	static uint8_t taken[PAGES];

	mark_taken(taken);
	return finds_gap(taken, PAGE_SIZE) && finds_gap(taken, size) &&
	       finds_aligned(taken, size, PAGE_SIZE << rng_below(r, 5));
}

static bool finds(vaddr_t va)
{
	struct vma *v = vma_find(&t->m, va);
	unsigned page = page_of(va);

	while (page < PAGES && !t->cell[page].used)
		page++;
	return page == PAGES
		       ? !v
		       : v && range_has(v->va, max_u64(va, at_page(page)));
}

static struct vma *copy_one(void *left, const struct vma *v)
{
	unsigned *n = left;
	struct vma *c = *n ? get() : NULL;

	if (!c)
		return NULL;
	--*n;
	*c = *v;
	return c;
}

static void put_all(struct vma_map *m)
{
	for (struct vma *v; (v = vma_dismantle(m));)
		put(v);
}

/* From here on the map is a copy of what it was; first there are too few for that. */
static bool is_copied(void)
{
	unsigned n = (unsigned)t->m.count, few = n / 2;
	struct vma_map copy;

	if (!n || n > t->free)
		return true;
	vma_map_init(&copy, t->m.bounds);
	if (vma_copy(&copy, &t->m, copy_one, &few) != -ENOMEM)
		return false;
	put_all(&copy);
	if (vma_copy(&copy, &t->m, copy_one, &n) || vma_check(&copy))
		return false;
	put_all(&t->m);
	t->m = copy;
	return true;
}

KTEST(vma, property_equals_a_map_of_pages)
{
	struct rng r = rng_seed(ktest_seed());

	if (!set_up())
		return ktest_skip("no memory");
	t->m.given = range_make(at_page(rng_below(&r, 2)),
				at_page(PAGES - rng_below(&r, PAGES / 2)));
	KTEST_STEPS (step, ktest_ops()) {
		switch (rng_below(&r, 8)) {
		case 0 ... 2:
			REQUIRE(step_add(&r));
			break;
		case 3:
			REQUIRE(step_cut(&r));
			break;
		default:
			REQUIRE(step_change(&r));
		}
		REQUIRE(finds(BASE + rng_below(&r, PAGES * PAGE_SIZE)));
		if (step % 64)
			continue;
		REQUIRE(is_copied());
		REQUIRE(as_cells());
		REQUIRE(finds_gaps(&r));
	}
}

/* One page of memory that nobody else is like. */
static struct vma *add_one(uint64_t page, uint32_t flags)
{
	struct vma new = {.va = {at_page(page), at_page(page + 1)},
			  .flags = flags};
	struct vma_place place = vma_place(&t->m, new.va.start);
	struct vma *v = get();

	*v = new;
	vma_insert(&t->m, v, place);
	return v;
}

KTEST(vma, gaps_keep_out_of_guards)
{
	const uint64_t guard = VMA_GUARD / PAGE_SIZE;
	struct vma_place place;
	struct range all;
	struct vma *stack;
	vaddr_t at;

	if (!set_up())
		return ktest_skip("no memory");
	all = t->m.bounds;
	EXPECT(vma_find_gap(&t->m, range_size(all), PAGE_SIZE, &at, &place) &&
	       at == BASE && !place.prev && !place.next);
	EXPECT(!vma_find_gap(&t->m, range_size(all) + PAGE_SIZE, PAGE_SIZE, &at,
			     &place));
	EXPECT(!vma_find_gap(&t->m, 0 - PAGE_SIZE, PAGE_SIZE, &at, &place));
	EXPECT(!vma_find_gap(&t->m, PAGE_SIZE, (uint64_t)1 << 63, &at, &place));
	/* A stack at the top: the highest page is below its guard. */
	stack = add_one(PAGES - 1, VMA_GROWSDOWN);
	EXPECT(vma_find_gap(&t->m, PAGE_SIZE, PAGE_SIZE, &at, &place) &&
	       at == at_page(PAGES - 1 - guard - 1) && place.next == stack);
	/* Something in it, as a program may have it: then the gap begins below. */
	add_one(PAGES - 10, 0);
	EXPECT(vma_find_gap(&t->m, PAGE_SIZE, PAGE_SIZE, &at, &place) &&
	       at == at_page(PAGES - 11));
	vma_resize(&t->m, stack, range_make(at_page(PAGES - 3), all.end));
	EXPECT(!vma_check(&t->m));
	vma_erase(&t->m, stack);
	EXPECT(!vma_check(&t->m));
	EXPECT(vma_find_gap(&t->m, PAGE_SIZE, PAGE_SIZE, &at, &place) &&
	       at == at_page(PAGES - 1));
}

KTEST(vma, places_above_come_last)
{
	struct vma_place place;
	vaddr_t at;

	if (!set_up())
		return ktest_skip("no memory");
	t->m.given.end = at_page(600);
	EXPECT(vma_find_gap(&t->m, 600 * PAGE_SIZE, PAGE_SIZE, &at, &place) &&
	       at == BASE);
	/* Part of it is below: a gap is a gap. */
	add_one(PAGES - 1, 0);
	add_one(0, 0);
	EXPECT(!vma_find_gap(&t->m, 600 * PAGE_SIZE, PAGE_SIZE, &at, &place));
	EXPECT(vma_find_above(&t->m, 1000 * PAGE_SIZE, &at, &place) &&
	       at == at_page(PAGES - 1001));
	EXPECT(!vma_find_above(&t->m, PAGES * PAGE_SIZE, &at, &place));
	/* What is wholly below is not above. */
	add_one(601, 0);
	add_one(599, 0);
	EXPECT(vma_find_above(&t->m, PAGE_SIZE, &at, &place) &&
	       at == at_page(PAGES - 2));
	EXPECT(!vma_find_above(&t->m, PAGES * PAGE_SIZE * 2 / 3, &at, &place));
	EXPECT(!vma_check(&t->m));
}

KTEST(vma, dismantled_once_each)
{
	unsigned n = 0;

	if (!set_up())
		return ktest_skip("no memory");
	for (unsigned i = 0; i < 300; i += 2)
		add_one(i, 0);
	for (struct vma *v; (v = vma_dismantle(&t->m)); n++)
		v->va.end = 0;
	EXPECT(n == 150 && !vma_first(&t->m) && !vma_check(&t->m));
}

static uint64_t steps;
static bool (*update)(struct tree_node *n);

static bool count_steps(struct tree_node *n)
{
	steps++;
	return update(n);
}

/* The most nodes that are looked at for one VMA less, a search and one more, among n
 * with gaps of all sizes: those that turn are counted; besides, there are two ways
 * up for each change, and one down for the search, as long as the tree is high. */
static uint64_t steps_among(struct vma_map *m, struct vma *v, uint64_t n)
{
	struct rng r = rng_seed(ktest_seed());
	uint64_t most = 0, at = PAGE_SIZE;
	struct vma_place place;

	vma_map_init(m, range_make(PAGE_SIZE, n * MIB(1)));
	update = m->tree.update;
	m->tree.update = count_steps;
	for (uint64_t i = 0; i < n; i++) {
		v[i] = (struct vma){.va = {at, at + PAGE_SIZE},
				    .object = (struct vm_object *)&v[i]};
		vma_insert(m, &v[i],
			   (struct vma_place){.prev = i ? &v[i - 1] : NULL});
		at += PAGE_SIZE * (2 + rng_below(&r, 100));
	}
	/* That cuts no gap, but none is left behind the last. */
	m->given.end = m->last->va.end;
	for (unsigned k = 0; k < 1000; k++) {
		struct vma *one = &v[rng_below(&r, n)];
		uint64_t before = steps, size = PAGE_SIZE * (1 + k % 50);

		vma_erase(m, one);
		if (!vma_find_gap(m, size, PAGE_SIZE, &at, &place))
			return UINT64_MAX;
		one->va = range_make(at, at + PAGE_SIZE);
		vma_insert(m, one, place);
		most = max_u64(most, steps - before + 5 * m->tree.root->height);
	}
	return most;
}

KTEST(vma, cost_grows_as_the_logarithm)
{
	struct vma_map m;
	struct vma *v;

	for (uint64_t n = 100, log = 7; n <= 100000; n *= 10) {
		uint64_t most;

		v = ktest_alloc(n * sizeof(*v));
		if (!v)
			return ktest_skip("no memory");
		most = steps_among(&m, v, n);
		while ((uint64_t)1 << log < n)
			log++;
		EXPECT(most <= 12 * log);
		EXPECT(!vma_check(&m));
	}
}
