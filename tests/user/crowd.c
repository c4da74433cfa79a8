/*
 * A crowd of processes that have page faults at the same time: new memory, pages
 * that they have from their parent, pages of a file, and shared memory. Each looks
 * at what it finds: a page that is another's, or stale, is seen.
 *
 *	crowd N ROUNDS	N processes, so many rounds each
 *	crowd N kill K	N processes without an end (2 to 64); K are killed, some
 *			at a time, at any moment, and others begin for them
 *
 * A process that finds something ends with a status that says what.
 */
#include <fcntl.h>
#include <time.h>

#include "user.h"

enum {
	PAGES = 96,
	FILE_PAGES = 64,
	MEMBERS = 64,
	WORDS = PAGE / sizeof(uint64_t)
};
enum { GOOD, NOT_ZERO, LOST, NOT_PARENTS, NOT_THE_FILE, NO_MAP, WAYS };

/* The parent's; children have copies. */
static uint64_t *inherited;
static uint64_t *counters; /* shared: one a page */
static uint64_t file_sums[FILE_PAGES];
static int file;

static uint64_t *map(int flags, int fd, long pages)
{
	long r = call(SYS_mmap, 0, pages * (long)PAGE, PROT_READ | PROT_WRITE,
		      flags, fd, 0);

	return is_error(r) ? NULL : (uint64_t *)r;
}

static uint64_t *page_of(uint64_t *area, long i)
{
	return area + i * (long)WORDS;
}

/* A page's contents, by who wrote it. */
static void paint(uint64_t *page, uint64_t colour)
{
	page[0] = colour;
	page[WORDS / 2] = ~colour;
	page[WORDS - 1] = colour * 3;
}

static int has(const uint64_t *page, uint64_t colour)
{
	return page[0] == colour && page[WORDS / 2] == ~colour &&
	       page[WORDS - 1] == colour * 3;
}

static uint64_t sum_of(const uint64_t *page)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < WORDS; i++)
		sum = sum * 31 + page[i];
	return sum;
}

/* Each page once, in an order that differs. */
static long nth(uint64_t seed, long i, long n)
{
	return (long)((uint64_t)i * 5 + seed) % n;
}

static int new_memory(uint64_t seed)
{
	uint64_t *area = map(MAP_PRIVATE | MAP_ANONYMOUS, -1, PAGES);
	int bad = GOOD;

	if (!area)
		return NO_MAP;
	for (long i = 0; i < PAGES; i++) {
		uint64_t *page = page_of(area, nth(seed % PAGES, i, PAGES));

		/* Some by the zero page. */
		if ((seed + (uint64_t)i) % 3 && sum_of(page))
			bad = NOT_ZERO;
		paint(page, seed + (uint64_t)(page - area));
	}
	for (long i = 0; i < PAGES; i++)
		if (!has(page_of(area, i), seed + (uint64_t)i * WORDS))
			bad = LOST;
	call(SYS_munmap, area, PAGES * PAGE);
	return bad;
}

/* In a child: what the parent had, until it is changed here. */
static int copies(uint64_t seed)
{
	for (long i = 0; i < PAGES; i++) {
		long k = nth(seed % PAGES, i, PAGES);

		if (!has(page_of(inherited, k), (uint64_t)k))
			return NOT_PARENTS;
		if ((seed >> k % 32) & 1)
			paint(page_of(inherited, k), seed + (uint64_t)k);
	}
	for (long k = 0; k < PAGES; k++)
		if (!has(page_of(inherited, k), (seed >> k % 32) & 1
							? seed + (uint64_t)k
							: (uint64_t)k))
			return LOST;
	return GOOD;
}

/* The same by a child of this one, so that pages are shared by both again. */
static int family(uint64_t seed)
{
	int pid = fork_raw(), bad;

	if (!pid)
		exit_raw(copies(seed));
	if (pid < 0)
		return NO_MAP;
	/* Without its pages being seen here. */
	bad = wait_for(pid);
	for (long k = 0; k < PAGES && !bad; k++)
		if (!has(page_of(inherited, k), (uint64_t)k))
			bad = NOT_PARENTS;
	return bad;
}

static int file_pages(uint64_t seed)
{
	uint64_t *area = map(MAP_PRIVATE, file, FILE_PAGES);
	int bad = GOOD;

	if (!area)
		return NO_MAP;
	for (long i = 0; i < FILE_PAGES; i++) {
		long k = nth(seed % FILE_PAGES, i, FILE_PAGES);
		uint64_t *page = page_of(area, k);

		if ((seed + (uint64_t)i) % 4 == 0)
			page[1]++, page[1]--;
		if (sum_of(page) != file_sums[k])
			bad = NOT_THE_FILE;
		if ((seed + (uint64_t)i) % 2)
			paint(page, seed);
	}
	call(SYS_munmap, area, FILE_PAGES * PAGE);
	return bad;
}

static int count_up(uint64_t seed)
{
	for (long i = 0; i < PAGES; i++)
		__atomic_fetch_add(
			page_of(counters, nth(seed % PAGES, i, PAGES)), 1,
			__ATOMIC_RELAXED);
	/* The next one has to be told of the pages again. */
	call(SYS_madvise, counters, PAGES * PAGE, MADV_DONTNEED);
	return GOOD;
}

__attribute__((noreturn)) static void member(uint64_t seed, long rounds)
{
	int bad = GOOD;

	for (long i = 0; i < rounds && !bad; i++) {
		next_random(&seed);
		bad = new_memory(seed);
		if (!bad)
			bad = family(seed);
		if (!bad)
			bad = file_pages(seed);
		if (!bad)
			bad = count_up(seed);
	}
	exit_raw(bad ? bad : copies(seed));
}

static int begin(void)
{
	uint64_t page[WORDS];

	file = (int)call(SYS_openat, AT_FDCWD, "/crowd", O_RDONLY);
	for (long i = 0; i < FILE_PAGES; i++) {
		if (call(SYS_read, file, page, PAGE) != (long)PAGE)
			return 0;
		file_sums[i] = sum_of(page);
	}
	inherited = map(MAP_PRIVATE | MAP_ANONYMOUS, -1, PAGES);
	counters = map(MAP_SHARED | MAP_ANONYMOUS, -1, PAGES);
	for (long i = 0; inherited && i < PAGES; i++)
		paint(page_of(inherited, i), (uint64_t)i);
	return inherited && counters;
}

static void own_pages(void)
{
	int good = 1;

	for (long i = 0; i < PAGES; i++)
		good &= has(page_of(inherited, i), (uint64_t)i);
	check(good, "the parent's pages", "are changed");
}

static void count_end(int status, int *ends)
{
	int way = status >> 8 & 0xff;

	if (status & 0x7f)
		way = (status & 0x7f) == SIGKILL ? GOOD : WAYS;
	ends[way < WAYS ? way : WAYS]++;
}

static void report(const int *ends, int wanted)
{
	check(ends[GOOD] == wanted, "members",
	      "%d good of %d; not zero %d, lost %d, not the parent's %d, not the "
	      "file %d, no memory %d, other %d",
	      ends[GOOD], wanted, ends[NOT_ZERO], ends[LOST], ends[NOT_PARENTS],
	      ends[NOT_THE_FILE], ends[NO_MAP], ends[WAYS]);
	own_pages();
}

static int to_the_end(long n, long rounds)
{
	int ends[WAYS + 1] = {0}, status;
	uint64_t good = 1;

	for (long i = 0; i < n; i++)
		if (!fork_raw())
			member((uint64_t)i * 7919 + 1, rounds);
	while (call(SYS_wait4, -1, &status, 0, 0) > 0)
		count_end(status, ends);
	report(ends, (int)n);
	for (long i = 0; i < PAGES; i++)
		good &= *page_of(counters, i) == (uint64_t)(n * rounds);
	check((int)good, "shared pages", "a count is lost");
	return checks_done();
}

static void nap(uint64_t us)
{
	struct timespec t = {0, (long)us * 1000};

	call(SYS_nanosleep, &t, 0);
}

/* A ring of processes. */
static int pids[MEMBERS];

/* m of them, from `at` on, are killed, then waited for. */
static void kill_some(long at, long m, long n, int *ends)
{
	int status;

	for (long i = at; i < at + m; i++)
		call(SYS_kill, pids[i % n], SIGKILL);
	for (long i = at; i < at + m; i++)
		if (call(SYS_wait4, pids[i % n], &status, 0, 0) > 0)
			count_end(status, ends);
}

static void begin_some(long at, long m, long n)
{
	static uint64_t seed;

	for (long i = at; i < at + m; i++) {
		seed += 7919;
		pids[i % n] = fork_raw();
		if (!pids[i % n])
			member(seed, INT64_MAX);
	}
}

static int killed(long n, long kills)
{
	int ends[WAYS + 1] = {0};
	uint64_t seed = 4711;
	long m;

	begin_some(0, n, n);
	for (long left = kills; left > 0; left -= m) {
		long at = (long)(next_random(&seed) % (uint64_t)n);

		m = 1 + (long)(next_random(&seed) % (uint64_t)(n / 2));
		m = m < left ? m : left;
		nap(next_random(&seed) % 3000);
		kill_some(at, m, n, ends);
		begin_some(at, m, n);
	}
	kill_some(0, n, n, ends);
	report(ends, (int)(kills + n));
	return checks_done();
}

int main(int argc, char **argv)
{
	long n = argc > 2 ? atol(argv[1]) : 0;

	if (n < 2 || n > MEMBERS || !begin()) {
		say("usage: crowd N ROUNDS, crowd N kill K\n");
		return 2;
	}
	if (argc == 4 && !strcmp(argv[2], "kill"))
		return killed(n, atol(argv[3]));
	return to_the_end(n, atol(argv[2]));
}
