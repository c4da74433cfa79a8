/*
 * Interrupts in a device tree: `interrupts` with the `interrupt-parent` of the
 * node or of the nearest node above that has one, or `interrupts-extended`, where
 * each entry names its controller.
 *
 * Source: Devicetree Specification 0.4, section 2.4.
 */
#pragma once

#include <lib/fdt.h>

#define FDT_IRQ_CELLS 4

struct fdt_irq {
	fdt_node parent; /* the controller */
	unsigned ncells;
	uint32_t cell[FDT_IRQ_CELLS]; /* what they mean, the controller knows */
};

/*
 * Interrupt i of the node. Returns 0, or, with nothing written,
 *	-ENOENT	there is no such property or entry
 *	-ENXIO	it names a controller that is not in the tree
 *	-EINVAL	malformed: the controller has no #interrupt-cells, or more than
 *		FDT_IRQ_CELLS; data that is not a whole number of entries
 */
int fdt_irq(const struct fdt *t, fdt_node n, unsigned i, struct fdt_irq *out);
