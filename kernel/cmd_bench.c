/*
 * The `bench` command (<kernel/bench.h>): the smallest, the median and the
 * largest of many runs, less what reading the counter and calling a function
 * that does nothing costs.
 */
#include <string.h>

#include <arch/cpu.h>
#include <kernel/bench.h>
#include <kernel/printk.h>
#include <kernel/shell.h>
#include <lib/bits.h>

#define WARM_UP 50
#define RUNS	1001u

extern const struct bench __start_benches[], __stop_benches[];
static const struct bench *stop_benches = __stop_benches;

static uint32_t sample[RUNS];

void bench_drop(void)
{
	stop_benches = __start_benches;
}

static void nothing(void)
{
}

static uint32_t measure(void (*run)(void))
{
	uint64_t before = arch_instret();

	run();
	return (uint32_t)(arch_instret() - before);
}

/* Shell sort: small, and fast enough for what comes almost sorted. */
static void sort(void)
{
	for (unsigned gap = RUNS / 2; gap; gap /= 2)
		for (unsigned i = gap; i < RUNS; i++) {
			uint32_t x = sample[i];
			unsigned j = i;

			for (; j >= gap && sample[j - gap] > x; j -= gap)
				sample[j] = sample[j - gap];
			sample[j] = x;
		}
}

/* Fills sample[], sorted. */
static void take(void (*run)(void), void (*undo)(void))
{
	for (unsigned i = 0; i < WARM_UP + RUNS; i++) {
		uint64_t flags = arch_irq_save();
		uint32_t n = measure(run);

		arch_irq_restore(flags);
		if (i >= WARM_UP)
			sample[i - WARM_UP] = n;
		if (undo)
			undo();
	}
	sort();
}

/* One operation's instructions, with a digit behind the point. */
static void print(uint64_t instructions, unsigned per)
{
	uint64_t tenths = (instructions * 10 + per / 2) / per;

	kprintf(" %7llu.%llu", (unsigned long long)(tenths / 10),
		(unsigned long long)(tenths % 10));
}

static bool run_one(const struct bench *b)
{
	static const unsigned shown[] = {0, RUNS / 2, RUNS - 1};
	uint32_t overhead;

	if (b->all)
		return b->all();
	if (b->start && !b->start()) {
		kprintf("bench: %s can't run here\n", b->name);
		return false;
	}
	take(nothing, NULL);
	overhead = sample[RUNS / 2];
	take(b->run, b->undo);
	if (b->end)
		b->end();
	kprintf("bench: %-20s", b->name);
	for (unsigned i = 0; i < ARRAY_SIZE(shown); i++)
		print(sample[shown[i]] - overhead, b->per ? b->per : 1);
	kprintf("  %s\n", b->what);
	return true;
}

static bool is_name(const char *s)
{
	for (const struct bench *b = __start_benches; b < stop_benches; b++)
		if (!strcmp(b->name, s))
			return true;
	return false;
}

/* By its group, its name, or by a part of that which is no name. */
static bool wanted(const struct bench *b, int argc, char **argv)
{
	if (argc == 1)
		return true;
	for (int i = 1; i < argc; i++)
		if (!strcmp(b->group, argv[i]) || !strcmp(b->name, argv[i]) ||
		    (!is_name(argv[i]) && strstr(b->name, argv[i])))
			return true;
	return false;
}

static int cmd_bench(int argc, char **argv)
{
	unsigned n = 0;
	int status = 0;

	for (const struct bench *b = __start_benches; b < stop_benches; b++) {
		if (!wanted(b, argc, argv))
			continue;
		n++;
		if (shell_interrupted())
			return SHELL_INTERRUPTED;
		if (!run_one(b))
			status = 1;
	}
	if (n)
		return status;
	kprintf("bench: no benchmark is called like that\n");
	return SHELL_USAGE;
}
COMMAND(bench, cmd_bench, "[NAME...]",
	"instructions that operations take, all or those of a group or name");
