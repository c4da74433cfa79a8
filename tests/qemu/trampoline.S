/*
 * Stands where firmware jumps to and goes on to an image anywhere, with a
 * device tree of the test's choice; IMAGE and DTB come from the command line.
 * a0, the hart, stays as firmware left it; or, with HART, that one is started
 * there and this one stops.
 */
	.globl _start
_start:
#ifdef HART
	li	t0, HART
	beq	a0, t0, 1f
	mv	a0, t0			/* HSM: hart_start(hart, address, opaque) */
	li	a1, IMAGE
	li	a2, DTB
	li	a6, 0
	li	a7, 0x48534d
	ecall
	li	a6, 1			/* hart_stop() */
	ecall
1:
#endif
	li	a1, DTB
	li	t0, IMAGE
	jr	t0
