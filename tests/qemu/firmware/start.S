/*
 * Entry of the test firmware, its trap entry, and what C has no words for.
 * QEMU starts every hart at _start with a0 = hart id, a1 = device tree; the one
 * that the parameters name goes on to the kernel, the others stop here.
 */
#include "firmware.h"

#define FRAME 288	/* struct frame: 32 registers, 4 CSRs */

	.section .head, "ax"
	.globl _start
_start:
	li	t0, PARAMETERS
	ld	t0, PARAMETER_HART(t0)
	beq	t0, a0, 2f
1:	wfi
	j	1b
2:	li	sp, STACK_TOP
	csrw	mscratch, sp
	la	t0, trap_entry
	csrw	mtvec, t0
	csrw	mie, zero
	csrw	satp, zero		/* no reset clears it */
	/* PMP: nothing here for S and U-mode, nor where the test says so; all
	 * the rest is open. */
	li	t0, (BASE >> 2) | ((512 * 1024 >> 3) - 1)
	csrw	pmpaddr0, t0
	li	t0, PARAMETERS
	ld	t0, PARAMETER_CLOSED(t0)
	csrw	pmpaddr1, t0
	li	t0, -1
	csrw	pmpaddr2, t0
	li	t0, 0x1f1818
	csrw	pmpcfg0, t0
	/* Delegation as OpenSBI has it on harts without the H extension: fetches
	 * misaligned, breakpoints, calls from U-mode, page faults; software,
	 * timer and external interrupts of S-mode. */
	li	t0, 0xb109
	csrw	medeleg, t0
	li	t0, 0x222
	csrw	mideleg, t0
	mv	s1, a1
	call	hart_id
	mv	s0, a0
	call	counters		/* a0: mcounteren */
	csrw	mcounteren, a0
	mv	a0, s1
	call	device_tree
	mv	a1, a0
	mv	a0, s0
	li	t0, 0x1800		/* mstatus.MPP: to S-mode */
	csrc	mstatus, t0
	li	t0, 0x0800
	csrs	mstatus, t0
	li	t0, KERNEL
	csrw	mepc, t0
	mret

	.balign	4
trap_entry:
	csrrw	sp, mscratch, sp
	addi	sp, sp, -FRAME
	.irp	n, 1,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	sd	x\n, 8*\n(sp)
	.endr
	csrr	t0, mepc
	sd	t0, 256(sp)
	csrr	t0, mcause
	sd	t0, 264(sp)
	csrr	t0, mtval
	sd	t0, 272(sp)
	csrr	t0, mstatus
	sd	t0, 280(sp)
	mv	a0, sp
	call	trap
	ld	t0, 256(sp)
	csrw	mepc, t0
	.irp	n, 1,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	ld	x\n, 8*\n(sp)
	.endr
	addi	sp, sp, FRAME
	csrrw	sp, mscratch, sp
	mret

/* void redirect(struct frame *): let S-mode take the trap, as the hart would if
 * it were delegated. */
	.globl redirect
redirect:
	ld	t0, 256(a0)
	csrw	sepc, t0
	ld	t0, 264(a0)
	csrw	scause, t0
	ld	t0, 272(a0)
	csrw	stval, t0
	csrr	t0, stvec
	andi	t0, t0, -4
	sd	t0, 256(a0)
	/* SPP = the mode that trapped (MPP, S or U), SPIE = SIE, SIE = 0. */
	ld	t0, 280(a0)
	li	t1, 0x122
	csrc	mstatus, t1
	srli	t1, t0, 11
	andi	t1, t1, 1
	slli	t1, t1, 8
	andi	t0, t0, 2
	slli	t0, t0, 4
	or	t0, t0, t1
	csrs	mstatus, t0
	li	t0, 0x1800		/* back to S-mode in any case */
	csrc	mstatus, t0
	li	t0, 0x0800
	csrs	mstatus, t0
	ret
