/* The account of memory: where every byte of RAM has gone. */
#pragma once

#include <kernel/types.h>

/*
 * Write one line, "memory: TOTAL = firmware N + kernel N + ... + free N", bytes,
 * into buf. The figures come from both the map of RAM and the allocators;
 * returns whether they agree and add up.
 */
bool meminfo_account(char *buf, size_t size);
