/*
 * The timer of a hart. With Sstc it is a register of S-mode, stimecmp; else
 * firmware has it, by a call of today's or of the first SBI. What was set stays
 * pending until something later is set; when nothing is wanted, its interrupt is
 * off, so that it does not even end a wait.
 *
 * A tree may claim Sstc where M-mode has not opened the register: it is tried.
 */
#include <arch/cpu.h>
#include <asm/extable.h>
#include <asm/features.h>
#include <asm/sbi.h>
#include <asm/timer.h>
#include <kernel/types.h>

static enum { NO_TIMER, STIMECMP, SBI_TIMER, LEGACY_TIMER } kind;

/* stimecmp is CSR 0x14d; the assembler may not know its name. */
static bool has_stimecmp(void)
{
	uint64_t ok = 0;

	__asm__ volatile("1: csrr %0, 0x14d\n"
			 "li %0, 1\n"
			 "2:\n" EXTABLE("1b", "2b")
			 : "+r"(ok));
	return ok;
}

__init void riscv_timer_init(void)
{
	riscv_features.sstc = riscv_features.sstc && has_stimecmp();
	if (riscv_features.sstc)
		kind = STIMECMP;
	else if (sbi_probe(SBI_EXT_TIME))
		kind = SBI_TIMER;
	else if (sbi_probe(SBI_LEGACY_SET_TIMER))
		kind = LEGACY_TIMER;
}

bool arch_timer_works(void)
{
	return kind != NO_TIMER;
}

void arch_timer_set(uint64_t at)
{
	if (at == UINT64_MAX || kind == NO_TIMER) {
		csr_clear(sie, SIE_STIE);
		return;
	}
	if (kind == STIMECMP)
		csr_write(0x14d, at);
	else if (kind == SBI_TIMER)
		sbi_call(SBI_EXT_TIME, SBI_TIME_SET_TIMER, at, 0, 0, 0, 0);
	else
		sbi_call(SBI_LEGACY_SET_TIMER, 0, at, 0, 0, 0, 0);
	csr_set(sie, SIE_STIE);
}
