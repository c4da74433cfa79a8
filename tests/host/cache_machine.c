/* See cache_machine.h. */
#include <stdlib.h>
#include <string.h>

#include <arch/io.h>
#include <host/ram.h>
#include <kernel/ktest.h>
#include <lib/rng.h>
#include <mm/dma.h>
#include <mm/layout.h>

#include "cache_machine.h"

#define WORDS (HOST_RAM_SIZE / 8)

struct line {
	uint64_t at; /* the first word of RAM that it has; ~0: none */
	uint64_t used;
	bool dirty;
	uint64_t word[64];
};

static struct cache_machine m;
static struct line *lines;
static uint64_t sets, uses, flushes, ps;
static uint64_t *memory, *other;
static uint8_t *reads; /* of words, by the alias's own cache */
static struct rng rng;

/* --- the cache --- */

static struct line *set_of(uint64_t word)
{
	return &lines[word * 8 / m.line % sets * m.ways];
}

static struct line *find(uint64_t word)
{
	struct line *set = set_of(word);

	for (unsigned i = 0; i < m.ways; i++)
		if (set[i].at == align_down(word, m.line / 8))
			return &set[i];
	return NULL;
}

static void write_back(struct line *l)
{
	if (l->dirty)
		memcpy(&memory[l->at], l->word, m.line);
	l->dirty = false;
}

static struct line *victim(uint64_t word)
{
	struct line *set = set_of(word), *v = set;

	for (unsigned i = 0; i < m.ways; i++)
		if (set[i].at == UINT64_MAX)
			return &set[i];
	if (!m.lru)
		return &set[rng_below(&rng, m.ways)];
	for (unsigned i = 1; i < m.ways; i++)
		if (set[i].used < v->used)
			v = &set[i];
	return v;
}

static struct line *fetch(uint64_t word)
{
	struct line *l = find(word);

	ps += l ? m.hit : m.memory;
	if (!l) {
		l = victim(word);
		write_back(l);
		l->at = align_down(word, m.line / 8);
		memcpy(l->word, &memory[l->at], m.line);
	}
	l->used = ++uses;
	return l;
}

static void flush(struct range pa)
{
	EXPECT(is_aligned(pa.start | pa.end, m.line));
	EXPECT(pa.start >= HOST_RAM_START && pa.end <= HOST_RAM_END);
	for (paddr_t at = pa.start; at < pa.end; at += m.line) {
		struct line *l = find((at - HOST_RAM_START) / 8);

		flushes++;
		ps += m.hit;
		if (!l || m.flushing == FLUSHES_NOTHING)
			continue;
		if (m.flushing == FLUSHES)
			write_back(l);
		l->dirty = false;
		l->at = UINT64_MAX;
	}
}

const struct dma_cache cache_machine_ops = {"a machine's", 64, flush, flush,
					    NULL};

uint64_t cache_machine_flushes(void)
{
	return flushes;
}

unsigned cache_machine_dirty(paddr_t pa, uint64_t size)
{
	unsigned n = 0;

	for (paddr_t at = pa; at < pa + size; at += m.line) {
		struct line *l = find((at - HOST_RAM_START) / 8);

		n += l && l->dirty;
	}
	return n;
}

/* --- accesses --- */

static uint64_t cpu_read(void *ctx, size_t offset, unsigned bits)
{
	(void)ctx;
	EXPECT_EQ(bits, 64);
	return fetch(offset / 8)->word[offset / 8 % (m.line / 8)];
}

static void cpu_write(void *ctx, size_t offset, unsigned bits, uint64_t v)
{
	struct line *l = fetch(offset / 8);

	(void)ctx;
	EXPECT_EQ(bits, 64);
	l->word[offset / 8 % (m.line / 8)] = v;
	l->dirty = true;
}

/* The word that the alias has there, and in what. */
static uint64_t *behind(size_t offset)
{
	uint64_t word = offset / 8;

	ps += m.memory;
	switch (m.alias) {
	case ALIAS_OTHER:
		return &other[word];
	case ALIAS_WRAPS:
		return &memory[word % (WORDS / 2)];
	case ALIAS_SHIFTED:
		return &memory[(word + PAGE_SIZE / 8) % WORDS];
	case ALIAS_CACHED:
		if (reads[word] < 2) {
			other[word] = memory[word];
			reads[word]++;
		}
		return &other[word];
	default:
		return &memory[word];
	}
}

static uint64_t alias_read(void *ctx, size_t offset, unsigned bits)
{
	if (m.alias == ALIAS_COHERENT)
		return cpu_read(ctx, offset, bits);
	return *behind(offset);
}

static void alias_write(void *ctx, size_t offset, unsigned bits, uint64_t v)
{
	if (m.alias == ALIAS_COHERENT)
		cpu_write(ctx, offset, bits, v);
	else if (m.alias != ALIAS_READ_ONLY)
		*behind(offset) = v;
}

uint64_t cache_machine_time(void)
{
	return (uint64_t)((__uint128_t)ps * m.hz / 1000000000000);
}

void cache_machine_begin(const struct cache_machine *as, uint64_t seed)
{
	static const struct io_model cpu = {cpu_read, cpu_write, NULL};
	static const struct io_model alias = {alias_read, alias_write, NULL};
	uint64_t n = as->size / as->line;

	m = *as;
	sets = n / m.ways;
	rng = rng_seed(seed);
	uses = flushes = ps = 0;
	lines = calloc(n, sizeof(*lines));
	for (uint64_t i = 0; i < n; i++)
		lines[i].at = UINT64_MAX;
	memory = calloc(WORDS, 8);
	other = calloc(WORDS, 8);
	reads = calloc(WORDS, 1);
	io_model_set(phys_to_virt(HOST_RAM_START), HOST_RAM_SIZE, &cpu);
	if (m.alias)
		io_model_add(HOST_RAM_START + m.offset, HOST_RAM_SIZE, &alias);
}

void cache_machine_end(void)
{
	io_model_set(NULL, 0, NULL);
	io_model_remove(HOST_RAM_START + m.offset);
	free(lines);
	free(memory);
	free(other);
	free(reads);
}
