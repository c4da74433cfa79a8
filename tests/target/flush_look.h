/*
 * A store, as memory has it: before the line is flushed, and after. `past` reads the
 * word past the caches. Also built natively, over a model of caches.
 */
#pragma once

#include <arch/cpu.h>
#include <mm/layout.h>

#include "../../mm/dma_impl.h"

struct flush_look {
	bool before, after;
	uint64_t stored; /* what the word is */
};

/* The word at pa, and its line, are ours. */
static inline struct flush_look flush_look(
	paddr_t pa, uint64_t (*past)(const volatile void *at),
	const volatile void *at)
{
	struct range r = {pa, pa + sizeof(uint64_t)};
	volatile uint64_t *word = phys_to_virt(pa);
	struct flush_look seen = {.stored = ~arch_time()};

	*word = ~seen.stored;
	dma_flush(r);
	*word = seen.stored;
	arch_mb();
	seen.before = past(at) == seen.stored;
	dma_flush(r);
	seen.after = past(at) == seen.stored;
	return seen;
}
