/*
 * calldiff: the small calls at random, to be compared between kernels.
 *
 *	calldiff [-v] [SEED [STEPS [EVERY]]]
 *
 * makes calls of files, paths, limits, clocks, processes and memory with arguments that
 * are drawn from SEED: good ones, ones at the edge of what is allowed, and hostile ones.
 * It sums up all results and what came back with them, and prints the sum after each
 * EVERY steps; with -v each step and its result, which shows where two kernels part.
 *
 * Not drawn, since the answer is another one on every run or machine:
 *
 * - times, numbers of processes, of files, how much memory there is: only whether the
 *   call works;
 * - what changes the tree of files, which Linux lets root do here;
 * - reading the console, and writing to it;
 * - how much a call has copied when it ends at a bad byte in the middle of a word;
 * - sizes that reach the end of the user half, which is not the same everywhere.
 *
 * Descriptor 1 stays the console, and there are 20 at most.
 */
#include <sys/resource.h>

#include "calldiff.h"

uint64_t rng;
int verbose;

static uint64_t checksum;

unsigned below(unsigned n)
{
	return (unsigned)((next_random(&rng) >> 20) % n);
}

/* In one piece for each step. */
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
	sum((uint64_t)result);
	if (is_error(result))
		tell(" = %s", error_name(-result));
	else
		tell(" = %#lx", result);
	return result;
}

void sum_bytes(unsigned long at, unsigned long n)
{
	for (unsigned long i = 0; i < n; i++)
		sum(*(unsigned char *)(at + i));
}

unsigned long some_place(unsigned long n)
{
	static const unsigned long bad[] = {
		0, 8, P(4), P(5), P(6), 1ul << 62, 0xffffffff80000000ul, -8ul};

	if (below(8) == 0)
		return SOME(bad);
	/* Data is copied as far as it goes, what is smaller is not. */
	if (n < 512 && below(16) == 0)
		return P(4) - n / 2;
	return P(0) + 64 * below(16);
}

unsigned long some_number(void)
{
	static const unsigned long edges[] = {
		0,	    1,	       2,
		3,	    -1ul,      0x7fffffff,
		0x80000000, 1ul << 32, (1ul << 32) + 1,
		1ul << 62,  1ul << 63, (1ul << 63) - 1};

	return below(4) ? SOME(edges) : next_random(&rng);
}

unsigned long some_size(void)
{
	static const unsigned long edges[] = {
		0,	   0x7ffff000,	    0x7fffffff, 1ul << 31,
		1ul << 63, (1ul << 63) - 1, -1ul,	1ul << 32};

	return below(6) ? 512 * below(9) : SOME(edges);
}

static const struct step steps[] = {
	{6, step_close},    {6, step_dup},     {8, step_fcntl},
	{10, step_lseek},   {14, step_read},   {8, step_readv},
	{3, step_write},    {4, step_ioctl},   {4, step_map},
	{20, step_open},    {12, step_stat},   {6, step_access},
	{6, step_readlink}, {2, step_exec},    {8, step_limit},
	{4, step_clock},    {2, step_sleep},   {3, step_random},
	{5, step_prctl},    {2, step_wait},    {5, step_tell},
	{1, step_child},    {20, step_memory},
};

static void step(void)
{
	enum { KINDS = sizeof(steps) / sizeof(*steps) };

	take_step(steps, below(weigh(steps, KINDS)));
}

/* Some steps that only this child sees, and what came of them. */
void step_child(void)
{
	int pid = fork_raw(), status;

	if (!pid) {
		checksum = 0;
		for (int i = 0; i < 20; i++) {
			step();
			tell(" %016lx\n", checksum);
		}
		exit_raw((int)(checksum & 63));
	}
	status = wait_for(pid);
	tell("child");
	note(status);
	/* The parent goes another way. */
	below(7);
}

static void begin(void)
{
	static const struct rlimit files = {20, 30}, others = {10, 20};
	static const int limits[] = {RLIMIT_RSS,	RLIMIT_NPROC,
				     RLIMIT_SIGPENDING, RLIMIT_MSGQUEUE,
				     RLIMIT_LOCKS,	RLIMIT_FSIZE};

	call(SYS_mmap, P(0), 4 * PAGE, 3, MAP_PRIVATE | MAP_ANONYMOUS | 16, -1);
	call(SYS_mmap, P(5), PAGE, 1, MAP_PRIVATE | MAP_ANONYMOUS | 16, -1);
	call(SYS_mmap, P(6), PAGE, 0, MAP_PRIVATE | MAP_ANONYMOUS | 16, -1);
	call(SYS_close, 0);
	call(SYS_close, 2);
	call(SYS_prlimit64, 0, RLIMIT_NOFILE, &files, 0);
	for (unsigned i = 0; i < sizeof(limits) / sizeof(*limits); i++)
		call(SYS_prlimit64, 0, limits[i], &others, 0);
	call(SYS_umask, 022);
	/* From now on there are some to be had. */
	call(SYS_getrandom, P(0), 1, 0);
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
	begin();
	for (i = 1; i <= count; i++) {
		tell("%lu ", i);
		step();
		tell(" %016lx\n", checksum);
		if (every && i % every == 0)
			say("%lu: %016lx\n", i, checksum);
	}
	return 0;
}
