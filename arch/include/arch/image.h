/*
 * The kernel image: a run of sections at a fixed virtual address, and in RAM
 * wherever it was loaded. Parts of it can be elsewhere for a while (<mm/kmap_move.h>).
 */
#pragma once

#include <kernel/types.h>
#include <lib/range.h>

enum image_part {
	IMAGE_KEPT,
	IMAGE_INIT,  /* boot-only: freed when boot is over */
	IMAGE_TESTS, /* freed when there will be no console to ask for them */
};

struct image_section {
	const char *name;
	struct range va; /* whole pages */
	vm_prot_t prot;
	enum image_part part;
};

/* All sections in ascending order, without holes; ends with a NULL name. */
extern const struct image_section arch_image_sections[];

/* Physical address of the image's first byte, at home. */
extern paddr_t image_phys;

/* All of the image, as it lies in RAM. */
struct range image_range(void);

/* Where a byte of the image lies in RAM now: for use at once, not to be kept. */
paddr_t image_to_phys(const void *p);
