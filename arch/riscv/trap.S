/*
 * Trap entry from the kernel: save everything, call trap_handle(frame).
 *
 * The stack pointer is not trusted. Only if the frame fits above the stack's
 * lowest address is it used; else (overflow into the guard page, or a wild sp)
 * the frame goes to the emergency stack. The test stores nothing but to struct
 * arch_hart.
 */
#include <asm/csr.h>
#include <asm/extable.h>
#include <asm/hart.h>

	.section .text.trap_entry, "ax"
	.balign	4			/* stvec: direct mode */
	.globl trap_entry
trap_entry:
	csrrw	tp, sscratch, tp	/* tp = hart; sscratch = the code's tp */
	sd	sp, HART_SAVED_SP(tp)
	sd	t0, HART_SAVED_T0(tp)
	ld	t0, HART_STACK_START(tp)
	sub	t0, sp, t0		/* room below sp, or huge */
	addi	sp, t0, -FRAME_SIZE
	bltz	sp, 1f			/* less than a frame */
	ld	sp, HART_STACK_SIZE(tp)
	bgtu	t0, sp, 1f		/* not in the stack at all */
	ld	sp, HART_SAVED_SP(tp)
	j	2f
1:	ld	sp, HART_EMERGENCY_TOP(tp)
2:	andi	sp, sp, -16
	addi	sp, sp, -FRAME_SIZE

	sd	x1, 8*1(sp)
	ld	t0, HART_SAVED_SP(tp)
	sd	t0, 8*2(sp)
	sd	x3, 8*3(sp)
	csrrw	t0, sscratch, tp	/* t0 = the code's tp */
	sd	t0, 8*4(sp)
	ld	t0, HART_SAVED_T0(tp)
	sd	t0, 8*5(sp)
	sd	x6, 8*6(sp)
	sd	x7, 8*7(sp)
	sd	x8, 8*8(sp)
	sd	x9, 8*9(sp)
	sd	x10, 8*10(sp)
	sd	x11, 8*11(sp)
	sd	x12, 8*12(sp)
	sd	x13, 8*13(sp)
	sd	x14, 8*14(sp)
	sd	x15, 8*15(sp)
	sd	x16, 8*16(sp)
	sd	x17, 8*17(sp)
	sd	x18, 8*18(sp)
	sd	x19, 8*19(sp)
	sd	x20, 8*20(sp)
	sd	x21, 8*21(sp)
	sd	x22, 8*22(sp)
	sd	x23, 8*23(sp)
	sd	x24, 8*24(sp)
	sd	x25, 8*25(sp)
	sd	x26, 8*26(sp)
	sd	x27, 8*27(sp)
	sd	x28, 8*28(sp)
	sd	x29, 8*29(sp)
	sd	x30, 8*30(sp)
	sd	x31, 8*31(sp)
	csrr	t0, sepc
	sd	t0, FRAME_CSRS+0(sp)
	csrr	t0, sstatus
	sd	t0, FRAME_CSRS+8(sp)
	csrr	t0, scause
	sd	t0, FRAME_CSRS+16(sp)
	csrr	t0, stval
	sd	t0, FRAME_CSRS+24(sp)

	/* For backtraces: the handler's caller is the code that trapped. */
	csrr	ra, sepc
	mv	a0, sp
	call	trap_handle

	ld	t0, FRAME_CSRS+0(sp)
	csrw	sepc, t0
	ld	t0, FRAME_CSRS+8(sp)
	csrw	sstatus, t0
	ld	x1, 8*1(sp)
	ld	x3, 8*3(sp)
	ld	x5, 8*5(sp)
	ld	x6, 8*6(sp)
	ld	x7, 8*7(sp)
	ld	x8, 8*8(sp)
	ld	x9, 8*9(sp)
	ld	x10, 8*10(sp)
	ld	x11, 8*11(sp)
	ld	x12, 8*12(sp)
	ld	x13, 8*13(sp)
	ld	x14, 8*14(sp)
	ld	x15, 8*15(sp)
	ld	x16, 8*16(sp)
	ld	x17, 8*17(sp)
	ld	x18, 8*18(sp)
	ld	x19, 8*19(sp)
	ld	x20, 8*20(sp)
	ld	x21, 8*21(sp)
	ld	x22, 8*22(sp)
	ld	x23, 8*23(sp)
	ld	x24, 8*24(sp)
	ld	x25, 8*25(sp)
	ld	x26, 8*26(sp)
	ld	x27, 8*27(sp)
	ld	x28, 8*28(sp)
	ld	x29, 8*29(sp)
	ld	x30, 8*30(sp)
	ld	x31, 8*31(sp)
	ld	x4, 8*4(sp)
	ld	x2, 8*2(sp)
	sret

/* bool arch_can_read(const void *p) */
	.section .text.arch_can_read, "ax"
	.globl arch_can_read
arch_can_read:
1:	lbu	a0, 0(a0)
	li	a0, 1
	ret
2:	li	a0, 0
	ret
	EXTABLE(1b, 2b)
