/* <memtest/access.h> for tests that run over the RAM model. */
#pragma once

#include "ram_model.h"

/* So small that the model's few words are several. */
#define MEMTEST_SLICE  ((uint64_t)10)
#define MEMTEST_PROBE  ((uint64_t)16)
#define MEMTEST_BLOCK  ((uint64_t)4)
#define MEMTEST_HAMMER ((uint64_t)32)

static inline uint64_t memtest_load(const volatile uint64_t *p)
{
	return ram_model_load(p);
}

static inline void memtest_store(volatile uint64_t *p, uint64_t v)
{
	ram_model_store(p, v);
}

static inline void memtest_fence(void)
{
}
