/*
 * The native machine's RAM: HOST_RAM_SIZE bytes of host memory at the physical
 * address HOST_RAM_START, half of them below 4 GiB, so that both zones have
 * some. phys_to_virt() and virt_to_phys() work for it as they do in the kernel;
 * and for all other memory of the process, which has physical addresses far
 * above it, below 2^47: no RAM, but tests can put tables there.
 */
#pragma once

#include <lib/bits.h>

#define HOST_RAM_SIZE  MIB(64)
#define HOST_RAM_START (GIB(4) - HOST_RAM_SIZE / 2)
#define HOST_RAM_END   (HOST_RAM_START + HOST_RAM_SIZE)

/* From now on it is there, and the zones of <mm/page_alloc.h> have all of it.
 * Once, before any test. Its pages cost nothing until they are touched. */
void host_ram_use(void);
