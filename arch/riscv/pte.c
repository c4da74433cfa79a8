/* What all harts can do with page table entries (<asm/pte.h>). */
#include <arch/pgtable.h>

struct pte_features pte_features = {.group_entries = 1};
