/*
 * Go somewhere in the kernel, and come back by whatever exception that ends in.
 *
 * struct { uint64_t a0, scause; } probe_go(uint64_t pc, uint64_t sstatus,
 *					    uint64_t a0, uint64_t a1);
 *
 * trap_handle() sends the next exception of this hart to probe_caught with the
 * stack at HART_CATCH_SP.
 */
#include <asm/hart.h>

	.section .text.probe_go, "ax"
	.globl probe_go, probe_caught
probe_go:
	addi	sp, sp, -128
	sd	ra, 0(sp)
	sd	s0, 8(sp)
	sd	s1, 16(sp)
	sd	s2, 24(sp)
	sd	s3, 32(sp)
	sd	s4, 40(sp)
	sd	s5, 48(sp)
	sd	s6, 56(sp)
	sd	s7, 64(sp)
	sd	s8, 72(sp)
	sd	s9, 80(sp)
	sd	s10, 88(sp)
	sd	s11, 96(sp)
	csrr	t0, sstatus
	sd	t0, 104(sp)
	sd	gp, 112(sp)
	sd	sp, HART_CATCH_SP(tp)
	csrw	sepc, a0
	csrw	sstatus, a1
	mv	a0, a2
	mv	a1, a3
	sret
probe_caught:
	csrr	a1, scause
	ld	ra, 0(sp)
	ld	s0, 8(sp)
	ld	s1, 16(sp)
	ld	s2, 24(sp)
	ld	s3, 32(sp)
	ld	s4, 40(sp)
	ld	s5, 48(sp)
	ld	s6, 56(sp)
	ld	s7, 64(sp)
	ld	s8, 72(sp)
	ld	s9, 80(sp)
	ld	s10, 88(sp)
	ld	s11, 96(sp)
	ld	t0, 104(sp)
	csrw	sstatus, t0
	ld	gp, 112(sp)
	addi	sp, sp, 128
	ret

	.section .text.probe_code, "ax"
	.balign	8
	.option norvc
	.globl probe_loads, probe_by_load, probe_by_store, probe_by_end
probe_loads:			# of 8, 16, 32, 64 bits
	lbu	a0, 0(a0)
	ebreak
	lhu	a0, 0(a0)
	ebreak
	lwu	a0, 0(a0)
	ebreak
probe_by_load:
	ld	a0, 0(a0)
	ebreak
probe_by_store:
	sd	a1, 0(a0)
	ebreak
probe_by_end:
