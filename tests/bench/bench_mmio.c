/*
 * Registers claimed, mapped, unmapped and released, while a machine's usual
 * dozen of claims is there.
 */
#include <kernel/bench.h>
#include <lib/bits.h>
#include <mm/mmio.h>

#define OTHERS 10
#define GAPS   8 /* behind the first of them */

/* Registers of nothing: never touched. Virt, where figures are made, has no
 * device there; machines that have one may refuse. */
#define DEVICE MIB(600)

static struct mmio other[OTHERS], mine;

static paddr_t place(unsigned i)
{
	return DEVICE + i * MIB(32);
}

static bool start(void)
{
	for (unsigned i = 0; i < OTHERS; i++)
		if (mmio_map(&other[i], place(i), KIB(64), 0, "bench"))
			return false;
	return true;
}

static void end(void)
{
	for (unsigned i = 0; i < OTHERS; i++)
		mmio_unmap(&other[i]);
}

/* Once in each gap: what a tree costs depends on where. */
static inline void pairs(uint64_t size)
{
#pragma GCC unroll 8
	for (unsigned i = 0; i < GAPS; i++) {
		mmio_map(&mine, place(i) + MIB(8), size, 0, "bench");
		mmio_unmap(&mine);
	}
}

static void pairs_4k(void)
{
	pairs(KIB(4));
}

static void pairs_1m(void)
{
	pairs(MIB(1));
}

static void pairs_16m(void)
{
	pairs(MIB(16));
}

/* Pages that another claim has mapped. */
static void pairs_shared(void)
{
#pragma GCC unroll 8
	for (unsigned i = 0; i < GAPS; i++) {
		mmio_map(&mine, place(i), KIB(64), MMIO_PEEK, "bench");
		mmio_unmap(&mine);
	}
}

BENCH(mmio_4k) = {
	.group = "mmio",
	.name = "mmio-4k",
	.what = "claim and map 4 KiB of registers, and release them",
	.per = GAPS,
	.start = start,
	.run = pairs_4k,
	.end = end,
};
BENCH(mmio_1m) = {
	.group = "mmio",
	.name = "mmio-1m",
	.what = "the same, 1 MiB",
	.per = GAPS,
	.start = start,
	.run = pairs_1m,
	.end = end,
};
BENCH(mmio_16m) = {
	.group = "mmio",
	.name = "mmio-16m",
	.what = "the same, 16 MiB, aligned",
	.per = GAPS,
	.start = start,
	.run = pairs_16m,
	.end = end,
};
BENCH(mmio_shared) = {
	.group = "mmio",
	.name = "mmio-shared",
	.what = "claim registers whose pages are mapped, and release them",
	.per = GAPS,
	.start = start,
	.run = pairs_shared,
	.end = end,
};
