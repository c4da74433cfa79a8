/*
 * bench_user: what operations on memory and processes cost, in instructions.
 *
 *	bench_user [NAME...]
 *
 * One line for each: name, least, median and most, and what it is. Counted by
 * rdinstret, or by rdcycle or rdtime if that is not allowed, which the first line
 * tells. It makes sense on one hart of an emulator that counts
 * (-icount shift=0,sleep=off): there a figure repeats to the instruction. Each
 * operation runs some times before it is measured. What reading the counter takes
 * is taken off.
 */
#include "bench.h"

enum counter counter;

static uint64_t *samples; /* shared with children */

char *map_pages(unsigned long n, int prot, int flags)
{
	long r = call(SYS_mmap, 0, n * PAGE, prot,
		      flags ? flags : MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (is_error(r)) {
		say("bench_user: mmap: %s\n", error_name(-r));
		exit_raw(1);
	}
	return (char *)r;
}

void unmap_pages(char *p, unsigned long n)
{
	call(SYS_munmap, p, n * PAGE);
}

/* Which counter may a program read? The others are illegal instructions. */
static enum counter find_counter(void)
{
	for (counter = INSTRET; counter < TIME; counter++) {
		int pid = fork_raw();

		if (pid == 0) {
			now();
			exit_raw(0);
		}
		if (wait_for(pid) == 0)
			break;
	}
	return counter;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

int nothing(uint64_t *out, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		out[i] = MEASURE();
	return 1;
}

/* Tenths of an instruction for each page. */
static uint64_t tenths(uint64_t sample, uint64_t overhead, unsigned each)
{
	return (sample > overhead ? sample - overhead : 0) * 10 / each;
}

static void print(const struct row *row, uint64_t overhead)
{
	static const char *const head[] = {"least", "median", "most"};
	const uint64_t at[] = {samples[0], samples[row->runs / 2],
			       samples[row->runs - 1]};
	char text[160];
	int n = snprintf(text, sizeof(text), "%-20s", row->name);

	for (unsigned i = 0; i < sizeof(head) / sizeof(*head); i++) {
		uint64_t t = tenths(at[i], overhead, row->each);

		n += snprintf(text + n, sizeof(text) - (size_t)n, " %9lu.%lu",
			      t / 10, t % 10);
	}
	say("%s  %s\n", text, row->what);
}

static uint64_t run(const struct row *row, uint64_t overhead, int quiet)
{
	if (!row->fn(samples, row->runs < 16 ? 1 : 16) ||
	    !row->fn(samples, row->runs)) {
		say("# %s: not here\n", row->name);
		return 0;
	}
	qsort(samples, row->runs, sizeof(*samples), compare);
	if (!quiet)
		print(row, overhead);
	return samples[row->runs / 2];
}

static int wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return 1;
	return argc == 1;
}

int main(int argc, char **argv)
{
	static const char *const counters[] = {"instret", "cycle", "time"};
	static const struct row *const tables[] = {memory_rows, process_rows};
	const struct row empty = {"nothing", nothing, MOST, 1, ""};
	uint64_t overhead;

	samples = (uint64_t *)map_pages(MOST * sizeof(*samples) / PAGE,
					PROT_READ | PROT_WRITE,
					MAP_SHARED | MAP_ANONYMOUS);
	say("# counter: %s\n", counters[find_counter()]);
	overhead = run(&empty, 0, 1);
	say("# overhead taken off: %lu\n", overhead);
	for (unsigned t = 0; t < sizeof(tables) / sizeof(*tables); t++)
		for (const struct row *row = tables[t]; row->fn; row++)
			if (wanted(row->name, argc, argv))
				run(row, overhead, 0);
	say("# end\n");
	return 0;
}
