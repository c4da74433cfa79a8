/* The native program has no table of symbols (<kernel/ksyms.h>). */
#include <kernel/ksyms.h>

const char *ksym_find(vaddr_t pc, uint64_t *offset)
{
	(void)pc;
	(void)offset;
	return NULL;
}
