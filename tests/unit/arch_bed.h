/* Where the contract tests run: the kernel on its own hart and tables; natively a
 * hart of the simulator, with tables made for it. */
#pragma once

/* Run the test with the kernel's tables live on this hart, kmap_arena empty
 * and other harts online, where there are some. */
void arch_bed_run(void (*body)(void));
