/*
 * Leaving one context for another, and the registers of floating point. What a
 * function need not keep, its caller has saved.
 */
#include <asm/task.h>

	.section .text.riscv_switch, "ax"

/* void riscv_switch(struct arch_context *from, const struct arch_context *to) */
	.globl riscv_switch
riscv_switch:
	.if	CONTEXT_RA
	.error	"the SC stores where ra is"
	.endif
	sd	ra, CONTEXT_RA(a0)
	sc.d	zero, ra, (a0)		/* what one reserved (LR) ends here */
	sd	sp, CONTEXT_SP(a0)
	.set	n, 0
	.irp	r, s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11
	sd	\r, CONTEXT_S0 + 8 * n(a0)
	ld	\r, CONTEXT_S0 + 8 * n(a1)
	.set	n, n + 1
	.endr
	ld	ra, CONTEXT_RA(a1)
	ld	sp, CONTEXT_SP(a1)
	ret

	/* From here on sstatus.FS is not 0. */
	.option	arch, +f, +d
	.section .text.riscv_fp, "ax"

/* void riscv_fp_save(struct riscv_fp *fp) */
	.globl riscv_fp_save
riscv_fp_save:
	frcsr	t0
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	fsd	f\n, 8 * \n(a0)
	.endr
	.irp	n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	fsd	f\n, 8 * \n(a0)
	.endr
	sd	t0, FP_FCSR(a0)
	ret

/* void riscv_fp_load(const struct riscv_fp *fp) */
	.globl riscv_fp_load
riscv_fp_load:
	ld	t0, FP_FCSR(a0)
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	fld	f\n, 8 * \n(a0)
	.endr
	.irp	n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	fld	f\n, 8 * \n(a0)
	.endr
	fscsr	t0
	ret
