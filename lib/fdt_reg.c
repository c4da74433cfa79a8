/*
 * Device trees: `reg` and the way of an address up through `ranges`.
 *
 * A `reg` entry has the cells that the node's parent says. An entry of a bus's
 * `ranges` is child address (in the bus's address cells), parent address (in
 * those of the bus's parent), length (in the bus's size cells). No sum may
 * wrap: entries that would are skipped, as are those that don't fit in 64 bits
 * (a PCI bus has the kind of space in the upper cell, which here takes part in
 * the number).
 */
#include <lib/errno.h>
#include <lib/fdt_reg.h>

#include "fdt_internal.h"

int fdt_cells(const void *p, unsigned ncells, uint64_t *value)
{
	const uint8_t *cell = p;

	for (; ncells > 2; ncells--, cell += 4)
		if (fdt_word(cell))
			return -ERANGE;
	switch (ncells) {
	case 0:
		*value = 0;
		break;
	case 1:
		*value = fdt_be32(cell);
		break;
	default:
		*value = fdt_be64(cell);
	}
	return 0;
}

int fdt_range(uint64_t base, uint64_t size, struct range *out)
{
	uint64_t end;

	if (__builtin_add_overflow(base, size, &end))
		return -EOVERFLOW;
	*out = range_make(base, end);
	return 0;
}

static int width(const struct fdt *t, fdt_node n, const char *name, int other)
{
	uint32_t value;
	int err = fdt_get_u32(t, n, name, &value);

	if (err == -ENOENT)
		return other;
	return err || value > FDT_MAX_CELLS ? -EINVAL : (int)value;
}

int fdt_address_width(const struct fdt *t, fdt_node n)
{
	return width(t, n, "#address-cells", 2);
}

int fdt_size_width(const struct fdt *t, fdt_node n)
{
	return width(t, n, "#size-cells", 1);
}

/* Entry i of the reg of n, whose parent is given. */
static int reg_below(const struct fdt *t, fdt_node parent, fdt_node n,
		     unsigned i, struct range *out)
{
	int na = fdt_address_width(t, parent), ns = fdt_size_width(t, parent);
	uint32_t size, entry;
	const uint8_t *reg = fdt_get(t, n, "reg", &size);
	uint64_t base, length;

	if (!reg)
		return -ENOENT;
	if (na < 0 || ns < 0 || na + ns == 0)
		return -EINVAL;
	entry = 4 * (uint32_t)(na + ns);
	if (size % entry)
		return -EINVAL;
	if (i >= size / entry)
		return -ENOENT;
	reg += i * entry;
	if (fdt_cells(reg, (unsigned)na, &base) ||
	    fdt_cells(reg + 4 * na, (unsigned)ns, &length))
		return -ERANGE;
	return fdt_range(base, length, out);
}

int fdt_reg(const struct fdt *t, fdt_node n, unsigned i, struct range *out)
{
	fdt_node parent = fdt_parent(t, n);

	return parent == FDT_NONE ? -EINVAL : reg_below(t, parent, n, i, out);
}

int fdt_ranges(const struct fdt *t, fdt_node parent, fdt_node bus,
	       const char *name, struct fdt_ranges *r)
{
	int na = fdt_address_width(t, bus), ns = fdt_size_width(t, bus);
	int nparent = fdt_address_width(t, parent);

	r->at = fdt_get(t, bus, name, &r->left);
	if (!r->at)
		return -ENOENT;
	if (!r->left)
		return 0;
	if (na < 0 || ns < 0 || nparent < 0 || na + ns + nparent == 0)
		return -EINVAL;
	r->na = (unsigned)na;
	r->nparent = (unsigned)nparent;
	r->ns = (unsigned)ns;
	return r->left % (4 * (r->na + r->nparent + r->ns)) ? -EINVAL : 0;
}

bool fdt_ranges_next(struct fdt_ranges *r, struct range *child,
		     struct range *parent)
{
	while (r->left) {
		const uint8_t *p = r->at, *up = p + 4 * r->na;
		const uint8_t *length = up + 4 * r->nparent;
		uint64_t from, to, size;

		r->at = length + 4 * r->ns;
		r->left -= (uint32_t)(r->at - p);
		if (!fdt_cells(p, r->na, &from) &&
		    !fdt_cells(up, r->nparent, &to) &&
		    !fdt_cells(length, r->ns, &size) &&
		    !fdt_range(from, size, child) &&
		    !fdt_range(to, size, parent))
			return true;
	}
	return false;
}

/* r, in addresses of `bus`, into those of the parent of `bus`. */
static int to_parent(const struct fdt *t, fdt_node parent, fdt_node bus,
		     struct range *r)
{
	struct range from, to;
	struct fdt_ranges all;
	int err = fdt_ranges(t, parent, bus, "ranges", &all);

	if (err)
		return err == -ENOENT ? -ENXIO : err;
	if (!all.left)
		return 0;
	while (fdt_ranges_next(&all, &from, &to)) {
		if (r->start < from.start || r->end > from.end ||
		    r->start == from.end)
			continue;
		r->start = r->start - from.start + to.start;
		r->end = r->end - from.start + to.start;
		return 0;
	}
	return -ENXIO;
}

int fdt_reg_phys_on(const struct fdt *t, const fdt_node *path, int depth,
		    unsigned i, struct range *out)
{
	struct range r;
	int err;

	if (depth < 1)
		return -EINVAL;
	err = reg_below(t, path[depth - 1], path[depth], i, &r);
	for (depth--; !err && depth > 0; depth--)
		err = to_parent(t, path[depth - 1], path[depth], &r);
	if (!err)
		*out = r;
	return err;
}

int fdt_reg_phys(const struct fdt *t, fdt_node n, unsigned i, struct range *out)
{
	fdt_node path[FDT_MAX_DEPTH + 1];

	return fdt_reg_phys_on(t, path, fdt_ancestors(t, n, path), i, out);
}

int fdt_reg_phys_named(const struct fdt *t, fdt_node n, const char *name,
		       struct range *out)
{
	uint32_t size;
	const void *names = fdt_get(t, n, "reg-names", &size);
	int i = names ? fdt_list_find(names, size, name) : -ENOENT;

	return i < 0 ? i : fdt_reg_phys(t, n, (unsigned)i, out);
}
