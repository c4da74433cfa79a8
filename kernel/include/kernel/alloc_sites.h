/*
 * A table of sites: who allocated how much. For commands that group thousands of
 * allocations by the line of code that made them. It has room for as many sites
 * as a person reads; what comes later is counted as one. Not for several users
 * at a time: the shell's context only.
 */
#pragma once

#include <kernel/types.h>

#define ALLOC_SITES 256

/* Forget all. */
void alloc_sites_clear(void);

/* `kind` is a constant string: sites are separate for each. Takes no lock and
 * allocates nothing: callable under any. */
void alloc_sites_add(const char *kind, uintptr_t pc, uint64_t bytes);

/* The table, largest first, with the names of functions; ^C ends it. Returns how
 * many allocations there are in it. */
uint64_t alloc_sites_print(void);
