/*
 * A PLIC (RISC-V Platform-Level Interrupt Controller Specification 1.0), all of
 * whose lines have gateways for levels: a request goes in when the level is high
 * and the one before is completed.
 *
 * Contexts: hart h of ours has M-mode's at 7 - 2 h and S-mode's one above; number 0
 * is of a hart that has M-mode only, number 1 leads nowhere.
 */
#include <lib/rng.h>

#include "intc_model.h"

#define CONTEXTS 8u

static struct {
	bool level[INTC_LINES];
	bool pending[INTC_LINES];
	bool in_flight[INTC_LINES]; /* its gateway is closed */
	uint32_t priority[INTC_LINES];
	bool enabled[CONTEXTS][INTC_LINES];
	uint32_t threshold[CONTEXTS];
	bool fixed; /* are priorities */
} p;

static unsigned context_of(unsigned cpu)
{
	return 7 - 2 * cpu;
}

/* Ours to touch? */
static bool is_ours(unsigned context)
{
	for (unsigned cpu = 0; cpu < INTC_HARTS; cpu++)
		if (context == context_of(cpu))
			return true;
	return false;
}

static void gateway(unsigned line)
{
	if (p.level[line] && !p.in_flight[line])
		p.pending[line] = p.in_flight[line] = true;
}

static void input(unsigned line, bool level)
{
	p.level[line] = level;
	gateway(line);
}

/* The pending one of the highest priority, of those the lowest; 0: none. */
static unsigned best(unsigned context)
{
	unsigned found = 0;

	for (unsigned i = 1; i < INTC_LINES; i++)
		if (p.pending[i] && p.enabled[context][i] && p.priority[i] &&
		    (!found || p.priority[i] > p.priority[found]))
			found = i;
	return found;
}

static bool wire(unsigned cpu)
{
	unsigned context = context_of(cpu), line = best(context);

	return line && p.priority[line] > p.threshold[context];
}

static void reset(uint64_t seed)
{
	struct rng r = rng_seed(seed);

	p = (typeof(p)){0};
	plic_model.faults = 0;
	p.fixed = rng_below(&r, 2);
	for (unsigned i = 1; i < INTC_LINES; i++) {
		p.priority[i] = p.fixed ? 2 : (uint32_t)rng_below(&r, 8);
		p.in_flight[i] = rng_below(&r, 2);
		for (unsigned c = 0; c < CONTEXTS; c++)
			p.enabled[c][i] = is_ours(c) && rng_below(&r, 2);
	}
	for (unsigned c = 0; c < CONTEXTS; c++)
		p.threshold[c] = 7;
}

static void describe(struct fb *b, const uint32_t *phandle)
{
	FB_CELLS(b, "riscv,ndev", INTC_LINES - 1);
	FB_CELLS(b, "interrupts-extended", phandle[3], 11, 0xffff, 9,
		 phandle[2], UINT32_MAX, phandle[2], 9, phandle[1], UINT32_MAX,
		 phandle[1], 9, phandle[0], UINT32_MAX, phandle[0], 9);
}

/* What is at that offset? */
enum what { NOTHING, PRIORITY, ENABLE, THRESHOLD, CLAIM };

static enum what find(size_t offset, unsigned bits, unsigned *context,
		      unsigned *line)
{
	if (bits == 32 && offset && offset < 4 * INTC_LINES) {
		*line = (unsigned)offset / 4;
		return PRIORITY;
	}
	if (bits == 32 && offset >= 0x2000 && offset < 0x1f2000) {
		*context = (unsigned)(offset - 0x2000) / 0x80;
		*line = (unsigned)(offset - 0x2000) % 0x80 * 8;
		if (is_ours(*context) && *line < INTC_LINES)
			return ENABLE;
	}
	if (bits == 32 && offset >= 0x200000) {
		*context = (unsigned)(offset - 0x200000) / 0x1000;
		if (is_ours(*context) && offset % 0x1000 == 0)
			return THRESHOLD;
		if (is_ours(*context) && offset % 0x1000 == 4)
			return CLAIM;
	}
	plic_model.faults++;
	return NOTHING;
}

static uint32_t claim(unsigned context)
{
	unsigned line = best(context);

	p.pending[line] = false;
	return line;
}

static uint64_t read(void *ctx, size_t offset, unsigned bits)
{
	unsigned context, line;
	uint64_t v = 0;

	(void)ctx;
	switch (find(offset, bits, &context, &line)) {
	case PRIORITY:
		return p.priority[line];
	case ENABLE:
		for (unsigned i = 0; i < 32 && line + i < INTC_LINES; i++)
			v |= (uint64_t)p.enabled[context][line + i] << i;
		return v;
	case THRESHOLD:
		return p.threshold[context];
	case CLAIM:
		return claim(context);
	default:
		return 0;
	}
}

static void complete(unsigned context, uint64_t line)
{
	if (!line || line >= INTC_LINES) {
		plic_model.faults++;
	} else if (p.enabled[context][line] && !p.pending[line]) {
		p.in_flight[line] = false;
		gateway((unsigned)line);
	}
}

static void write(void *ctx, size_t offset, unsigned bits, uint64_t v)
{
	unsigned context, line;

	(void)ctx;
	switch (find(offset, bits, &context, &line)) {
	case PRIORITY:
		if (!p.fixed)
			p.priority[line] = v & 7;
		break;
	case ENABLE:
		for (unsigned i = 0; i < 32 && line + i < INTC_LINES; i++)
			p.enabled[context][line + i] = v >> i & 1;
		break;
	case THRESHOLD:
		p.threshold[context] = v & 7;
		break;
	case CLAIM:
		complete(context, v);
		break;
	default:
		break;
	}
}

struct intc plic_model = {
	.compatible = "riscv,plic0",
	.cells = 1,
	.size = 0x208000,
	.reset = reset,
	.describe = describe,
	.input = input,
	.wire = wire,
	.io = {read, write, NULL},
};
