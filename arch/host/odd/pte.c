/* What the odd format can do (<asm/pte.h>). */
#include <arch/pgtable.h>

struct pte_features pte_features = {.group_entries = 1};
