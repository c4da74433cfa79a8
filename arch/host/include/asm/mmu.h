/* What the native machine was asked to forget, so far. */
#pragma once

#include <stdint.h>

struct mmu_model {
	uint64_t flushed_pages; /* calls of arch_tlb_flush_page */
	uint64_t flushed_all;	/* of arch_tlb_flush_all */
};

extern struct mmu_model mmu_model;
