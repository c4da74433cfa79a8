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
	bool deny, never_clear;
};

static bool alarm(void *arg)
{
	struct clock *c = arg;

	__atomic_fetch_add(&c->alarms, 1, __ATOMIC_RELAXED);
	c->cpu = arch_cpu();
	if (!c->never_clear)
		mmio_write32(c->mmio.base + CLEAR_INTERRUPT, 1);
	return !c->deny;
}

static unsigned alarms(const struct clock *c)
{
	return __atomic_load_n(&c->alarms, __ATOMIC_RELAXED);
}

/* The alarm goes off `ns` from now. */
static void set_alarm(struct clock *c, uint64_t ns)
{
	volatile uint8_t *r = c->mmio.base;
	uint64_t at = mmio_read32(r + TIME_LOW);

	at |= (uint64_t)mmio_read32(r + TIME_HIGH) << 32;
	at += ns;
	mmio_write32(r + IRQ_ENABLED, 1);
	mmio_write32(r + ALARM_HIGH, (uint32_t)(at >> 32));
	mmio_write32(r + ALARM_LOW, (uint32_t)at);
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
	if (!c->device || fdt_irq(&machine.fdt, n, 0, &what) ||
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

static bool wait_alarms(const struct clock *c, unsigned n)
{
	uint64_t end = arch_time() + time_ticks(5000000);

	while (alarms(c) < n && arch_time() < end)
		smp_idle(end);
	return alarms(c) >= n;
}

KTEST(irq_line, alarm_interrupts_the_hart_that_asked)
{
	struct clock c;

	if (!borrow(&c))
		return;
	for (unsigned n = 1; n <= 100; n++) {
		set_alarm(&c, 20000);
		if (!wait_alarms(&c, n))
			break;
	}
	EXPECT_EQ(alarms(&c), 100);
	EXPECT_EQ(c.irq.count, 100);
	EXPECT_EQ(c.cpu, arch_cpu());
	put_back(&c);
}
