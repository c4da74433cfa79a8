/* Traps taken in the kernel, and what a panic tells of them. */
#include <stdio.h>

#include <arch/cpu.h>
#include <arch/debug.h>
#include <arch/irq.h>
#include <arch/smp.h>
#include <asm/csr.h>
#include <asm/errata.h>
#include <asm/hart.h>
#include <asm/probe.h>
#include <asm/trap.h>
#include <kernel/explain.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <mm/slab.h>

/* The exception table (<asm/extable.h>). */
struct fixup {
	uint64_t insn, fixup;
};
extern const struct fixup __start_extable[], __stop_extable[];

/* Privileged specification, table "Supervisor cause register values". */
static const char *cause_name(uint64_t scause)
{
	static const char *const name[] = {
		"instruction address misaligned",
		"instruction access fault",
		"illegal instruction",
		"breakpoint",
		"load address misaligned",
		"load access fault",
		"store address misaligned",
		"store access fault",
		"call from user mode",
		"call from supervisor mode",
		"cause 10",
		"cause 11",
		"instruction page fault",
		"load page fault",
		"cause 14",
		"store page fault",
	};

	if (scause & INTERRUPT)
		return "interrupt that was not asked for";
	return scause < 16 ? name[scause] : "unknown cause";
}

static bool overflowed(const struct trap_frame *f)
{
	const struct arch_hart *h = this_arch_hart();

	/* The guard page below the stack. */
	return f->x[2] < h->stack_start + FRAME_SIZE &&
	       f->x[2] + 4096 >= h->stack_start;
}

/* A probe waits for this exception (probe.S). */
static bool caught(struct trap_frame *f)
{
	struct arch_hart *h = this_arch_hart();

	if (!h->catch_sp)
		return false;
	f->sepc = (uint64_t)(uintptr_t)probe_caught;
	f->x[2] = h->catch_sp;
	f->x[4] = (uint64_t)(uintptr_t)h;
	f->sstatus &= ~SSTATUS_SPIE;
	h->catch_sp = 0;
	return true;
}

bool trap_fixup(struct trap_frame *f)
{
	bool access = f->scause == CAUSE_LOAD_ACCESS ||
		      f->scause == CAUSE_STORE_ACCESS;

	for (const struct fixup *x = __start_extable; x < __stop_extable; x++)
		if (f->sepc == x->insn && (access || !(x->fixup & 1))) {
			f->sepc = x->fixup & ~1ull;
			return true;
		}
	return false;
}

void arch_external_enable(bool on)
{
	if (on)
		csr_set(sie, SIE_SEIE);
	else
		csr_clear(sie, SIE_SEIE);
}

vaddr_t arch_interrupted(void)
{
	return csr_read(sepc);
}

/* Returns whether it was one that somebody wants. */
static bool interrupt(uint64_t scause)
{
	switch (scause) {
	case INTERRUPT | IRQ_SOFTWARE:
		csr_clear(sip, SIE_SSIE);
		/* What the sender stored is seen, and what is sent from now on
		 * interrupts again. */
		arch_mb();
		kernel_ipi();
		return true;
	case INTERRUPT | IRQ_TIMER:
		kernel_timer();
		return true;
	case INTERRUPT | IRQ_EXTERNAL:
		kernel_external();
		return true;
	}
	return false;
}

/* Causes that an address is to blame for. */
static bool about_address(uint64_t scause)
{
	const uint64_t faults =
		1u << CAUSE_FETCH_ACCESS | 1u << CAUSE_LOAD_ACCESS |
		1u << CAUSE_STORE_ACCESS | 1u << CAUSE_FETCH_PAGE |
		1u << CAUSE_LOAD_PAGE | 1u << CAUSE_STORE_PAGE;

	return scause < 16 && (faults >> scause & 1);
}

/* What the address means. If finding out faults, too, there is no more to say, and
 * the first fault is the one to report: that one's frame comes back. */
static struct trap_frame *explain(struct trap_frame *f, char *means,
				  size_t size)
{
	static PERCPU struct trap_frame *explaining;
	struct trap_frame **first = this_cpu(explaining);

	if (*first) {
		snprintf(means, size, "not to be told without another fault");
		f = *first;
	} else if (about_address(f->scause)) {
		*first = f;
		/* It reports by itself, if that page is one of its. */
		slab_guard_fault(f->stval, f->sepc);
		explain_address(f->stval, means, size);
	}
	*first = NULL;
	return f;
}

/* Not inline: every interrupt would have room for these texts on its stack. */
__attribute__((noreturn, noinline)) static void die(struct trap_frame *f)
{
	char means[200] = "", stack[48] = "";

	if (riscv_errata.short_stval)
		f->stval = errata_stval(f->scause, f->stval);
	f = explain(f, means, sizeof(means));
	if (overflowed(f))
		snprintf(stack, sizeof(stack),
			 ": kernel stack overflow on hart %llu",
			 (unsigned long long)arch_hartid(arch_cpu()));
	panic_trap(f, "%s at pc %#llx, address %#llx%s%s%s",
		   cause_name(f->scause), (unsigned long long)f->sepc,
		   (unsigned long long)f->stval, stack,
		   *means ? "\n  address: " : "", means);
}

void trap_interrupt(struct trap_frame *f)
{
	if (!interrupt(f->scause))
		die(f);
}

void trap_handle(struct trap_frame *f)
{
	bool copies = user_copy_has(f->sepc);

	if (f->scause & INTERRUPT) {
		if (copies)
			csr_clear(sstatus, SSTATUS_SUM);
		trap_interrupt(f);
	} else if (!caught(f) &&
		   !(copies ? user_copy_fault(f) : trap_fixup(f))) {
		die(f);
	}
}

void arch_print_frame(const struct trap_frame *f)
{
	static const char name[32][5] = {
		"zero", "ra", "sp",  "gp",  "tp", "t0", "t1", "t2",
		"s0",	"s1", "a0",  "a1",  "a2", "a3", "a4", "a5",
		"a6",	"a7", "s2",  "s3",  "s4", "s5", "s6", "s7",
		"s8",	"s9", "s10", "s11", "t3", "t4", "t5", "t6",
	};

	for (unsigned i = 1; i < 32; i++)
		kprintf("%4.4s %016llx%s", name[i], (unsigned long long)f->x[i],
			i % 4 ? "  " : "\n");
	kprintf("\n  pc %016llx  sstatus %llx  scause %llx  stval %llx\n",
		(unsigned long long)f->sepc, (unsigned long long)f->sstatus,
		(unsigned long long)f->scause, (unsigned long long)f->stval);
}

/* Where a frame record (return address, caller's frame pointer) may lie. */
static bool on_a_stack(uint64_t fp)
{
	const struct arch_hart *h = this_arch_hart();

	if (fp % 8)
		return false;
	return fp - h->stack_start - 16 <= h->stack_size - 16 ||
	       h->emergency_top - fp <= h->emergency_size - 16;
}

void arch_backtrace(const struct trap_frame *f, unsigned max,
		    void (*each)(vaddr_t pc))
{
	uint64_t fp = f ? f->x[8] : (uint64_t)__builtin_frame_address(0);
	bool leaf = f != NULL; /* may be one */

	if (f && max) {
		each(f->sepc);
		max--;
	}
	/* After a jump to where nothing is, only ra tells whence it came. */
	if (f && max && f->sepc == f->stval) {
		each(f->x[1] - 1);
		max--;
	}
	/* The frame pointer points behind the record (RISC-V psABI, frame
	 * pointer convention): ra at -8, the caller's at -16. */
	while (max-- && on_a_stack(fp)) {
		uint64_t ra = ((const uint64_t *)fp)[-1];
		uint64_t caller = ((const uint64_t *)fp)[-2];

		/* A function that calls nobody stores the caller's only, first,
		 * and still has ra. */
		if (leaf && on_a_stack(ra)) {
			caller = ra;
			ra = f->x[1];
		}
		leaf = false;
		if (!ra)
			return;
		/* The call is the instruction before. */
		each(ra - 1);
		/* Stacks grow down: callers lie above, or we go in circles. */
		if (caller <= fp)
			return;
		fp = caller;
	}
}
