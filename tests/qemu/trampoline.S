/*
 * Stands where firmware jumps to and goes on to an image anywhere, with a
 * device tree of the test's choice; IMAGE and DTB come from the command line.
 * a0, the hart, stays as firmware left it; or, with HART, that one is started
 * there and this one stops. With ALL, all of eight harts are sent there at once.
 * Who comes here later was started by the kernel, and firmware's mistake (see
 * arch/riscv/start.S).
 */
	.globl _start
_start:
	la	t0, entered
	li	t1, 1
	amoswap.w t1, t1, (t0)
	bnez	t1, 1f
#ifdef ALL
	mv	s0, a0
	li	s1, 8
2:	addi	s1, s1, -1
	mv	a0, s1
	li	a1, IMAGE
	li	a2, DTB
	li	a6, 0
	li	a7, 0x48534d
	ecall
	bnez	s1, 2b
	mv	a0, s0
#endif
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
#endif
1:	li	a1, DTB
	li	t0, IMAGE
	jr	t0

	.balign	4
entered:
	.word	0
