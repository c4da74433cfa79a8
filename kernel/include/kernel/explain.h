/* What an address means, for reports of faults. */
#pragma once

#include <kernel/types.h>

/* In words, what lies at `va`, or why nothing does: text of at most `size` bytes,
 * never empty. Any context, a panic too: takes no lock that can be waited for. */
void explain_address(vaddr_t va, char *text, size_t size);
