/*
 * Commands that are tests, as tests: so `test` has all that there is. They print lines
 * of their own, which tell how far they are.
 */
#include <stdio.h>

#include <kernel/cpu.h>
#include <kernel/ktest.h>
#include <kernel/shell.h>

/* `command` --option n, which takes n steps. */
static void run(const char *command, const char *option, uint64_t n)
{
	char line[64];
	int status;

	if (!(cpus_online() & ~cpu_bit(0)))
		return ktest_skip("it takes more than one hart");
	snprintf(line, sizeof(line), "%s --%s %llu", command, option,
		 (unsigned long long)n);
	status = shell_execute(line);
	if (status == SHELL_INTERRUPTED)
		return ktest_stop();
	EXPECT_EQ(status, 0);
}

KTEST(stress, all_allocators_on_all_harts)
{
	run("stress", "ops", ktest_ops() / 100 + 1);
}

#define LITMUS(name, scene)                                              \
	KTEST(litmus, name)                                              \
	{                                                                \
		run("litmus " scene, "rounds", ktest_ops() / 50000 + 1); \
	}

LITMUS(replace, "replace")
LITMUS(write, "write")
LITMUS(exec, "exec")
LITMUS(table, "table")
LITMUS(user_replace, "user-replace")
LITMUS(user_write, "user-write")
LITMUS(user_table, "user-table")
LITMUS(sleep_write, "sleep-write")
LITMUS(sleep_table, "sleep-table")
