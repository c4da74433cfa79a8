/* Device trees: who interrupts whom (<lib/fdt_irq.h>). */
#include <lib/errno.h>
#include <lib/fdt_irq.h>

#include "fdt_internal.h"

fdt_node fdt_irq_parent(const struct fdt *t, fdt_node n)
{
	fdt_node path[FDT_MAX_DEPTH + 1];
	uint32_t phandle;

	for (int depth = fdt_ancestors(t, n, path); depth >= 0; depth--) {
		if (!fdt_get_u32(t, path[depth], "interrupt-parent", &phandle))
			return fdt_find_phandle(t, phandle);
		if (depth &&
		    fdt_get(t, path[depth - 1], "#interrupt-cells", NULL))
			return path[depth - 1];
	}
	return FDT_NONE;
}

static int cells_of(const struct fdt *t, fdt_node controller, uint32_t *cells)
{
	if (controller == FDT_NONE)
		return -ENXIO;
	if (fdt_get_u32(t, controller, "#interrupt-cells", cells) || !*cells ||
	    *cells > FDT_IRQ_CELLS)
		return -EINVAL;
	return 0;
}

static void read_entry(const uint8_t *p, fdt_node parent, uint32_t cells,
		       struct fdt_irq *out)
{
	out->parent = parent;
	out->ncells = cells;
	for (unsigned k = 0; k < cells; k++)
		out->cell[k] = fdt_be32(p + 4 * k);
}

static int extended(const struct fdt *t, const uint8_t *p, uint32_t size,
		    unsigned i, struct fdt_irq *out)
{
	for (;; i--) {
		fdt_node parent;
		uint32_t cells;
		int err;

		if (!size)
			return -ENOENT;
		if (size < 4)
			return -EINVAL;
		parent = fdt_find_phandle(t, fdt_be32(p));
		err = cells_of(t, parent, &cells);
		if (err)
			return err;
		if (size < 4 + 4 * cells)
			return -EINVAL;
		if (!i) {
			read_entry(p + 4, parent, cells, out);
			return 0;
		}
		p += 4 + 4 * cells;
		size -= 4 + 4 * cells;
	}
}

int fdt_irq(const struct fdt *t, fdt_node n, fdt_node parent, unsigned i,
	    struct fdt_irq *out)
{
	uint32_t size, cells;
	const uint8_t *p = fdt_get(t, n, "interrupts-extended", &size);
	int err;

	if (p)
		return extended(t, p, size, i, out);
	p = fdt_get(t, n, "interrupts", &size);
	if (!p)
		return -ENOENT;
	err = cells_of(t, parent, &cells);
	if (err)
		return err;
	if (size % (4 * cells))
		return -EINVAL;
	if (i >= size / (4 * cells))
		return -ENOENT;
	read_entry(p + i * 4 * cells, parent, cells, out);
	return 0;
}
