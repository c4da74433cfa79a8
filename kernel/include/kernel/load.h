/* The archive that `load` has read from a disk, or found as the initrd. */
#pragma once

#include <kernel/types.h>
#include <lib/range.h>

/* At boot: there is an initrd, in frames that stay its own and are in the direct
 * map. */
void load_have_initrd(struct range r);

/* Where it is, until the next `load`; NULL: there is none. */
const void *load_archive(uint64_t *size);
