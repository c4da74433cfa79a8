/*
 * Addresses in a device tree: numbers of several cells, `reg`, and their way
 * through the `ranges` of the buses above to what the CPU sees.
 *
 * Errors, for all: -ENOENT when there is no such property or entry; -EINVAL
 * when it is malformed (an #address-cells or #size-cells over 4, data that
 * isn't a whole number of entries, a node without parent); -ERANGE when a
 * number doesn't fit in 64 bits, as on a PCI bus; -EOVERFLOW when base + size
 * exceeds 2^64 - 1. Results are written only on success.
 */
#pragma once

#include <lib/fdt.h>
#include <lib/range.h>

#define FDT_MAX_CELLS 4

/* A number of 0 to 4 cells at p (a multiple of 4): 0 or -ERANGE. Of 0 cells:
 * the number 0. */
int fdt_cells(const void *p, unsigned ncells, uint64_t *value);

/* base and size as a range: 0 or -EOVERFLOW. Size 0 gives an empty range that
 * begins at base. */
int fdt_range(uint64_t base, uint64_t size, struct range *out);

/* The node's #address-cells or #size-cells, which count for its children:
 * 0 to 4, by default 2 and 1, or -EINVAL. */
int fdt_address_width(const struct fdt *t, fdt_node n);
int fdt_size_width(const struct fdt *t, fdt_node n);

/* Entry i of the node's `reg`, in addresses of the bus that it is on. Without
 * size cells the range is empty and only its start tells. */
int fdt_reg(const struct fdt *t, fdt_node n, unsigned i, struct range *out);

/* The same in physical addresses of the CPU: each bus above must map the range
 * by one entry of its `ranges` (an empty property maps all one to one).
 * -ENXIO when one does not, as for a cpu, or a device on I2C. */
int fdt_reg_phys(const struct fdt *t, fdt_node n, unsigned i,
		 struct range *out);

/* The same of the node that fdt_ancestors() found, with what it said. */
int fdt_reg_phys_on(const struct fdt *t, const fdt_node *path, int depth,
		    unsigned i, struct range *out);

/* The same by name: `reg-names` has the entry's number. */
int fdt_reg_phys_named(const struct fdt *t, fdt_node n, const char *name,
		       struct range *out);
