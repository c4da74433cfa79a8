/*
 * APLIC, the advanced platform-level interrupt controller, in direct mode: lines,
 * here called sources, 1 to 1023, go to harts, each of which has an IDC (interrupt
 * delivery control) in the registers.
 *
 *	0x0000		domain: does it interrupt anybody at all
 *	0x0000 + 4 line	source mode: edge or level, or off
 *	0x1ddc, 0x1edc, 0x1fdc	write a line's number: no longer pending;
 *			enabled; disabled
 *	0x3000 + 4 line	target: hart << 18 | priority, 1 being the best
 *	0x4000 + 32 IDC	its switch; + 8: threshold, 0 for none
 *		   + 28	claim: line << 16 | priority, 0 if there is none
 *
 * A line whose mode is off is neither pending nor enabled.
 * There is no completion: a line of an edge is no longer pending once it is
 * claimed, a level is as long as it is there.
 *
 * In QEMU a level that was still there when it was claimed can be claimed once more
 * when it is gone: handlers are called for nothing, which they must bear anyway.
 *
 * Of the tree of domains this is one that serves S-mode. The one above is
 * firmware's, which lets us have our lines: the mode of a line that is not ours
 * reads back as off. Domains that send messages instead (to an IMSIC) are not
 * supported.
 *
 * Lines are changed under the chip's lock, or in probe().
 *
 * Source: RISC-V Advanced Interrupt Architecture 1.0, chapter 4.
 */
#include <arch/io.h>
#include <drivers/device.h>
#include <drivers/hart_wires.h>
#include <lib/errno.h>

#define DOMAIN	0x0000
#define CLEAR	0x1ddc
#define ENABLE	0x1edc
#define DISABLE 0x1fdc
#define TARGET	0x3000
#define IDC	0x4000

#define DOMAIN_IE    (1u << 8)
#define TARGET_SHIFT 18
#define BEST	     1u

#define LINES_MAX 1023
#define IDCS_MAX  (1u << 14)

struct aplic {
	struct irq_chip chip;
	volatile uint8_t *base;
	struct hart_wires idc;
};

static struct aplic *aplic_of(struct irq_chip *c)
{
	return container_of(c, struct aplic, chip);
}

static volatile uint8_t *idc(const struct aplic *a, cpumask_t cpu)
{
	return a->base + IDC + 32ull * a->idc.number[cpu];
}

/* The second cell, by the binding. */
static int translate(struct irq_chip *c, const struct fdt_irq *irq,
		     unsigned *line, enum irq_trigger *trigger)
{
	static const enum irq_trigger by_cell[] = {
		[0] = IRQ_LEVEL_HIGH,	[1] = IRQ_EDGE_RISING,
		[2] = IRQ_EDGE_FALLING, [4] = IRQ_LEVEL_HIGH,
		[8] = IRQ_LEVEL_LOW,
	};

	if (irq->ncells != 2 || !irq->cell[0] || irq->cell[0] >= c->lines ||
	    irq->cell[1] >= ARRAY_SIZE(by_cell) ||
	    by_cell[irq->cell[1]] == IRQ_TRIGGER_DEFAULT)
		return -EINVAL;
	*line = irq->cell[0];
	*trigger = by_cell[irq->cell[1]];
	return 0;
}

static int enable(struct irq_chip *c, unsigned line, enum irq_trigger trigger,
		  unsigned cpu)
{
	static const uint32_t mode[] = {
		[IRQ_EDGE_RISING] = 4,
		[IRQ_EDGE_FALLING] = 5,
		[IRQ_LEVEL_HIGH] = 6,
		[IRQ_LEVEL_LOW] = 7,
	};
	const struct aplic *a = aplic_of(c);

	if (!(a->idc.cpus & cpu_bit(cpu)))
		return -ENXIO;
	mmio_write32(a->base + 4 * line, mode[trigger]);
	if (mmio_read32(a->base + 4 * line) != mode[trigger])
		return -EINVAL;
	mmio_write32(a->base + TARGET + 4 * line,
		     a->idc.number[cpu] << TARGET_SHIFT | BEST);
	mmio_write32(a->base + CLEAR, line);
	mmio_write32(a->base + ENABLE, line);
	return 0;
}

static void disable(struct irq_chip *c, unsigned line)
{
	mmio_write32(aplic_of(c)->base + DISABLE, line);
}

static bool handle(struct irq_chip *c)
{
	const volatile uint8_t *claim = idc(aplic_of(c), arch_cpu()) + 28;
	unsigned n = 0;

	for (; n < IRQ_BATCH; n++) {
		uint32_t line = mmio_read32(claim) >> 16;

		if (!line)
			break;
		irq_raised(c, line);
	}
	return n;
}

static const struct irq_chip_ops ops = {translate, enable, disable, handle};

/* All lines off, all harts that are ours listening. */
static void start(const struct aplic *a)
{
	mmio_write32(a->base + DOMAIN, 0);
	for (unsigned line = 1; line < a->chip.lines; line++)
		mmio_write32(a->base + 4 * line, 0);
	for_each_cpu (cpu, a->idc.cpus) {
		mmio_write32(idc(a, cpu) + 8, 0);
		mmio_write32(idc(a, cpu), 1);
	}
	mmio_write32(a->base + DOMAIN, DOMAIN_IE);
}

/* Is all that we use inside the registers? */
static bool fits(const struct hart_wires *w, uint64_t size)
{
	for_each_cpu (cpu, w->cpus)
		if (w->number[cpu] >= IDCS_MAX ||
		    IDC + 32ull * (w->number[cpu] + 1) > size)
			return false;
	return true;
}

static void remove(void *arg)
{
	struct aplic *a = arg;

	irq_chip_remove(&a->chip);
	mmio_write32(a->base + DOMAIN, 0);
}

static int probe(struct device *d)
{
	uint32_t lines = device_u32(d, "riscv,num-sources", 0);
	struct aplic *a = device_alloc(d, sizeof(*a));
	const struct mmio *regs;

	/* It hands lines on to others: firmware's. */
	if (fdt_get(d->tree, d->node, "riscv,children", NULL))
		return -ENODEV;
	if (fdt_get(d->tree, d->node, "msi-parent", NULL))
		return device_fail(d, -EOPNOTSUPP,
				   "interrupts by messages (msi-parent) are "
				   "not supported");
	if (!a || hart_wires(d, &a->idc))
		return d->error;
	if (!lines || lines > LINES_MAX)
		return device_fail(d, -EINVAL,
				   "riscv,num-sources is not from 1 to %u",
				   LINES_MAX);
	regs = device_mmio(d, 0, 0);
	if (!regs)
		return d->error;
	if (!fits(&a->idc, regs->size))
		return device_fail(d, -EINVAL,
				   "reg is too small for the harts' IDCs");
	a->base = regs->base;
	if (!mmio_answers(a->base + DOMAIN, 32))
		return device_fail(d, -ENXIO, "nothing answers there");
	a->chip = (struct irq_chip){
		.name = d->name,
		.node = d->node,
		.lines = lines + 1,
		.ops = &ops,
		.line = device_alloc(d, (lines + 1) * sizeof(struct irq *)),
	};
	if (!a->chip.line)
		return d->error;
	start(a);
	if (irq_chip_add(&a->chip, a->idc.cpus))
		return device_fail(d, -EBUSY, "a hart has another controller");
	return device_release(d, remove, a);
}

static const char *const compatible[] = {"riscv,aplic", NULL};
DRIVER(aplic, compatible, probe, NULL);
