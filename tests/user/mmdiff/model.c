/*
 * What mmdiff knows of its window: which pages are mapped, with which rights, and
 * which of them are one mapping for every kernel.
 *
 * A unit is what one mmap() made. A kernel has no reason to cut it until a call
 * changes a part of it; such a part becomes a unit of its own then, and so does
 * what is left behind it. Kernels may have merged units, but never has one of
 * them a boundary inside a unit.
 */
#include "mmdiff.h"

uint32_t new_unit(void)
{
	static uint32_t last;

	return ++last;
}

void forget(unsigned at, unsigned n)
{
	split_at((struct part){at, n});
	memset(&known[at], 0, n * sizeof(known[0]));
}

/* What has the unit `old` from `page` on, up to `end`, is `unit` now. */
static void rename_unit(unsigned page, unsigned end, uint32_t old,
			uint32_t unit)
{
	for (; page < end && known[page].unit == old; page++)
		known[page].unit = unit;
}

static void cut(unsigned page)
{
	if (page > 0 && page < PAGES && known[page].unit &&
	    known[page].unit == known[page - 1].unit)
		rename_unit(page, PAGES, known[page].unit, new_unit());
}

void split_at(struct part p)
{
	cut(p.at);
	cut(p.at + p.n);
}

/* RISC-V: what can be written can be read. */
int may_read(unsigned page)
{
	return known[page].unit && !known[page].beyond &&
	       (known[page].prot & (PROT_READ | PROT_WRITE));
}

int may_write(unsigned page)
{
	return may_read(page) && (known[page].prot & PROT_WRITE);
}

/* 1: one mapping for all kernels. 0: never one. -1: who knows. */
int one_mapping(struct part p)
{
	int same = 1;

	for (unsigned i = p.at + 1; i < p.at + p.n; i++) {
		const struct known *a = &known[i - 1], *b = &known[i];

		if (!a->unit || !b->unit || a->shared != b->shared ||
		    a->prot != b->prot)
			return 0;
		same &= a->unit == b->unit;
	}
	return same && known[p.at].unit ? 1 : known[p.at].unit ? -1 : 0;
}

void look_what_is_gone(void)
{
	unsigned char vec;

	for (unsigned i = 0; i < PAGES; i++)
		if (known[i].unit && call(SYS_mincore, P(i), PAGE, &vec))
			memset(&known[i], 0, sizeof(known[i]));
}
