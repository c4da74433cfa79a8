/*
 * The way from user mode into a system call and back, by a program that is nothing
 * but a thousand of them; and copies of aligned memory.
 */
#include <kernel/bench.h>
#include <kernel/uaccess.h>
#include <lib/bits.h>

#include "../target/user_bed.h"

#define CALLS 1000
/* It looks at no process: there is none. */
#define SYS_SCHED_YIELD 124

static const struct user_bed *bed;

static bool start(void)
{
	bed = user_bed_start();
	if (!bed) {
		user_bed_end();
		return false;
	}
	for (unsigned i = 0; i < CALLS; i++)
		bed->code[i] = ECALL;
	user_bed_code((const uint32_t[]){ECALL}, 1);
	bed->code[CALLS] = EBREAK;
	return true;
}

static void calls(void)
{
	struct user_regs r;

	arch_user_init(&r, USER_CODE, 0);
	r.frame.x[17] = SYS_SCHED_YIELD;
	user_run(&r);
}

/* To where the code is that nobody runs now. */
static void copy(size_t n)
{
	copy_from_user(bed->code, USER_DATA, n);
}

static void copy_8(void)
{
	copy(8);
}

static void copy_64(void)
{
	copy(64);
}

static void copy_page(void)
{
	copy(PAGE_SIZE);
}

#define BENCH_COPY(fn, name_, what_) \
	BENCH(user_##fn) = {         \
		.group = "call",     \
		.name = name_,       \
		.what = what_,       \
		.start = start,      \
		.run = fn,           \
		.end = user_bed_end, \
	}

BENCH(user_call) = {
	.group = "call",
	.name = "user-call",
	.what = "sched_yield with nobody to run, and back",
	.per = CALLS,
	.start = start,
	.run = calls,
	.end = user_bed_end,
};
BENCH_COPY(copy_8, "user-copy-8", "copy 8 bytes from a program");
BENCH_COPY(copy_64, "user-copy-64", "the same, 64 bytes");
BENCH_COPY(copy_page, "user-copy-4096", "the same, a page");
