/*
 * mmdiff: do two kernels do the same? Random calls of memory management, stores,
 * loads and forks, the same for each kernel since they come from a seed; a checksum
 * of all results, of what mincore() says and of the contents of memory is printed
 * every so often. Where the lines of two kernels part, `-v` shows each step.
 *
 *	mmdiff [-v] [SEED [STEPS [EVERY]]]
 *
 * Everything happens in a window of addresses that is the program's choice, by
 * MAP_FIXED or hints. Kept out is what two kernels that are both right may do
 * differently:
 *
 * - where a mapping goes that has no place: a result outside the window counts as
 *   "elsewhere", and is unmapped at once;
 * - which neighbours are merged: Linux can't merge all that are alike (their
 *   pages may have come separately). It shows in mremap(), which works inside one
 *   mapping only: so its range is of pages that certainly are one mapping, or
 *   certainly are not (one_mapping());
 * - huge pages, which bring in more than was touched: the window lies inside one
 *   block of their size;
 * - MADV_FREE, after which contents may be old or zero, and MADV_PAGEOUT, by which
 *   Linux drops shared pages that nobody wrote to; MADV_COLLAPSE, KSM;
 * - which error comes first where two are right to be reported at once;
 * - how much of a page a call has copied when the rest turns out to be
 *   inaccessible: calls copy whole pages here.
 *
 * Since there may be no signal handlers, the program knows by `known` which pages
 * it can access. It learns that from results, so a kernel that lies about them
 * kills it.
 */
#include "mmdiff.h"

struct known known[PAGES];
uint64_t rng;
int verbose;

static uint64_t checksum;

unsigned below(unsigned n)
{
	return (unsigned)((next_random(&rng) >> 20) % n);
}

struct part some_part(void)
{
	unsigned at = below(PAGES), most = PAGES - at;
	unsigned want = 1 + below(below(4) ? 8 : 48);

	return (struct part){at, want < most ? want : most};
}

/* In one piece for each step: a kernel may tell of a child's end meanwhile. */
void tell(const char *format, ...)
{
	static char line[512];
	size_t n = strlen(line);
	va_list args;

	if (!verbose)
		return;
	va_start(args, format);
	vsnprintf(line + n, sizeof(line) - n, format, args);
	va_end(args);
	if (strchr(line, '\n')) {
		say("%s", line);
		line[0] = '\0';
	}
}

void sum(uint64_t value)
{
	checksum = (checksum ^ value) * 0x9e3779b97f4a7c15;
	checksum ^= checksum >> 29;
}

long note(long result)
{
	unsigned long addr = (unsigned long)result;

	if (addr >= WINDOW && addr < P(PAGES))
		result = (long)(addr - WINDOW);
	else if (!is_error(result) && addr >= 1 << 20)
		result = 1 << 30;
	sum((uint64_t)result);
	if (is_error(result))
		tell(" = %s", error_name(-result));
	else
		tell(" = %#lx", result);
	return result;
}

uint64_t sum_of_page(unsigned page)
{
	const volatile uint64_t *word = (const volatile uint64_t *)P(page);
	uint64_t s = 0;

	for (unsigned i = 0; i < PAGE / 8; i++)
		s = (s ^ word[i]) * 0x100000001b3;
	return s;
}

/* Contents of pages that are resident only: to look at others would bring them
 * in, and soon all were. With -v a letter for each: '.' not mapped, '0' not
 * resident, '1' not readable, else one made of the contents. */
void sum_window(void)
{
	unsigned char vec[PAGES];
	char letters[PAGES + 1];
	uint64_t s;

	for (unsigned i = 0; i < PAGES; i++) {
		long r = call(SYS_mincore, P(i), PAGE, &vec[i]);

		sum(r ? (uint64_t)r : vec[i] & 1);
		letters[i] = r ? '.' : (char)('0' + (vec[i] & 1));
	}
	for (unsigned i = 0; i < PAGES; i++)
		if (letters[i] == '1' && may_read(i)) {
			s = sum_of_page(i);
			sum(s);
			letters[i] = (char)('a' + s % 26);
		}
	letters[PAGES] = '\0';
	tell(" %s", letters);
}

static const struct step steps[] = {
	{22, step_mmap},   {4, step_munmap},	 {10, step_mprotect},
	{16, step_mremap}, {14, step_madvise},	 {7, step_lock},
	{2, step_msync},   {30, step_store},	 {12, step_load},
	{3, step_fork},	   {1, step_bad_access}, {3, step_brk},
	{3, step_pread},   {3, step_nonsense},
};

static void step(void)
{
	enum { KINDS = sizeof(steps) / sizeof(*steps) };

	take_step(steps, below(weigh(steps, KINDS)));
}

int main(int argc, char **argv)
{
	unsigned long seed, count, every, i;

	if (argc > 1 && !strcmp(argv[1], "-v")) {
		verbose = 1;
		argc--;
		argv++;
	}
	seed = argc > 1 ? strtoul(argv[1], NULL, 0) : 1;
	count = argc > 2 ? strtoul(argv[2], NULL, 0) : 10000;
	every = argc > 3 ? strtoul(argv[3], NULL, 0) : 500;
	rng = seed * 0x9e3779b97f4a7c15 | 1;
	say("# seed %lu, %lu steps\n", seed, count);
	for (i = 1; i <= count; i++) {
		tell("%lu ", i);
		step();
		if (i % 16 == 0)
			sum_window();
		tell(" %016lx\n", checksum);
		if (every && i % every == 0)
			say("%lu: %016lx\n", i, checksum);
	}
	return 0;
}
