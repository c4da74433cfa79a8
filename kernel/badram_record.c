/* The list of bad frames, kept for the next start. */
#include "badram_record.h"

/* Nothing is kept so far. */
void badram_save(void)
{
}
