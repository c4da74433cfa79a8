/*
 * Copies from and to user memory (<arch/uaccess.h>): the only code that has SUM on.
 * Its instructions from uaccess_start to uaccess_end may fault; what then happens
 * is in user.c. When a fault can't be mended, the exception table says:
 *
 *	blocks	go on word by word, from the last ones that are known to be
 *		done: a word is in one page, so the end is exactly at the first
 *		byte that can't be reached
 *	others	that is the end
 *
 * Words are used where both sides are aligned alike: misaligned accesses trap on
 * some harts.
 */
#include <asm/csr.h>
#include <asm/extable.h>

#define WORD 8
#define BLOCK (8 * WORD)

/* An instruction with a place to go on when it faults. */
	.macro	TRY fixup, insn:vararg
99:	\insn
	EXTABLE(99b, \fixup)
	.endm

	.section .text.uaccess, "ax"
	.globl uaccess_start, uaccess_end
uaccess_start:

/* size_t arch_copy_from_user(void *to, vaddr_t from, size_t n), and to_user: one
 * side or the other is the user's. a3 is the end of `to`. */
	.globl arch_copy_from_user, arch_copy_to_user
arch_copy_from_user:
arch_copy_to_user:
	li	t0, SSTATUS_SUM
	csrs	sstatus, t0
	add	a3, a0, a2
	or	t1, a0, a1
	andi	t1, t1, WORD - 1
	beqz	t1, 2f
	xor	t1, a0, a1
	andi	t1, t1, WORD - 1
	bnez	t1, copy_bytes
	addi	a4, a3, -WORD
	bgt	a0, a4, copy_bytes	/* few: none may be left to align */
1:	andi	t1, a0, WORD - 1
	beqz	t1, 2f
	TRY	copy_end, lbu t1, 0(a1)
	TRY	copy_end, sb t1, 0(a0)
	addi	a1, a1, 1
	addi	a0, a0, 1
	j	1b
2:	addi	a4, a3, -BLOCK
	bgt	a0, a4, 4f
3:	.set	at, 0
	.irp	r, t1, t2, t3, t4, t5, t6, a5, a6
	TRY	4f, ld \r, at(a1)
	.set	at, at + WORD
	.endr
	.set	at, 0
	.irp	r, t1, t2, t3, t4, t5, t6, a5, a6
	TRY	4f, sd \r, at(a0)
	.set	at, at + WORD
	.endr
	addi	a1, a1, BLOCK
	addi	a0, a0, BLOCK
	ble	a0, a4, 3b
4:	addi	a4, a3, -WORD
	bgt	a0, a4, copy_bytes
5:	TRY	copy_end, ld t1, 0(a1)
	TRY	copy_end, sd t1, 0(a0)
	addi	a1, a1, WORD
	addi	a0, a0, WORD
	ble	a0, a4, 5b
copy_bytes:
	bge	a0, a3, copy_end
6:	TRY	copy_end, lbu t1, 0(a1)
	TRY	copy_end, sb t1, 0(a0)
	addi	a1, a1, 1
	addi	a0, a0, 1
	blt	a0, a3, 6b
copy_end:
	csrc	sstatus, t0
	sub	a0, a3, a0
	ret

/* size_t arch_clear_user(vaddr_t to, size_t n) */
	.globl arch_clear_user
arch_clear_user:
	li	t0, SSTATUS_SUM
	csrs	sstatus, t0
	add	a3, a0, a1
	addi	a4, a3, -WORD
	bgt	a0, a4, clear_bytes
1:	andi	t1, a0, WORD - 1
	beqz	t1, 2f
	TRY	copy_end, sb zero, 0(a0)
	addi	a0, a0, 1
	j	1b
2:	addi	a4, a3, -BLOCK
	bgt	a0, a4, 4f
3:	.set	at, 0
	.rept	BLOCK / WORD
	TRY	4f, sd zero, at(a0)
	.set	at, at + WORD
	.endr
	addi	a0, a0, BLOCK
	ble	a0, a4, 3b
4:	addi	a4, a3, -WORD
	bgt	a0, a4, clear_bytes
5:	TRY	copy_end, sd zero, 0(a0)
	addi	a0, a0, WORD
	ble	a0, a4, 5b
clear_bytes:
	bge	a0, a3, copy_end
6:	TRY	copy_end, sb zero, 0(a0)
	addi	a0, a0, 1
	blt	a0, a3, 6b
	j	copy_end

/* int64_t arch_copy_string_from_user(char *to, vaddr_t from, size_t n) */
	.globl arch_copy_string_from_user
arch_copy_string_from_user:
	li	t0, SSTATUS_SUM
	csrs	sstatus, t0
	mv	a3, a0
	add	a2, a1, a2
1:	bge	a1, a2, 2f
	TRY	3f, lbu t1, 0(a1)
	sb	t1, 0(a0)
	beqz	t1, 2f
	addi	a1, a1, 1
	addi	a0, a0, 1
	j	1b
2:	csrc	sstatus, t0
	sub	a0, a0, a3
	ret
3:	csrc	sstatus, t0
	li	a0, -1
	ret
uaccess_end:
