/*
 * What the memory tester suspects, for each fault of the model of RAM: the tests run
 * over it, their errors are counted, and of what that suggests nothing is wrong.
 */
#include "memtest_model.h"

#include <string.h>

#include <kernel/ktest.h>
#include <kernel/memtest_errors.h>
#include <lib/rng.h>

#include "ram_model.h"

#define BASE 0x80000000u

static struct memtest_errors *errors;
static bool spread_out; /* each word counts as one of another frame */

static void spread(void *arg, void (*fn)(void *ctx, unsigned worker), void *ctx)
{
	(void)arg;
	fn(ctx, 0);
}

static bool next(void *arg, unsigned share, struct memtest_cursor *c,
		 struct memtest_region *r)
{
	(void)arg;
	(void)share;
	*r = (struct memtest_region){ram_model_words, RAM_MODEL_WORDS, BASE};
	return !c->offset++;
}

static void test(void *arg, const struct memtest_progress *p)
{
	(void)arg;
	(void)p;
}

static bool progress(void *arg, unsigned worker, uint64_t done)
{
	(void)arg;
	(void)worker;
	(void)done;
	return false;
}

static void hold(void *arg, const struct memtest_hold *h)
{
	(void)arg;
	(void)h;
	ram_model_wait();
}

static void error(void *arg, unsigned worker, const struct memtest_error *e)
{
	struct memtest_error far = *e;

	(void)arg;
	(void)worker;
	if (spread_out)
		far.pa = BASE + (e->pa - BASE) * (PAGE_SIZE / 8);
	memtest_errors_add(errors, &far);
}

static void expel_all(void *arg, unsigned worker)
{
	(void)arg;
	(void)worker;
}

static bool expel(void *arg, volatile uint64_t *p)
{
	(void)arg;
	(void)p;
	return true;
}

static const struct memtest_ops ops = {spread, next,  test,	 test, progress,
				       hold,   error, expel_all, expel};

static void run(const struct ram_fault *f)
{
	struct memtest_config c = {
		.ops = &ops,
		.workers = 1,
		.tests = memtest_profile(MEMTEST_STANDARD),
		.passes = 1,
		.seed = 1,
	};
	struct memtest_result result;

	memtest_errors_init(errors);
	errors->span = sizeof(ram_model_words);
	ram_model_init(f, ktest_seed(), 0);
	memtest_run(&c, &result);
	EXPECT_EQ(result.errors, errors->count);
}

/* Names of what is suspected, and the bits that the sentences begin with. */
static struct {
	unsigned n;
	const char *only; /* NULL: not one name */
	uint64_t bits;
} said;

static void say(void *ctx, const char *what, const char *detail)
{
	unsigned bit = 0;

	(void)ctx;
	if (said.n++ && strcmp(said.only, what) != 0)
		said.only = "several";
	else
		said.only = what;
	for (const char *p = detail + 4; *p >= '0' && *p <= '9'; p++)
		bit = 10 * bit + (unsigned)(*p - '0');
	said.bits |= (uint64_t)1 << bit % 64;
}

static void want(const struct ram_fault *f, const char *what, uint64_t bits)
{
	run(f);
	memset(&said, 0, sizeof(said));
	memtest_suspect(errors, say, NULL);
	if (!said.n || strcmp(said.only, what) != 0 ||
	    (bits && said.bits & ~bits))
		ktest_fail(__FILE__, __LINE__,
			   "fault %u, value %u, cell %u, from %u to %u: "
			   "%llu errors, %s, not %s; bits %#llx",
			   f->kind, f->value, f->cell, f->from, f->to,
			   (unsigned long long)errors->count,
			   said.n ? said.only : "nothing", what,
			   (unsigned long long)said.bits);
}

static bool fixture(bool spread_out_)
{
	spread_out = spread_out_;
	errors = ktest_alloc(sizeof(*errors));
	return errors;
}

KTEST(memtest_suspect_model, cells)
{
	static const enum ram_fault_kind kinds[] = {
		RAM_STUCK,	  RAM_TRANSITION,   RAM_WRITE_DISTURB,
		RAM_READ_DISTURB, RAM_RETENTION,    RAM_COUPLE_INV,
		RAM_COUPLE_IDEM,  RAM_COUPLE_STATE, RAM_NO_CELL,
		RAM_OTHER_CELL,
	};
	struct rng rng = rng_seed(ktest_seed());

	REQUIRE(fixture(false));
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		for (unsigned n = 0; n < 20; n++) {
			struct ram_fault f = {
				.kind = kinds[i],
				.value = n & 1,
				.edge = n >> 1 & 1,
				.cell = (unsigned)rng_below(
					&rng, 64 * RAM_MODEL_WORDS),
				.from = (unsigned)rng_below(&rng,
							    RAM_MODEL_WORDS),
			};

			f.aggressor = (f.cell + 1 + 64 * (n % 5)) %
				      (64 * RAM_MODEL_WORDS);
			f.to = (f.from + 1 + n % 40) % RAM_MODEL_WORDS;
			want(&f, "cell", 0);
		}
}

KTEST(memtest_suspect_model, address_lines)
{
	REQUIRE(fixture(false));
	for (unsigned value = 0; value < 2; value++)
		for (unsigned from = 0; from < 6; from++) {
			struct ram_fault f = {.kind = RAM_LINE_STUCK,
					      .value = value,
					      .from = from};

			want(&f, "address-line", 8u << from);
			f.kind = RAM_LINES_SHORTED;
			for (f.to = 0; f.to < 6; f.to++)
				if (f.to != from)
					want(&f, "address-line",
					     8u << from | 8u << f.to);
		}
}

KTEST(memtest_suspect_model, data_lines)
{
	REQUIRE(fixture(true));
	for (unsigned value = 0; value < 2; value++)
		for (unsigned from = 0; from < 64; from += 3) {
			struct ram_fault f = {
				.kind = RAM_DATA_STUCK,
				.value = value,
				.from = from,
				.to = (from + 1) % 64,
			};
			uint64_t bit = (uint64_t)1 << from;

			want(&f, "data-line", bit);
			f.kind = RAM_DATA_OPEN;
			want(&f, "data-line", bit);
			f.kind = RAM_DATA_SHORTED;
			want(&f, "data-line", bit | (uint64_t)1 << f.to);
		}
}
