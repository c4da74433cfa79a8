/* SiFive's second level cache, for who wants to know whether it is sound. */
#pragma once

#include <kernel/types.h>

/* Errors that it has counted since the machine came up: corrected, and those by
 * which data were lost. 0 where there is no such cache. Any context. */
void sifive_ccache_errors(uint64_t *corrected, uint64_t *lost);
