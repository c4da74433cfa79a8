/*
 * Stands where firmware jumps to and goes on to an image anywhere, with a
 * device tree of the test's choice; IMAGE and DTB come from the command line.
 * a0, the hart, stays as firmware left it.
 */
	.globl _start
_start:
	li	a1, DTB
	li	t0, IMAGE
	jr	t0
