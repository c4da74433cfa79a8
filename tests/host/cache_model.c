/* See cache_model.h. */
#include <stdlib.h>
#include <string.h>

#include <host/ram.h>
#include <kernel/ktest.h>
#include <lib/rng.h>
#include <mm/layout.h>

#include "cache_model.h"

#define PAGES (HOST_RAM_SIZE >> PAGE_SHIFT)
#define LINES 256 /* of a page, at most */

/* A page that somebody has asked about. */
struct copy {
	uint8_t memory[PAGE_SIZE];  /* what devices see */
	uint8_t fetched[PAGE_SIZE]; /* what the CPU had of it at first */
	bool known[LINES];	    /* else it is dirty */
};

static struct copy *copies[PAGES];
static uint64_t list[PAGES], n, size; /* the pages that have one */
static struct rng rng;

void cache_model_begin(uint64_t line, uint64_t seed)
{
	cache_model_end();
	size = line;
	rng = rng_seed(seed);
}

void cache_model_end(void)
{
	while (n) {
		uint64_t i = list[--n];

		free(copies[i]);
		copies[i] = NULL;
	}
}

static struct copy *copy_of(paddr_t pa)
{
	uint64_t i = (pa - HOST_RAM_START) >> PAGE_SHIFT;

	if (pa < HOST_RAM_START || i >= PAGES) {
		ktest_fail(__FILE__, __LINE__, "%#llx is no RAM",
			   (unsigned long long)pa);
		abort();
	}
	if (!copies[i]) {
		copies[i] = calloc(1, sizeof(**copies));
		memset(copies[i]->memory, 0xdb, PAGE_SIZE);
		list[n++] = i;
	}
	return copies[i];
}

static bool is_dirty(struct copy *c, paddr_t pa)
{
	return !c->known[pa % PAGE_SIZE / size] ||
	       memcmp(c->fetched + pa % PAGE_SIZE, phys_to_virt(pa), size);
}

/* What the CPU has goes to memory. */
static void write_back(struct copy *c, paddr_t pa)
{
	memcpy(c->memory + pa % PAGE_SIZE, phys_to_virt(pa), size);
	memcpy(c->fetched + pa % PAGE_SIZE, phys_to_virt(pa), size);
	c->known[pa % PAGE_SIZE / size] = true;
}

/* And the other way. */
static void fetch(struct copy *c, paddr_t pa)
{
	memcpy(phys_to_virt(pa), c->memory + pa % PAGE_SIZE, size);
	memcpy(c->fetched + pa % PAGE_SIZE, phys_to_virt(pa), size);
	c->known[pa % PAGE_SIZE / size] = true;
}

void cache_model_op(enum cache_op op, paddr_t pa)
{
	struct copy *c = copy_of(pa);

	EXPECT(is_aligned(pa, size));
	if (op != CACHE_INVALIDATE && is_dirty(c, pa))
		write_back(c, pa);
	if (op != CACHE_CLEAN)
		fetch(c, pa);
}

static void each(enum cache_op op, struct range pa)
{
	for (paddr_t at = pa.start; at < pa.end; at += size)
		cache_model_op(op, at);
}

static void clean(struct range pa)
{
	each(CACHE_CLEAN, pa);
}

static void flush(struct range pa)
{
	each(CACHE_FLUSH, pa);
}

static void invalidate(struct range pa)
{
	each(CACHE_INVALIDATE, pa);
}

const struct dma_cache cache_model = {"a model", 64, clean, flush, invalidate};

void cache_model_shake(unsigned times)
{
	while (n && times--) {
		uint64_t i = list[rng_below(&rng, n)];
		paddr_t pa = HOST_RAM_START + (i << PAGE_SHIFT) +
			     size * rng_below(&rng, PAGE_SIZE / size);

		if (is_dirty(copies[i], pa))
			write_back(copies[i], pa);
		else
			fetch(copies[i], pa);
	}
}

void cache_model_read(paddr_t pa, void *to, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		((uint8_t *)to)[i] =
			copy_of(pa + i)->memory[(pa + i) % PAGE_SIZE];
}

void cache_model_write(paddr_t pa, const void *from, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		copy_of(pa + i)->memory[(pa + i) % PAGE_SIZE] =
			((const uint8_t *)from)[i];
}
