/*
 * The registers of a program: whatever the kernel does meanwhile, it keeps them. The
 * programs are a few instructions; user_run() starts one with any registers, and tells
 * with which it ended.
 */
#include <arch/cpu.h>
#include <arch/smp.h>
#include <asm/trap.h>
#include <kernel/ktest.h>
#include <kernel/smp.h>
#include <kernel/syscall.h>
#include <kernel/task.h>
#include <kernel/time.h>
#include <kernel/uaccess.h>
#include <kernel/wait.h>
#include <lib/errno.h>
#include <lib/rng.h>
#include <mm/aspace.h>

#include "user_bed.h"

/* One that adds 1 to each register first: what it starts with lies where traps put
 * registers, so one that they forget would not be missed. */
#define COUNT_UP (31 * 4) /* bytes of that */

#define COUNTING (31 + 3) /* instructions */

static void counting_code(uint32_t code[COUNTING], uint32_t first,
			  uint32_t second)
{
	unsigned n = 0;

	/* addi xr, xr, 1 */
	for (uint32_t r = 1; r < 32; r++)
		code[n++] = 0x00100013 | r << 15 | r << 7;
	code[n++] = first;
	code[n++] = second;
	code[n++] = EBREAK;
}

static void counting_program(uint32_t first, uint32_t second)
{
	uint32_t code[COUNTING];

	counting_code(code, first, second);
	user_bed_code(code, COUNTING);
}

static void count_up(struct user_regs *r)
{
	for (unsigned i = 1; i < 32; i++)
		r->frame.x[i]++;
}

static struct user_regs random_regs(struct rng *rng)
{
	struct user_regs r;

	arch_user_init(&r, USER_CODE, 0);
	for (unsigned i = 1; i < 32; i++)
		r.frame.x[i] = rng_next(rng);
	return r;
}

/* Are they the same, but for that one? */
static void expect_same(const struct user_regs *a, const struct user_regs *b,
			unsigned but)
{
	for (unsigned i = 1; i < 32; i++)
		if (i != but && a->frame.x[i] != b->frame.x[i])
			ktest_fail(__FILE__, __LINE__,
				   "x%u was %#llx, is %#llx", i,
				   (unsigned long long)a->frame.x[i],
				   (unsigned long long)b->frame.x[i]);
}

/* --- registers --- */

KTEST(user, calls_keep_all_registers_but_a0)
{
	static const uint64_t none[] = {SYSCALLS - 1,	    SYSCALLS,	1000,
					(1ull << 32) | 172, 1ull << 63, ~0ull};
	struct rng rng = {ktest_seed()};

	REQUIRE(user_bed_start());
	counting_program(ECALL, ECALL);
	for (unsigned i = 0; i < 50 * ARRAY_SIZE(none); i++) {
		struct user_regs r = random_regs(&rng), before;

		r.frame.x[17] = none[i % ARRAY_SIZE(none)] - 1;
		before = r;
		count_up(&before);
		user_bed_ends(&r, CAUSE_BREAKPOINT, USER_CODE + COUNT_UP + 8);
		expect_same(&before, &r, 10);
		EXPECT_EQ(r.frame.x[10], -ENOSYS);
	}
	user_bed_end();
}

/* A watcher has all of them, and leaves nothing where it was: it runs a program of
 * its own meanwhile. */
static struct {
	struct user_regs expected;
	struct rng rng;
	unsigned calls;
} watch;

static int64_t watched(struct user_regs *r, const uint64_t arg[6])
{
	struct user_regs own = random_regs(&watch.rng);

	watch.calls++;
	expect_same(&watch.expected, r, 0);
	EXPECT_EQ(r->frame.sepc, USER_CODE + COUNT_UP + 4);
	for (unsigned i = 0; i < 6; i++)
		EXPECT_EQ(arg[i], r->frame.x[10 + i]);
	EXPECT(arch_irq_enabled());
	own.frame.sepc = USER_CODE + COUNT_UP + 4;
	user_bed_ends(&own, CAUSE_BREAKPOINT, USER_CODE + COUNT_UP + 4);
	return (int64_t)watch.calls;
}

KTEST(user, whole_calls_have_all_registers_and_keep_them)
{
	struct user_regs r;

	watch.rng = rng_seed(ktest_seed());
	watch.calls = 0;
	REQUIRE(user_bed_start());
	counting_program(ECALL, EBREAK);
	for (unsigned i = 1; i <= 100; i++) {
		r = random_regs(&watch.rng);
		r.frame.x[17] = i;
		watch.expected = r;
		count_up(&watch.expected);
		syscall_watch(watched);
		user_bed_ends(&r, CAUSE_BREAKPOINT, USER_CODE + COUNT_UP + 4);
		syscall_watch(NULL);
		EXPECT_EQ(r.frame.x[10], i);
		EXPECT_EQ(watch.calls, i);
		expect_same(&watch.expected, &r, 10);
	}
	user_bed_end();
}

KTEST(user, interrupts_keep_all_registers)
{
	const struct smp_counters *n;
	struct rng rng = {ktest_seed()};
	uint64_t before, flags;

	REQUIRE(user_bed_start());
	user_bed_program(EBREAK, EBREAK);
	for (unsigned i = 0; i < 100; i++) {
		struct user_regs r = random_regs(&rng), was = r;

		flags = arch_irq_save();
		n = smp_counters(arch_cpu());
		before = n->ipis;
		/* It waits for interrupts to be on: in user mode they are. */
		if (!arch_ipi_send(cpu_bit(arch_cpu()))) {
			user_run(&r);
			EXPECT_EQ(n->ipis, before + 1);
		}
		arch_irq_restore(flags);
		expect_same(&was, &r, 0);
	}
	user_bed_end();
}

/* addi x31, x31, -1; bnez x31, to that */
#define LOOP 0xffff8f93, 0xfe0f9ee3

/* It counts up, goes through the loop, and keeps its registers. */
static void go_round(struct rng *rng, uint64_t times)
{
	struct user_regs r = random_regs(rng), was = r;

	r.frame.x[31] = times - 1;
	count_up(&was);
	user_bed_ends(&r, CAUSE_BREAKPOINT, USER_CODE + COUNT_UP + 8);
	EXPECT_EQ(r.frame.x[31], 0);
	expect_same(&was, &r, 31);
}

KTEST(user, the_timer_reaches_a_program_that_never_calls)
{
	struct rng rng = {ktest_seed()};
	uint64_t before, timers = 0;

	if (!arch_timer_works() || !time_known())
		return ktest_skip("no timer");
	REQUIRE(user_bed_start());
	counting_program(LOOP);
	for (unsigned i = 0; i < 200; i++) {
		uint64_t flags = arch_irq_save();
		const struct smp_counters *n = smp_counters(arch_cpu());

		before = n->timers;
		arch_timer_set(arch_time() + time_ticks(rng_next(&rng) % 30));
		go_round(&rng, 50000);
		timers += n->timers - before;
		arch_irq_restore(flags);
	}
	EXPECT(timers > 0);
	user_bed_end();
}

/* Two that want one hart, and never give it up; for some time, and until they have
 * taken turns, which takes longer where harts themselves wait for their turn. */
enum { TURNS = 4, PATIENCE = 60 * 1000000 };
static struct wait_queue over = WAIT_QUEUE_INIT(over);
static unsigned running; /* (a) */

static void compete(void *arg)
{
	struct rng rng = rng_seed((uintptr_t)arg);
	uint64_t now = time_us(), end = now + 200000, late = now + PATIENCE;

	user_bed_enter();
	for (;
	     now < end || (task_current()->switches < 2 * TURNS && now < late);
	     now = time_us())
		go_round(&rng, 4000000);
	user_bed_leave();
	__atomic_fetch_sub(&running, 1, __ATOMIC_RELEASE);
	wake_all(&over);
}

KTEST(user, programs_that_take_turns_keep_their_registers)
{
	struct task *t[2];

	if (!arch_timer_works() || !time_known())
		return ktest_skip("no timer");
	REQUIRE(user_bed_start());
	counting_program(LOOP);
	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		t[i] = task_create("turns", compete, (void *)(uintptr_t)i);
		REQUIRE(t[i]);
		t[i]->allowed = cpu_bit(arch_cpu());
		__atomic_fetch_add(&running, 1, __ATOMIC_RELAXED);
		task_start(t[i]);
	}
	wait_on(&over, !__atomic_load_n(&running, __ATOMIC_ACQUIRE));
	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		EXPECT(t[i]->switches > TURNS);
		task_put(t[i]);
	}
	user_bed_end();
}

/* New memory for each: a page fault that is served. */
static void touch_pages(struct aspace *as, uint32_t insn, vaddr_t code,
			vaddr_t data, unsigned pages)
{
	struct rng rng = {ktest_seed()};
	uint32_t program[COUNTING];
	uint64_t word;

	counting_code(program, insn, EBREAK);
	EXPECT_EQ(aspace_write(as, code, program, sizeof(program)),
		  sizeof(program));
	for (unsigned i = 0; i < pages; i++) {
		struct user_regs r = random_regs(&rng), was;
		vaddr_t at = data + i * PAGE_SIZE;

		r.frame.sepc = code;
		r.frame.x[31] = at - 1;
		was = r;
		count_up(&was);
		user_bed_ends(&r, CAUSE_BREAKPOINT, code + COUNT_UP + 4);
		expect_same(&was, &r, 1);
		EXPECT_EQ(aspace_read(as, at, &word, 8), 8);
		EXPECT_EQ(word, r.frame.x[1]);
	}
}

KTEST(user, page_faults_keep_all_registers)
{
	const unsigned pages = 50;
	struct aspace *as = aspace_create();
	vaddr_t code, data;

	REQUIRE(as);
	if (aspace_map_anonymous(as, 0, PAGE_SIZE,
				 PROT_READ | PROT_WRITE | PROT_EXEC, 0,
				 &code) ||
	    aspace_map_anonymous(as, 0, 2 * pages * PAGE_SIZE,
				 PROT_READ | PROT_WRITE, 0, &data)) {
		aspace_put(as);
		return ktest_skip("no memory");
	}
	task_set_aspace(as);
	/* sd x1, 0(x31); ld x1, 0(x31) */
	touch_pages(as, 0x001fb023, code, data, pages);
	touch_pages(as, 0x000fb083, code, data + pages * PAGE_SIZE, pages);
	task_set_aspace(NULL);
	EXPECT(!aspace_check(as));
	aspace_put(as);
}
