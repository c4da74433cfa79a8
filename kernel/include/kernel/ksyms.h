/* Names of the kernel's functions, for reports. */
#pragma once

#include <kernel/types.h>

/* The function that holds `pc`, and how far into it pc is; NULL if pc is not in
 * the kernel's text, or the image has no table. Any context. */
const char *ksym_find(vaddr_t pc, uint64_t *offset);
