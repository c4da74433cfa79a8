/*
 * Device trees: how a device sees memory (<lib/fdt_dma.h>).
 *
 * An entry of a bus's `dma-ranges` is an address on the bus (in its address
 * cells), one on the parent bus (in the parent's), a length (in the bus's size
 * cells). The way goes up, as that of `reg` does: at each bus, what is left of the
 * range is what the entry maps, and moves as that does.
 *
 *	device	  0 ................ 2^64 - 1
 *	bus	      [ child  )
 *	parent	 	  [ parent )		offset += parent - child
 *
 * Offsets add up modulo 2^64; none of the ranges wraps.
 */
#include <lib/errno.h>
#include <lib/fdt_dma.h>
#include <lib/fdt_reg.h>

#include "fdt_internal.h"

/* What goes through `bus`, in addresses of it, in those of its parent. */
static int through(const struct fdt *t, fdt_node parent, fdt_node bus,
		   struct range *r, uint64_t *offset)
{
	struct fdt_ranges all;
	struct range from, to;
	int err = fdt_ranges(t, parent, bus, "dma-ranges", &all);

	if (err)
		return err == -ENOENT ? 0 : err;
	if (!all.left)
		return 0;
	while (fdt_ranges_next(&all, &from, &to)) {
		uint64_t move = to.start - from.start;

		if (!range_overlaps(*r, from))
			continue;
		from = range_intersect(*r, from);
		*r = range_make(from.start + move, from.end + move);
		*offset += move;
		return 0;
	}
	return -ENXIO;
}

/* Of the nearest that says so: the node, a bus above. */
static bool is_coherent(const struct fdt *t, const fdt_node *path, int depth)
{
	for (; depth >= 0; depth--) {
		if (fdt_get(t, path[depth], "dma-noncoherent", NULL))
			return false;
		if (fdt_get(t, path[depth], "dma-coherent", NULL))
			return true;
	}
	return true;
}

static int region_of(const struct fdt *t, fdt_node n, fdt_node *region)
{
	uint32_t size;
	const uint8_t *p = fdt_get(t, n, "memory-region", &size);

	*region = FDT_NONE;
	if (!p || !size)
		return 0;
	if (size % 4)
		return -EINVAL;
	*region = fdt_find_phandle(t, load_be32(p));
	return *region == FDT_NONE ? -EINVAL : 0;
}

int fdt_dma(const struct fdt *t, fdt_node n, struct fdt_dma *out)
{
	fdt_node path[FDT_MAX_DEPTH + 1];
	int depth = fdt_ancestors(t, n, path), err;
	struct fdt_dma dma = {.reach = {0, UINT64_MAX}};

	if (depth < 1)
		return -EINVAL;
	err = region_of(t, n, &dma.region);
	for (int i = depth - 1; !err && i > 0; i--)
		err = through(t, path[i - 1], path[i], &dma.reach, &dma.offset);
	if (err)
		return err;
	dma.coherent = is_coherent(t, path, depth);
	*out = dma;
	return 0;
}
