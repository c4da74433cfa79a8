/*
 * The first instructions: from the boot loader's world (physical addresses, a0
 * = hart id, a1 = device tree) to kernel C code at its virtual address.
 *
 * Up to the jump all code runs where it was loaded, any multiple of 2 MiB; it
 * reaches data relative to pc only. Registers kept: s1 device tree, s2 instructions
 * retired at entry, s3 physical address of the image, s4 hart id; s0 is the frame
 * pointer.
 *
 * Who comes here first boots; `entered` tells. Later ones are harts that the
 * kernel had started elsewhere: OpenSBI (1.1, for one) notes that a hart may
 * start before it notes where, so one that is just arriving in firmware may
 * be sent to where the first one went, with the first one's a1. So no hart that
 * was started believes where it is and what a1 says: it finds its struct by its
 * id, and goes back to firmware if it has none.
 */
#include <asm/csr.h>
#include <asm/hart.h>
#include <asm/sbi.h>

#define BOOT_STACK_SIZE	     8192
#define EARLY_EMERGENCY_SIZE 4096

	.section .head.text, "ax"
	.globl _start
_start:
	/* The header of a RISC-V kernel image (the format that U-Boot's booti
	 * and Linux define); 64 bytes. */
	.option push
	.option norvc
	j	entry
	nop
	.option pop
	.dword	0x200000		/* load offset from the start of RAM */
	.dword	image_size		/* with bss: what must be free */
	.dword	0			/* flags: little-endian */
	.word	2			/* header version 0.2 */
	.word	0
	.dword	0
	.ascii	"RISCV\0\0\0"		/* magic, deprecated */
	.ascii	"RSC\x05"		/* magic 2 */
	.word	0			/* no PE header */

entry:
	la	t0, early_trap
	csrw	stvec, t0
	la	t0, entered
	li	t1, 1
	amoswap.w.aqrl t1, t1, (t0)
	beqz	t1, 1f
	j	secondary_start
1:	csrw	sie, zero
	li	t0, SSTATUS_SIE | SSTATUS_SUM | SSTATUS_MXR | SSTATUS_FS | SSTATUS_VS
	csrc	sstatus, t0
	mv	s4, a0
	mv	s1, a1
	/* instret may be closed to S-mode: then the trap lands behind it. */
	la	t0, 1f
	csrw	stvec, t0
	li	s2, 0
	csrr	s2, instret
	.balign	4
1:	la	t0, early_trap
	csrw	stvec, t0

	la	t0, bss_start
	la	t1, image_end		/* both multiples of 8 */
	addi	t2, t1, -256		/* the last start of so many bytes */
2:	bgtu	t0, t2, 3f
	.set	at, 0
	.rept	32
	sd	zero, at(t0)
	.set	at, at + 8
	.endr
	addi	t0, t0, 256
	j	2b
3:	bgeu	t0, t1, 4f
	sd	zero, 0(t0)
	addi	t0, t0, 8
	j	3b

4:	la	sp, boot_stack_top
	la	s3, image_start
	slli	t0, s3, 64 - 21		/* the boot tables have 2 MiB leaves */
	bnez	t0, no_place
	mv	fp, zero
	mv	a0, s3
	mv	a1, s1
	call	early_map		/* a0 = satp */

	/* Instructions after the write are fetched from nowhere: the trap goes
	 * to stvec, which is a virtual address. */
	li	t0, 0xffffffff80000000	/* IMAGE_BASE */
	sub	t1, t0, s3		/* physical to virtual */
	la	t2, high
	add	t2, t2, t1
	csrw	stvec, t2
	sfence.vma
	csrw	satp, a0
	.balign	4
high:
	/* A hart without this mode ignores the write, and goes on down here. */
	csrr	t0, satp
	bne	t0, a0, no_mode
	sfence.vma
	la	sp, boot_stack_top
	la	tp, arch_hart
	csrw	sscratch, tp
	la	t0, trap_entry
	csrw	stvec, t0
	csrwi	scounteren, 7		/* programs read time, cycle, instret */
	/* The emergency stack serves until there is a guarded one. */
	la	t0, boot_stack
	sd	t0, HART_STACK_START(tp)
	li	t1, BOOT_STACK_SIZE
	sd	t1, HART_STACK_SIZE(tp)
	la	t0, early_emergency_top
	sd	t0, HART_EMERGENCY_TOP(tp)
	li	t1, EARLY_EMERGENCY_SIZE
	sd	t1, HART_EMERGENCY_SIZE(tp)
	mv	a0, s4
	mv	a1, s1
	mv	a2, s2
	mv	a3, s3
	call	riscv_boot		/* never returns */

/* What can go wrong while addresses are physical: say so and stop. */
	.balign	4
early_trap:
	la	s5, trap_text
	j	say
no_place:
	la	s5, place_text
	j	say
no_mode:
	la	s5, mode_text
say:	lbu	a0, 0(s5)
	beqz	a0, 2f
	li	a7, SBI_EXT_DBCN
	li	a6, SBI_DBCN_WRITE_BYTE
	ecall
	beqz	a0, 1f
	lbu	a0, 0(s5)
	li	a7, SBI_LEGACY_PUTCHAR
	ecall
1:	addi	s5, s5, 1
	j	say
2:	wfi
	j	2b

trap_text:
	.asciz	"strata: trap before the MMU was on; halted\r\n"
place_text:
	.asciz	"strata: the image is not at a multiple of 2 MiB; halted\r\n"
mode_text:
	.asciz	"strata: this hart has no Sv39; halted\r\n"

/*
 * Other harts, at any time. As the boot hart, but with the kernel's tables. A
 * hart that can't walk them must not be here: it goes back to firmware, too.
 */
	.section .text.secondary_start, "ax"
	.globl secondary_start
	.balign	4
secondary_start:
	csrw	sie, zero
	li	t0, SSTATUS_SIE | SSTATUS_SUM | SSTATUS_MXR | SSTATUS_FS | SSTATUS_VS
	csrc	sstatus, t0
	la	t0, early_trap
	csrw	stvec, t0
	/* Partner: arch_cpu_start(), which stored the struct, then its address,
	 * then told firmware. What firmware read comes before what is read here;
	 * at 5, the address before all that was stored before it. */
	fence	rw, rw
	la	t0, riscv_started
	addi	t1, t0, 8 * HART_MAX
3:	ld	a1, 0(t0)
	beqz	a1, 4f
	ld	t2, HART_ID(a1)
	beq	t2, a0, 5f
4:	addi	t0, t0, 8
	bltu	t0, t1, 3b
	j	1f
5:	fence	r, rw
	ld	tp, HART_SELF(a1)
	ld	a0, HART_SATP(a1)
	li	t0, 0xffffffff80000000	/* IMAGE_BASE */
	la	t1, image_start
	sub	t1, t0, t1		/* physical to virtual */
	la	t2, secondary_high
	add	t2, t2, t1
	csrw	stvec, t2
	sfence.vma
	csrw	satp, a0
	.balign	4
secondary_high:
	csrr	t0, satp
	bne	t0, a0, 1f
	sfence.vma
	fence.i
	csrw	sscratch, tp
	la	t0, trap_entry
	csrw	stvec, t0
	csrwi	scounteren, 7		/* programs read time, cycle, instret */
	li	t0, SIE_SSIE
	csrw	sie, t0
	ld	sp, HART_STACK_START(tp)
	ld	t0, HART_STACK_SIZE(tp)
	add	sp, sp, t0
	mv	fp, zero
	mv	ra, zero
	ld	t0, HART_ENTRY(tp)
	jr	t0
1:	li	a7, SBI_EXT_HSM
	li	a6, SBI_HSM_HART_STOP
	ecall
2:	wfi
	j	2b

	/* Not in bss: whoever comes second may be earlier than its clearing. */
	.section .data.entered, "aw"
	.balign	8
	.globl riscv_started
riscv_started:
	.skip	8 * HART_MAX
entered:
	.word	0

	.section .text.switch_stack, "ax"
/* void arch_switch_stack_(uint64_t top, void (*fn)(void)) */
	.globl arch_switch_stack_
arch_switch_stack_:
	mv	sp, a0
	mv	fp, zero
	mv	ra, zero
	jr	a1

	.section .init.bss, "aw", @nobits
	.balign	16
boot_stack:
	.skip	BOOT_STACK_SIZE
boot_stack_top:
	.skip	EARLY_EMERGENCY_SIZE
early_emergency_top:
