/* The archive that `load` has read from a disk, or found as the initrd. */
#pragma once

#include <kernel/types.h>
#include <lib/range.h>

/* At boot: there is an initrd, in frames that are its own and in the direct map;
 * an empty range: not any more. */
void load_have_initrd(struct range r);

/* What is in it; NULL: there is none. */
const void *load_initrd_archive(uint64_t *size);

/* Where it is, until the next `load`; NULL: there is none. */
const void *load_archive(uint64_t *size);
