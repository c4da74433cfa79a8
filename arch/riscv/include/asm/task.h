/* RISC-V side of <arch/task.h>. */
#pragma once

#define CONTEXT_RA 0
#define CONTEXT_SP 8
#define CONTEXT_S0 16

#define FP_FCSR (32 * 8)

#ifndef __ASSEMBLER__

#include <asm/csr.h>
#include <asm/hart.h>

struct task;

/* f0 to f31, fcsr. */
struct riscv_fp {
	uint64_t f[32];
	uint64_t fcsr;
};

struct arch_context {
	uint64_t ra, sp, s[12];
	/* Where the program's registers may still be in the hart: there, if
	 * that says so, too. Its cpu + 1; 0: nowhere. */
	unsigned fp_cpu;
	struct riscv_fp fp;
};

_Static_assert(offsetof(struct arch_context, ra) == CONTEXT_RA, "asm");
_Static_assert(offsetof(struct arch_context, sp) == CONTEXT_SP, "asm");
_Static_assert(offsetof(struct arch_context, s) == CONTEXT_S0, "asm");
_Static_assert(offsetof(struct riscv_fp, fcsr) == FP_FCSR, "asm");

/* All of the hart's to there, and from there. sstatus.FS is on. */
void riscv_fp_save(struct riscv_fp *fp);
void riscv_fp_load(const struct riscv_fp *fp);

/* A task's own current task never changes: this may be done once for several
 * uses. */
static inline struct task *arch_task(void)
{
	struct task *t;

	__asm__("ld %0, %1(tp)"
		: "=r"(t)
		: "i"(offsetof(struct arch_hart, task)));
	return t;
}

static inline void arch_task_set(struct task *t)
{
	this_arch_hart()->task = t;
}

/*
 * Code that trapped in the kernel goes on, and others may have run since, or this
 * may be another hart: what the frame has of the hart is not true any more.
 */
static inline void arch_frame_moved(struct trap_frame *f)
{
	f->x[4] = (uint64_t)(uintptr_t)this_arch_hart();
	f->sstatus =
		(f->sstatus & ~SSTATUS_FS) | (csr_read(sstatus) & SSTATUS_FS);
}

#endif
