/*
 * The memtest command and its pool on the native machine: the sources of both,
 * with a frame allocator, a clock and a user that this file plays, over memory
 * that is really there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define page_alloc	     fake_page_alloc
#define page_free	     fake_page_free
#define page_free_count	     fake_page_free_count
#define page_map	     fake_page_map
#define direct_map_offset    fake_direct_map_offset
#define shell_interrupted    fake_shell_interrupted
#define shell_number	     fake_shell_number
#define shell_range	     fake_shell_range
#define arch_time	     fake_arch_time
#define machine		     fake_machine
#define memtest_pool_take    faked_pool_take
#define memtest_pool_release faked_pool_release
#define memtest_pool_rewind  faked_pool_rewind
#define memtest_pool_next    faked_pool_next

#include <kernel/memtest_pool.c>
#include <kernel/cmd_memtest.c>

#include <kernel/console.h>
#include <kernel/ktest.h>
#include <lib/rng.h>

#define FIRST_PFN 0x80000u /* at 2 GiB */
#define START	  ((uint64_t)FIRST_PFN << PAGE_SHIFT)
#define RESERVE	  16 /* frames that the pool leaves, of less than 1024 */

/* ---- a frame allocator ---- */

struct page *fake_page_map;
uint64_t fake_direct_map_offset;

static struct {
	uint64_t nframes;
	uint64_t nfree;
	bool *free;
	struct page *pages;
	uint64_t *memory;
	struct rng rng;
} fake;

static bool all_free(uint64_t at, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		if (!fake.free[at + i])
			return false;
	return true;
}

static void set_free(uint64_t at, uint64_t n, bool is_free)
{
	memset(&fake.free[at], is_free, n);
	fake.nfree += is_free ? n : -n;
}

/* From a random place on, so that blocks come in no order. */
struct page *fake_page_alloc(unsigned order, unsigned flags)
{
	uint64_t size = (uint64_t)1 << order, nblocks = fake.nframes >> order;
	uint64_t first = rng_below(&fake.rng, nblocks + 1);

	(void)flags;
	for (uint64_t i = 0; i < nblocks; i++) {
		uint64_t at = (first + i) % nblocks * size;

		if (!all_free(at, size))
			continue;
		set_free(at, size, false);
		fake.pages[at] = (struct page){
			.state = PAGE_USED, .order = (uint8_t)order, .refs = 1};
		return &fake.pages[at];
	}
	return NULL;
}

void fake_page_free(struct page *p, unsigned order)
{
	uint64_t at = (uint64_t)(p - fake.pages);

	EXPECT_EQ(p->state, PAGE_USED);
	EXPECT_EQ(p->order, order);
	p->state = PAGE_FREE;
	set_free(at, (uint64_t)1 << order, true);
}

uint64_t fake_page_free_count(void)
{
	return fake.nfree;
}

/* ---- a clock, a user, the shell's parsers, and a console that is kept ---- */

static struct {
	char log[1 << 18];
	size_t len;
	uint64_t now;		  /* ms */
	uint64_t polls;		  /* of the keyboard */
	uint64_t interrupt_after; /* polls; 0: never */
	/* Words to flip bit `flip_bit` of in the first hold. */
	uint64_t flips[128];
	unsigned nflips;
	unsigned flip_bit;
	bool flipped;
} user;

static void flip(void)
{
	for (unsigned i = 0; i < user.nflips; i++)
		fake.memory[user.flips[i]] ^= (uint64_t)1 << user.flip_bit;
	user.flipped = true;
}

struct devtree fake_machine = {.timebase = 1000000};

uint64_t fake_arch_time(void)
{
	if (!user.flipped && user.nflips && strstr(user.log, "ev=hold"))
		flip();
	return (user.now += 10) * 1000;
}

bool fake_shell_interrupted(void)
{
	return ++user.polls == user.interrupt_after;
}

bool fake_shell_number(const char *s, uint64_t *out)
{
	char *end;

	*out = strtoull(s, &end, 0);
	return *s && !*end;
}

bool fake_shell_range(const char *s, struct range *out)
{
	char *end;

	out->start = strtoull(s, &end, 0);
	if (*end != '-')
		return false;
	out->end = strtoull(end + 1, &end, 0);
	return !*end && !range_empty(*out);
}

static void keep(const struct console_device *d, const char *s, size_t n)
{
	(void)d;
	if (user.len + n < sizeof(user.log)) {
		memcpy(user.log + user.len, s, n);
		user.len += n;
	}
	user.log[user.len] = '\0';
}

static const struct console_device keeper = {.name = "keeper", .write = keep};

/* ---- fixture ---- */

/* All frames free; with memory behind them unless `bare`. */
static bool fixture(uint64_t nframes, bool bare)
{
	memset(&user, 0, sizeof(user));
	fake.rng = rng_seed(ktest_seed());
	fake.nframes = nframes;
	fake.nfree = 0;
	fake.free = ktest_alloc(nframes);
	fake.pages = ktest_alloc(nframes * sizeof(struct page));
	fake.memory = bare ? NULL : ktest_alloc(nframes << PAGE_SHIFT);
	if (!fake.free || !fake.pages || (!bare && !fake.memory))
		return false;
	fake_page_map = (struct page *)((uintptr_t)fake.pages -
					FIRST_PFN * sizeof(struct page));
	fake_direct_map_offset = (uintptr_t)fake.memory - START;
	set_free(0, nframes, true);
	return true;
}

static int run(const char *line)
{
	const struct console_device *console = console_current();
	char text[256], *argv[16];
	int argc = 0, status;

	strcpy(text, line);
	for (char *p = strtok(text, " "); p; p = strtok(NULL, " "))
		argv[argc++] = p;
	user.len = 0;
	user.log[0] = '\0';
	user.polls = 0;
	user.flipped = false;
	console_set(&keeper);
	status = cmd_memtest(argc, argv);
	console_set(console);
	return status;
}

static unsigned count(const char *what)
{
	unsigned n = 0;

	for (const char *p = user.log; (p = strstr(p, what)); p++)
		n++;
	return n;
}

static bool ends_with(const char *end)
{
	size_t n = strlen(end);

	return user.len >= n && strcmp(user.log + user.len - n, end) == 0;
}

/* ---- the pool ---- */

#define POOL_FRAMES 512

/* What the pool gives is exactly the frames that were free, less what it left
 * and cut to what was wanted, in order, in as few ranges as can be. */
static void check_pool(struct memtest_pool *pool, struct range wanted,
		       const bool *was_free, uint64_t nfree)
{
	struct range r;
	uint64_t last_end = 0, left = 0, wanted_free = 0, taken = 0;
	bool seen[POOL_FRAMES] = {false};

	memtest_pool_rewind(pool);
	while (memtest_pool_next(pool, &r)) {
		EXPECT(!range_empty(r));
		EXPECT(range_within(r, wanted));
		EXPECT(last_end == 0 || r.start > last_end);
		last_end = r.end;
		for (uint64_t a = align_down(r.start, PAGE_SIZE); a < r.end;
		     a += PAGE_SIZE)
			seen[(a - START) >> PAGE_SHIFT] = true;
		taken += range_size(r);
	}
	for (uint64_t i = 0; i < fake.nframes; i++) {
		struct range frame = range_make(START + i * PAGE_SIZE,
						START + (i + 1) * PAGE_SIZE);

		EXPECT(!seen[i] || (was_free[i] && !fake.free[i]));
		if (was_free[i] && range_overlaps(frame, wanted)) {
			wanted_free++;
			left += !seen[i];
		}
		taken -= seen[i] ? range_size(range_intersect(frame, wanted))
				 : 0;
	}
	EXPECT_EQ(taken, 0);
	/* The reserve is what nobody wants, if there is enough of that. */
	EXPECT(left <= RESERVE);
	EXPECT(left == 0 || nfree - wanted_free < RESERVE + (1u << 9));
	EXPECT(fake.nfree >= min_u64(nfree, RESERVE));
}

KTEST(memtest_pool, gives_what_is_free)
{
	const uint64_t n = POOL_FRAMES;
	struct memtest_pool pool;

	REQUIRE(fixture(n, true));
	for (unsigned round = 0; round < 300; round++) {
		bool was_free[POOL_FRAMES];
		uint64_t density = rng_below(&fake.rng, 9), nfree;
		uint64_t a =
			START + rng_below(&fake.rng, n * PAGE_SIZE) / 8 * 8;
		uint64_t b =
			START + rng_below(&fake.rng, n * PAGE_SIZE) / 8 * 8;
		struct range wanted =
			round % 2 ? range_make(min_u64(a, b), max_u64(a, b) + 8)
				  : range_make(0, UINT64_MAX);

		set_free(0, n, false);
		memset(fake.free, 0, n);
		fake.nfree = 0;
		for (uint64_t i = 0; i < n; i++)
			if (rng_below(&fake.rng, 8) < density)
				set_free(i, 1, true);
		nfree = fake.nfree;
		memcpy(was_free, fake.free, n);
		memtest_pool_take(&pool, wanted);
		check_pool(&pool, wanted, was_free, nfree);
		memtest_pool_release(&pool);
		EXPECT_EQ(fake.nfree, nfree);
		EXPECT(memcmp(was_free, fake.free, n) == 0);
		EXPECT(list_empty(&pool.blocks));
	}
}

KTEST(memtest_pool, none_free)
{
	struct memtest_pool pool;
	struct range r;

	REQUIRE(fixture(64, true));
	set_free(0, 64, false);
	memtest_pool_take(&pool, range_make(0, UINT64_MAX));
	EXPECT(!memtest_pool_next(&pool, &r));
	memtest_pool_release(&pool);
}

KTEST(memtest_pool, ranges_are_cut_at_their_limit)
{
	/* A GiB more than is wanted: room for the reserve, in whatever blocks
	 * the memory comes. */
	const uint64_t n = GIB(4) >> PAGE_SHIFT;
	struct range r, wanted = range_make(START + 8, START + GIB(3) - MIB(8));
	struct memtest_pool pool;

	REQUIRE(fixture(n, true));
	memtest_pool_take(&pool, wanted);
	memtest_pool_rewind(&pool);
	for (uint64_t at = wanted.start; at < wanted.end; at = r.end) {
		REQUIRE(memtest_pool_next(&pool, &r));
		EXPECT_EQ(r.start, at);
		EXPECT(range_size(r) == GIB(1) ||
		       (r.end == wanted.end && range_size(r) < GIB(1)));
	}
	EXPECT(!memtest_pool_next(&pool, &r));
	memtest_pool_release(&pool);
	EXPECT_EQ(fake.nfree, n);
}

/* ---- the command ---- */

KTEST(memtest_command, sound_memory_passes)
{
	REQUIRE(fixture(256, false));
	EXPECT_EQ(run("memtest --passes 2"), 0);
	EXPECT_EQ(count("ev=start "), 1);
	EXPECT_EQ(count("ev=error"), 0);
	EXPECT_EQ(count("ev=hold"), 0);
	EXPECT_EQ(count("ev=test_start "), 20);
	EXPECT_EQ(count("ev=test_end "), 20);
	EXPECT_EQ(count("pct=100 "), 20);
	EXPECT_EQ(count("\nMTLOG ev=done status=pass passes=2 errors=0 "
			"tested=983040 skipped=0\r\n"),
		  1);
	EXPECT(ends_with("\nmemtest: PASS, 960.0 KiB tested, 0 errors\r\n"));
	EXPECT_EQ(fake.nfree, 256);
}

KTEST(memtest_command, flips_are_reported_exactly)
{
	char line[200];

	REQUIRE(fixture(256, false));
	user.flip_bit = 42;
	for (user.nflips = 0; user.nflips < 20; user.nflips++)
		user.flips[user.nflips] = 20 * 512 + 997 * user.nflips;
	EXPECT_EQ(run("memtest --hold 100 --test marchc --range "
		      "0x80014000-0x80080000"),
		  1);
	EXPECT_EQ(count("ev=error "), 20);
	for (unsigned i = 0; i < 20; i++) {
		snprintf(line, sizeof(line),
			 "\nMTLOG ev=error pass=1 test=marchc addr=%#llx "
			 "expect=0x0000000000000000 actual=0x0000040000000000 "
			 "xor=0x0000040000000000 ",
			 ull(START + 8 * user.flips[i]));
		EXPECT_EQ(count(line), 1);
	}
	EXPECT_EQ(count("ev=hold start=0x80014000 end=0x80080000 "), 1);
	EXPECT_EQ(count("ev=resume"), 1);
	EXPECT_EQ(count("ev=done status=fail passes=1 errors=20 "), 1);
	EXPECT(ends_with("\nmemtest: FAIL, 432.0 KiB tested, 20 errors\r\n"));
	EXPECT_EQ(fake.nfree, 256);
}

KTEST(memtest_command, errors_beyond_the_limit_are_counted)
{
	REQUIRE(fixture(256, false));
	for (user.nflips = 0; user.nflips < 100; user.nflips++)
		user.flips[user.nflips] = 20 * 512 + user.nflips;
	EXPECT_EQ(run("memtest --hold 1 --test marchc1 --range "
		      "0x80014000-0x80080000"),
		  1);
	EXPECT_EQ(count("ev=error "), 64);
	EXPECT_EQ(count("errors=100 shown=64 "), 1);
	EXPECT_EQ(count("ev=done status=fail passes=1 errors=100 "), 1);
}

/* ^C at each moment that there is. */
KTEST(memtest_command, interrupt_ends_with_a_verdict)
{
	uint64_t n = 0;
	int status;

	REQUIRE(fixture(64, false));
	do {
		user.interrupt_after = ++n;
		status = run("memtest --hold 30");
		EXPECT(status == 130 || status == 0);
		EXPECT_EQ(count("ev=test_start "), count("ev=test_end "));
		EXPECT_EQ(count("ev=hold "), count("ev=resume"));
		EXPECT_EQ(count("ev=done "), 1);
		EXPECT_EQ(count("\nmemtest: INTERRUPTED, "), status == 130);
		EXPECT_EQ(fake.nfree, 64);
	} while (status == 130 && n < 1000);
	EXPECT(n > 50);
	EXPECT_EQ(status, 0);
}

KTEST(memtest_command, interrupt_ends_a_hold)
{
	REQUIRE(fixture(64, false));
	user.interrupt_after = 20;
	EXPECT_EQ(run("memtest --hold 60000 --test marchc1"), 130);
	EXPECT_EQ(count("ev=hold "), 1);
	EXPECT(user.now < 10000);
}

KTEST(memtest_command, interrupted_with_errors_is_a_failure)
{
	REQUIRE(fixture(256, false));
	user.flips[user.nflips++] = 20 * 512;
	user.interrupt_after = 30;
	EXPECT_EQ(run("memtest --hold 100 --passes 0 --range "
		      "0x80014000-0x80080000"),
		  1);
	EXPECT_EQ(count("ev=done status=fail passes=0 errors=1 "), 1);
	EXPECT(ends_with(", 1 errors, interrupted\r\n"));
}

KTEST(memtest_command, range_is_kept_to_and_gaps_are_told)
{
	uint64_t used = 100;

	REQUIRE(fixture(256, false));
	set_free(used, 1, false);
	memset(fake.memory, 0xab, 256 << PAGE_SHIFT);
	EXPECT_EQ(run("memtest --range 0x80060008-0x80200000"), 0);
	EXPECT_EQ(count("ev=skipped start=0x80064000 end=0x80065000 "
			"why=not-free"),
		  1);
	EXPECT_EQ(count("ev=skipped start=0x80100000 end=0x80200000 "
			"why=not-free"),
		  1);
	EXPECT(count("ev=region ") >= 2);
	for (uint64_t i = 0; i <= 0x60000 / 8; i++)
		EXPECT_EQ(fake.memory[i], 0xababababababababu);
	for (uint64_t i = 0; i < 512; i++)
		EXPECT_EQ(fake.memory[used * 512 + i], 0xababababababababu);
	EXPECT(fake.memory[0x60008 / 8] != 0xababababababababu);
	EXPECT_EQ(fake.nfree, 255);
}

KTEST(memtest_command, nothing_tested_is_no_pass)
{
	REQUIRE(fixture(64, false));
	EXPECT_EQ(run("memtest --passes 0 --range 0x40000000-0x40001000"), 1);
	EXPECT_EQ(count("ev=done status=fail passes=0 errors=0 tested=0 "
			"skipped=4096"),
		  1);
	EXPECT(ends_with("\nmemtest: FAIL, nothing tested, 4.0 KiB skipped, "
			 "0 errors\r\n"));
	EXPECT_EQ(fake.nfree, 64);
}

KTEST(memtest_command, bad_arguments_are_refused)
{
	static const char *const bad[] = {
		"memtest --test",
		"memtest --test nosuch",
		"memtest --test marchc,",
		"memtest --range 0x80000000",
		"memtest --range 0x80000004-0x80001000",
		"memtest --range 0x80001000-0x80000000",
		"memtest --passes x",
		"memtest --hold 99999999999",
		"memtest --seed",
		"memtest 5",
		"memtest --list 5",
		"memtest --what 5",
	};

	REQUIRE(fixture(64, false));
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(run(bad[i]), SHELL_USAGE);
		EXPECT_EQ(count("memtest: "), 1);
		EXPECT_EQ(count("MTLOG"), 0);
		EXPECT_EQ(fake.nfree, 64);
	}
	EXPECT_EQ(run("memtest --list"), 0);
	EXPECT_EQ(count("\n"), 1 + memtest_ntests);
}
