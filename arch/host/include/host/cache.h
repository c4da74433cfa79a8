/* Caches of the native machine's harts: there are none, unless a test has set a
 * model, which the cbo_* instructions call (<asm/fence.h>). */
#pragma once

#include <kernel/types.h>

enum host_cbo { HOST_CBO_INVAL, HOST_CBO_CLEAN, HOST_CBO_FLUSH };

extern void (*host_cbo)(enum host_cbo op, vaddr_t va);
