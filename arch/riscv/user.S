/* Ways into user mode and out of it that are not a program's own (trap.S). */
#include <asm/csr.h>
#include <asm/hart.h>

/* void arch_user_enter(struct user_regs *r) */
	.section .text.arch_user_enter, "ax"
	.globl arch_user_enter
arch_user_enter:
	csrci	sstatus, SSTATUS_SIE
	mv	sp, a0
	mv	fp, zero
	call	task_return_to_user
	tail	user_return

/* A system call that wants all registers in the frame. a0 points to that of a0;
 * t0 is the call. */
	.section .text.user_whole, "ax"
	.globl user_whole
user_whole:
	.irp	n, 8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
	sd	x\n, 8 * (\n - 10)(a0)
	.endr
	jr	t0

/*
 * void user_run(struct user_regs *r)
 *
 * The frame lies on the stack of the caller, for below it is where traps are handled:
 *
 *	sp	registers of the caller, and r
 *		frame, a copy of *r, whose x[0] points to them
 *		traps from user mode ...
 */
#define RUN_REGS 104		/* r, behind ra, s0 to s11 */
#define RUN_SIZE 112

	.macro	COPY_FRAME to, from
	.set	at, 0
	.rept	FRAME_SIZE / 8
	ld	t0, at(\from)
	sd	t0, at(\to)
	.set	at, at + 8
	.endr
	.endm

	.section .text.user_run, "ax"
	.globl user_run
user_run:
	addi	sp, sp, -RUN_SIZE
	.set	at, 0
	.irp	r, ra, s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11
	sd	\r, at(sp)
	.set	at, at + 8
	.endr
	sd	a0, RUN_REGS(sp)
	csrci	sstatus, SSTATUS_SIE
	mv	t1, sp
	addi	sp, sp, -FRAME_SIZE
	COPY_FRAME sp, a0
	sd	t1, 0(sp)
	tail	user_return

/* void user_caught(const struct user_regs *frame): the other end of user_run() */
	.globl user_caught
user_caught:
	ld	sp, 0(a0)
	ld	a1, RUN_REGS(sp)
	COPY_FRAME a1, a0
	sd	zero, 0(a1)
	.set	at, 0
	.irp	r, ra, s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11
	ld	\r, at(sp)
	.set	at, at + 8
	.endr
	addi	sp, sp, RUN_SIZE
	ret
