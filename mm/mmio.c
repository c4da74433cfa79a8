/*
 * Registers of devices (<mm/mmio.h>): claims and windows.
 *
 *	claims   |--- A ---|  |-B-|-C-|     |------ D ------|	bytes
 *	windows  [====|====|====] [====]    [====|====|====|]	pages
 *				  B, C
 *
 * All claims are in one tree by the first page that their windows show. As windows
 * may overlap, each node knows where the last window below it ends; with that, all
 * claims on a range are found without looking at the others (an interval
 * tree). The node is the caller's struct mmio: nothing is allocated here but the
 * window.
 *
 * Whether two claims go together is a question of bytes. Pages decide about two
 * other things: no page is mapped as two kinds of memory, which a hart need not
 * cope with; and claims whose windows show just the same pages share one, linked
 * as a ring. Whoever leaves the ring last unmaps it. So a page is never mapped
 * for longer than somebody needs it.
 *
 * A window is mapped and unmapped without the lock, so a claim is in the tree
 * before and after:
 *
 *	     claim			     last of its ring
 *	gone -----> no base yet --> base set -----> base NULL --> gone
 *		    vmap()	      |  ^	    vunmap()
 *				join  |  |  leave, not the last
 *
 * While it has no base it refuses others as it does when it has, but none joins
 * it: who needs the same pages then gets a window of its own. Nobody waits for
 * anybody.
 *
 *  I1  claims are in the tree in order, and `most` is true
 *  I2  no two claims in the tree refuse each other
 *  I3  those of a ring show the same pages through one window
 *  I4  a claim leaves the tree after all harts were fenced, unless others still
 *      use the window
 *  I5  nothing here is RAM
 *
 * Until mmio_take_over() windows are the fixed ones (kmap.c), and only the boot
 * hart is there.
 *
 * Locking: LOCK_MMIO around the tree and the rings, for O(log n + k), where k
 * claims have windows on the same pages. Nothing is called under it.
 *
 * Source: Cormen, Leiserson, Rivest and Stein, Introduction to Algorithms,
 * Interval trees. On aliases: privileged specification, Svpbmt.
 */
#include <kernel/spinlock.h>
#include <lib/errno.h>
#include <lib/fdt_reg.h>
#include <mm/kmap.h>
#include <mm/mmio.h>

#include "kmap_impl.h"
#include "vmalloc_impl.h"

static bool update(struct tree_node *n);

static struct spinlock lock = SPINLOCK_INIT(LOCK_MMIO);
static struct tree claims = {.update = update};
static uint64_t maps, refused;	   /* ever (l) */
static const struct memblock *ram; /* (c) */
static bool late;		   /* windows are in the arena (c) */

static struct mmio *claim_of(const struct tree_node *n)
{
	return n ? container_of(n, struct mmio, node) : NULL;
}

static bool update(struct tree_node *n)
{
	struct mmio *m = claim_of(n);
	uint64_t most = m->pages.end, before = m->most;

	for (unsigned side = 0; side < 2; side++)
		if (n->child[side])
			most = max_u64(most, claim_of(n->child[side])->most);
	m->most = most;
	return most != before;
}

/* The first claim of the tree below n whose window ends behind `at`. */
static struct mmio *first_behind(const struct tree_node *n, uint64_t at)
{
	while (n && claim_of(n)->most > at) {
		const struct tree_node *left = n->child[TREE_LEFT];

		if (left && claim_of(left)->most > at)
			n = left;
		else if (claim_of(n)->pages.end > at)
			return claim_of(n);
		else
			n = n->child[TREE_RIGHT];
	}
	return NULL;
}

/* The next one after m. */
static struct mmio *next_behind(const struct mmio *m, uint64_t at)
{
	const struct tree_node *n = &m->node, *up;
	struct mmio *found = first_behind(n->child[TREE_RIGHT], at);

	for (; !found && (up = n->parent); n = up) {
		if (up->child[TREE_RIGHT] == n)
			continue;
		if (claim_of(up)->pages.end > at)
			return claim_of(up);
		found = first_behind(up->child[TREE_RIGHT], at);
	}
	return found;
}

static void insert(struct mmio *m)
{
	struct tree_node **link = &claims.root, *parent = NULL;

	/* Sums above are made true on the way, which spares the way back. */
	while (*link) {
		struct mmio *above = claim_of(*link);

		parent = *link;
		above->most = max_u64(above->most, m->pages.end);
		link = &parent->child[above->pages.start <= m->pages.start];
	}
	tree_insert(&claims, &m->node, parent, link);
}

static void erase(struct mmio *m)
{
	tree_erase(&claims, &m->node);
	m->node.height = 0; /* in no tree */
}

/* Can't there be both of them, whose pages overlap? */
static bool refuses(const struct mmio *a, const struct mmio *b)
{
	const unsigned silent = MMIO_SHARED | MMIO_CLAIM_ONLY;
	unsigned any = a->flags | b->flags, both = a->flags & b->flags;
	bool bytes = a->pa < b->pa + b->size && b->pa < a->pa + a->size;

	if (any & MMIO_CLAIM_ONLY)
		return bytes && (both & silent) != silent;
	if ((a->flags ^ b->flags) & MMIO_WC)
		return true;
	return bytes && !(any & MMIO_PEEK) && !(both & MMIO_SHARED);
}

/* Who is in the way of m? If nobody is, *twin becomes one whose window it can
 * share, if there is one. */
static const struct mmio *in_the_way(const struct mmio *m, struct mmio **twin)
{
	const uint64_t at = m->pages.start;

	for (struct mmio *c = first_behind(claims.root, at);
	     c && c->pages.start < m->pages.end; c = next_behind(c, at)) {
		if (refuses(c, m))
			return c;
		if (c->pages.start == at && c->pages.end == m->pages.end &&
		    __atomic_load_n(&c->base, __ATOMIC_ACQUIRE))
			*twin = c;
	}
	return NULL;
}

static vaddr_t window_of(const struct mmio *m)
{
	return align_down((uintptr_t)m->base, PAGE_SIZE);
}

/* Where m's registers are in this window. */
static volatile uint8_t *base_in(const struct mmio *m, vaddr_t window)
{
	return (volatile uint8_t *)(uintptr_t)(window +
					       (m->pa - m->pages.start));
}

static int claim(struct mmio *m)
{
	uint64_t flags = spin_lock_irqsave(&lock);
	struct mmio *twin = NULL;
	const struct mmio *other = in_the_way(m, &twin);

	if (!other) {
		insert(m);
		maps++;
	}
	if (!other && twin && !(m->flags & MMIO_CLAIM_ONLY)) {
		m->base = base_in(m, window_of(twin));
		m->window = twin->window;
		list_add(&twin->shares, &m->shares);
	}
	spin_unlock_irqrestore(&lock, flags);
	if (!other)
		return 0;
	m->owner = other->owner;
	return -EBUSY;
}

static void forget(struct mmio *m)
{
	uint64_t flags = spin_lock_irqsave(&lock);

	erase(m);
	spin_unlock_irqrestore(&lock, flags);
}

static enum mem_attr attr_of(const struct mmio *m)
{
	return m->flags & MMIO_WC ? ATTR_NC : ATTR_IO;
}

/* A window of m's own, with the base in it; false: there is none. */
static bool open_window(struct mmio *m, bool fixed, uintptr_t pc)
{
	vaddr_t va;

	if (fixed) {
		va = kmap_fixed_map(m->pages, attr_of(m));
	} else {
		m->window = window_open(m->pages, VM_READ | VM_WRITE,
					attr_of(m), pc);
		va = m->window ? m->window->tag.range.start : 0;
	}
	/* From now on others may join: they see m->window, too (in_the_way). */
	if (va)
		__atomic_store_n(&m->base, base_in(m, va), __ATOMIC_RELEASE);
	return va;
}

static void close_window(struct vm_area *window, vaddr_t va, uint64_t size,
			 uintptr_t pc)
{
	if (window)
		window_close(window, pc);
	else
		kmap_fixed_unmap(range_make(va, va + size));
}

/* The first RAM in these pages, or NULL. */
static const struct region *ram_in(struct range pages)
{
	for (const struct region *r = ram->region, *end = r + ram->n;
	     r < end && r->range.start < pages.end; r++)
		if (r->range.end > pages.start)
			return r;
	return NULL;
}

static int check_ram(struct mmio *m)
{
	const struct region *r = ram_in(m->pages);

	if (!r)
		return 0;
	m->owner = region_type_name(r->type);
	return -EBUSY;
}

/* What makes no sense whatever the others have; else the pages. */
static int check(struct mmio *m)
{
	const unsigned all =
		MMIO_SHARED | MMIO_PEEK | MMIO_WC | MMIO_CLAIM_ONLY;
	const unsigned f = m->flags;
	uint64_t end;

	if (!m->size || m->pa % 4 || f & ~all ||
	    (f & MMIO_PEEK && f & (MMIO_SHARED | MMIO_CLAIM_ONLY)) ||
	    (f & MMIO_WC && f & MMIO_CLAIM_ONLY))
		return -EINVAL;
	if (__builtin_add_overflow(m->pa, m->size, &end))
		return -EOVERFLOW;
	if (end > (uint64_t)1 << PT_PADDR_BITS)
		return -ERANGE;
	m->pages = range_make(align_down(m->pa, PAGE_SIZE),
			      align_up(end, PAGE_SIZE));
	return 0;
}

static int map(struct mmio *m, uintptr_t pc)
{
	int err = check(m);

	if (!err)
		err = check_ram(m);
	if (!err)
		err = claim(m);
	if (!err && !m->base && !(m->flags & MMIO_CLAIM_ONLY) &&
	    !open_window(m, !late, pc)) {
		forget(m);
		err = -ENOMEM;
	}
	return err;
}

int mmio_map(struct mmio *m, paddr_t pa, uint64_t size, unsigned flags,
	     const char *owner)
{
	uint64_t irq;
	int err;

	*m = (struct mmio){
		.pa = pa, .size = size, .owner = owner, .flags = flags};
	list_init(&m->shares);
	err = map(m, (uintptr_t)__builtin_return_address(0));
	if (!err)
		return 0;
	irq = spin_lock_irqsave(&lock);
	refused++;
	spin_unlock_irqrestore(&lock, irq);
	return err;
}

/* What a tree said: the registers, or an error. */
static int map_found(struct mmio *m, int err, struct range reg, unsigned flags,
		     const char *owner)
{
	if (!err)
		return mmio_map(m, reg.start, range_size(reg), flags, owner);
	*m = (struct mmio){.owner = owner};
	return err;
}

int mmio_map_node(struct mmio *m, const struct fdt *t, fdt_node n, unsigned i,
		  unsigned flags, const char *owner)
{
	struct range reg = {0, 0};
	int err = fdt_reg_phys(t, n, i, &reg);

	return map_found(m, err, reg, flags, owner);
}

int mmio_map_named(struct mmio *m, const struct fdt *t, fdt_node n,
		   const char *name, unsigned flags, const char *owner)
{
	struct range reg = {0, 0};
	int err = fdt_reg_phys_named(t, n, name, &reg);

	return map_found(m, err, reg, flags, owner);
}

/* Is m the last that uses its window? Then nobody joins it any more; else it is
 * gone. */
static bool leave(struct mmio *m)
{
	uint64_t flags = spin_lock_irqsave(&lock);
	bool last = m->base && list_empty(&m->shares);

	m->base = NULL;
	if (!last) {
		list_del(&m->shares);
		erase(m);
	}
	spin_unlock_irqrestore(&lock, flags);
	return last;
}

void mmio_unmap(struct mmio *m)
{
	vaddr_t va = window_of(m);

	if (!m->node.height || !leave(m))
		return;
	close_window(m->window, va, range_size(m->pages),
		     (uintptr_t)__builtin_return_address(0));
	forget(m);
}

/* The ring of m goes to another window. */
static void move(struct mmio *m)
{
	vaddr_t old = window_of(m);

	if (!open_window(m, false, 0))
		return;
	list_for_each (l, &m->shares) {
		struct mmio *other = list_entry(l, struct mmio, shares);

		other->base = base_in(other, window_of(m));
		other->window = m->window;
	}
	close_window(NULL, old, range_size(m->pages), 0);
}

void mmio_init(const struct memblock *mb)
{
	ram = mb;
	tree_init(&claims, update);
	late = false;
	maps = refused = 0;
}

void mmio_take_over(void)
{
	late = true;
	for (struct tree_node *n = tree_first(&claims); n; n = tree_next(n)) {
		struct mmio *m = claim_of(n);

		if (m->base && !m->window)
			move(m);
	}
}

void mmio_each(void (*each)(void *ctx, const struct mmio *m), void *ctx)
{
	uint64_t flags = spin_lock_irqsave(&lock);

	for (struct tree_node *n = tree_first(&claims); n; n = tree_next(n))
		each(ctx, claim_of(n));
	spin_unlock_irqrestore(&lock, flags);
}

/* Of each ring one does. */
static bool stands_for_ring(const struct mmio *m)
{
	list_for_each (l, &m->shares)
		if (list_entry(l, struct mmio, shares) < m)
			return false;
	return true;
}

static void count(void *ctx, const struct mmio *m)
{
	struct mmio_stats *s = ctx;

	s->claims++;
	if (!m->base || !stands_for_ring(m))
		return;
	s->windows++;
	s->bytes += range_size(m->pages);
}

void mmio_stats(struct mmio_stats *s)
{
	*s = (struct mmio_stats){.maps = 0};
	mmio_each(count, s);
	s->maps = maps;
	s->refused = refused;
}

static const char *check_ring(const struct mmio *m)
{
	list_for_each (l, &m->shares) {
		const struct mmio *other = list_entry(l, struct mmio, shares);

		if (l->next->prev != l || !other->node.height)
			return "a ring is broken";
		if (!m->base || other->pages.start != m->pages.start ||
		    other->pages.end != m->pages.end ||
		    window_of(other) != window_of(m) ||
		    other->window != m->window)
			return "a ring has two windows";
	}
	return NULL;
}

static const char *check_claim(struct mmio *m)
{
	struct mmio *next = claim_of(tree_next(&m->node));
	const char *wrong = check_ring(m);

	if (!m->size || m->pages.start != align_down(m->pa, PAGE_SIZE) ||
	    m->pages.end != align_up(m->pa + m->size, PAGE_SIZE))
		return "a claim shows other pages than its own";
	if (next && next->pages.start < m->pages.start)
		return "claims are out of order";
	if (m->base && base_in(m, window_of(m)) != m->base)
		return "a base is not where the window is";
	if (!wrong && ram_in(m->pages))
		return "a claim is on RAM";
	for (next = next_behind(m, m->pages.start);
	     !wrong && next && next->pages.start < m->pages.end;
	     next = next_behind(next, m->pages.start))
		if (refuses(m, next))
			wrong = "two claims refuse each other";
	return wrong;
}

const char *mmio_check(void)
{
	uint64_t flags = spin_lock_irqsave(&lock);
	const char *wrong = tree_check(&claims) ? NULL : "the tree is damaged";

	for (struct tree_node *n = tree_first(&claims); n && !wrong;
	     n = tree_next(n))
		wrong = check_claim(claim_of(n));
	spin_unlock_irqrestore(&lock, flags);
	return wrong;
}
