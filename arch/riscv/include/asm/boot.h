/* Between the first instructions, in assembly, and the first C code. */
#pragma once

#include <kernel/types.h>

/* Bytes of the device tree that the boot tables show at least. */
#define FDT_VIEW_SIZE ((uint64_t)2 << 20)

uint64_t early_map(paddr_t image, paddr_t fdt);
uint64_t image_range_size(void);
__attribute__((noreturn)) void riscv_boot(uint64_t hartid, paddr_t fdt,
					  uint64_t instret, paddr_t image);
