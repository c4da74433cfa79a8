/*
 * A domain of an APLIC for S-mode, in direct mode (RISC-V Advanced Interrupt
 * Architecture 1.0, chapter 4). Hart h of ours has IDC 3 - h; number 0 leads
 * nowhere.
 */
#include <lib/rng.h>

#include "intc_model.h"

#define IDCS 4u

static struct {
	bool ie;
	bool level[INTC_LINES];
	bool pending[INTC_LINES]; /* of edges */
	bool enabled[INTC_LINES];
	uint32_t mode[INTC_LINES];
	uint32_t target[INTC_LINES];
	uint32_t delivery[IDCS], threshold[IDCS];
} a;

static unsigned idc_of(unsigned cpu)
{
	return 3 - cpu;
}

/* The input as its mode sees it. */
static bool rectified(unsigned line)
{
	bool inverted = a.mode[line] & 1;

	return a.mode[line] >= 4 && a.level[line] != inverted;
}

static bool is_level(unsigned line)
{
	return a.mode[line] >= 6;
}

/* A level's pending bit is what is at the input. */
static bool is_pending(unsigned line)
{
	return is_level(line) ? rectified(line) : a.pending[line];
}

static void input(unsigned line, bool level)
{
	bool before = rectified(line);

	a.level[line] = level;
	if (!before && rectified(line))
		a.pending[line] = true;
}

static uint32_t top(unsigned idc)
{
	unsigned found = 0;

	for (unsigned i = 1; i < INTC_LINES; i++) {
		uint32_t priority = a.target[i] & 0xff;

		if (!a.mode[i] || !is_pending(i) || !a.enabled[i] ||
		    a.target[i] >> 18 != idc ||
		    (a.threshold[idc] && priority >= a.threshold[idc]))
			continue;
		if (!found || priority < (a.target[found] & 0xff))
			found = i;
	}
	return found ? found << 16 | (a.target[found] & 0xff) : 0;
}

static bool wire(unsigned cpu)
{
	unsigned idc = idc_of(cpu);

	return a.ie && a.delivery[idc] && top(idc);
}

static void reset(uint64_t seed)
{
	struct rng r = rng_seed(seed);

	a = (typeof(a)){.ie = true};
	aplic_model.faults = 0;
	for (unsigned i = 1; i < INTC_LINES; i++) {
		if (aplic_kept(i))
			continue;
		a.mode[i] = 4 + (uint32_t)rng_below(&r, 4);
		a.target[i] = (uint32_t)rng_below(&r, IDCS) << 18 | 3;
		a.enabled[i] = rng_below(&r, 2);
		a.pending[i] = rng_below(&r, 2);
	}
	for (unsigned i = 0; i < IDCS; i++)
		a.threshold[i] = 1;
}

static void describe(struct fb *b, const uint32_t *phandle)
{
	FB_CELLS(b, "riscv,num-sources", INTC_LINES - 1);
	FB_CELLS(b, "interrupts-extended", 0xffff, 9, phandle[2], 9, phandle[1],
		 9, phandle[0], 9);
}

static unsigned idc_at(size_t offset)
{
	return (unsigned)(offset - 0x4000) / 32;
}

static bool is_idc(size_t offset)
{
	return offset >= 0x4000 && idc_at(offset) > 0 && idc_at(offset) < IDCS;
}

static uint32_t claim(unsigned idc)
{
	uint32_t v = top(idc);

	a.pending[v >> 16] = false;
	return v;
}

static uint64_t read(void *ctx, size_t offset, unsigned bits)
{
	(void)ctx;
	if (bits == 32 && offset == 0)
		return 0x80000000u | (uint32_t)a.ie << 8;
	if (bits == 32 && offset < 4 * INTC_LINES)
		return a.mode[offset / 4];
	if (bits == 32 && is_idc(offset) && offset % 32 == 28)
		return claim(idc_at(offset));
	aplic_model.faults++;
	return 0;
}

static void set_mode(unsigned line, uint64_t v)
{
	if (aplic_kept(line))
		return;
	if (v > 7 || v == 2 || v == 3)
		aplic_model.faults++;
	a.mode[line] = v & 7;
	if (!a.mode[line]) {
		a.enabled[line] = a.pending[line] = false;
		a.target[line] = 0;
	}
	if (a.mode[line] && !a.target[line])
		a.target[line] = 1;
}

/* The registers that take the number of a line. */
static void by_number(size_t offset, uint64_t line)
{
	if (!line || line >= INTC_LINES)
		aplic_model.faults++;
	else if (offset == 0x1ddc)
		a.pending[line] = false;
	else if (a.mode[line])
		a.enabled[line] = offset == 0x1edc;
}

static void set_target(unsigned line, uint64_t v)
{
	if (v >> 18 == 0 || v >> 18 >= IDCS || !(v & 0xff) || v & 0x3ff00)
		aplic_model.faults++;
	if (a.mode[line])
		a.target[line] = (uint32_t)v;
}

static void write_idc(unsigned idc, size_t at, uint64_t v)
{
	if (at == 0)
		a.delivery[idc] = v & 1;
	else if (at == 8)
		a.threshold[idc] = v & 0xff;
	else
		aplic_model.faults++;
}

static void write(void *ctx, size_t offset, unsigned bits, uint64_t v)
{
	(void)ctx;
	if (bits != 32)
		aplic_model.faults++;
	else if (offset == 0)
		a.ie = v >> 8 & 1;
	else if (offset < 4 * INTC_LINES)
		set_mode((unsigned)offset / 4, v);
	else if (offset == 0x1ddc || offset == 0x1edc || offset == 0x1fdc)
		by_number(offset, v);
	else if (offset > 0x3000 && offset < 0x3000 + 4 * INTC_LINES)
		set_target((unsigned)(offset - 0x3000) / 4, v);
	else if (is_idc(offset))
		write_idc(idc_at(offset), offset % 32, v);
	else
		aplic_model.faults++;
}

struct intc aplic_model = {
	.compatible = "riscv,aplic",
	.cells = 2,
	.size = 0x8000,
	.reset = reset,
	.describe = describe,
	.input = input,
	.wire = wire,
	.io = {read, write, NULL},
};
