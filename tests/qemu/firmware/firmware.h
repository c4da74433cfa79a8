/*
 * What the test tells the firmware: words at PARAMETERS, which QEMU's
 * loader device puts there before the first instruction. BASE, where RAM begins
 * for the kernel, is the compiler's.
 */
#pragma once

#define KERNEL	   (BASE + 0x200000)
#define STACK_TOP  (BASE + 0x78000)
#define PARAMETERS (BASE + 0x7f000)

#define PARAMETER_FLAGS 0  /* of those below */
#define PARAMETER_HART	8  /* the hart that boots */
#define PARAMETER_DBCN	16 /* what DBCN does, one of those below */
#define PARAMETER_A1	24 /* a1 for the kernel, with FLAG_A1 */

#define PARAMETER_CLOSED 32 /* a range closed by PMP, as pmpaddr has it */
#define PARAMETER_A0	 40 /* the hart's id for the kernel, with FLAG_A0 */

#define FLAG_LEGACY	 0x01 /* legacy putchar and getchar */
#define FLAG_HSM	 0x02 /* hart states: the one that runs, no other */
#define FLAG_SRST	 0x04 /* reset through the test device */
#define FLAG_SRST_FAILS	 0x08 /* SRST is there, and each call of it fails */
#define FLAG_NO_COUNTERS 0x10 /* cycle and instret trap in S-mode */
#define FLAG_NO_TIME	 0x20 /* time traps, and is emulated */
#define FLAG_A1		 0x40
#define FLAG_A0		 0x80

#define DBCN_NONE  0 /* not there; a call fails */
#define DBCN_GOOD  1
#define DBCN_SLOW  2 /* at most 7 bytes a call, every third takes none */
#define DBCN_FAILS 3 /* is there, and each write fails */
#define DBCN_STUCK 4 /* takes no byte, without an error */
