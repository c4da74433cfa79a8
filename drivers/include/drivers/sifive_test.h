/*
 * The test device of QEMU's virt machine ("sifive,test0", "sifive,test1"): one
 * register that ends QEMU with an exit status of our choice, or restarts.
 */
#pragma once

#include <lib/fdt.h>

/* Boot, once there is mmio_map(): find it, so that even a boot that fails ends
 * with a status. Its driver takes over from there. */
void sifive_test_early(const struct fdt *t);
