/* A wire that is raised without end, and by no line: the hart turns it off. What a
 * line does that never ends, tests/target/test_irq.c shows. */
#include <arch/cpu.h>
#include <arch/irq.h>
#include <host/harts.h>
#include <kernel/irq.h>
#include <kernel/ktest.h>
#include <kernel/time.h>
#include <lib/errno.h>

static struct irq *line[1];
static uint64_t pause; /* between interrupts, in ticks */

static void wait(uint64_t ticks)
{
	uint64_t end = arch_time() + ticks;

	while (arch_time() < end)
		;
}

static bool handle(struct irq_chip *c)
{
	(void)c;
	wait(time_ticks(1000));
	return true;
}

static unsigned interrupts_until_off(uint64_t most)
{
	unsigned n = 0;

	arch_external_enable(true);
	while (n < most && harts_external_enabled()) {
		uint64_t flags = arch_irq_save();

		kernel_external();
		arch_irq_restore(flags);
		wait(pause);
		n++;
	}
	return n;
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
	pause = 0;
	EXPECT(interrupts_until_off(2000) < 2000);
	/* Where half of the time is left for others, it may go on. */
	pause = time_ticks(1000);
	EXPECT_EQ(interrupts_until_off(1000), 1000);
	irq_chip_remove(&chip);
	/* Nobody's wire is off at once. */
	pause = 0;
	EXPECT_EQ(interrupts_until_off(10), 1);
}
