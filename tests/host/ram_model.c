/* A small RAM with one fault in it: see ram_model.h. */
#include <stdbool.h>
#include <string.h>

#include <lib/rng.h>

#include "ram_model.h"

#define MAX_LINES 4

volatile uint64_t ram_model_words[RAM_MODEL_WORDS];

struct line {
	unsigned first; /* word of memory; RAM_MODEL_WORDS: none */
	bool dirty;
	uint64_t used; /* when */
	uint64_t words[RAM_MODEL_LINE];
};

static struct {
	struct ram_fault f;
	uint64_t words[RAM_MODEL_WORDS];
	uint64_t bus;	  /* last value that was on it */
	uint64_t written; /* last value that was driven from outside */
	uint64_t special; /* bit w: the fault has to do with word w */
	uint64_t accesses;
	bool soft; /* the next read of the cell is wrong */
	struct line lines[MAX_LINES];
	unsigned nlines;
	uint64_t now;
} ram;

static bool cell_get(unsigned cell)
{
	return ram.words[cell / 64] >> (cell % 64) & 1;
}

static void cell_set(unsigned cell, bool value)
{
	uint64_t bit = (uint64_t)1 << (cell % 64);

	if (value)
		ram.words[cell / 64] |= bit;
	else
		ram.words[cell / 64] &= ~bit;
}

/* What holds at any time, whatever was written. */
static void settle(void)
{
	const struct ram_fault *f = &ram.f;

	if (f->kind == RAM_STUCK)
		cell_set(f->cell, f->value);
	if (f->kind == RAM_COUPLE_STATE && cell_get(f->aggressor) == f->edge)
		cell_set(f->cell, f->value);
}

static void write_word(unsigned w, uint64_t v)
{
	const struct ram_fault *f = &ram.f;
	bool victim = cell_get(f->cell), aggressor = cell_get(f->aggressor);
	bool wanted = v >> (f->cell % 64) & 1;

	ram.words[w] = v;
	if (f->cell / 64 == w && wanted == f->value) {
		if (f->kind == RAM_TRANSITION && victim != f->value)
			cell_set(f->cell, victim);
		if (f->kind == RAM_WRITE_DISTURB && victim == f->value)
			cell_set(f->cell, !victim);
	}
	if (f->aggressor / 64 == w && cell_get(f->aggressor) != aggressor &&
	    cell_get(f->aggressor) == f->edge) {
		if (f->kind == RAM_COUPLE_INV)
			cell_set(f->cell, !cell_get(f->cell));
		if (f->kind == RAM_COUPLE_IDEM)
			cell_set(f->cell, f->value);
	}
	settle();
}

static uint64_t read_word(unsigned w)
{
	const struct ram_fault *f = &ram.f;
	uint64_t before;

	settle();
	before = ram.words[w];
	if (ram.soft && f->cell / 64 == w) {
		ram.soft = false;
		return before ^ (uint64_t)1 << (f->cell % 64);
	}
	if (f->kind == RAM_RESTLESS && f->cell / 64 == w)
		cell_set(f->cell, !cell_get(f->cell));
	if (f->cell / 64 != w || cell_get(f->cell) != f->value ||
	    f->kind == RAM_RESTLESS)
		return before;
	if (f->kind == RAM_READ_DISTURB || f->kind == RAM_DECEPTIVE_READ)
		cell_set(f->cell, !f->value);
	return f->kind == RAM_DECEPTIVE_READ ? before : ram.words[w];
}

/* Two lines of `v` that are both their AND, or their OR. */
static uint64_t shorted(const struct ram_fault *f, uint64_t v)
{
	uint64_t a = v >> f->from & 1, b = v >> f->to & 1;

	a = f->value ? a | b : a & b;
	v &= ~((uint64_t)1 << f->from | (uint64_t)1 << f->to);
	return v | a << f->from | a << f->to;
}

static uint64_t stuck(const struct ram_fault *f, uint64_t v)
{
	return (v & ~((uint64_t)1 << f->from)) | (uint64_t)f->value << f->from;
}

/* The word that address `w` selects, after faults of the address lines. */
static unsigned decode(unsigned w)
{
	const struct ram_fault *f = &ram.f;

	switch (f->kind) {
	case RAM_OTHER_CELL:
		return w == f->from ? f->to : w;
	case RAM_LINE_STUCK:
		return (unsigned)stuck(f, w);
	case RAM_LINES_SHORTED:
		return (unsigned)shorted(f, w);
	default:
		return w;
	}
}

/* What gets over the data lines; an open one has another `level`. */
static uint64_t data_lines(uint64_t v, uint64_t level)
{
	const struct ram_fault *f = &ram.f;
	uint64_t bit;

	switch (f->kind) {
	case RAM_DATA_STUCK:
		return stuck(f, v);
	case RAM_DATA_SHORTED:
		return shorted(f, v);
	case RAM_DATA_OPEN:
		bit = (uint64_t)1 << f->from;
		return (v & ~bit) | (level & bit);
	default:
		return v;
	}
}

static uint64_t memory_load(unsigned w)
{
	const struct ram_fault *f = &ram.f;
	uint64_t v;

	if (!(ram.special >> w & 1))
		return ram.bus = ram.words[w];
	if (f->kind == RAM_NO_CELL && w == f->from) {
		v = f->value == 2 ? ram.bus : f->value ? ~(uint64_t)0 : 0;
	} else {
		v = read_word(decode(w));
		if (f->kind == RAM_TWO_CELLS && w == f->from)
			v = f->value ? v | read_word(f->to)
				     : v & read_word(f->to);
	}
	v = data_lines(v, ram.written);
	ram.bus = v;
	return v;
}

static void memory_store(unsigned w, uint64_t v)
{
	const struct ram_fault *f = &ram.f;

	ram.bus = ram.written = v;
	if (!(ram.special >> w & 1)) {
		ram.words[w] = v;
		return;
	}
	if (f->kind == RAM_NO_CELL && w == f->from)
		return;
	v = data_lines(v, ram.words[w]);
	write_word(decode(w), v);
	if (f->kind == RAM_TWO_CELLS && w == f->from)
		write_word(f->to, v);
}

/* ---- the cache ---- */

static void flush(struct line *l)
{
	for (unsigned i = 0; i < RAM_MODEL_LINE && l->dirty; i++)
		memory_store(l->first + i, l->words[i]);
	l->dirty = false;
	l->first = RAM_MODEL_WORDS;
	l->used = 0;
}

static struct line *find(unsigned w)
{
	for (unsigned i = 0; i < ram.nlines; i++)
		if (ram.lines[i].first == w - w % RAM_MODEL_LINE)
			return &ram.lines[i];
	return NULL;
}

/* The line of word w, filled. */
static struct line *get(unsigned w)
{
	struct line *l = find(w);

	if (!l) {
		l = &ram.lines[0];
		for (unsigned i = 1; i < ram.nlines; i++)
			if (ram.lines[i].used < l->used)
				l = &ram.lines[i];
		flush(l);
		l->first = w - w % RAM_MODEL_LINE;
		for (unsigned i = 0; i < RAM_MODEL_LINE; i++)
			l->words[i] = memory_load(l->first + i);
	}
	l->used = ++ram.now;
	return l;
}

uint64_t ram_model_load(const volatile uint64_t *p)
{
	unsigned w = (unsigned)(p - ram_model_words);

	ram.accesses++;
	return ram.nlines ? get(w)->words[w % RAM_MODEL_LINE] : memory_load(w);
}

void ram_model_store(volatile uint64_t *p, uint64_t v)
{
	unsigned w = (unsigned)(p - ram_model_words);
	struct line *l;

	ram.accesses++;
	if (!ram.nlines) {
		memory_store(w, v);
		return;
	}
	l = get(w);
	l->words[w % RAM_MODEL_LINE] = v;
	l->dirty = true;
}

void ram_model_flush(const volatile uint64_t *p)
{
	struct line *l = find((unsigned)(p - ram_model_words));

	if (l)
		flush(l);
}

void ram_model_flush_all(void)
{
	for (unsigned i = 0; i < ram.nlines; i++)
		flush(&ram.lines[i]);
}

/* ---- */

void ram_model_wait(void)
{
	const struct ram_fault *f = &ram.f;

	if (f->kind == RAM_RETENTION && cell_get(f->cell) == f->value)
		cell_set(f->cell, !f->value);
	ram.soft = f->kind == RAM_SOFT_READ;
}

uint64_t ram_model_accesses(void)
{
	return ram.accesses;
}

static uint64_t special(const struct ram_fault *f)
{
	if (f->kind == RAM_GOOD)
		return 0;
	if (f->kind >= RAM_LINE_STUCK)
		return ~(uint64_t)0;
	if (f->kind >= RAM_NO_CELL)
		return (uint64_t)1 << f->from | (uint64_t)1 << f->to;
	return (uint64_t)1 << f->cell / 64 | (uint64_t)1 << f->aggressor / 64;
}

void ram_model_init(const struct ram_fault *f, uint64_t junk_seed,
		    unsigned cache_lines)
{
	struct rng rng = rng_seed(junk_seed);

	memset(&ram, 0, sizeof(ram));
	ram.f = *f;
	ram.special = special(f);
	ram.nlines = cache_lines;
	for (unsigned i = 0; i < MAX_LINES; i++)
		ram.lines[i].first = RAM_MODEL_WORDS;
	for (unsigned i = 0; i < RAM_MODEL_WORDS; i++)
		ram.words[i] = rng_next(&rng);
	settle();
}
