/*
 * What of a program's is the scheduler's business: registers of floating point, and
 * the space that its hart is in while the kernel moves.
 */
#include <arch/cpu.h>
#include <asm/features.h>
#include <kernel/displace.h>
#include <kernel/ktest.h>
#include <kernel/shell.h>
#include <kernel/smp.h>
#include <kernel/task.h>
#include <kernel/time.h>
#include <kernel/wait.h>
#include <mm/layout.h>
#include <mm/tlb.h>

#include "user_bed.h"

static struct wait_queue ended = WAIT_QUEUE_INIT(ended);
static unsigned running;      /* (a) */
static uint64_t wrong, moves; /* (a) */

static void ends(void)
{
	__atomic_fetch_sub(&running, 1, __ATOMIC_RELEASE);
	wake_all(&ended);
}

static bool start(void (*fn)(void *arg), void *arg)
{
	struct task *t = task_create("test", fn, arg);

	if (!t)
		return false;
	__atomic_fetch_add(&running, 1, __ATOMIC_RELAXED);
	task_start(t);
	task_put(t);
	return true;
}

static void wait_for_all(void)
{
	wait_on(&ended, !__atomic_load_n(&running, __ATOMIC_ACQUIRE));
}

/* --- floating point --- */

/* As a program does that traps for it. */
static void use(void)
{
	arch_fp_use(&task_current()->context);
}

static void expect_fp(const struct riscv_fp *expected)
{
	struct riscv_fp seen;

	use();
	riscv_fp_save(&seen);
	for (unsigned i = 0; i < 32; i++)
		if (seen.f[i] != expected->f[i])
			__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
	if (seen.fcsr != expected->fcsr)
		__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
}

static void set_fp(struct riscv_fp *fp, uint64_t salt)
{
	for (unsigned i = 0; i < 32; i++)
		fp->f[i] = salt * 0x9e3779b97f4a7c15u + i;
	fp->fcsr = salt & 0x1f;
	use();
	riscv_fp_load(fp);
}

/* Some change theirs often, some look often, some hardly use them. */
static void compute(void *arg)
{
	uint64_t me = (uintptr_t)arg;
	unsigned cpu = arch_cpu();
	struct riscv_fp mine = {.fcsr = 0};

	expect_fp(&mine);
	for (unsigned i = 1; i < 300; i++) {
		if (i % (me % 3 + 1) == 0)
			set_fp(&mine, me << 32 | i);
		if (i % 16 == me % 16)
			task_block_until(arch_time() + time_ticks(50));
		else
			task_yield();
		if (i % (me % 5 + 1) == 0)
			expect_fp(&mine);
		if (cpu != arch_cpu())
			__atomic_fetch_add(&moves, 1, __ATOMIC_RELAXED);
		cpu = arch_cpu();
	}
	expect_fp(&mine);
	ends();
}

KTEST(task, floating_point_goes_with_the_task)
{
	unsigned n = 3 * (unsigned)__builtin_popcountll(cpus_online());

	if (!riscv_features.fp)
		return ktest_skip("no floating point");
	wrong = moves = 0;
	for (unsigned i = 0; i < n; i++)
		EXPECT(start(compute, (void *)(uintptr_t)i));
	wait_for_all();
	EXPECT_EQ(wrong, 0);
	EXPECT(moves || n == 3);
}

/* Between two harts where nobody else has any: each finds its own of an earlier
 * visit. */
static void commute(void *arg)
{
	struct task *me = task_current();
	struct riscv_fp mine;

	(void)arg;
	set_fp(&mine, 1);
	for (unsigned i = 2; i < 20; i++) {
		unsigned cpu = i % 2 ? 0 : highest_bit(cpus_online());

		me->allowed = cpu_bit(cpu);
		task_block_until(arch_time() + time_ticks(50));
		if (arch_cpu() != cpu)
			__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
		expect_fp(&mine);
		set_fp(&mine, i);
	}
	ends();
}

KTEST(task, floating_point_is_not_that_of_an_earlier_visit)
{
	if (!riscv_features.fp)
		return ktest_skip("no floating point");
	wrong = 0;
	EXPECT(start(commute, NULL));
	wait_for_all();
	EXPECT_EQ(wrong, 0);
}

static void child(void *arg)
{
	expect_fp(arg);
	ends();
}

KTEST(task, floating_point_of_a_fork_and_of_a_new_program)
{
	struct riscv_fp mine, none = {.fcsr = 0};
	struct arch_context *c = &task_current()->context;
	struct task *t;

	if (!riscv_features.fp)
		return ktest_skip("no floating point");
	wrong = 0;
	set_fp(&mine, 77);
	t = task_create("fork", child, &mine);
	REQUIRE(t);
	arch_fp_copy(&t->context, c);
	set_fp(&none, 78);
	running = 1;
	task_start(t);
	wait_for_all();
	task_put(t);
	expect_fp(&none);
	arch_fp_clear(c);
	none = (struct riscv_fp){.fcsr = 0};
	expect_fp(&none);
	EXPECT_EQ(wrong, 0);
	arch_fp_clear(c);
}

/* --- the kernel moves --- */

/* 1: addi t0, t0, 1; sd t0, 0(a0); nop; j 1b */
static const uint32_t counts[] = {0x00128293, 0x00553023, 0x00000013,
				  0xff5ff06f};

static void count_on(void *arg)
{
	struct user_regs r;

	user_bed_enter();
	arch_user_init(&r, USER_CODE, 0);
	r.frame.x[10] = USER_DATA + 8 * (uintptr_t)arg;
	user_bed_run(&r);
	/* It may have been stopped between the two. */
	if (r.frame.scause != 3 || r.frame.sepc != USER_CODE + 8)
		__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
	user_bed_leave();
	ends();
}

KTEST(stress, programs_run_on_when_the_kernel_has_moved)
{
	uint64_t n = displace_count(), before[4];
	const struct user_bed *bed = user_bed_start();
	volatile uint64_t *counter;

	REQUIRE(bed);
	user_bed_leave();
	counter = (uint64_t *)bed->data;
	user_bed_code(counts, ARRAY_SIZE(counts));
	wrong = 0;
	for (uintptr_t i = 0; i < ARRAY_SIZE(before); i++)
		EXPECT(start(count_on, (void *)i));
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < ARRAY_SIZE(before); i++)
			before[i] = counter[i];
		EXPECT_EQ(shell_execute("displace all"), 0);
		for (unsigned i = 0; i < ARRAY_SIZE(before); i++)
			while (counter[i] == before[i])
				smp_idle(arch_time() + time_ticks(1000));
	}
	EXPECT(displace_count() > n);
	/* The program's end, in place of the nop. */
	bed->code[2] = 0x00100073;
	tlb_sync_code();
	wait_for_all();
	EXPECT_EQ(wrong, 0);
	user_bed_end();
}
