/* The kernel is the bed that it lies in. */
#include "../unit/arch_bed.h"

void arch_bed_run(void (*body)(void))
{
	body();
}
