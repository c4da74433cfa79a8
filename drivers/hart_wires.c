/* Which wire of an interrupt controller leads to which hart:
 * <drivers/hart_wires.h>. */
#include <arch/smp.h>
#include <drivers/hart_wires.h>
#include <kernel/cpu.h>
#include <lib/errno.h>
#include <lib/fdt_reg.h>

#define CAUSE_S_EXTERNAL 9 /* privileged specification, scause */
#define NO_WIRE		 UINT32_MAX

/* The cpu that runs on that hart; MAX_CPUS: none does. */
static unsigned cpu_of(uint64_t hartid)
{
	for_each_cpu (cpu, cpus_online())
		if (arch_hartid((unsigned)cpu) == hartid)
			return (unsigned)cpu;
	return MAX_CPUS;
}

/* The phandle of the hart's own controller; 0: it has none. */
static uint32_t intc_of(const struct fdt *t, fdt_node cpu)
{
	uint32_t phandle = 0;

	for (fdt_node n = fdt_first_child(t, cpu); n != FDT_NONE;
	     n = fdt_next_sibling(t, n))
		if (fdt_get(t, n, "interrupt-controller", NULL) &&
		    !fdt_get_u32(t, n, "phandle", &phandle))
			return phandle;
	return 0;
}

/* Where the list has that hart's S-mode wire. */
static uint32_t find(const uint8_t *list, uint32_t n, uint32_t intc)
{
	for (uint32_t i = 0; i < n; i++, list += 8) {
		uint64_t phandle, cause;

		fdt_cells(list, 1, &phandle);
		fdt_cells(list + 4, 1, &cause);
		if (phandle == intc && cause == CAUSE_S_EXTERNAL)
			return i;
	}
	return NO_WIRE;
}

/* Enters that cpu node's hart. */
static void add(const struct fdt *t, fdt_node node, const uint8_t *list,
		uint32_t n, struct hart_wires *w)
{
	uint32_t intc = intc_of(t, node), wire;
	struct range hart;
	unsigned cpu;

	if (!intc || fdt_reg(t, node, 0, &hart))
		return;
	cpu = cpu_of(hart.start);
	wire = find(list, n, intc);
	if (cpu == MAX_CPUS || wire == NO_WIRE)
		return;
	w->number[cpu] = wire;
	w->cpus |= cpu_bit(cpu);
}

int hart_wires(struct device *d, struct hart_wires *w)
{
	const struct fdt *t = d->tree;
	uint32_t size;
	const uint8_t *list = fdt_get(t, d->node, "interrupts-extended", &size);
	fdt_node n = fdt_find(t, "/cpus");

	if (!list || size % 8)
		return device_fail(d, -EINVAL,
				   "interrupts-extended is malformed");
	w->cpus = 0;
	if (n != FDT_NONE)
		for (n = fdt_first_child(t, n); n != FDT_NONE;
		     n = fdt_next_sibling(t, n))
			add(t, n, list, size / 8, w);
	if (!w->cpus)
		return device_fail(d, -ENXIO,
				   "it interrupts none of the harts in S-mode");
	return 0;
}
