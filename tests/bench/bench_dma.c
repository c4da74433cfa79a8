/* Memory for devices: to lend it, small pieces of it. */
#include <kernel/bench.h>
#include <mm/dma.h>
#include <mm/kmalloc.h>

#define TIMES 16

static struct dma_device all, above;
static struct dma_pool *pool;
static void *p;

static bool start(void)
{
	struct dma_map m;
	dma_addr_t bus;
	void *piece;

	dma_device_init(&all, "bench");
	dma_device_init(&above, "bench");
	p = kmalloc(4096, ALLOC_DMA32);
	pool = dma_pool_create(&all, "bench", 64, 0, 0);
	if (!p || !pool || dma_map(&all, &m, p, 4096, DMA_BOTH, 0))
		return false;
	/* It does not get to that page. */
	above.reach.start = m.bus + 4096;
	dma_unmap(&m);
	piece = dma_pool_alloc(pool, 0, &bus);
	if (piece)
		dma_pool_free(pool, piece);
	return piece;
}

static void end(void)
{
	dma_pool_destroy(pool);
	kfree(p);
}

static void lend_to(struct dma_device *d, size_t size)
{
	struct dma_map m;

	if (!dma_map(d, &m, p, size, DMA_BOTH, ALLOC_ATOMIC))
		dma_unmap(&m);
}

static void lend(void)
{
	for (unsigned i = 0; i < TIMES; i++)
		lend_to(&all, 4096);
}

static void bounce(void)
{
	lend_to(&above, 4096);
}

static void piece(void)
{
	dma_addr_t bus;

	for (unsigned i = 0; i < TIMES; i++)
		dma_pool_free(pool, dma_pool_alloc(pool, ALLOC_ATOMIC, &bus));
}

BENCH(map) = {
	.group = "dma",
	.name = "map",
	.what = "lend a page to a device that reaches it, and take it back",
	.per = TIMES,
	.start = start,
	.run = lend,
	.end = end};
BENCH(bounce) = {.group = "dma",
		 .name = "bounce",
		 .what = "the same for one that does not",
		 .start = start,
		 .run = bounce,
		 .end = end};
BENCH(piece) = {.group = "dma",
		.name = "piece",
		.what = "64 bytes of a pool, and back",
		.per = TIMES,
		.start = start,
		.run = piece,
		.end = end};
