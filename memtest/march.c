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
enum shape { SHAPE_W, SHAPE_R, SHAPE_RW, NSHAPES };
enum { UP, DOWN };

struct stepping {
	step_fn *step[2];
	sweep_fn *fast[NSHAPES][2];
};

struct memtest_march {
	unsigned rounds;
	/* The state of the word at pa; of the region's first word, where a
	 * sequence goes through a region. */
	uint64_t (*start)(const struct memtest *m, unsigned round, paddr_t pa);
	const struct stepping *stepping;
	unsigned nelements;
	const struct march_element *elements;
};

#define ELEMENTS(list) ARRAY_SIZE(list), list

/* ---- what steps ---- */

static const uint32_t shapes[NSHAPES] = {
	[SHAPE_W] = OPS1(W0),
	[SHAPE_R] = OPS1(R0),
	[SHAPE_RW] = OPS2(R0, W1),
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

static const struct stepping constant = {
	{stay, stay},
	{{constant_w}, {constant_r}, {constant_rw, constant_rw_down}}};

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

static const struct stepping address = {
	{count_up, count_down}, {{address_w}, {address_r}, {address_rw}}};

/* Each word has one bit set, the next word the next bit. */
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

static const struct stepping walk = {{rotate_left, rotate_right},
				     {{walk_w}, {walk_r}, {walk_rw}}};

/* Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8(14), 2003: full
 * period, and cheaper than the load and store around it. Upwards only. */
static inline uint64_t xorshift(uint64_t v)
{
	v ^= v << 13;
	v ^= v >> 7;
	return v ^ v << 17;
}

SWEEP(sequence_w, OPS1(W0), xorshift, false)
SWEEP(sequence_r, OPS1(R0), xorshift, false)
SWEEP(sequence_rw, OPS2(R0, W1), xorshift, false)

static const struct stepping sequence = {
	{xorshift}, {{sequence_w}, {sequence_r}, {sequence_rw}}};

/* ---- what a word begins with ---- */

static uint64_t start_log(const struct memtest *m, unsigned round, paddr_t pa)
{
	static const uint64_t values[] = {
		0x0000000000000000, 0x5555555555555555, 0x3333333333333333,
		0x0f0f0f0f0f0f0f0f, 0x00ff00ff00ff00ff, 0x0000ffff0000ffff,
		0x00000000ffffffff,
	};

	(void)m, (void)pa;
	return values[round];
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

static uint64_t start_sequence(const struct memtest *m, unsigned round,
			       paddr_t pa)
{
	return memtest_random(m, pa + round);
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

static const struct march_element verify[] = {
	{.ops = OPS1(W0)},
	{.ops = OPS2(R0, W1), .hold = true},
	{.ops = OPS1(R1), .hold = true},
};

const struct memtest_march memtest_address = {1, start_address, &address,
					      ELEMENTS(verify)};
const struct memtest_march memtest_walk1 = {1, start_walk, &walk,
					    ELEMENTS(verify)};
const struct memtest_march memtest_walk64 = {64, start_walk, &walk,
					     ELEMENTS(verify)};
const struct memtest_march memtest_sequence = {1, start_sequence, &sequence,
					       ELEMENTS(verify)};
const struct memtest_march memtest_marchc = {7, start_log, &constant,
					     ELEMENTS(march_c)};
const struct memtest_march memtest_marchc1 = {1, start_log, &constant,
					      ELEMENTS(march_c)};

/* ---- how they run ---- */

/* What a stage is. */
struct element {
	const struct memtest_march *march;
	unsigned round;
	struct march_element e;
	uint64_t mask; /* for elements that begin with the complement */
};

static struct element element_of(const struct memtest *m, unsigned stage)
{
	const struct memtest_march *march = m->test->data;
	struct element x = {march, stage / march->nelements,
			    march->elements[stage % march->nelements], 0};

	if (x.e.ops & 1) {
		x.e.ops ^= OP_VALUES(x.e.ops);
		x.mask = ~(uint64_t)0;
	}
	return x;
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

int memtest_march(struct memtest_worker *w, const struct memtest_region *r)
{
	const struct memtest *m = w->run;
	struct element x = element_of(m, m->stage);
	sweep_fn *fast = w->each ? NULL : find_fast(&x);
	uint64_t last = x.e.down ? 8 * (r->nwords - 1) : 0;
	uint64_t s = x.march->start(m, x.round, r->pa + last);
	int err = 0;

	w->pattern = x.march->start(m, x.round, r->pa) ^ x.mask;
	for (uint64_t done = 0, n; done < r->nwords && !err; done += n) {
		uint64_t at = done;

		n = min_u64(r->nwords - done, MEMTEST_SLICE);
		if (x.e.down)
			at = r->nwords - done - n;
		if (fast)
			s = fast(w, r->words + at, n, s, x.mask);
		else
			s = sweep_each(w, &x, r->words + at, n, s);
		err = memtest_account(w, n * OP_COUNT(x.e.ops));
	}
	return err;
}
