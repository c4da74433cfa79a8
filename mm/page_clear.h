/* Private to mm/: clearing frames, in line. */
#pragma once

#include <mm/layout.h>
#include <mm/page.h>

/* Words that are cleared in a round, of each page four: rounds cost little then, and
 * offsets still fit into an instruction. Files that use this are built so that it is
 * not made a call of memset(), which is slower (cmake/kernel.cmake). */
#define PAGE_CLEAR_ROUND (PAGE_SIZE / sizeof(uint64_t) / 4)

static inline void page_clear_here(struct page *p, unsigned order)
{
	uint64_t *word = phys_to_virt(page_to_phys(p));
	uint64_t *end = word + (PAGE_SIZE << order) / sizeof(*word);

	for (; word != end; word += PAGE_CLEAR_ROUND)
#pragma GCC unroll 128
		for (unsigned i = 0; i < PAGE_CLEAR_ROUND; i++)
			word[i] = 0;
}
