/*
 * User mode, from both sides: what a program has and keeps, what it can't do, and
 * that each of these is the exception that it should be. The programs are a
 * few instructions; user_run() starts one with any registers, and tells with which
 * it ended.
 */
#include <arch/cpu.h>
#include <arch/smp.h>
#include <asm/csr.h>
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
#include <mm/layout.h>

#include "user_bed.h"

enum { ECALL = 0x00000073, EBREAK = 0x00100073 };

/* A program that ends with EBREAK. */
static void program(uint32_t first, uint32_t second)
{
	const uint32_t code[] = {first, second, EBREAK};

	user_bed_code(code, ARRAY_SIZE(code));
}

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

/* Run it: the exception, and where. */
static void ends(struct user_regs *r, uint64_t cause, vaddr_t pc)
{
	user_bed_run(r);
	EXPECT_EQ(r->frame.scause, cause);
	EXPECT_EQ(r->frame.sepc, pc);
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
		ends(&r, CAUSE_BREAKPOINT, USER_CODE + COUNT_UP + 8);
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
	ends(&own, CAUSE_BREAKPOINT, USER_CODE + COUNT_UP + 4);
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
		ends(&r, CAUSE_BREAKPOINT, USER_CODE + COUNT_UP + 4);
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
	program(EBREAK, EBREAK);
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
	ends(&r, CAUSE_BREAKPOINT, USER_CODE + COUNT_UP + 8);
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

/* Two that want one hart, and never give it up. */
static struct wait_queue over = WAIT_QUEUE_INIT(over);
static unsigned running; /* (a) */

static void compete(void *arg)
{
	struct rng rng = rng_seed((uintptr_t)arg);
	uint64_t end = time_us() + 200000;

	user_bed_enter();
	while (time_us() < end)
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
		EXPECT(t[i]->switches > 4);
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
		ends(&r, CAUSE_BREAKPOINT, code + COUNT_UP + 4);
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

/* --- what is the kernel's --- */

/* What is at these addresses must not be had by any access. */
static void expect_no_access(vaddr_t addr)
{
	static const struct {
		uint32_t insn;
		uint64_t cause;
	} access[] = {
		{0x00053503, CAUSE_LOAD_PAGE},	/* ld a0, 0(a0) */
		{0x00b53023, CAUSE_STORE_PAGE}, /* sd a1, 0(a0) */
		{0x00050067, CAUSE_FETCH_PAGE}, /* jr a0 */
	};

	for (unsigned i = 0; i < ARRAY_SIZE(access); i++) {
		bool jump = access[i].cause == CAUSE_FETCH_PAGE;
		struct user_regs r;

		arch_user_init(&r, USER_CODE, 0);
		r.frame.x[10] = addr;
		program(access[i].insn, EBREAK);
		ends(&r, access[i].cause, jump ? addr : USER_CODE);
		EXPECT_EQ(r.frame.stval, addr);
		EXPECT_EQ(r.frame.x[10], addr);
	}
}

KTEST(user, memory_of_the_kernel_is_out_of_reach)
{
	const struct user_bed *bed = user_bed_start();
	uint64_t local = 0;
	vaddr_t addr[] = {
		PAGE_SIZE,
		USER_DATA - 8,
		USER_END,
		user_limit() - 8,
		(vaddr_t)(uintptr_t)ktest_run,
		(vaddr_t)(uintptr_t)&arch_hart,
		(vaddr_t)(uintptr_t)&local,
		PAGE_MAP_BASE,
		FIXED_BASE,
		FIXED_END,
		direct_map_offset,
		0,
	};

	REQUIRE(bed);
	addr[ARRAY_SIZE(addr) - 1] = (vaddr_t)(uintptr_t)bed->data;
	for (unsigned i = 0; i < ARRAY_SIZE(addr); i++)
		expect_no_access(addr[i]);
	EXPECT_EQ(local, 0);
	EXPECT_EQ(bed->data[0], 0);
	user_bed_end();
}

KTEST(user, instructions_of_the_kernel_are_illegal)
{
	static const uint32_t insn[] = {
		0x10002573, /* csrr a0, sstatus */
		0x10051073, /* csrw sstatus, a0 */
		0x14002573, /* csrr a0, sscratch */
		0x14051073, /* csrw sscratch, a0 */
		0x10551073, /* csrw stvec, a0 */
		0x18051073, /* csrw satp, a0 */
		0x30002573, /* csrr a0, mstatus */
		0x10200073, /* sret */
		0x30200073, /* mret */
		0x10500073, /* wfi; legal for a while, if firmware wants */
		0x12000073, /* sfence.vma */
		0x00000000, 0xffffffff,
	};

	REQUIRE(user_bed_start());
	for (unsigned i = 0; i < ARRAY_SIZE(insn); i++) {
		struct user_regs r;

		arch_user_init(&r, USER_CODE, 0);
		program(insn[i], EBREAK);
		ends(&r, CAUSE_ILLEGAL, USER_CODE);
		EXPECT_EQ(r.frame.x[10], 0);
	}
	user_bed_end();
}

KTEST(user, programs_may_read_counters)
{
	static const uint32_t insn[] = {
		0xc0002573, /* rdcycle a0 */
		0xc0102573, /* rdtime a0 */
		0xc0202573, /* rdinstret a0 */
	};

	REQUIRE(user_bed_start());
	for (unsigned i = 0; i < ARRAY_SIZE(insn); i++) {
		struct user_regs r;

		arch_user_init(&r, USER_CODE, 0);
		program(insn[i], EBREAK);
		ends(&r, CAUSE_BREAKPOINT, USER_CODE + 4);
		EXPECT(r.frame.x[10] != 0);
	}
	user_bed_end();
}

KTEST(user, rights_of_pages_hold)
{
	static const struct {
		uint32_t insn;
		vaddr_t addr;
		uint64_t cause;
	} try[] = {
		{0x00b53023, USER_RO, CAUSE_STORE_PAGE},
		{0x00b53023, USER_CODE, CAUSE_STORE_PAGE},
		{0x00050067, USER_DATA, CAUSE_FETCH_PAGE},
		{0x00b53023, USER_DATA, CAUSE_BREAKPOINT},
		{0x00053503, USER_RO, CAUSE_BREAKPOINT},
	};

	REQUIRE(user_bed_start());
	for (unsigned i = 0; i < ARRAY_SIZE(try); i++) {
		struct user_regs r;

		arch_user_init(&r, USER_CODE, 0);
		r.frame.x[10] = try[i].addr;
		program(try[i].insn, EBREAK);
		user_bed_run(&r);
		EXPECT_EQ(r.frame.scause, try[i].cause);
	}
	user_bed_end();
}

/* What has run before leaves nothing but what arch_user_init() sets. */
KTEST(user, a_new_program_has_zeros)
{
	struct user_regs r;

	REQUIRE(user_bed_start());
	program(EBREAK, EBREAK);
	arch_user_init(&r, USER_CODE, USER_RO);
	ends(&r, CAUSE_BREAKPOINT, USER_CODE);
	for (unsigned i = 1; i < 32; i++)
		EXPECT_EQ(r.frame.x[i], i == 2 ? USER_RO : 0);
	user_bed_end();
}

/* A reservation does not outlive an interrupt. */
KTEST(user, what_is_reserved_is_not_for_others)
{
	static const uint32_t code[] = {
		0x1005b52f, /* lr.d a0, (a1) */
		EBREAK,
		0x18c5b52f, /* sc.d a0, a2, (a1) */
		EBREAK,
	};
	const struct user_bed *bed = user_bed_start();
	struct user_regs r;

	REQUIRE(bed);
	user_bed_code(code, ARRAY_SIZE(code));
	arch_user_init(&r, USER_CODE, 0);
	r.frame.x[11] = USER_DATA;
	r.frame.x[12] = 1;
	ends(&r, CAUSE_BREAKPOINT, USER_CODE + 4);
	r.frame.sepc += 4;
	ends(&r, CAUSE_BREAKPOINT, USER_CODE + 12);
	EXPECT(r.frame.x[10] != 0);
	EXPECT_EQ(bed->data[0], 0);
	user_bed_end();
}

/* The kernel's side is as ever: SUM is off, and so are interrupts if they were. */
KTEST(user, the_kernel_comes_back_as_it_was)
{
	struct user_regs r;
	uint64_t flags, before;

	REQUIRE(user_bed_start());
	program(ECALL, EBREAK);
	for (unsigned on = 0; on < 2; on++) {
		flags = on ? 0 : arch_irq_save();
		before = csr_read(sstatus);
		arch_user_init(&r, USER_CODE, 0);
		user_bed_run(&r);
		EXPECT_EQ((before ^ csr_read(sstatus)) &
				  (SSTATUS_SIE | SSTATUS_SUM | SSTATUS_MXR),
			  0);
		if (!on)
			arch_irq_restore(flags);
	}
	user_bed_end();
}
