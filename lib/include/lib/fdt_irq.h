/*
 * Interrupts in a device tree: `interrupts`, which are of the node's interrupt
 * parent, or `interrupts-extended`, where each entry names its controller.
 *
 * The parent is what the node's `interrupt-parent` names; without one, the node
 * above if that has #interrupt-cells, else that one's parent, found the same way.
 *
 * Maps from one controller to another (`interrupt-map`, as PCI has them) are not
 * followed: the node that has the map is the controller then, one that nobody
 * drives.
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

/* The node's interrupt parent; FDT_NONE: it has none, or names one that is not in
 * the tree. It may be the node itself. Costs two walks over the tree. */
fdt_node fdt_irq_parent(const struct fdt *t, fdt_node n);

/*
 * Interrupt i of the node, whose interrupt parent is `parent`. Returns 0, or, with
 * nothing written,
 *	-ENOENT	there is no such property or entry
 *	-ENXIO	its controller is not in the tree
 *	-EINVAL	malformed: the controller has no #interrupt-cells, or more than
 *		FDT_IRQ_CELLS; data that is not a whole number of entries
 */
int fdt_irq(const struct fdt *t, fdt_node n, fdt_node parent, unsigned i,
	    struct fdt_irq *out);
