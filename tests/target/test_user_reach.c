/*
 * What a program can reach, and what it can't: each access and each instruction ends
 * with the exception that it should.
 */
#include <arch/cpu.h>
#include <asm/csr.h>
#include <asm/trap.h>
#include <kernel/ktest.h>
#include <kernel/uaccess.h>
#include <mm/layout.h>

#include "user_bed.h"

/* What is at these addresses must not be had by any access. */
static void expect_no_access(vaddr_t addr)
{
	static const struct {
		uint32_t insn;
		uint64_t cause;
	} access[] = {
		{0x00053503, CAUSE_LOAD_PAGE},	/* ld a0, 0(a0) */
		{0x00b53023, CAUSE_STORE_PAGE}, /* sd a1, 0(a0) */
		{0x00050067, CAUSE_FETCH_PAGE}, /* jr a0 */
	};

	for (unsigned i = 0; i < ARRAY_SIZE(access); i++) {
		bool jump = access[i].cause == CAUSE_FETCH_PAGE;
		struct user_regs r;

		arch_user_init(&r, USER_CODE, 0);
		r.frame.x[10] = addr;
		user_bed_program(access[i].insn, EBREAK);
		user_bed_ends(&r, access[i].cause, jump ? addr : USER_CODE);
		EXPECT_EQ(r.frame.stval, addr);
		EXPECT_EQ(r.frame.x[10], addr);
	}
}

KTEST(user, memory_of_the_kernel_is_out_of_reach)
{
	const struct user_bed *bed = user_bed_start();
	uint64_t local = 0;
	vaddr_t addr[] = {
		PAGE_SIZE,
		USER_DATA - 8,
		USER_END,
		user_limit() - 8,
		(vaddr_t)(uintptr_t)ktest_run,
		(vaddr_t)(uintptr_t)&arch_hart,
		(vaddr_t)(uintptr_t)&local,
		PAGE_MAP_BASE,
		FIXED_BASE,
		FIXED_END,
		direct_map_offset,
		0,
	};

	REQUIRE(bed);
	addr[ARRAY_SIZE(addr) - 1] = (vaddr_t)(uintptr_t)bed->data;
	for (unsigned i = 0; i < ARRAY_SIZE(addr); i++)
		expect_no_access(addr[i]);
	EXPECT_EQ(local, 0);
	EXPECT_EQ(bed->data[0], 0);
	user_bed_end();
}

KTEST(user, instructions_of_the_kernel_are_illegal)
{
	static const uint32_t insn[] = {
		0x10002573, /* csrr a0, sstatus */
		0x10051073, /* csrw sstatus, a0 */
		0x14002573, /* csrr a0, sscratch */
		0x14051073, /* csrw sscratch, a0 */
		0x10551073, /* csrw stvec, a0 */
		0x18051073, /* csrw satp, a0 */
		0x30002573, /* csrr a0, mstatus */
		0x10200073, /* sret */
		0x30200073, /* mret */
		0x10500073, /* wfi; legal for a while, if firmware wants */
		0x12000073, /* sfence.vma */
		0x00000000, 0xffffffff,
	};

	REQUIRE(user_bed_start());
	for (unsigned i = 0; i < ARRAY_SIZE(insn); i++) {
		struct user_regs r;

		arch_user_init(&r, USER_CODE, 0);
		user_bed_program(insn[i], EBREAK);
		user_bed_ends(&r, CAUSE_ILLEGAL, USER_CODE);
		EXPECT_EQ(r.frame.x[10], 0);
	}
	user_bed_end();
}

/* Firmware may keep them closed, to the kernel as well; but for the time. */
KTEST(user, programs_may_read_counters)
{
	static const uint32_t insn[] = {
		0xc0102573, /* rdtime a0 */
		0xc0002573, /* rdcycle a0 */
		0xc0202573, /* rdinstret a0 */
	};

	REQUIRE(user_bed_start());
	for (unsigned i = 0; i < ARRAY_SIZE(insn); i++) {
		struct user_regs r;

		arch_user_init(&r, USER_CODE, 0);
		user_bed_program(insn[i], EBREAK);
		user_bed_run(&r);
		EXPECT(r.frame.scause == CAUSE_BREAKPOINT
			       ? r.frame.x[10] != 0
			       : i && r.frame.scause == CAUSE_ILLEGAL);
	}
	user_bed_end();
}

KTEST(user, rights_of_pages_hold)
{
	static const struct {
		uint32_t insn;
		vaddr_t addr;
		uint64_t cause;
	} try[] = {
		{0x00b53023, USER_RO, CAUSE_STORE_PAGE},
		{0x00b53023, USER_CODE, CAUSE_STORE_PAGE},
		{0x00050067, USER_DATA, CAUSE_FETCH_PAGE},
		{0x00b53023, USER_DATA, CAUSE_BREAKPOINT},
		{0x00053503, USER_RO, CAUSE_BREAKPOINT},
	};

	REQUIRE(user_bed_start());
	for (unsigned i = 0; i < ARRAY_SIZE(try); i++) {
		struct user_regs r;

		arch_user_init(&r, USER_CODE, 0);
		r.frame.x[10] = try[i].addr;
		user_bed_program(try[i].insn, EBREAK);
		user_bed_run(&r);
		EXPECT_EQ(r.frame.scause, try[i].cause);
	}
	user_bed_end();
}

/* What has run before leaves nothing but what arch_user_init() sets. */
KTEST(user, a_new_program_has_zeros)
{
	struct user_regs r;

	REQUIRE(user_bed_start());
	user_bed_program(EBREAK, EBREAK);
	arch_user_init(&r, USER_CODE, USER_RO);
	user_bed_ends(&r, CAUSE_BREAKPOINT, USER_CODE);
	for (unsigned i = 1; i < 32; i++)
		EXPECT_EQ(r.frame.x[i], i == 2 ? USER_RO : 0);
	user_bed_end();
}

/* A reservation does not outlive an interrupt. */
KTEST(user, what_is_reserved_is_not_for_others)
{
	static const uint32_t code[] = {
		0x1005b52f, /* lr.d a0, (a1) */
		EBREAK,
		0x18c5b52f, /* sc.d a0, a2, (a1) */
		EBREAK,
	};
	const struct user_bed *bed = user_bed_start();
	struct user_regs r;

	REQUIRE(bed);
	user_bed_code(code, ARRAY_SIZE(code));
	arch_user_init(&r, USER_CODE, 0);
	r.frame.x[11] = USER_DATA;
	r.frame.x[12] = 1;
	user_bed_ends(&r, CAUSE_BREAKPOINT, USER_CODE + 4);
	r.frame.sepc += 4;
	user_bed_ends(&r, CAUSE_BREAKPOINT, USER_CODE + 12);
	EXPECT(r.frame.x[10] != 0);
	EXPECT_EQ(bed->data[0], 0);
	user_bed_end();
}

/* The kernel's side is as ever: SUM is off, and so are interrupts if they were. */
KTEST(user, the_kernel_comes_back_as_it_was)
{
	struct user_regs r;
	uint64_t flags, before;

	REQUIRE(user_bed_start());
	user_bed_program(ECALL, EBREAK);
	for (unsigned on = 0; on < 2; on++) {
		flags = on ? 0 : arch_irq_save();
		before = csr_read(sstatus);
		arch_user_init(&r, USER_CODE, 0);
		user_bed_run(&r);
		EXPECT_EQ((before ^ csr_read(sstatus)) &
				  (SSTATUS_SIE | SSTATUS_SUM | SSTATUS_MXR),
			  0);
		if (!on)
			arch_irq_restore(flags);
	}
	user_bed_end();
}
