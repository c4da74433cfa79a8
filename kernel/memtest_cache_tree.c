/*
 * The machine's caches as its device tree has them: of each hart that runs the
 * kernel, the way from its own caches along next-level-cache.
 *
 * A size that makes no sense is none; a way that does not end, or ends at a level
 * without a size, tells nothing of the last level: then 2 MiB is a guess, as most
 * small chips have less.
 *
 * Source: Devicetree Specification 0.4, 3.8.1 and 3.9.
 */
#include "memtest_cache_impl.h"

#define GUESS_SIZE MIB(2)
#define GUESS_LINE 64
#define LEVELS	   8 /* no way is longer */

static uint64_t sane(const struct fdt *t, fdt_node n, const char *name,
		     uint64_t least, uint64_t most)
{
	uint64_t v;

	return !fdt_get_u64(t, n, name, &v) && v >= least && v <= most ? v : 0;
}

static uint64_t size_of(const struct fdt *t, fdt_node n, const char *name)
{
	return sane(t, n, name, KIB(1), MIB(256));
}

static void add_line(struct cache_facts *f, const struct fdt *t, fdt_node n,
		     const char *name)
{
	uint64_t v = sane(t, n, name, 16, 4096);

	if (is_pow2(v) && (!f->line || v < f->line))
		f->line = v;
}

/* The hart's own are in its node. Does the way end at a size? */
static bool follow(struct cache_facts *f, const struct fdt *t, fdt_node n)
{
	uint64_t size = size_of(t, n, "d-cache-size");
	uint32_t next;

	add_line(f, t, n, "d-cache-block-size");
	for (unsigned level = 1; level <= LEVELS; level++) {
		f->largest = max_u64(f->largest, size);
		if (fdt_get_u32(t, n, "next-level-cache", &next) &&
		    fdt_get_u32(t, n, "l2-cache", &next))
			/* Of its own caches only: a tree that leaves the others
			 * out is more likely than a chip without. */
			return level > 1 && size;
		n = fdt_find_phandle(t, next);
		if (n == FDT_NONE)
			return false;
		size = size_of(t, n, "cache-size");
		add_line(f, t, n, "cache-block-size");
		add_line(f, t, n, "cache-line-size");
	}
	return false;
}

void cache_tree(const struct devtree *dt, struct cache_facts *f)
{
	bool known = false, all = true;

	f->largest = f->line = 0;
	for (unsigned i = 0; i < dt->ncpu; i++) {
		if (dt->cpu[i].unusable)
			continue;
		known = true;
		all &= follow(f, &dt->fdt, dt->cpu[i].node);
	}
	f->guessed = !known || !all;
	if (f->guessed)
		f->largest = max_u64(f->largest, GUESS_SIZE);
	if (!f->line)
		f->line = GUESS_LINE;
}
