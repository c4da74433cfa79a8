/*
 * `bench memtest`: what each test of the memory tester costs per word, beside loops
 * that make the same accesses in the plainest way: a word a turn, with a pattern, a
 * compare and a branch where the test has them.
 *
 * Not compared: databus, addrbus and hammer. They look at few words, and what they
 * cost is what it takes to get these out of caches.
 */
#include <string.h>

#include <arch/cpu.h>
#include <kernel/bench.h>
#include <kernel/printk.h>
#include <lib/bits.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>

#include "bench_memtest.h"

#define PER_1000 1000u

/* ---- the engine's caller ---- */

static void spread(void *arg, void (*fn)(void *ctx, unsigned worker), void *ctx)
{
	struct bench_memory *b = arg;

	b->spread(fn, ctx);
}

static bool next(void *arg, unsigned share, struct memtest_cursor *c,
		 struct memtest_region *r)
{
	const struct bench_memory *b = arg;
	uint64_t n = b->nwords / b->workers;

	if (c->at)
		return false;
	c->at = arg;
	r->words = b->words + share * n;
	r->nwords = n;
	r->pa = virt_to_phys((const void *)(uintptr_t)r->words);
	return true;
}

static void count_error(void *arg, unsigned worker,
			const struct memtest_error *e)
{
	struct bench_memory *b = arg;

	(void)worker;
	(void)e;
	__atomic_fetch_add(&b->errors, 1, __ATOMIC_RELAXED);
}

static const struct memtest_ops ops = {
	.spread = spread,
	.next = next,
	.test_start = memtest_ignore_test,
	.test_end = memtest_ignore_test,
	.progress = memtest_go_on,
	.hold = memtest_ignore_hold,
	.error = count_error,
	.expel_all = memtest_keep_all,
	.expel = memtest_keep,
};

void bench_memory_run(struct bench_memory *b, const char *test, uint64_t passes)
{
	struct memtest_config c = {
		.ops = &ops,
		.arg = b,
		.workers = b->workers,
		.tests = (uint64_t)1 << memtest_find(test, strlen(test)),
		.passes = passes,
		.seed = 1,
	};
	struct memtest_result result;

	memtest_run(&c, &result);
}

/* ---- plain loops ---- */

static volatile uint64_t *words;
static uint64_t nwords, wrong;

#define LOOP(name, do_word, step)                                \
	static __attribute__((noinline)) void name(uint64_t v)   \
	{                                                        \
		volatile uint64_t *p = words, *end = p + nwords; \
                                                                 \
		for (; p != end; p++) {                          \
			do_word;                                 \
			step;                                    \
		}                                                \
	}

#define EXPECT_WORD(word, v)                            \
	do {                                            \
		if (__builtin_expect((word) != (v), 0)) \
			wrong++;                        \
	} while (0)
#define W     (*p = v)
#define NOT   (*p = ~v)
#define R     EXPECT_WORD(*p, v)
#define R_NOT EXPECT_WORD(*p, ~v)
#define RW \
	R; \
	*p = ~v
#define SS \
	R; \
	R; \
	W; \
	R; \
	*p = ~v

#define SEED 0x9e3779b97f4a7c15
#define SAME
#define ADDRESS v += 8
#define ROTATE	v = v << 1 | v >> 63
#define SHIFT(v)              \
	do {                  \
		v ^= v << 13; \
		v ^= v >> 7;  \
		v ^= v << 17; \
	} while (0)
#define XORSHIFT SHIFT(v)

LOOP(same_w, W, SAME)
LOOP(same_r, R, SAME)
LOOP(same_rw, RW, SAME)
LOOP(same_ss, SS, SAME)
LOOP(address_w, W, ADDRESS)
LOOP(address_r, R, ADDRESS)
LOOP(address_rw, RW, ADDRESS)
LOOP(address_not, NOT, ADDRESS)
LOOP(address_last, R_NOT, ADDRESS)
LOOP(rotate_w, W, ROTATE)
LOOP(rotate_r, R, ROTATE)
LOOP(rotate_rw, RW, ROTATE)
LOOP(rotate_not, NOT, ROTATE)
LOOP(rotate_last, R_NOT, ROTATE)
LOOP(random_w, W, XORSHIFT)
LOOP(random_r, R, XORSHIFT)
LOOP(random_rw, RW, XORSHIFT)
LOOP(random_not, NOT, XORSHIFT)
LOOP(random_last, R_NOT, XORSHIFT)

/* Each twentieth word, all others, each twentieth. */
static __attribute__((noinline)) void twentieths(uint64_t v)
{
	volatile uint64_t *first = words, *end = first + nwords / 20 * 20, *p;

	for (p = first; p != end; p += 20)
		W;
	for (p = first; p != end; p += 20)
		for (unsigned i = 1; i < 20; i++)
			p[i] = ~v;
	for (p = first; p != end; p += 20)
		R;
}

/* Half of the words onto the other half. */
static __attribute__((noinline)) void copy(uint64_t v)
{
	volatile uint64_t *p = words, *end = p + nwords / 2, *q = end;

	(void)v;
	while (p != end)
		*q++ = *p++;
}

/* Two sequences. */
static __attribute__((noinline)) void fill_halves(uint64_t v)
{
	uint64_t u = ~v;

	for (uint64_t i = 0, half = nwords / 2; i < half; i++) {
		words[i] = v;
		words[half + i] = u;
		SHIFT(v);
		SHIFT(u);
	}
}

/* Each two words change places. */
static __attribute__((noinline)) void swap(uint64_t v)
{
	volatile uint64_t *p = words, *end = p + nwords / 2, *q = end;
	uint64_t u = ~v;

	for (; p != end; p++, q++) {
		R;
		EXPECT_WORD(*q, u);
		*p = u;
		*q = v;
		SHIFT(v);
		SHIFT(u);
	}
}

#define MAX_PART 4

/* A test, as plain loops: each so many times, over memory that holds what it
 * expects. */
static const struct {
	const char *test;
	struct {
		void (*prepare)(uint64_t v);
		void (*loop)(uint64_t v);
		unsigned times;
	} part[MAX_PART];
} plain[] = {
#define VERIFY(kind, n)                                            \
	{                                                          \
		{kind##_w, kind##_w, n}, {kind##_w, kind##_rw, n}, \
			{kind##_not, kind##_last, n},              \
	}
#define MARCH(kind, n, shape, times)                                        \
	{                                                                   \
		{kind##_w, kind##_w, n}, {kind##_w, kind##_##shape, times}, \
			{kind##_w, kind##_r, n},                            \
	}
	{"address", VERIFY(address, 1)},
	{"marchca", MARCH(address, 1, rw, 4)},
	{"walk1", VERIFY(rotate, 1)},
	{"checker", VERIFY(rotate, 1)},
	{"marchc1", MARCH(same, 1, rw, 4)},
	{"marchc", MARCH(same, 7, rw, 28)},
	{"marchss", MARCH(same, 1, ss, 4)},
	{"movinv", MARCH(same, 2, rw, 8)},
	{"movinv8", MARCH(same, 16, rw, 32)},
	{"movinvr", MARCH(same, 4, rw, 8)},
	{"movinv64", MARCH(rotate, 8, rw, 16)},
	{"random", VERIFY(random, 1)},
	{"modulo20", {{same_w, twentieths, 40}}},
	{"blockmove",
	 {{address_w, address_w, 2},
	  {address_w, copy, 4},
	  {address_w, address_r, 1},
	  {address_not, address_last, 1}}},
	{"traffic",
	 {{random_w, random_w, 1},
	  {fill_halves, swap, 8},
	  {random_w, random_r, 1}}},
	{"fade", MARCH(same, 1, rw, 1)},
	{"walk64", VERIFY(rotate, 64)},
};

/* ---- measuring ---- */

static uint64_t count(void (*loop)(uint64_t v))
{
	uint64_t before = arch_instret();

	loop(SEED);
	return arch_instret() - before;
}

static uint64_t run_plain(unsigned i)
{
	uint64_t sum = 0;

	for (unsigned k = 0; k < MAX_PART && plain[i].part[k].loop; k++) {
		plain[i].part[k].prepare(SEED);
		sum += plain[i].part[k].times * count(plain[i].part[k].loop);
	}
	return sum;
}

static uint64_t run_test(struct bench_memory *b, const char *name)
{
	uint64_t before = arch_instret();

	bench_memory_run(b, name, 1);
	return arch_instret() - before;
}

static void print_tenths(const char *what, uint64_t n)
{
	n = (n * 10 + nwords / 2) / nwords;
	kprintf(" %s%6llu.%llu", what, (unsigned long long)(n / 10),
		(unsigned long long)(n % 10));
}

static bool compare(struct bench_memory *b, unsigned i)
{
	uint64_t test = run_test(b, plain[i].test), loops = run_plain(i);

	kprintf("memtest: %-9s", plain[i].test);
	print_tenths("", test);
	print_tenths("instructions a word, plain loop", loops);
	kprintf(", %llu of 1000\n",
		(unsigned long long)(test * PER_1000 / loops));
	return !b->errors && !wrong;
}

static void alone(void (*fn)(void *ctx, unsigned worker), void *ctx)
{
	fn(ctx, 0);
}

bool bench_memory_get(struct bench_memory *b)
{
	b->page = page_alloc(BENCH_MEMORY_ORDER, 0);
	if (!b->page)
		return false;
	b->words = phys_to_virt(page_to_phys(b->page));
	b->nwords = (PAGE_SIZE << BENCH_MEMORY_ORDER) / 8;
	b->errors = 0;
	return true;
}

void bench_memory_put(struct bench_memory *b)
{
	page_free(b->page, BENCH_MEMORY_ORDER);
}

static bool compare_all(void)
{
	struct bench_memory b = {.workers = 1, .spread = alone};
	bool good = true;

	if (!bench_memory_get(&b)) {
		kprintf("bench: memtest can't run here\n");
		return false;
	}
	words = b.words;
	wrong = 0;
	nwords = b.nwords;
	for (unsigned i = 0; i < ARRAY_SIZE(plain); i++)
		good &= compare(&b, i);
	bench_memory_put(&b);
	if (!good)
		kprintf("bench: memtest found errors\n");
	return good;
}

BENCH(memtest) = {.group = "memtest", .name = "memtest", .all = compare_all};
