/* The native machine's scheduler, interrupts and firmware. */
#include <string.h>

#include <arch/mmu.h>
#include <arch/smp.h>
#include <asm/fence.h>
#include <asm/hartid.h>
#include <asm/mmu.h>
#include <host/machine.h>
#include <kernel/ktest.h>
#include <kernel/spinlock.h>
#include <lib/errno.h>

static PERCPU unsigned count = 5;

static struct {
	char log[64];
	unsigned n;
	struct spinlock lock;
	unsigned inside, overlaps, interrupts;
	unsigned count; /* what each hart finds */
	struct machine m;
} t;

static const struct harts_hooks no_hooks;

static void note(void)
{
	for (unsigned i = 0; i < 3; i++) {
		t.log[t.n++] = (char)('a' + arch_cpu());
		harts_yield();
	}
}

static void (*const notes[])(void) = {note, note, note};

/* The order of two harts' steps, for a seed. */
static void run_notes(unsigned n, uint64_t seed)
{
	memset(t.log, 0, sizeof(t.log));
	t.n = 0;
	harts_run(n, notes, &no_hooks, seed);
}

KTEST(harts, a_seed_is_an_interleaving)
{
	char first[sizeof(t.log)];
	unsigned others = 0;

	run_notes(3, 1);
	EXPECT_EQ(t.n, 9);
	memcpy(first, t.log, sizeof(first));
	for (uint64_t seed = 0; seed < 20; seed++) {
		run_notes(3, 1);
		EXPECT(!strcmp(first, t.log));
		run_notes(3, seed);
		others += strcmp(first, t.log) != 0;
	}
	EXPECT(others > 10);
	EXPECT(!harts_running());
}

/* Of two harts with three steps each, of which the first is hart 0's. */
KTEST(harts, all_interleavings_come)
{
	static const char *const all[] = {
		"aaabbb", "aababb", "aabbab", "aabbba", "abaabb",
		"ababab", "ababba", "abbaab", "abbaba", "abbbaa"};
	unsigned seen = 0;

	for (uint64_t seed = 0; seed < 400; seed++) {
		unsigned i = 0;

		run_notes(2, seed);
		while (i < ARRAY_SIZE(all) && strcmp(all[i], t.log))
			i++;
		EXPECT(i < ARRAY_SIZE(all));
		seen |= 1u << i;
	}
	EXPECT_EQ(seen, (1u << ARRAY_SIZE(all)) - 1);
}

static void lock_often(void)
{
	EXPECT_EQ(*this_cpu(count), t.count);
	for (unsigned i = 0; i < 100; i++) {
		uint64_t flags = spin_lock_irqsave(&t.lock);

		t.overlaps += t.inside++;
		harts_yield();
		EXPECT(!arch_irq_enabled());
		(*this_cpu(count))++;
		t.inside--;
		spin_unlock_irqrestore(&t.lock, flags);
		EXPECT(arch_irq_enabled());
	}
}

KTEST(harts, locks_exclude_and_variables_are_per_hart)
{
	void (*const fn[])(void) = {lock_often, lock_often, lock_often};

	t.overlaps = 0;
	t.count = *this_cpu(count);
	for (unsigned round = 0; round < 2; round++) {
		harts_run(3, fn, &no_hooks, round);
		t.count += 100;
		EXPECT_EQ(t.overlaps, 0);
		for (unsigned cpu = 0; cpu < 3; cpu++)
			EXPECT_EQ(*cpu_var(count, cpu), t.count);
	}
	EXPECT_EQ(*cpu_var(count, 3), 5);
	for (unsigned cpu = 0; cpu < 3; cpu++)
		*cpu_var(count, cpu) = 5;
}

static void on_ipi(void *ctx)
{
	(void)ctx;
	EXPECT_EQ(arch_cpu(), 1);
	EXPECT(!arch_irq_enabled());
	t.interrupts++;
}

static void interrupted(void)
{
	uint64_t flags = arch_irq_save();

	for (unsigned i = 0; i < 50; i++)
		harts_yield();
	EXPECT_EQ(t.interrupts, 0);
	arch_irq_restore(flags);
	EXPECT_EQ(t.interrupts, 1);
}

static void interrupts(void)
{
	harts_interrupt(1);
	harts_interrupt(1);
}

KTEST(harts, interrupts_wait_until_they_are_on)
{
	void (*const fn[])(void) = {interrupts, interrupted};
	const struct harts_hooks hooks = {.ipi = on_ipi};

	t.interrupts = 0;
	harts_run(2, fn, &hooks, 7);
	EXPECT_EQ(t.interrupts, 1);
}

/* Firmware: five harts of which the last is not started. */
static void begin(uint64_t range_limit)
{
	const struct machine_config c = {
		.harts = 5,
		.started = 4,
		.hartid = {5, 1, 70, 2, 131},
		.mmu = {.asid_bits = 16, .modes = 0x38},
		.range_limit = range_limit,
	};

	machine_begin(&t.m, &c);
}

#define PAGES 4 /* that each hart remembers, from 1 MiB on */

static vaddr_t page(unsigned n)
{
	return MIB(1) + n * PAGE_SIZE;
}

static void remember_all(void)
{
	for (unsigned cpu = 0; cpu < 4; cpu++)
		for (unsigned i = 0; i < PAGES; i++)
			t.m.hart[cpu].entry[i] = (struct mmu_sim_entry){
				.va = page(i),
				.size = PAGE_SIZE,
				.pte = 0xc7,
				.asid = 7,
			};
}

/* Bit n: the hart has forgotten page n. */
static unsigned forgotten(unsigned cpu)
{
	unsigned set = 0;

	for (unsigned i = 0; i < PAGES; i++)
		if (!t.m.hart[cpu].entry[i].size)
			set |= 1u << i;
	return set;
}

static const struct {
	uint64_t limit, start, size;
	unsigned pages; /* that are forgotten */
} ranges[] = {
	{4096, MIB(1), 4096, 1},
	{4096, MIB(1) + 4096, 1, 2},
	{4096, MIB(1) + 4095, 4096, 1}, /* one fence, for the first page */
	{4096, MIB(1), 8192, 15},	/* too large: everything */
	{65536, MIB(1), 8192, 3},
	{65536, MIB(1) + 1, 8192, 3},
	{65536, MIB(1), 8193, 7},
	{65536, MIB(1), 0, 0},
	{65536, 0, 0, 15},
	{65536, 0, UINT64_MAX, 15},
	{UINT64_MAX, MIB(1), UINT64_MAX, 15},
};

KTEST(sbi_sim, ranges_as_firmware_takes_them)
{
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		for (uint64_t asid = 6; asid < 9; asid++) {
			uint64_t fid = asid == 8 ? SBI_RFENCE_VMA
						 : SBI_RFENCE_VMA_ASID;

			begin(ranges[i].limit);
			remember_all();
			EXPECT_EQ(sbi_call(SBI_EXT_RFENCE, fid, 1, 70,
					   ranges[i].start, ranges[i].size,
					   asid)
					  .error,
				  0);
			EXPECT_EQ(forgotten(2),
				  asid == 6 ? 0 : ranges[i].pages);
			EXPECT_EQ(forgotten(0) | forgotten(1) | forgotten(3),
				  0);
			machine_end(&t.m);
		}
}

static const struct {
	uint64_t mask, base;
	int64_t error;
	unsigned cpus; /* that are told */
} masks[] = {
	{1, 1, 0, 1u << 1},
	{3, 1, 0, 1u << 1 | 1u << 3},
	{0x13, 1, 0, 1u << 0 | 1u << 1 | 1u << 3},
	{1, 70, 0, 1u << 2},
	{0, 1000, 0, 0},
	{0, UINT64_MAX, 0, 15}, /* all that run */
	{5, 1, -3, 0},		/* 3 is no hart */
	{1, 131, -3, 0},	/* does not run */
	{1ull << 61 | 1, 70, -3, 0},
};

KTEST(sbi_sim, masks_name_harts_that_run_or_nobody_is_told)
{
	for (size_t i = 0; i < ARRAY_SIZE(masks); i++) {
		unsigned told = 0;

		begin(4096);
		remember_all();
		EXPECT_EQ(sbi_call(SBI_EXT_RFENCE, SBI_RFENCE_VMA,
				   masks[i].mask, masks[i].base, 0, UINT64_MAX,
				   0)
				  .error,
			  masks[i].error);
		for (unsigned cpu = 0; cpu < 4; cpu++)
			told |= forgotten(cpu) == 15 ? 1u << cpu : 0;
		EXPECT_EQ(told, masks[i].cpus);
		EXPECT_EQ(t.m.sbi.refused, masks[i].error != 0);
		machine_end(&t.m);
	}
}

static int64_t refuse(const struct sbi_sim_call *c)
{
	return c->arg[1] == 70 ? -1 : 0;
}

/* The code that makes the calls, over sparse ids. */
KTEST(sbi_sim, sets_of_harts_become_calls)
{
	struct tlb_fence f = {range_make(page(1), page(3)), PAGE_SIZE, 7};
	struct sbi_sim_call *c;

	begin(UINT64_MAX);
	remember_all();
	EXPECT_EQ(arch_tlb_fence_remote(&f, 0xe), 0); /* 1, 70, 2 */
	EXPECT_EQ(t.m.sbi.calls, 2);
	c = &t.m.sbi.call[1];
	EXPECT_EQ(c->arg[0], 3);
	EXPECT_EQ(c->arg[1], 1);
	EXPECT_EQ(c->arg[2], page(1));
	EXPECT_EQ(c->arg[3], 2 * PAGE_SIZE);
	EXPECT_EQ(c->arg[4], 7);
	EXPECT_EQ(t.m.sbi.call[2].arg[1], 70);
	for (unsigned cpu = 0; cpu < 4; cpu++)
		EXPECT_EQ(forgotten(cpu), cpu ? 6 : 0);
	/* One call fails, the other is made, and it is told. */
	remember_all();
	t.m.sbi.refuse = refuse;
	EXPECT_EQ(arch_tlb_fence_remote(&f, 0xe), -EIO);
	EXPECT_EQ(forgotten(1), 6);
	EXPECT_EQ(forgotten(2), 0);
	EXPECT_EQ(t.m.sbi.refused, 1);
	t.m.sbi.refuse = NULL;
	EXPECT_EQ(arch_tlb_fence_remote(&f, 1u << 4), -EIO);
	EXPECT_EQ(sbi_call(SBI_EXT_HSM, SBI_HSM_HART_STATUS, 131, 0, 0, 0, 0)
			  .value,
		  1);
	EXPECT_EQ(
		sbi_call(SBI_EXT_HSM, SBI_HSM_HART_STATUS, 3, 0, 0, 0, 0).error,
		-3);
	machine_end(&t.m);
	EXPECT_EQ(sbi_call(SBI_EXT_IPI, SBI_IPI_SEND, 1, 0, 0, 0, 0).error, -2);
}

/* SINVAL.VMA counts between SFENCE.W.INVAL and SFENCE.INVAL.IR only. */
KTEST(harts, sinval_needs_both_its_fences)
{
	for (unsigned how = 0; how < 4; how++) {
		begin(4096);
		remember_all();
		if (how & 1)
			sfence_w_inval();
		sinval_vma_page(page(0));
		sinval_vma_page_asid(page(1), 7);
		sinval_vma_page_asid(page(2), 8);
		EXPECT_EQ(forgotten(0), 0);
		if (how & 2)
			sfence_inval_ir();
		EXPECT_EQ(forgotten(0), how == 3 ? 3 : 0);
		machine_end(&t.m);
	}
}
