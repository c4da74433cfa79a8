/*
 * Interrupts from a real line, end to end: the alarm of the virt machine's clock
 * (goldfish RTC) goes through whichever controller the machine has. The clock's
 * own driver is unbound meanwhile.
 */
#include <arch/cpu.h>
#include <drivers/device.h>
#include <kernel/devtree.h>
#include <kernel/ktest.h>
#include <kernel/smp.h>
#include <kernel/time.h>

/* Registers, from QEMU's goldfish_rtc. */
enum {
	TIME_LOW = 0x00,
	TIME_HIGH = 0x04,
	ALARM_LOW = 0x08,
	ALARM_HIGH = 0x0c,
	IRQ_ENABLED = 0x10,
	CLEAR_ALARM = 0x14,
	CLEAR_INTERRUPT = 0x1c,
};

struct clock {
	struct device *device; /* NULL: there is none */
	bool was_bound;
	struct mmio mmio;
	struct irq irq;
	unsigned alarms, cpu;
	unsigned extra; /* calls without an alarm */
	bool armed, deny, endless;
};

static uint64_t now(const struct clock *c)
{
	uint64_t low = mmio_read32(c->mmio.base + TIME_LOW);

	return low | (uint64_t)mmio_read32(c->mmio.base + TIME_HIGH) << 32;
}

/* The alarm goes off then: at once, if that is over. */
static void set_alarm(struct clock *c, uint64_t at)
{
	c->armed = true;
	mmio_write32(c->mmio.base + IRQ_ENABLED, 1);
	mmio_write32(c->mmio.base + ALARM_HIGH, (uint32_t)(at >> 32));
	mmio_write32(c->mmio.base + ALARM_LOW, (uint32_t)at);
}

static bool alarm(void *arg)
{
	struct clock *c = arg;

	/* QEMU's APLIC lets a level be claimed once more that is no longer
	 * there. */
	if (!c->armed) {
		c->extra++;
		return false;
	}
	c->armed = false;
	__atomic_fetch_add(&c->alarms, 1, __ATOMIC_RELAXED);
	c->cpu = arch_cpu();
	mmio_write32(c->mmio.base + CLEAR_INTERRUPT, 1);
	/* QEMU's PLIC wants to see the line rise: to leave it high is not
	 * enough. */
	if (c->endless)
		set_alarm(c, 0);
	return !c->deny;
}

static unsigned alarms(const struct clock *c)
{
	return __atomic_load_n(&c->alarms, __ATOMIC_RELAXED);
}

static bool stuck(const struct clock *c)
{
	return __atomic_load_n(&c->irq.stuck, __ATOMIC_RELAXED);
}

static void put_back(struct clock *c)
{
	if (c->mmio.base) {
		mmio_write32(c->mmio.base + IRQ_ENABLED, 0);
		mmio_write32(c->mmio.base + CLEAR_ALARM, 0);
		mmio_write32(c->mmio.base + CLEAR_INTERRUPT, 1);
	}
	irq_free(&c->irq);
	mmio_unmap(&c->mmio);
	if (c->was_bound)
		EXPECT_EQ(device_bind(c->device), 0);
}

/* False: there is no such clock here, or no interrupts. */
static bool borrow(struct clock *c)
{
	fdt_node n = fdt_find_compatible(&machine.fdt, FDT_NONE,
					 "google,goldfish-rtc");
	struct fdt_irq what;

	*c = (struct clock){.cpu = MAX_CPUS};
	c->device = n == FDT_NONE ? NULL : device_of(n);
	if (!c->device ||
	    fdt_irq(&machine.fdt, n, fdt_irq_parent(&machine.fdt, n), 0,
		    &what) ||
	    !irq_chip_find(what.parent)) {
		ktest_skip("no clock with an interrupt");
		return false;
	}
	c->was_bound = !device_unbind(c->device);
	if (mmio_map_node(&c->mmio, &machine.fdt, n, 0, 0, "test") ||
	    irq_request(&c->irq, &what, alarm, c, "test")) {
		ktest_fail(__FILE__, __LINE__, "the clock can't be had");
		put_back(c);
		return false;
	}
	return true;
}

/* A second by the device's clock: where QEMU counts instructions, the machine's own
 * runs at another speed. */
static bool wait_alarms(const struct clock *c, unsigned n)
{
	uint64_t end = now(c) + 1000000000;

	while (alarms(c) < n && !stuck(c) && now(c) < end)
		arch_relax();
	return alarms(c) >= n;
}

KTEST(irq_line, alarm_interrupts_the_hart_that_asked)
{
	struct clock c;

	if (!borrow(&c))
		return;
	for (unsigned n = 1; n <= 1000; n++) {
		set_alarm(&c, 0);
		if (!wait_alarms(&c, n))
			break;
	}
	EXPECT_EQ(alarms(&c), 1000);
	EXPECT_EQ(c.irq.count, 1000 + c.extra);
	EXPECT(c.extra <= 1000);
	EXPECT_EQ(c.cpu, arch_cpu());
	put_back(&c);
}

KTEST(irq_line, sleep_ends_when_a_device_interrupts)
{
	uint64_t limit = time_ticks(10000000), begin, end;
	struct clock c;

	if (!borrow(&c))
		return;
	begin = arch_time();
	set_alarm(&c, now(&c) + 2000000);
	while (!alarms(&c) && arch_time() - begin < limit)
		smp_idle(begin + limit);
	end = arch_time();
	/* Where QEMU counts instructions, nobody waits: time jumps. */
	if (!alarms(&c) && wait_alarms(&c, 1))
		ktest_skip("time passes in jumps here");
	else
		EXPECT(end - begin < limit);
	EXPECT_EQ(alarms(&c), 1);
	put_back(&c);
}

/* Nobody's line, and a device that nothing stops: each is off after a while, and
 * the hart goes on. */
KTEST(irq_line, what_never_ends_is_turned_off)
{
	struct clock c;

	for (unsigned deny = 0; deny < 2; deny++) {
		if (!borrow(&c))
			return;
		c.endless = true;
		c.deny = deny;
		set_alarm(&c, 0);
		while (!stuck(&c) && alarms(&c) < 1000000 &&
		       wait_alarms(&c, alarms(&c) + 1))
			;
		EXPECT(stuck(&c));
		EXPECT(!deny || alarms(&c) == 1000);
		put_back(&c);
		/* It is as good as new for who comes next. */
		if (!borrow(&c))
			return;
		set_alarm(&c, 0);
		EXPECT(wait_alarms(&c, 1));
		put_back(&c);
	}
}
