/*
 * User mode: what it does, and may not do (<arch/user.h>; entry and exit are in
 * trap.S). What a program can reach:
 *
 *  I1  Pages with U. The kernel's have none, so no address of the kernel's half
 *      helps it, and neither does any pc.
 *  I2  The registers that it had itself: all are loaded from struct user_regs on
 *      the way out, or are as C functions found them. A new program has zeros.
 *      Those of floating point are the business of <arch/task.h>.
 *  I3  fcsr and the counters time, cycle and instret. All else traps.
 *
 * It can't keep a hart: interrupts are on in user mode, whatever SIE is.
 *
 * And the kernel can't reach it: SUM is off but in the copy routines of uaccess.S.
 * Whatever interrupts one of these has it off until it goes back to it. When a
 * copy faults at an address of the user half, kernel_user_fault() is asked, as
 * the copy's caller would be: with its interrupts; so others may run meanwhile, or
 * the copy goes on on another hart. At one of the kernel's half, it is the kernel's
 * mistake.
 */
#include <arch/debug.h>
#include <arch/task.h>
#include <arch/uaccess.h>
#include <arch/user.h>
#include <asm/csr.h>
#include <asm/errata.h>
#include <asm/trap.h>
#include <kernel/task.h>

/* trap.S and user.S. */
_Static_assert(offsetof(struct task, flags) == 0, "asm");
_Static_assert(sizeof(struct user_regs) == FRAME_SIZE, "asm");
_Static_assert(offsetof(struct user_regs, frame) == 0, "asm");
_Static_assert(ACCESS_LOAD == 0 && ACCESS_STORE == 1, "asm");

extern const char uaccess_start[], uaccess_end[];
__attribute__((noreturn)) void user_caught(const struct user_regs *r);

void arch_user_init(struct user_regs *r, vaddr_t pc, vaddr_t sp)
{
	*r = (struct user_regs){.frame = {.sepc = pc}};
	r->frame.x[2] = sp;
}

void arch_print_user(const struct user_regs *r)
{
	arch_print_frame(&r->frame);
}

/* Causes that an address is to blame for. */
static const struct {
	uint8_t what, access;
} of_address[] = {
	[CAUSE_FETCH_MISALIGNED] = {TRAP_MISALIGNED, ACCESS_FETCH},
	[CAUSE_FETCH_ACCESS] = {TRAP_ACCESS, ACCESS_FETCH},
	[CAUSE_LOAD_MISALIGNED] = {TRAP_MISALIGNED, ACCESS_LOAD},
	[CAUSE_LOAD_ACCESS] = {TRAP_ACCESS, ACCESS_LOAD},
	[CAUSE_STORE_MISALIGNED] = {TRAP_MISALIGNED, ACCESS_STORE},
	[CAUSE_STORE_ACCESS] = {TRAP_ACCESS, ACCESS_STORE},
	[CAUSE_FETCH_PAGE] = {TRAP_FAULT, ACCESS_FETCH},
	[CAUSE_LOAD_PAGE] = {TRAP_FAULT, ACCESS_LOAD},
	[CAUSE_STORE_PAGE] = {TRAP_FAULT, ACCESS_STORE},
};

static struct user_trap decode(const struct trap_frame *f)
{
	switch (f->scause) {
	case CAUSE_BREAKPOINT:
		return (struct user_trap){.what = TRAP_BREAK};
	case CAUSE_FETCH_MISALIGNED:
	case CAUSE_FETCH_ACCESS:
	case CAUSE_LOAD_MISALIGNED ... CAUSE_STORE_ACCESS:
	case CAUSE_FETCH_PAGE:
	case CAUSE_LOAD_PAGE:
	case CAUSE_STORE_PAGE:
		return (struct user_trap){
			.what = of_address[f->scause].what,
			.access = of_address[f->scause].access,
			.addr = f->stval,
		};
	}
	return (struct user_trap){.what = TRAP_ILLEGAL};
}

static void exception(struct user_regs *r)
{
	struct trap_frame *f = &r->frame;
	struct user_trap t;

	if (f->scause == CAUSE_ILLEGAL && arch_fp_use(&task_current()->context))
		return;
	if (riscv_errata.short_stval)
		f->stval = errata_stval(f->scause, f->stval);
	if (f->x[0])
		user_caught(r);
	t = decode(f);
	arch_irq_enable();
	kernel_user_trap(r, &t);
	csr_clear(sstatus, SSTATUS_SIE);
}

void user_trap(struct user_regs *r)
{
	if (r->frame.scause & INTERRUPT)
		trap_interrupt(&r->frame);
	else
		exception(r);
	task_return_to_user(r);
}

bool user_copy_has(uint64_t pc)
{
	return pc - (uintptr_t)uaccess_start <
	       (uintptr_t)(uaccess_end - uaccess_start);
}

bool user_copy_fault(struct trap_frame *f)
{
	struct user_trap t = decode(f);
	bool again;

	if (t.what == TRAP_ILLEGAL || t.what == TRAP_BREAK ||
	    (int64_t)t.addr < 0)
		return false;
	if (t.what == TRAP_FAULT) {
		csr_clear(sstatus, SSTATUS_SUM);
		if (f->sstatus & SSTATUS_SPIE)
			arch_irq_enable();
		again = kernel_user_fault(t.addr, t.access);
		csr_clear(sstatus, SSTATUS_SIE);
		arch_frame_moved(f);
		if (again)
			return true;
	}
	return trap_fixup(f);
}
