/*
 * Ways past the caches, and whether they are such.
 *
 * The JH7110 has its RAM twice: cached, and uncached 0x2_0000_0000 above that
 * (StarFive JH7110 TRM, system memory map; here from what others wrote of it). Harts
 * with Svpbmt can map RAM as uncached anywhere.
 *
 * Either is believed only after a look, on frames from all over RAM with different low
 * address bits, so that a view that wraps, is shifted, or is of something else shows
 * others than these. In this order, so that nothing is ever stored through a view
 * that was not seen to show RAM:
 *
 *	stored directly and flushed, it is in the view		else: other memory
 *	stored directly, it is not, in some frames at least	else: cached as well
 *	flushed then, it is, though the view was read before	else: by a cache of
 *								its own
 *	stored by the view, it is in RAM			else: it can't write
 *
 * Reads that fault are seen; one that is never answered stops the machine. So nobody
 * looks where the machine is no JH7110, or its tree has something at that place.
 */
#include <arch/cpu.h>
#include <lib/errno.h>
#include <lib/fdt_reg.h>
#include <mm/page_alloc.h>
#include <mm/vmalloc.h>

#include "memtest_cache_impl.h"

#define JH7110_ALIAS ((paddr_t)0x200000000)

#define MOST_VIEWED GIB(32) /* of RAM */

#define SAMPLES 16
#define ENOUGH	4 /* of them */

struct sample {
	struct page *frame; /* NULL: none */
	volatile uint64_t *direct, *view;
	paddr_t pa;
};

/* --- what there could be --- */

const char *cache_bypass(const struct devtree *dt, paddr_t *offset)
{
	pte_t nc = pte_leaf(0, VM_READ | VM_WRITE, ATTR_NC);

	*offset = JH7110_ALIAS;
	if (fdt_compatible(&dt->fdt, fdt_root(&dt->fdt), "starfive,jh7110"))
		return "alias";
	*offset = 0;
	return pte_attr(nc) == ATTR_NC ? "svpbmt" : NULL;
}

uint64_t cache_views_room(uint64_t ram_bytes)
{
	paddr_t offset;

	return cache_bypass(&machine, &offset)
		       ? 2 * min_u64(ram_bytes, MOST_VIEWED)
		       : 0;
}

static struct range ram_span(const struct devtree *dt)
{
	struct range r = {UINT64_MAX, 0};

	for (unsigned i = 0; i < dt->nmemory; i++) {
		r.start = min_u64(r.start, dt->memory[i].start);
		r.end = max_u64(r.end, dt->memory[i].end);
	}
	return r;
}

/* Has the tree anything there, be it memory or a device? */
static bool in_tree(const struct fdt *t, struct range where)
{
	fdt_node path[FDT_MAX_DEPTH + 1];
	struct range reg;
	int depth = -1;

	for (fdt_node n = fdt_root(t); n != FDT_NONE;
	     n = fdt_next(t, n, NULL)) {
		/* Few nodes have one, and the way to a node costs a walk. */
		if (!fdt_get(t, n, "reg", NULL))
			continue;
		depth = fdt_ancestors_from(t, n, path, depth);
		for (unsigned i = 0; !fdt_reg_phys_on(t, path, depth, i, &reg);
		     i++)
			if (range_overlaps(reg, where))
				return true;
	}
	return false;
}

/* --- the samples --- */

/* A frame of part i of RAM, from so far into it that low address bits differ. */
static struct page *take_frame(struct range span, unsigned i)
{
	uint64_t part = range_size(span) / SAMPLES >> PAGE_SHIFT;
	uint64_t first = (span.start >> PAGE_SHIFT) + i * part;
	uint64_t skip = part ? i * 0x9e3779b9u % part : 0;

	return page_alloc_within(0, range_make(first + skip, first + part),
				 ALLOC_NORETRY);
}

static void drop(struct sample *s)
{
	if (s->view)
		vunmap((vaddr_t)(uintptr_t)s->view);
	if (s->frame) {
		cache_expel(s->direct, s->pa);
		page_free(s->frame, 0);
	}
	*s = (struct sample){0};
}

/* Each word at another place of its page. */
static bool take(struct sample *s, struct page *frame, paddr_t offset,
		 unsigned i)
{
	vaddr_t page;

	s->frame = frame;
	if (!frame)
		return false;
	s->pa = page_to_phys(frame) + (i * 0x2d8 & (PAGE_SIZE - 8));
	s->direct = phys_to_virt(s->pa);
	page = vmap(s->pa + offset, sizeof(uint64_t), VM_READ | VM_WRITE,
		    ATTR_NC);
	s->view = (volatile uint64_t *)(uintptr_t)page;
	return page;
}

/* Which of them are NULL at the end. */
static unsigned take_all(struct sample *s, const struct devtree *dt,
			 paddr_t offset)
{
	struct range span = ram_span(dt);
	unsigned n = 0;

	for (unsigned i = 0; i < SAMPLES; i++)
		if (take(&s[n], take_frame(span, i), offset, i))
			n++;
		else
			drop(&s[n]);
	return n;
}

/* --- the look --- */

/* No two words, and no two rounds of one, have the same. */
static uint64_t pattern(const struct sample *s, unsigned round)
{
	return (s->pa + round) * 0x9e3779b97f4a7c15u;
}

static void store(const struct sample *s, unsigned n, unsigned round,
		  bool flushed)
{
	for (unsigned i = 0; i < n; i++) {
		cache_poke(s[i].direct, pattern(&s[i], round));
		if (flushed)
			cache_expel(s[i].direct, s[i].pa);
	}
	arch_mb();
}

static unsigned seen(const struct sample *s, unsigned n, unsigned round)
{
	unsigned same = 0;

	for (unsigned i = 0; i < n; i++)
		same += cache_peek(s[i].view) == pattern(&s[i], round);
	arch_mb();
	return same;
}

/* By the view; back by the direct map, of which no cache has anything. */
static bool writes(const struct sample *s, unsigned n, unsigned round)
{
	bool all = true;

	for (unsigned i = 0; i < n; i++) {
		cache_expel(s[i].direct, s[i].pa);
		cache_poke(s[i].view, pattern(&s[i], round));
	}
	arch_mb();
	for (unsigned i = 0; i < n; i++)
		all &= cache_peek(s[i].direct) == pattern(&s[i], round);
	return all;
}

/* NULL, or what is wrong. */
static const char *look(const struct sample *s, unsigned n)
{
	unsigned early;

	for (unsigned i = 0; i < n; i++)
		if (!mmio_answers(s[i].view, 64))
			return "nothing answers where RAM should be seen "
			       "uncached";
	store(s, n, 1, true);
	if (seen(s, n, 1) < n)
		return "where RAM should be seen uncached is something else, "
		       "or what is flushed does not reach RAM";
	store(s, n, 2, false);
	early = seen(s, n, 2);
	for (unsigned i = 0; i < n; i++)
		cache_expel(s[i].direct, s[i].pa);
	if (seen(s, n, 2) < n)
		return "the uncached view of RAM shows old data, as if it had "
		       "a cache of its own";
	if (early == n)
		return "the uncached view of RAM shows what is in caches, so "
		       "it does not lead past them";
	if (!writes(s, n, 3))
		return "what is stored by the uncached view does not reach RAM";
	return NULL;
}

int cache_check_bypass(const struct devtree *dt, paddr_t offset,
		       const char **why)
{
	struct range span = ram_span(dt);
	struct sample s[SAMPLES] = {0};
	unsigned n;

	if (offset && (span.end + offset < span.end ||
		       in_tree(&dt->fdt, range_make(span.start + offset,
						    span.end + offset)))) {
		*why = "the device tree has something else where RAM should "
		       "be seen uncached";
		return -EOPNOTSUPP;
	}
	n = take_all(s, dt, offset);
	*why = n < ENOUGH ? "no memory to try it on" : look(s, n);
	for (unsigned i = 0; i < n; i++)
		drop(&s[i]);
	return n < ENOUGH ? -ENOMEM : *why ? -EIO : 0;
}
