/*
 * Trials of the memory tests: see memtest_trials.h.
 *
 * Workers are coroutines: one goes on until it reports progress, that is for a
 * slice of ten words; then a draw decides who is next.
 */
#include <string.h>
#include <ucontext.h>

#include "memtest_trials.h"

#define NLINES	    6 /* address lines of RAM_MODEL_WORDS words */
#define CACHE_LINES 2
#define MAX_WORKERS 4
#define STACK	    65536

const char *const trial_mode_names[TRIAL_MODES] = {"wb", "evict", "flush",
						   "uncached"};

const char *const trial_class_names[TRIAL_CLASSES] = {
	"SAF", "TF",	 "WDF",	   "RDF",    "DRDF",   "DRF",	 "AF",	   "AL",
	"DL",  "CFin i", "CFin x", "CFid i", "CFid x", "CFst i", "CFst x",
};

/* ---- workers ---- */

static struct {
	struct trial *trial;
	void (*fn)(void *ctx, unsigned worker);
	void *ctx;
	unsigned current;
	bool running[MAX_WORKERS];
	ucontext_t caller, workers[MAX_WORKERS];
	char stacks[MAX_WORKERS][STACK];
} turns;

/* As swapcontext(), of which AddressSanitizer thinks that it has to warn. */
static void switch_to(ucontext_t *from, const ucontext_t *to)
{
	volatile bool back = false;

	getcontext(from);
	if (back)
		return;
	back = true;
	setcontext(to);
}

static void worker_main(void)
{
	turns.fn(turns.ctx, turns.current);
	turns.running[turns.current] = false;
}

static void spread(void *arg, void (*fn)(void *ctx, unsigned worker), void *ctx)
{
	struct trial *t = arg;
	volatile unsigned left = t->workers; /* switched away from */

	if (left == 1) {
		fn(ctx, 0);
		return;
	}
	turns.fn = fn;
	turns.ctx = ctx;
	for (unsigned i = 0; i < t->workers; i++) {
		ucontext_t *u = &turns.workers[i];

		getcontext(u);
		u->uc_stack.ss_sp = turns.stacks[i];
		u->uc_stack.ss_size = STACK;
		u->uc_link = &turns.caller;
		makecontext(u, worker_main, 0);
		turns.running[i] = true;
	}
	while (left) {
		turns.current = (unsigned)rng_below(&t->rng, t->workers);
		if (!turns.running[turns.current])
			continue;
		switch_to(&turns.caller, &turns.workers[turns.current]);
		left -= !turns.running[turns.current];
	}
}

static bool stop_at_first(void *arg, unsigned worker, uint64_t done)
{
	struct trial *t = arg;

	(void)done;
	if (t->workers > 1)
		switch_to(&turns.workers[worker], &turns.caller);
	return t->errors;
}

/* ---- the other callbacks ---- */

static bool next(void *arg, unsigned share, struct memtest_cursor *c,
		 struct memtest_region *r)
{
	struct trial *t = arg;
	uint64_t words = t->nwords ? t->nwords : RAM_MODEL_WORDS;
	uint64_t n = (uint64_t)t->workers * t->nregions;
	uint64_t at = share * (uint64_t)t->nregions + c->offset;
	uint64_t start = t->skipped + words * at / n;

	if (c->offset++ == t->nregions)
		return false;
	*r = (struct memtest_region){ram_model_words + start,
				     t->skipped + words * (at + 1) / n - start,
				     TRIAL_BASE + 8 * start};
	return true;
}

static void note_test(void *arg, const struct memtest_progress *p)
{
	(void)arg, (void)p;
}

static void hold(void *arg, const struct memtest_hold *h)
{
	if (h->fade || ((struct trial *)arg)->any_hold)
		ram_model_wait();
}

static void error(void *arg, unsigned worker, const struct memtest_error *e)
{
	struct trial *t = arg;

	(void)worker;
	if (!t->errors++)
		t->first = *e;
}

/* The worker's part of a cache that it shares is all of it. */
static void expel_all(void *arg, unsigned worker)
{
	(void)worker;
	if (((struct trial *)arg)->mode == TRIAL_EVICT)
		ram_model_flush_all();
}

static bool expel(void *arg, volatile uint64_t *p)
{
	struct trial *t = arg;

	if (t->mode == TRIAL_FLUSH)
		ram_model_flush(p);
	return t->mode == TRIAL_FLUSH || t->mode == TRIAL_UNCACHED;
}

static const struct memtest_ops ops = {
	spread, next,  note_test, note_test, stop_at_first,
	hold,	error, expel_all, expel,
};

bool trial_finds(struct trial *t, const struct ram_fault *f)
{
	uint64_t junk = rng_next(&t->rng);
	struct memtest_config c = {.ops = &ops,
				   .arg = t,
				   .workers = t->workers,
				   .tests = t->tests,
				   .passes = 1,
				   .seed = junk,
				   .each = t->mode == TRIAL_FLUSH};

	ram_model_init(f, junk, t->mode == TRIAL_UNCACHED ? 0 : CACHE_LINES);
	t->errors = 0;
	memtest_run(&c, &t->result);
	return t->errors;
}

/* ---- faults ---- */

static void try_fault(struct trial *t, struct ram_fault f)
{
	if (rng_below(&t->rng, t->every))
		return;
	t->found += trial_finds(t, &f);
	t->total++;
}

static unsigned any_word(struct trial *t)
{
	return (unsigned)rng_below(&t->rng, RAM_MODEL_WORDS);
}

/* Each bit, in four words. */
static void try_cells(struct trial *t, enum ram_fault_kind kind)
{
	for (unsigned i = 0; i < 4 * 64; i++)
		for (unsigned value = 0; value < 2; value++) {
			unsigned cell = any_word(t) * 64 + i % 64;

			try_fault(t, (struct ram_fault){.kind = kind,
							.cell = cell,
							.aggressor = cell,
							.value = value});
		}
}

/* All variants of a coupling fault between two cells. */
static void try_pair(struct trial *t, enum ram_fault_kind kind, unsigned cell,
		     unsigned aggressor)
{
	unsigned values = kind == RAM_COUPLE_INV ? 1 : 2;

	for (unsigned edge = 0; edge < 2; edge++)
		for (unsigned value = 0; value < values; value++)
			try_fault(t, (struct ram_fault){.kind = kind,
							.cell = cell,
							.aggressor = aggressor,
							.value = value,
							.edge = edge});
}

/* Each two bits of a word, of a random word. */
static void try_inside(struct trial *t, enum ram_fault_kind kind)
{
	for (unsigned i = 0; i < 64; i++)
		for (unsigned j = 0; j < 64; j++) {
			unsigned w = any_word(t);

			if (i != j)
				try_pair(t, kind, w * 64 + i, w * 64 + j);
		}
}

/* Each two words, twice: one pair of equal bits, one of any. */
static void try_between(struct trial *t, enum ram_fault_kind kind)
{
	for (unsigned v = 0; v < RAM_MODEL_WORDS; v++)
		for (unsigned w = 0; w < RAM_MODEL_WORDS; w++) {
			uint64_t r = rng_next(&t->rng);
			unsigned i = r % 64, j = r / 64 % 64;

			if (v == w)
				continue;
			try_pair(t, kind, v * 64 + i, w * 64 + i);
			try_pair(t, kind, v * 64 + i, w * 64 + j);
		}
}

static void try_decoder(struct trial *t)
{
	for (unsigned from = 0; from < RAM_MODEL_WORDS; from++) {
		struct ram_fault f = {.kind = RAM_NO_CELL, .from = from};

		for (f.to = from; f.value < 3; f.value++)
			try_fault(t, f);
		for (f.to = 0; f.to < RAM_MODEL_WORDS; f.to++) {
			if (from == f.to)
				continue;
			f.kind = RAM_OTHER_CELL;
			try_fault(t, f);
			f.kind = RAM_TWO_CELLS;
			for (f.value = 0; f.value < 2; f.value++)
				try_fault(t, f);
		}
	}
}

/* Lines of a kind, stuck and shorted. */
static void try_lines(struct trial *t, unsigned n, enum ram_fault_kind stuck,
		      enum ram_fault_kind shorted)
{
	for (unsigned from = 0; from < n; from++)
		for (unsigned value = 0; value < 2; value++) {
			struct ram_fault f = {
				.kind = stuck, .from = from, .value = value};

			try_fault(t, f);
			f.kind = shorted;
			for (f.to = 0; f.to < from; f.to++)
				try_fault(t, f);
		}
}

static void try_data_lines(struct trial *t)
{
	struct ram_fault f = {.kind = RAM_DATA_OPEN};

	try_lines(t, 64, RAM_DATA_STUCK, RAM_DATA_SHORTED);
	for (; f.from < 64; f.from++)
		try_fault(t, f);
}

void trial_class(struct trial *t, enum trial_class c)
{
	static const enum ram_fault_kind kinds[TRIAL_CLASSES] = {
		[SAF] = RAM_STUCK,	     [TF] = RAM_TRANSITION,
		[WDF] = RAM_WRITE_DISTURB,   [RDF] = RAM_READ_DISTURB,
		[DRDF] = RAM_DECEPTIVE_READ, [DRF] = RAM_RETENTION,
		[CFIN_I] = RAM_COUPLE_INV,   [CFIN_X] = RAM_COUPLE_INV,
		[CFID_I] = RAM_COUPLE_IDEM,  [CFID_X] = RAM_COUPLE_IDEM,
		[CFST_I] = RAM_COUPLE_STATE, [CFST_X] = RAM_COUPLE_STATE,
	};

	if (c == AF)
		try_decoder(t);
	else if (c == AL)
		try_lines(t, NLINES, RAM_LINE_STUCK, RAM_LINES_SHORTED);
	else if (c == DL)
		try_data_lines(t);
	else if (c < AF)
		try_cells(t, kinds[c]);
	else if ((c - CFIN_I) % 2 == 0)
		try_inside(t, kinds[c]);
	else
		try_between(t, kinds[c]);
}
