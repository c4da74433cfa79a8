/* From the device tree to the map of RAM. */
#pragma once

#include <kernel/devtree.h>
#include <mm/memblock.h>

/* The map of this machine's RAM. Boot writes it; read-only afterwards. */
extern struct memblock ram;

/* What boot itself occupies: all in bytes, empty where there is none. */
struct ram_claims {
	struct range image;	   /* the kernel image, all of it */
	const struct region *part; /* parts of it that are something else */
	unsigned nparts;
	struct range fdt;
};

/*
 * Fill `mb`: the tree's memory, in whole frames, less what is claimed by
 * firmware, the kernel, the tree itself, an initrd and reservations. Returns 0,
 * or
 *	-ENXIO	the tree has no memory, or the image does not lie in it
 *	-ENOSPC	more pieces than the map holds
 *
 * Firmware: the 2 MiB below the image at most, from the start of its bank, are
 * taken for firmware, since not every tree says so. Reservations are widened to
 * whole frames. Reusable ones stay free. A dynamic one gets the highest place
 * that fits, which is noted in `dt`; one that has no place is warned of. An
 * initrd is claimed if all of it lies in memory that nobody else has; one over
 * the tree is none: it is warned of, and `dt` has none then.
 */
int ram_init(struct memblock *mb, struct devtree *dt,
	     const struct ram_claims *claims);

/* Is all of the initrd there still: claimed, not to be kept out of the direct map,
 * nor out of its reach? Its first and last frame may be the tree's as well. */
bool ram_has_initrd(const struct memblock *mb, const struct devtree *dt);

/*
 * What was claimed for the initrd is none: free it, but for what a reservation
 * of the tree names too. Only while boot still changes the map. Returns 0, or
 * -ENOSPC: then the map is of no use.
 */
int ram_drop_initrd(struct memblock *mb, const struct devtree *dt);

/* The initrd is not needed any more: its frames are free, and go to `give`. While
 * nobody else looks at the map. */
void ram_free_initrd(struct memblock *mb, struct devtree *dt,
		     void (*give)(struct range frames));

/* What is memory by the tree's word, or reserved, and is not in the map: RAM
 * that is out of reach, or no whole frame, and reservations where there is no
 * RAM. `each` gets whole pages, and may allocate from the map. */
void ram_each_missing(const struct memblock *mb, const struct devtree *dt,
		      void (*each)(struct range pages, const char *what));

/*
 * Tell <mm/dma.h> of the reservations that are for devices. One that has not all
 * of its range to itself is warned of, and not used. Once, after kmalloc_init().
 */
void ram_give_to_devices(const struct memblock *mb, const struct devtree *dt);
