/*
 * March tests, and all tests that are one when seen in the right light. A march
 * is a list of elements; an element goes over all words of memory, upwards or
 * downwards, and does the same few reads and writes to each word before it
 * moves to the next. 0 stands for the data background, 1 for its complement.
 * The published tests are written here as they are in the literature:
 *
 *	March C-  { w0; up(r0,w1); up(r1,w0); down(r0,w1); down(r1,w0); r0 }
 *
 * A background gives each word a value: the same to all, the word's own
 * address, a sequence. To fill memory with a pattern, verify it, and do so with
 * the complement, is the march { w0; (r0,w1); r1 } on it. A test repeats its
 * march in rounds, with another background each. For words of many bits, March
 * C- needs backgrounds such that each two bits of a word differ in one of them:
 * log2(64) + 1 = 7. Bits that are always equal can hide that one disturbs the
 * other.
 *
 * An element of a round is a stage. So it has been everywhere before the next
 * one begins; an address that reaches a word of another region is seen; and a
 * word is out of the caches before it is read, as long as all of what is tested
 * is larger than they are.
 *
 * Speed: sweep.h has the loops. An element of a new shape, or over a new kind of
 * background, works without a loop of its own, slowly; a line in the tables
 * below makes it fast.
 *
 * Where it holds: before elements that say so, in the first round; for long
 * where they say `fade`.
 *
 * Sources: van de Goor, "Testing Semiconductor Memories", 1991 (March C-);
 * van de Goor, Tlili, "March tests for word-oriented memories", DATE 1998.
 */
#include "sweep.h"

struct march_element {
	uint32_t ops;
	bool down, hold, fade;
};

/* How the values of a background go on, and the loops that know. A word's
 * value, and so its complement, is made of its state; states step. */
enum shape { SHAPE_W, SHAPE_R, SHAPE_RW, SHAPE_SS, NSHAPES };
enum { UP, DOWN };

struct stepping {
	step_fn *step[2];
	sweep_fn *fast[NSHAPES][2];
};

struct memtest_march {
	/* The state of the word at pa; of the region's first word, where a
	 * sequence goes through a region. */
	uint64_t (*start)(const struct memtest *m, unsigned round, paddr_t pa);
	const struct stepping *stepping;
	unsigned nelements;
	const struct march_element *elements;
};

/* ---- what steps ---- */

static const uint32_t shapes[NSHAPES] = {
	[SHAPE_W] = OPS1(W0),
	[SHAPE_R] = OPS1(R0),
	[SHAPE_RW] = OPS2(R0, W1),
	[SHAPE_SS] = OPS5(R0, R0, W0, R0, W1),
};

/* The same for all. */
static inline uint64_t stay(uint64_t s)
{
	return s;
}

SWEEP(constant_w, OPS1(W0), stay, false)
SWEEP(constant_r, OPS1(R0), stay, false)
SWEEP(constant_rw, OPS2(R0, W1), stay, false)
SWEEP(constant_rw_down, OPS2(R0, W1), stay, true)

SWEEP(constant_ss, OPS5(R0, R0, W0, R0, W1), stay, false)
SWEEP(constant_ss_down, OPS5(R0, R0, W0, R0, W1), stay, true)

static const struct stepping constant = {{stay, stay},
					 {{constant_w},
					  {constant_r},
					  {constant_rw, constant_rw_down},
					  {constant_ss, constant_ss_down}}};

/* The word's own physical address. */
static inline uint64_t count_up(uint64_t s)
{
	return s + 8;
}

static inline uint64_t count_down(uint64_t s)
{
	return s - 8;
}

SWEEP(address_w, OPS1(W0), count_up, false)
SWEEP(address_r, OPS1(R0), count_up, false)
SWEEP(address_rw, OPS2(R0, W1), count_up, false)
SWEEP(address_rw_down, OPS2(R0, W1), count_down, true)

static const struct stepping address = {
	{count_up, count_down},
	{{address_w}, {address_r}, {address_rw, address_rw_down}}};

/* The previous word, turned by a bit: one bit that walks from word to word, or
 * 0101... and 1010... in turn. */
static inline uint64_t rotate_left(uint64_t s)
{
	return s << 1 | s >> 63;
}

static inline uint64_t rotate_right(uint64_t s)
{
	return s >> 1 | s << 63;
}

SWEEP(walk_w, OPS1(W0), rotate_left, false)
SWEEP(walk_r, OPS1(R0), rotate_left, false)
SWEEP(walk_rw, OPS2(R0, W1), rotate_left, false)
SWEEP(walk_rw_down, OPS2(R0, W1), rotate_right, true)

static const struct stepping walk = {
	{rotate_left, rotate_right},
	{{walk_w}, {walk_r}, {walk_rw, walk_rw_down}}};

/* Upwards only. */
SWEEP(sequence_w, OPS1(W0), memtest_xorshift, false)
SWEEP(sequence_r, OPS1(R0), memtest_xorshift, false)
SWEEP(sequence_rw, OPS2(R0, W1), memtest_xorshift, false)

static const struct stepping sequence = {
	{memtest_xorshift}, {{sequence_w}, {sequence_r}, {sequence_rw}}};

/* ---- what a word begins with ---- */

uint64_t memtest_background(unsigned i)
{
	static const uint64_t values[MEMTEST_BACKGROUNDS] = {
		0x0000000000000000, 0x5555555555555555, 0x3333333333333333,
		0x0f0f0f0f0f0f0f0f, 0x00ff00ff00ff00ff, 0x0000ffff0000ffff,
		0x00000000ffffffff,
	};

	return values[i % MEMTEST_BACKGROUNDS];
}

static uint64_t start_log(const struct memtest *m, unsigned round, paddr_t pa)
{
	(void)m, (void)pa;
	return memtest_background(round);
}

static uint64_t start_address(const struct memtest *m, unsigned round,
			      paddr_t pa)
{
	(void)m, (void)round;
	return pa;
}

static uint64_t start_walk(const struct memtest *m, unsigned round, paddr_t pa)
{
	(void)m;
	return (uint64_t)1 << ((pa / 8 + round) % 64);
}

/* Each eighth offset: with as many passes, all. */
static uint64_t start_shifted(const struct memtest *m, unsigned round,
			      paddr_t pa)
{
	return start_walk(m, 8 * round + (unsigned)(m->pass % 8), pa);
}

static uint64_t start_checker(const struct memtest *m, unsigned round,
			      paddr_t pa)
{
	(void)m, (void)round;
	return pa / 8 % 2 ? 0xaaaaaaaaaaaaaaaa : 0x5555555555555555;
}

static uint64_t start_sequence(const struct memtest *m, unsigned round,
			       paddr_t pa)
{
	return memtest_random(m, pa + round);
}

static uint64_t start_random(const struct memtest *m, unsigned round,
			     paddr_t pa)
{
	(void)pa;
	return memtest_random(m, round);
}

/* 0 and all ones in turn; and eight bytes that walk in step. */
static uint64_t start_solid(const struct memtest *m, unsigned round, paddr_t pa)
{
	(void)m, (void)pa;
	return round % 2 ? ~(uint64_t)0 : 0;
}

static uint64_t start_bytes(const struct memtest *m, unsigned round, paddr_t pa)
{
	return (uint64_t)0x0101010101010101 << round / 2 ^
	       start_solid(m, round, pa);
}

/* ---- the marches ---- */

static const struct march_element march_c[] = {
	{.ops = OPS1(W0)},
	{.ops = OPS2(R0, W1), .hold = true},
	{.ops = OPS2(R1, W0)},
	{.ops = OPS2(R0, W1), .down = true},
	{.ops = OPS2(R1, W0), .down = true},
	{.ops = OPS1(R0)},
};

static const struct march_element march_ss[] = {
	{.ops = OPS1(W0)},
	{.ops = OPS5(R0, R0, W0, R0, W1), .hold = true},
	{.ops = OPS5(R1, R1, W1, R1, W0)},
	{.ops = OPS5(R0, R0, W0, R0, W1), .down = true},
	{.ops = OPS5(R1, R1, W1, R1, W0), .down = true},
	{.ops = OPS1(R0)},
};

/* Moving inversions. */
static const struct march_element invert_once[] = {
	{.ops = OPS1(W0)},
	{.ops = OPS2(R0, W1), .hold = true},
	{.ops = OPS2(R1, W0), .down = true},
	{.ops = OPS1(R0)},
};

static const struct march_element invert_twice[] = {
	{.ops = OPS1(W0)},
	{.ops = OPS2(R0, W1), .hold = true},
	{.ops = OPS2(R1, W0), .down = true},
	{.ops = OPS2(R0, W1)},
	{.ops = OPS2(R1, W0), .down = true},
	{.ops = OPS1(R0)},
};

static const struct march_element verify[] = {
	{.ops = OPS1(W0)},
	{.ops = OPS2(R0, W1), .hold = true},
	{.ops = OPS1(R1), .hold = true},
};

static const struct march_element fade[] = {
	{.ops = OPS1(W0)},
	{.ops = OPS2(R0, W1), .fade = true},
	{.ops = OPS1(R1), .fade = true},
};

/* Two stages are hammer.c's. */
static const struct march_element hammered[] = {
	{.ops = OPS1(W0)}, {0}, {.ops = OPS2(R0, W1)}, {0}, {.ops = OPS1(R1)},
};

/* The table of tests says how many rounds: its stages, by these elements. */
#define MARCH(name, start, stepping, elements)        \
	const struct memtest_march memtest_##name = { \
		start, &(stepping), ARRAY_SIZE(elements), elements};

MARCH(address, start_address, address, verify)
MARCH(marchca, start_address, address, march_c)
MARCH(walk1, start_walk, walk, verify)
MARCH(walk64, start_walk, walk, verify)
MARCH(checker, start_checker, walk, verify)
MARCH(marchc1, start_log, constant, march_c)
MARCH(marchc, start_log, constant, march_c)
MARCH(marchss, start_log, constant, march_ss)
MARCH(movinv, start_solid, constant, invert_twice)
MARCH(movinv8, start_bytes, constant, invert_once)
MARCH(movinvr, start_random, constant, invert_once)
MARCH(movinv64, start_shifted, walk, invert_once)
MARCH(sequence, start_sequence, sequence, verify)
MARCH(fade, start_solid, constant, fade)
MARCH(hammered, start_solid, constant, hammered)

/* ---- how they run ---- */

/* What a stage is. */
struct element {
	const struct memtest_march *march;
	unsigned round;
	struct march_element e;
	uint64_t mask; /* for elements that begin with the complement */
};

static struct element element_make(const struct memtest_march *march,
				   unsigned round,
				   const struct march_element *e)
{
	struct element x = {march, round, *e, 0};

	if (x.e.ops & 1) {
		x.e.ops ^= OP_VALUES(x.e.ops);
		x.mask = ~(uint64_t)0;
	}
	return x;
}

static struct element element_of(const struct memtest *m, unsigned stage)
{
	const struct memtest_march *march = m->test->data;

	return element_make(march, stage / march->nelements,
			    &march->elements[stage % march->nelements]);
}

struct memtest_stage memtest_march_plan(const struct memtest *m, unsigned stage)
{
	struct element x = element_of(m, stage);

	return (struct memtest_stage){
		.down = x.e.down,
		.hold = x.e.fade || (x.e.hold && x.round == 0),
		.fade = x.e.fade,
		.pattern = x.march->start(m, x.round, 0) ^ x.mask,
	};
}

static uint64_t sweep_each(struct memtest_worker *w, const struct element *x,
			   volatile uint64_t *words, uint64_t n, uint64_t s)
{
	step_fn *step = x->march->stepping->step[x->e.down];

	for (uint64_t i = 0; i < n; i++, s = step(s)) {
		volatile uint64_t *p = words + (x->e.down ? n - 1 - i : i);

		for (uint32_t ops = x->e.ops; ops; ops >>= 4) {
			do_op(w, p, s ^ x->mask, ops & 15);
			if (w->each)
				memtest_expel(w, p);
		}
	}
	return s;
}

static sweep_fn *find_fast(const struct element *x)
{
	for (unsigned i = 0; i < NSHAPES; i++)
		if (shapes[i] == x->e.ops)
			return x->march->stepping->fast[i][x->e.down];
	return NULL;
}

/* The element over n words, the state of whose first, or last for one that goes
 * down, is s. */
static int run_element(struct memtest_worker *w, const struct element *x,
		       volatile uint64_t *words, uint64_t n, uint64_t s)
{
	sweep_fn *fast = w->each ? NULL : find_fast(x);
	int err = 0;

	for (uint64_t done = 0, slice; done < n && !err; done += slice) {
		uint64_t at = done;

		slice = min_u64(n - done, MEMTEST_SLICE);
		if (x->e.down)
			at = n - done - slice;
		if (fast)
			s = fast(w, words + at, slice, s, x->mask);
		else
			s = sweep_each(w, x, words + at, slice, s);
		err = memtest_account(w, slice * OP_COUNT(x->e.ops));
	}
	return err;
}

int memtest_march(struct memtest_worker *w, const struct memtest_region *r)
{
	const struct memtest *m = w->run;
	struct element x = element_of(m, m->stage);
	paddr_t last = r->pa + 8 * (r->nwords - 1);

	w->pattern = x.march->start(m, x.round, r->pa) ^ x.mask;
	return run_element(w, &x, r->words, r->nwords,
			   x.march->start(m, x.round, x.e.down ? last : r->pa));
}

int memtest_element(struct memtest_worker *w, const struct memtest_march *march,
		    uint32_t ops, volatile uint64_t *words, uint64_t n,
		    paddr_t pa)
{
	struct element x =
		element_make(march, 0, &(struct march_element){.ops = ops});

	return run_element(w, &x, words, n, march->start(w->run, 0, pa));
}
