/*
 * C's thread-local variables are the hart's: errno, what the C library keeps
 * there, and those of code that brings its own. They lie behind struct
 * arch_hart, which tp points to (kernel.ld): nothing written there may change it.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <kernel/ktest.h>
#include <kernel/smp.h>

#define FIRST 0x5eed0123456789abu

static _Thread_local uint64_t mine = FIRST;
static _Thread_local uint64_t zero;
static _Thread_local _Alignas(64) uint8_t line[64];

struct seen {
	uint64_t mine, zero;
	uintptr_t at[4]; /* mine, zero, line, errno */
	int errno_before, errno_after;
	long parsed;
};

static struct seen seen[MAX_CPUS];

static void look(void *arg)
{
	struct seen *s = &seen[arch_cpu()];

	(void)arg;
	s->mine = mine;
	s->zero = zero;
	s->at[0] = (uintptr_t)&mine;
	s->at[1] = (uintptr_t)&zero;
	s->at[2] = (uintptr_t)line;
	s->at[3] = (uintptr_t)&errno;
	errno = 0;
	s->errno_before = errno;
	/* By the library's own code, which was compiled elsewhere. */
	s->parsed = strtol("99999999999999999999", NULL, 10);
	s->errno_after = errno;
	mine = arch_cpu();
	memset(line, (int)arch_cpu() + 1, sizeof(line));
}

static void look_again(void *arg)
{
	bool *right = arg;

	right[arch_cpu()] = mine == arch_cpu() && line[0] == arch_cpu() + 1 &&
			    line[63] == arch_cpu() + 1;
	mine = FIRST;
	memset(line, 0, sizeof(line));
}

/* Inside the per-hart variables of this cpu: of no other, and behind the
 * struct that tp points to. */
static bool in_place(const struct seen *s, unsigned cpu)
{
	uintptr_t hart = (uintptr_t)cpu_var(arch_hart, cpu);

	for (unsigned i = 0; i < ARRAY_SIZE(s->at); i++)
		if (s->at[i] < hart + HART_SIZE || s->at[i] >= hart + PAGE_SIZE)
			return false;
	return s->at[2] % 64 == 0;
}

KTEST(tls, each_hart_has_its_own)
{
	struct arch_hart before = *this_arch_hart();
	bool right[MAX_CPUS] = {false};
	cpumask_t harts = cpus_online();

	smp_call(harts, look, NULL);
	for_each_cpu (cpu, harts) {
		const struct seen *s = &seen[cpu];

		EXPECT_EQ(s->mine, FIRST);
		EXPECT_EQ(s->zero, 0);
		EXPECT(in_place(s, (unsigned)cpu));
		EXPECT_EQ(s->errno_before, 0);
		EXPECT_EQ(s->errno_after, ERANGE);
		EXPECT_EQ(s->parsed, LONG_MAX);
	}
	smp_call(harts, look_again, right);
	for_each_cpu (cpu, harts)
		EXPECT(right[cpu]);
	EXPECT_EQ(before.self, this_arch_hart()->self);
	EXPECT_EQ(before.stack_start, this_arch_hart()->stack_start);
	EXPECT_EQ(before.stack_size, this_arch_hart()->stack_size);
	EXPECT_EQ(before.percpu_offset, this_arch_hart()->percpu_offset);
	EXPECT_EQ(before.cpu, this_arch_hart()->cpu);
}
