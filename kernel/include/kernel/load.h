/* The archive that `load` has read from a disk. */
#pragma once

#include <kernel/types.h>

/* Where it is, until the next `load`; NULL: there is none. */
const void *load_archive(uint64_t *size);
