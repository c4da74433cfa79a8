/* A wire that is raised without end, and by no line: the hart turns it off. What a
 * line does that never ends, tests/target/test_irq.c shows. */
#include <arch/cpu.h>
#include <arch/irq.h>
#include <host/harts.h>
#include <kernel/irq.h>
#include <kernel/ktest.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <lib/errno.h>

#define MANY 300000u

static struct irq *line[1];
static unsigned lines; /* a call finds raised */
static bool looks;     /* now and then the hart's own task has its turn */

/* None of them exists. */
static bool handle(struct irq_chip *c)
{
	for (unsigned i = 0; i < lines; i++)
		irq_raised(c, 1);
	return lines;
}

static void interrupt(void)
{
	uint64_t flags = arch_irq_save();

	kernel_external();
	arch_irq_restore(flags);
}

/* Is the wire off after many interrupts? */
static bool turned_off(unsigned n, bool code_stands)
{
	lines = n;
	harts_stand(code_stands);
	arch_external_enable(true);
	for (n = 0; n < MANY && harts_external_enabled(); n++) {
		interrupt();
		if (looks && n % 1000 == 0)
			smp_idle(0);
	}
	harts_stand(false);
	return !harts_external_enabled();
}

KTEST(irq, a_wire_raised_without_end_is_turned_off)
{
	static const struct irq_chip_ops ops = {.handle = handle};
	struct irq_chip chip = {.name = "test",
				.node = 1,
				.lines = 1,
				.ops = &ops,
				.line = line};
	struct irq_chip other = chip;

	EXPECT_EQ(irq_chip_add(&chip, 1), 0);
	EXPECT_EQ(irq_chip_add(&other, 1), -EBUSY);
	/* There is always one more line; there never is one; each comes before
	 * the interrupted code has gone on. */
	EXPECT(turned_off(IRQ_BATCH, false));
	EXPECT(turned_off(0, false));
	EXPECT(turned_off(1, true));
	/* Others get something done: it may go on. */
	EXPECT(!turned_off(1, false));
	EXPECT(!turned_off(IRQ_BATCH - 1, false));
	/* A program of one instruction stands still, but not the shell. */
	looks = true;
	EXPECT(!turned_off(1, true));
	looks = false;
	irq_chip_remove(&chip);
	/* Nobody's wire is off at once. */
	arch_external_enable(true);
	interrupt();
	EXPECT(!harts_external_enabled());
}

static bool slow(struct irq_chip *c)
{
	uint64_t end = arch_time() + time_ticks(70000);

	while (arch_time() < end)
		;
	return handle(c);
}

KTEST(irq, a_computer_may_be_slow)
{
	static const struct irq_chip_ops ops = {.handle = slow};
	struct irq_chip chip = {.name = "test",
				.node = 1,
				.lines = 1,
				.ops = &ops,
				.line = line};

	EXPECT_EQ(irq_chip_add(&chip, 1), 0);
	lines = 1;
	arch_external_enable(true);
	for (unsigned n = 0; n < 9; n++)
		interrupt();
	EXPECT(harts_external_enabled());
	irq_chip_remove(&chip);
}
