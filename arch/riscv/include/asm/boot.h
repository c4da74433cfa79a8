/* Between the first instructions, in assembly, and the first C code. */
#pragma once

#include <kernel/types.h>

/* Bytes of the device tree that the boot tables show at least. */
#define FDT_VIEW_SIZE ((uint64_t)2 << 20)

/* Where a hart is entered that was started: MMU off, a0 its id. Only its address
 * is taken. */
extern const char secondary_start[];

/* By cpu, the physical address of the struct arch_hart of one that is to start;
 * 0: none. */
extern uint64_t riscv_started[];

uint64_t early_map(paddr_t image, paddr_t fdt);
uint64_t image_range_size(void);
__attribute__((noreturn)) void riscv_boot(uint64_t hartid, paddr_t fdt,
					  uint64_t instret, paddr_t image);
