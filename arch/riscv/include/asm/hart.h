/*
 * What a hart knows of itself: a per-hart variable. `tp` points to the hart's
 * own copy in the kernel, always; sscratch does too.
 */
#pragma once

#define HART_SAVED_SP	    0
#define HART_SAVED_T0	    8
#define HART_STACK_START    16
#define HART_STACK_SIZE	    24
#define HART_EMERGENCY_TOP  32
#define HART_EMERGENCY_SIZE 40
#define HART_SELF	    48
#define HART_SATP	    56
#define HART_ENTRY	    64
#define HART_ID		    72
#define HART_USER_FRAME	    80
#define HART_CATCH_SP	    88
#define HART_TASK	    96

/* What kernel.ld sets aside for struct arch_hart; the hart's copies of C's
 * thread-local variables follow. */
#define HART_SIZE 128

#define HART_MAX 64 /* MAX_CPUS, for assembly */

/* struct trap_frame: x0 to x31, then four CSRs. */
#define FRAME_CSRS (32 * 8)
#define FRAME_SIZE (36 * 8)

#ifndef __ASSEMBLER__

#include <stddef.h>
#include <stdint.h>

struct user_regs;

struct arch_hart {
	uint64_t saved_sp; /* scratch space of the trap entry */
	uint64_t saved_t0;
	uint64_t stack_start; /* lowest address of the kernel stack */
	uint64_t stack_size;
	uint64_t emergency_top; /* stack for traps when that has overflowed */
	uint64_t emergency_size;
	/* What a hart that is started finds here, without the MMU: */
	struct arch_hart *self; /* virtual, what tp becomes */
	uint64_t satp;		/* the tables to go on with */
	void (*entry)(void);
	uint64_t hartid; /* not set for cpu 0 */
	/* Where registers of user mode go when it is left. */
	struct user_regs *user_frame;
	/* If not 0, the next exception leads to probe_caught, with this sp. */
	uint64_t catch_sp;

	struct task *task;	 /* whose context it runs (<arch/task.h>) */
	struct arch_context *fp; /* whose FP registers it has, if that agrees */
	uint64_t percpu_offset;	 /* percpu_offset[cpu] */
	unsigned cpu;
};

_Static_assert(offsetof(struct arch_hart, saved_sp) == HART_SAVED_SP, "asm");
_Static_assert(offsetof(struct arch_hart, saved_t0) == HART_SAVED_T0, "asm");
_Static_assert(offsetof(struct arch_hart, stack_start) == HART_STACK_START,
	       "asm");
_Static_assert(offsetof(struct arch_hart, stack_size) == HART_STACK_SIZE,
	       "asm");
_Static_assert(offsetof(struct arch_hart, emergency_top) == HART_EMERGENCY_TOP,
	       "asm");
_Static_assert(offsetof(struct arch_hart, emergency_size) ==
		       HART_EMERGENCY_SIZE,
	       "asm");
_Static_assert(offsetof(struct arch_hart, self) == HART_SELF, "asm");
_Static_assert(offsetof(struct arch_hart, satp) == HART_SATP, "asm");
_Static_assert(offsetof(struct arch_hart, entry) == HART_ENTRY, "asm");
_Static_assert(offsetof(struct arch_hart, hartid) == HART_ID, "asm");
_Static_assert(offsetof(struct arch_hart, user_frame) == HART_USER_FRAME,
	       "asm");
_Static_assert(offsetof(struct arch_hart, catch_sp) == HART_CATCH_SP, "asm");
_Static_assert(offsetof(struct arch_hart, task) == HART_TASK, "asm");

_Static_assert(sizeof(struct arch_hart) <= HART_SIZE, "kernel.ld");

/* The registers of interrupted code, as the trap entry leaves them. x[0] holds
 * nothing; the frame lies on the stack of whoever handles the trap. */
struct trap_frame {
	uint64_t x[32];
	uint64_t sepc;
	uint64_t sstatus;
	uint64_t scause;
	uint64_t stval;
};

_Static_assert(offsetof(struct trap_frame, sepc) == FRAME_CSRS, "asm");
_Static_assert(sizeof(struct trap_frame) == FRAME_SIZE, "asm");
_Static_assert(FRAME_SIZE % 16 == 0, "the ABI wants stacks aligned to 16");

/* The boot hart's; other harts have copies (<kernel/cpu.h>). kernel.ld puts it
 * first of all per-hart variables. */
extern struct arch_hart arch_hart;

/*
 * A task may go on elsewhere after a call that switches. So whatever is read by
 * way of tp has this operand: memory that any call may have changed, of a type that
 * nothing else has, so that only calls matter. It is the end of the address space,
 * where nothing is, and costs no instruction.
 */
struct hart_changes {
	struct hart_changes *other;
};

#define HART_CHANGES "m"(*(const struct hart_changes *)-8)

static inline struct arch_hart *this_arch_hart(void)
{
	struct arch_hart *h;

	__asm__("mv %0, tp" : "=r"(h) : HART_CHANGES);
	return h;
}

#endif
