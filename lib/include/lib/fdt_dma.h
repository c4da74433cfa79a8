/*
 * What a device tree says of a device's own accesses to memory: `dma-ranges` of
 * the buses above, `dma-coherent`, `dma-noncoherent`, `memory-region`.
 *
 * Source: Devicetree Specification 0.4, 2.3.9 and 2.3.10; the bindings
 * reserved-memory and dma-noncoherent.
 */
#pragma once

#include <lib/fdt.h>
#include <lib/range.h>

struct fdt_dma {
	struct range reach; /* physical addresses that the buses let through */
	uint64_t offset;    /* the device's address is physical - offset */
	bool coherent;
	fdt_node region; /* its own memory; FDT_NONE: none */
};

/*
 * The device n. Each bus above lets through what one entry of its `dma-ranges`
 * has: the first that can be used, which is, of which anything is left. None, or
 * an empty property: all, as it is. Entries that wrap or don't fit in 64 bits are
 * passed over. Returns 0, or, with nothing written, -EINVAL: a property is
 * malformed, or the node has no parent; -ENXIO: a bus lets nothing through.
 */
int fdt_dma(const struct fdt *t, fdt_node n, struct fdt_dma *out);
