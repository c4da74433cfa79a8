/*
 * Instructions that may trap: the exception table. When `insn` does, the code
 * goes on at `fixup`, all registers as they were. Interrupts don't count.
 * In assembly EXTABLE(1b, 2b) is a statement; in C, EXTABLE("1b", "2b") is a
 * part of the template of the __asm__ that has the labels. EXTABLE_ACCESS is for
 * access faults only; instructions being at even addresses, a 1 in the fixup says
 * that.
 */
#pragma once

/* clang-format off */
#ifdef __ASSEMBLER__
#define EXTABLE(insn, fixup) \
	.pushsection extable, "a"; .balign 8; .dword insn, fixup; .popsection
#else
#define EXTABLE(insn, fixup)                                          \
	".pushsection extable, \"a\"\n.balign 8\n.dword " insn ", " fixup \
	"\n.popsection\n"
#define EXTABLE_ACCESS(insn, fixup) EXTABLE(insn, fixup " + 1")
#endif
/* clang-format on */
