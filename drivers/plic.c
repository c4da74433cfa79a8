/*
 * PLIC, the platform-level interrupt controller: devices' lines, 1 to 1023, come
 * together here and go to contexts, each a hart in one privilege mode.
 *
 *	0x000000 + 4 line	priority; 0: never interrupts
 *	0x002000 + 0x80 context	enable, a bit per line
 *	0x200000 + 0x1000 context	threshold; a line's priority must exceed it
 *			 + 4	claim: read takes the next line, 0 if there is
 *				none; write says that it is dealt with
 *
 * A line that was claimed is silent until it is completed, and the completion is
 * ignored if the line is not enabled for that context at that time: a line that is
 * turned off while it is handled stays claimed. Hence:
 *
 * I1  Enabling completes first. Where nothing is claimed that does nothing.
 * I2  A line that is not in use is not enabled in any of our contexts. Priorities
 *     would do as well, but for controllers where they are fixed.
 *
 * One context has a line enabled: that of the hart that asked for it. Firmware's
 * contexts, for M-mode, are not touched. T-Head's variant must let S-mode at these
 * registers first, which firmware sees to.
 *
 * Enable bits and priorities are changed under the chip's lock, or in probe().
 *
 * Source: RISC-V Platform-Level Interrupt Controller Specification 1.0.
 */
#include <arch/io.h>
#include <drivers/device.h>
#include <drivers/hart_wires.h>
#include <lib/errno.h>

#define LINES_MAX    1023
#define CONTEXTS_MAX 15872

struct plic {
	struct irq_chip chip;
	volatile uint8_t *base;
	struct hart_wires contexts;
};

static struct plic *plic_of(struct irq_chip *c)
{
	return container_of(c, struct plic, chip);
}

static volatile void *priority(const struct plic *p, unsigned line)
{
	return p->base + 4 * line;
}

static volatile void *enable_bits(const struct plic *p, cpumask_t cpu,
				  unsigned line)
{
	return p->base + 0x2000 + 0x80 * p->contexts.number[cpu] +
	       4 * (line / 32);
}

static volatile void *threshold(const struct plic *p, cpumask_t cpu)
{
	return p->base + 0x200000 + 0x1000 * p->contexts.number[cpu];
}

static volatile void *claim(const struct plic *p, cpumask_t cpu)
{
	return p->base + 0x200000 + 0x1000 * p->contexts.number[cpu] + 4;
}

static int translate(struct irq_chip *c, const struct fdt_irq *irq,
		     unsigned *line, enum irq_trigger *trigger)
{
	(void)trigger;
	if (irq->ncells != 1 || !irq->cell[0] || irq->cell[0] >= c->lines)
		return -EINVAL;
	*line = irq->cell[0];
	return 0;
}

static int enable(struct irq_chip *c, unsigned line, enum irq_trigger trigger,
		  unsigned cpu)
{
	struct plic *p = plic_of(c);
	volatile void *bits;

	(void)trigger; /* how a line asks is wired */
	if (!(p->contexts.cpus & cpu_bit(cpu)))
		return -ENXIO;
	bits = enable_bits(p, cpu, line);
	mmio_write32(bits, mmio_read32(bits) | 1u << line % 32);
	mmio_write32(claim(p, cpu), line); /* I1 */
	mmio_write32(priority(p, line), 1);
	return 0;
}

static void disable(struct irq_chip *c, unsigned line)
{
	const struct plic *p = plic_of(c);

	for_each_cpu (cpu, p->contexts.cpus) {
		volatile void *bits = enable_bits(p, cpu, line);

		mmio_write32(bits, mmio_read32(bits) & ~(1u << line % 32));
	}
}

static bool handle(struct irq_chip *c)
{
	volatile void *at = claim(plic_of(c), arch_cpu());
	unsigned n = 0;

	for (; n < IRQ_BATCH; n++) {
		uint32_t line = mmio_read32(at);

		if (!line)
			break;
		irq_raised(c, line);
		mmio_write32(at, line);
	}
	return n;
}

static const struct irq_chip_ops ops = {translate, enable, disable, handle};

/* Nobody is interrupted, by any line, until enable(). */
static void silence(const struct plic *p)
{
	for_each_cpu (cpu, p->contexts.cpus) {
		for (unsigned line = 0; line < p->chip.lines; line += 32)
			mmio_write32(enable_bits(p, cpu, line), 0);
		mmio_write32(threshold(p, cpu), 0);
	}
}

/* Is all that we use inside the registers? */
static bool fits(const struct hart_wires *w, uint64_t size)
{
	for_each_cpu (cpu, w->cpus)
		if (w->number[cpu] >= CONTEXTS_MAX ||
		    0x200000 + 0x1000ull * (w->number[cpu] + 1) > size)
			return false;
	return true;
}

static bool answers(const struct plic *p)
{
	for_each_cpu (cpu, p->contexts.cpus)
		if (!mmio_answers(threshold(p, cpu), 32))
			return false;
	return true;
}

static void remove(void *arg)
{
	irq_chip_remove(arg);
}

static int probe(struct device *d)
{
	uint32_t lines = device_u32(d, "riscv,ndev", 0);
	struct plic *p = device_alloc(d, sizeof(*p));
	const struct mmio *regs;

	if (!p || hart_wires(d, &p->contexts))
		return d->error;
	if (!lines || lines > LINES_MAX)
		return device_fail(d, -EINVAL, "riscv,ndev is not from 1 to %u",
				   LINES_MAX);
	regs = device_mmio(d, 0, 0);
	if (!regs)
		return d->error;
	if (!fits(&p->contexts, regs->size))
		return device_fail(d, -EINVAL,
				   "reg is too small for the harts' contexts");
	p->chip = (struct irq_chip){
		.name = d->name,
		.node = d->node,
		.lines = lines + 1,
		.ops = &ops,
		.line = device_alloc(d, (lines + 1) * sizeof(struct irq *)),
	};
	if (!p->chip.line)
		return d->error;
	p->base = regs->base;
	if (!answers(p))
		return device_fail(d, -ENXIO, "nothing answers there");
	silence(p);
	if (irq_chip_add(&p->chip, p->contexts.cpus))
		return device_fail(d, -EBUSY, "a hart has another controller");
	return device_release(d, remove, &p->chip);
}

static const char *const compatible[] = {"sifive,plic-1.0.0", "riscv,plic0",
					 "starfive,jh7110-plic",
					 "thead,c900-plic", NULL};
DRIVER(plic, compatible, probe, NULL);
