/*
 * Where harts stand while memory moves (<arch/gate.h>). In assembly, as compilers
 * may store to the stack whenever they like. The gate: 0 satp, 8 here, 12 copied,
 * 16 fresh, 20 passed.
 */
	.section .text.gate, "ax"

/* void arch_gate_wait(struct arch_gate *g) */
	.globl arch_gate_wait
arch_gate_wait:
	li	t1, 1
	addi	t2, a0, 8
	/* Release: whatever this hart stored comes before. Partner: who waits for
	 * all to be here, then copies. */
	fence	rw, rw
	amoadd.w zero, t1, (t2)
1:	lw	t0, 12(a0)
	.insn	i 0x0f, 0, x0, x0, 0x010 /* pause */
	beqz	t0, 1b
	/* Acquire: what is fetched from here on is what was stored before. */
	fence	rw, rw
	fence.i
	addi	t2, a0, 16
	fence	rw, rw
	amoadd.w zero, t1, (t2)
2:	ld	t0, 0(a0)
	.insn	i 0x0f, 0, x0, x0, 0x010 /* pause */
	beqz	t0, 2b
	/* Acquire: what is walked from here on is what was stored before the
	 * gate opened. */
	fence	rw, rw
	sfence.vma
	csrw	satp, t0
	sfence.vma
	addi	t2, a0, 20
	fence	rw, rw
	amoadd.w zero, t1, (t2)
	ret

/* void arch_call_on(vaddr_t top, void (*fn)(void *), void *arg) */
	.globl arch_call_on
arch_call_on:
	addi	sp, sp, -16
	sd	ra, 8(sp)
	sd	fp, 0(sp)
	addi	fp, sp, 16
	mv	t0, sp
	mv	sp, a0
	addi	sp, sp, -16
	sd	t0, 0(sp)
	mv	a0, a2
	jalr	a1
	ld	sp, 0(sp)
	ld	ra, 8(sp)
	ld	fp, 0(sp)
	addi	sp, sp, 16
	ret
