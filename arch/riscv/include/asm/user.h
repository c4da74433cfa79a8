/* RISC-V side of <arch/user.h>. Linux's calling convention: number in a7,
 * arguments in a0 to a5, result in a0; all other registers are kept. */
#pragma once

#include <asm/hart.h>
#include <kernel/types.h>

/* frame.x[0]: if not 0, exceptions lead back to user_run(), see there. */
struct user_regs {
	struct trap_frame frame;
};

static inline uint64_t user_pc(const struct user_regs *r)
{
	return r->frame.sepc;
}

static inline uint64_t user_sp(const struct user_regs *r)
{
	return r->frame.x[2];
}

static inline uint64_t user_syscall_number(const struct user_regs *r)
{
	return r->frame.x[17];
}

static inline uint64_t user_arg(const struct user_regs *r, unsigned i)
{
	return r->frame.x[10 + i];
}

static inline void user_set_result(struct user_regs *r, int64_t result)
{
	r->frame.x[10] = (uint64_t)result;
}

static inline void user_set_sp(struct user_regs *r, vaddr_t sp)
{
	r->frame.x[2] = sp;
}

static inline void user_set_tls(struct user_regs *r, uint64_t tls)
{
	r->frame.x[4] = tls;
}

static inline struct user_regs *user_call_regs(const uint64_t arg[6])
{
	/* trap.S: they are where the registers are. */
	return (struct user_regs *)((uintptr_t)arg - 8 * 10);
}

/*
 * For probes and tests: run a program with these registers from any task of the
 * kernel, until its first exception; *r is then what it had. System calls and
 * interrupts are served meanwhile. Interrupts are off when it returns.
 */
void user_run(struct user_regs *r);

/* Completes the registers and goes on at t0 (user.S). */
#define USER_WHOLE_CALL(fn)                                  \
	int64_t whole_##fn(const uint64_t arg[6]);           \
	__asm__(".pushsection .text.whole_" #fn ", \"ax\"\n" \
		".globl whole_" #fn "\n"                     \
		"whole_" #fn ": la t0, " #fn "\n"            \
		"tail user_whole\n"                          \
		".popsection\n")
