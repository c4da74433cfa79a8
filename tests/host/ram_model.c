/* A small RAM with one fault in it: see ram_model.h. */
#include <stdbool.h>

#include <lib/rng.h>

#include "ram_model.h"

volatile uint64_t ram_model_words[RAM_MODEL_WORDS];

static struct {
	struct ram_fault f;
	uint64_t words[RAM_MODEL_WORDS];
	uint64_t bus; /* last value that was driven */
	uint64_t accesses;
	bool soft; /* the next read of the cell is wrong */
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
	if (f->cell / 64 != w || cell_get(f->cell) != f->value)
		return before;
	if (f->kind == RAM_READ_DISTURB || f->kind == RAM_DECEPTIVE_READ)
		cell_set(f->cell, !f->value);
	return f->kind == RAM_DECEPTIVE_READ ? before : ram.words[w];
}

/* The word that address `w` selects, after faults of the address lines. */
static unsigned decode(unsigned w)
{
	const struct ram_fault *f = &ram.f;
	unsigned a = w >> f->from & 1, b = w >> f->to & 1;

	switch (f->kind) {
	case RAM_OTHER_CELL:
		return w == f->from ? f->to : w;
	case RAM_LINE_STUCK:
		return (w & ~(1u << f->from)) | f->value << f->from;
	case RAM_LINES_SHORTED:
		a = f->value ? a | b : a & b;
		w &= ~(1u << f->from | 1u << f->to);
		return w | a << f->from | a << f->to;
	default:
		return w;
	}
}

uint64_t ram_model_load(const volatile uint64_t *p)
{
	const struct ram_fault *f = &ram.f;
	unsigned w = (unsigned)(p - ram_model_words);
	uint64_t v;

	ram.accesses++;
	if (f->kind == RAM_NO_CELL && w == f->from) {
		v = f->value == 2 ? ram.bus : f->value ? ~(uint64_t)0 : 0;
	} else {
		v = read_word(decode(w));
		if (f->kind == RAM_TWO_CELLS && w == f->from)
			v = f->value ? v | read_word(f->to)
				     : v & read_word(f->to);
	}
	ram.bus = v;
	return v;
}

void ram_model_store(volatile uint64_t *p, uint64_t v)
{
	const struct ram_fault *f = &ram.f;
	unsigned w = (unsigned)(p - ram_model_words);

	ram.accesses++;
	ram.bus = v;
	if (f->kind == RAM_NO_CELL && w == f->from)
		return;
	write_word(decode(w), v);
	if (f->kind == RAM_TWO_CELLS && w == f->from)
		write_word(f->to, v);
}

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

void ram_model_init(const struct ram_fault *f, uint64_t junk_seed)
{
	struct rng rng = rng_seed(junk_seed);

	ram.f = *f;
	ram.accesses = 0;
	ram.soft = false;
	ram.bus = 0;
	for (unsigned i = 0; i < RAM_MODEL_WORDS; i++)
		ram.words[i] = rng_next(&rng);
	settle();
}
