/*
 * Trap entry, from user mode and from the kernel. tp is the hart's own pointer in the
 * kernel, and sscratch is, always; a program's tp is anything.
 *
 * From user mode (user.c has the theory) the registers go to where user mode was left
 * from, struct user_regs. For a system call, and a page fault that is served, those
 * that C functions keep stay where they are. On the way back every register but a0
 * of a call has its value; sepc is the frame's, SPP of sstatus is 0, and the rest of
 * it is that of the task that runs now, not the frame's.
 *
 * From the kernel: save everything, call trap_handle(frame). The stack pointer is
 * not trusted. Only if the frame fits above the stack's lowest address is it used;
 * else (overflow into the guard page, or a wild sp) the frame goes to the
 * emergency stack. The test stores nothing but to struct arch_hart.
 */
#include <asm/csr.h>
#include <asm/extable.h>
#include <asm/hart.h>
#include <kernel/syscall.h>
#include <lib/errno.h>

/* scause: ECALL in user mode, and page faults less that. */
#define USER_CALL  8
#define USER_LOAD  (13 - USER_CALL)
#define USER_STORE (15 - USER_CALL)

/* Each register to or from its place in a frame at sp. */
	.macro	SAVE regs:vararg
	.irp	n, \regs
	sd	x\n, 8 * \n(sp)
	.endr
	.endm
	.macro	LOAD regs:vararg
	.irp	n, \regs
	ld	x\n, 8 * \n(sp)
	.endr
	.endm
/* s0 to s11: functions of C keep them. */
	.macro	KEPT what
	\what	8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
	.endm

/* What another program on this hart has reserved (LR) is not this one's. */
	.macro	NO_RESERVATION
	ld	t0, FRAME_CSRS(sp)
	addi	t1, sp, FRAME_CSRS
	sc.d	zero, t0, (t1)
	.endm

	.section .text.trap_entry, "ax"
	.balign	4			/* stvec: direct mode */
	.globl trap_entry
trap_entry:
	csrrw	tp, sscratch, tp	/* tp = hart; sscratch = the code's tp */
	sd	sp, HART_SAVED_SP(tp)
	csrr	sp, sstatus
	andi	sp, sp, SSTATUS_SPP
	bnez	sp, trap_from_kernel

	ld	sp, HART_USER_FRAME(tp)
	SAVE	1, 3, 5
	ld	t0, HART_SAVED_SP(tp)
	sd	t0, 8 * 2(sp)
	csrrw	t0, sscratch, tp	/* t0 = the code's tp */
	sd	t0, 8 * 4(sp)
	SAVE	6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31
	csrr	t0, scause
	addi	t0, t0, -USER_CALL
	bnez	t0, user_exception

	/* A system call: Linux's convention. */
	csrr	t0, sepc
	addi	t0, t0, 4		/* behind the ECALL */
	sd	t0, FRAME_CSRS(sp)
	csrsi	sstatus, SSTATUS_SIE
	li	t0, SYSCALLS
	bgeu	a7, t0, user_no_call
	ld	t0, syscall_index
	la	t1, syscall_table
	add	t0, t0, a7
	lbu	t0, 0(t0)
	slli	t0, t0, 3
	add	t1, t1, t0
	ld	t1, 0(t1)
	addi	a0, sp, 8 * 10		/* a0 to a5 */
	jalr	t1
user_call_done:
	li	t0, SSTATUS_SIE | SSTATUS_SPP
	csrc	sstatus, t0
	ld	t0, HART_TASK(tp)
	lw	t0, 0(t0)		/* flags */
	bnez	t0, user_call_work
	ld	t0, FRAME_CSRS(sp)
	csrw	sepc, t0
	sd	sp, HART_USER_FRAME(tp)
	LOAD	1, 3, 5, 6, 7, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31
	LOAD	4, 2
	sret

user_no_call:
	li	a0, -ENOSYS
	j	user_call_done

user_call_work:
	SAVE	10
	KEPT	SAVE
	mv	fp, zero
	mv	a0, sp
	call	task_return_to_user
	j	user_return

user_exception:
	csrr	t1, sepc
	sd	t1, FRAME_CSRS + 0(sp)
	addi	t1, t0, USER_CALL
	sd	t1, FRAME_CSRS + 16(sp)
	csrr	a0, stval
	sd	a0, FRAME_CSRS + 24(sp)
	andi	t1, t0, ~(USER_STORE ^ USER_LOAD)
	addi	t1, t1, -(USER_LOAD & USER_STORE)
	bnez	t1, user_not_served

	/* A page fault of a load or store: most are served, and then nobody
	 * looks at the registers. */
	srli	a1, t0, 1
	andi	a1, a1, 1		/* enum access */
	csrsi	sstatus, SSTATUS_SIE
	call	kernel_page_fault
	bnez	a0, 1f
	NO_RESERVATION
	LOAD	10
	j	user_call_done
1:	csrci	sstatus, SSTATUS_SIE

user_not_served:
	KEPT	SAVE
	csrr	t0, sstatus
	sd	t0, FRAME_CSRS + 8(sp)
	mv	fp, zero		/* where backtraces end */
	mv	a0, sp
	call	user_trap

/* Interrupts are off, sp is the frame. */
	.globl user_return
user_return:
	sd	sp, HART_USER_FRAME(tp)
	ld	t0, FRAME_CSRS(sp)
	csrw	sepc, t0
	NO_RESERVATION
	li	t0, SSTATUS_SPP
	csrc	sstatus, t0
	li	t0, SSTATUS_SPIE
	csrs	sstatus, t0
	LOAD	1, 3, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31
	KEPT	LOAD
	LOAD	4, 2
	sret

trap_from_kernel:
	sd	t0, HART_SAVED_T0(tp)
	ld	sp, HART_SAVED_SP(tp)
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

	SAVE	1, 3
	ld	t0, HART_SAVED_SP(tp)
	sd	t0, 8 * 2(sp)
	csrrw	t0, sscratch, tp	/* t0 = the code's tp */
	sd	t0, 8 * 4(sp)
	ld	t0, HART_SAVED_T0(tp)
	SAVE	5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31
	KEPT	SAVE
	csrr	t0, sepc
	sd	t0, FRAME_CSRS + 0(sp)
	csrr	t0, sstatus
	sd	t0, FRAME_CSRS + 8(sp)
	csrr	t0, scause
	sd	t0, FRAME_CSRS + 16(sp)
	csrr	t0, stval
	sd	t0, FRAME_CSRS + 24(sp)

	/* For backtraces: the handler's caller is the code that trapped. */
	csrr	ra, sepc
	mv	a0, sp
	call	trap_handle

	ld	t0, FRAME_CSRS + 0(sp)
	csrw	sepc, t0
	ld	t0, FRAME_CSRS + 8(sp)
	csrw	sstatus, t0
	LOAD	1, 3, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31
	KEPT	LOAD
	LOAD	4, 2
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
