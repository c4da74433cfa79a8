/* Private to kernel/badram*.c: the list in RAM, for the next start. */
#pragma once

void badram_save(void);
