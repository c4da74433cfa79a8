/*
 * The test device of QEMU's virt machine ("sifive,test0", "sifive,test1"): one
 * register that ends QEMU with an exit status of our choice, or restarts.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define SIFIVE_TEST_SIZE 4 /* bytes of the window that are used */

/* Is there a driver for this string of a "compatible" property? */
bool sifive_test_supports(const char *compatible);

/* End QEMU with that exit status, 0 to 255. `base` is the mapped register.
 * Returns only when the device does nothing. */
void sifive_test_finish(volatile void *base, unsigned status);

/* Restart the machine. Returns only when the device does nothing. */
void sifive_test_reboot(volatile void *base);
