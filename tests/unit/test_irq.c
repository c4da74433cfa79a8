/* Lines and who handles them (<kernel/irq.h>), with a controller that is none: its
 * lines are raised by the tests. */
#include <arch/cpu.h>
#include <kernel/irq.h>
#include <kernel/ktest.h>
#include <lib/errno.h>

#define LINES 4
#define NODE  0x7ffffff0 /* of no tree */

static struct irq *line[LINES];
static unsigned on; /* lines, a bit each */
static int refuse;  /* what enable() says */
static unsigned calls;
static bool handled;

static int translate(struct irq_chip *c, const struct fdt_irq *what,
		     unsigned *number, enum irq_trigger *trigger)
{
	(void)trigger;
	*number = what->cell[0];
	return *number < c->lines ? 0 : -EINVAL;
}

static int enable(struct irq_chip *c, unsigned number, enum irq_trigger trigger,
		  unsigned cpu)
{
	(void)c;
	(void)trigger;
	EXPECT_EQ(cpu, arch_cpu());
	EXPECT(!arch_irq_enabled());
	if (!refuse)
		on |= 1u << number;
	return refuse;
}

static void disable(struct irq_chip *c, unsigned number)
{
	(void)c;
	EXPECT(!arch_irq_enabled());
	on &= ~(1u << number);
}

static bool handle(struct irq_chip *c)
{
	(void)c;
	return false;
}

static const struct irq_chip_ops ops = {translate, enable, disable, handle};
static struct irq_chip chip;

static void begin(void)
{
	chip = (struct irq_chip){.name = "test",
				 .node = NODE,
				 .lines = LINES,
				 .ops = &ops,
				 .line = line};
	EXPECT_EQ(irq_chip_add(&chip, 0), 0);
	calls = on = 0;
	refuse = 0;
	handled = true;
}

static void end(void)
{
	EXPECT(!irq_chip_in_use(&chip));
	EXPECT_EQ(on, 0);
	irq_chip_remove(&chip);
	EXPECT(!irq_chip_find(NODE));
}

static bool handler(void *arg)
{
	EXPECT(arg == &calls);
	calls++;
	return handled;
}

static int ask(struct irq *i, unsigned number)
{
	struct fdt_irq what = {NODE, 1, {number}};

	return irq_request(i, &what, handler, &calls, "the test");
}

static void raise(unsigned number)
{
	uint64_t flags = arch_irq_save();

	irq_raised(&chip, number);
	arch_irq_restore(flags);
}

static unsigned seen;

static void count_line(void *ctx, const struct irq *i)
{
	EXPECT(ctx == &seen && i->chip == &chip);
	seen = seen * 10 + i->line;
}

KTEST(irq, lines_are_had_and_given_back)
{
	struct irq a, b, c;

	EXPECT_EQ(ask(&a, 1), -EAGAIN);
	EXPECT(!a.chip);
	begin();
	EXPECT(irq_chip_find(NODE) == &chip);
	EXPECT_EQ(ask(&a, 3), 0);
	EXPECT_EQ(ask(&b, 3), -EBUSY);
	EXPECT(!b.chip && b.owner == a.owner);
	irq_free(&b);
	EXPECT_EQ(on, 1u << 3);
	EXPECT_EQ(ask(&b, LINES), -EINVAL);
	refuse = -ENXIO;
	EXPECT_EQ(ask(&b, 1), -ENXIO);
	EXPECT(!b.chip && !line[1]);
	refuse = 0;
	EXPECT_EQ(ask(&b, 1), 0);
	EXPECT_EQ(ask(&c, 0), 0);
	irq_free(&c);
	seen = 0;
	irq_each(&chip, count_line, &seen);
	EXPECT_EQ(seen, 13);
	irq_free(&a);
	EXPECT(irq_chip_in_use(&chip));
	irq_free(&a);
	irq_free(&b);
	end();
}

KTEST(irq, handlers_are_called_for_their_line)
{
	uint64_t spurious = irq_spurious();
	struct irq a;

	begin();
	EXPECT_EQ(ask(&a, 2), 0);
	raise(2);
	raise(2);
	EXPECT(calls == 2 && a.count == 2);
	EXPECT_EQ(irq_spurious(), spurious);
	on |= 1u << 1;
	raise(1);
	EXPECT_EQ(on, 1u << 2);
	raise(LINES);
	raise(UINT32_MAX);
	EXPECT_EQ(irq_spurious(), spurious + 3);
	EXPECT_EQ(calls, 2);
	irq_free(&a);
	raise(2);
	EXPECT_EQ(calls, 2);
	end();
}

KTEST(irq, a_line_denied_too_often_is_turned_off)
{
	struct irq a;

	begin();
	EXPECT_EQ(ask(&a, 1), 0);
	for (unsigned i = 0; i < 5000; i++) {
		handled = i % 900 == 0;
		raise(1);
		EXPECT(!a.stuck && on);
	}
	handled = true;
	raise(1);
	handled = false;
	for (unsigned i = 0; i < 999; i++)
		raise(1);
	EXPECT(!a.stuck && on);
	raise(1);
	EXPECT(a.stuck && !on);
	irq_free(&a);
	end();
}
