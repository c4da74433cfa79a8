/*
 * The `bench` command (<kernel/bench.h>): the median of many runs, less what
 * reading the counter and calling a function that does nothing costs.
 */
#include <string.h>

#include <arch/cpu.h>
#include <kernel/bench.h>
#include <kernel/printk.h>
#include <kernel/shell.h>

#define WARM_UP 50
#define RUNS	1001u

extern const struct bench __start_benches[], __stop_benches[];

static uint32_t sample[RUNS];

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

static uint32_t median(void (*run)(void), void (*undo)(void))
{
	uint64_t flags;

	for (unsigned i = 0; i < WARM_UP + RUNS; i++) {
		uint32_t n;

		flags = arch_irq_save();
		n = measure(run);
		arch_irq_restore(flags);
		if (i >= WARM_UP)
			sample[i - WARM_UP] = n;
		if (undo)
			undo();
	}
	sort();
	return sample[RUNS / 2];
}

static bool run_one(const struct bench *b)
{
	uint64_t n, tenths;

	if (!b->start()) {
		kprintf("bench: %s can't run here\n", b->name);
		return false;
	}
	n = median(b->run, b->undo) - median(nothing, NULL);
	if (b->end)
		b->end();
	tenths = (n * 10 + b->per / 2) / b->per;
	kprintf("bench: %-20s %6llu.%llu  %s\n", b->name,
		(unsigned long long)(tenths / 10),
		(unsigned long long)(tenths % 10), b->what);
	return true;
}

static bool wanted(const struct bench *b, int argc, char **argv)
{
	if (argc == 1)
		return true;
	for (int i = 1; i < argc; i++)
		if (strstr(b->name, argv[i]))
			return true;
	return false;
}

static int cmd_bench(int argc, char **argv)
{
	unsigned n = 0;
	int status = 0;

	for (const struct bench *b = __start_benches; b < __stop_benches; b++) {
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
	"instructions that operations take, all or those with NAME in theirs");
