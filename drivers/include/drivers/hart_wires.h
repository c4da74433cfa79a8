/*
 * A RISC-V interrupt controller's wires to harts. Its `interrupts-extended` is a
 * list of pairs, each a hart's own controller (riscv,cpu-intc) and the cause that
 * the wire raises there; the place in the list is the number by which the
 * controller's registers know the wire: a PLIC's context, an APLIC's IDC.
 * Firmware replaces causes that it keeps for itself by ~0.
 *
 * Source: the bindings riscv,cpu-intc, sifive,plic-1.0.0 and riscv,aplic.
 */
#pragma once

#include <drivers/device.h>

struct hart_wires {
	cpumask_t cpus; /* those online that have one */
	uint32_t number[MAX_CPUS];
};

/* For probe(): the wires that make external interrupts in S-mode. Returns 0, or an
 * error that d->why explains: the property is malformed, or there is no such wire
 * at all. */
int hart_wires(struct device *d, struct hart_wires *w);
