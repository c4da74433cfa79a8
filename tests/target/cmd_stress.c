/* The `stress` command: all harts on all allocators (../stress/stress.h). */
#include <string.h>

#include <kernel/ktest.h>
#include <kernel/printk.h>
#include <kernel/shell.h>
#include <kernel/smp.h>

#include "../stress/stress.h"

static struct stress_config config;
static struct smp_work works[MAX_CPUS];

static void take_part(void *arg)
{
	(void)arg;
	stress_run(&config);
}

static int run(void)
{
	uint64_t errors;

	for (unsigned cpu = 1; cpu < config.harts; cpu++) {
		works[cpu] = (struct smp_work){.fn = take_part};
		smp_run(cpu, &works[cpu]);
	}
	errors = stress_run(&config);
	for (unsigned cpu = 1; cpu < config.harts; cpu++)
		smp_wait(&works[cpu]);
	return errors ? 1 : 0;
}

static int cmd_stress(int argc, char **argv)
{
	config = (struct stress_config){
		.seed = 0x5eed2026, .ops = 100000, .virtual = true};
	for (int i = 1; i < argc; i += 2) {
		uint64_t *number = !strcmp(argv[i], "--seed")  ? &config.seed
				   : !strcmp(argv[i], "--ops") ? &config.ops
							       : NULL;

		if (!number || i + 1 == argc ||
		    !shell_number(argv[i + 1], number))
			return SHELL_USAGE;
	}
	/* Up to the first gap. */
	while (config.harts < MAX_CPUS && cpus_online() & cpu_bit(config.harts))
		config.harts++;
	return run();
}
COMMAND(stress, cmd_stress, "[--seed N] [--ops N]",
	"all harts allocate, hand over, look at and free memory");
