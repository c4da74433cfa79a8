/* Commands of the shell itself: help, history, messages, small tools. */
#include <string.h>

#include <arch/cpu.h>
#include <kernel/console.h>
#include <kernel/lineedit.h>
#include <kernel/printk.h>
#include <kernel/shell.h>
#include <kernel/time.h>
#include <lib/bits.h>

static int help_all(void)
{
	const struct command *c = NULL;

	while ((c = shell_next(c ? c->name : "")))
		kprintf("%-12s %s\n", c->name, c->help);
	kprintf("help COMMAND tells the arguments.\n");
	return 0;
}

static int cmd_help(int argc, char **argv)
{
	const struct command *c;

	if (argc > 2)
		return SHELL_USAGE;
	if (argc == 1)
		return help_all();
	c = shell_find(argv[1]);
	if (!c || !c->help) {
		kprintf("%s: no such command\n", argv[1]);
		return 1;
	}
	kprintf("usage: %s%s%s\n\t%s\n", c->name, *c->args ? " " : "", c->args,
		c->help);
	return 0;
}
COMMAND(help, cmd_help, "[COMMAND]", "tell about all commands, or one");

static int cmd_echo(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		kprintf("%s%s", argv[i], i + 1 < argc ? " " : "");
	kprintf("\n");
	return 0;
}
COMMAND(echo, cmd_echo, "[WORD...]", "print the words");

static int cmd_true(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return 0;
}
COMMAND(true, cmd_true, "", "succeed");

static int cmd_false(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return 1;
}
COMMAND(false, cmd_false, "", "fail with status 1");

static int cmd_dmesg(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printk_dump();
	return 0;
}
COMMAND(dmesg, cmd_dmesg, "", "show the kernel's messages");

static int cmd_loglevel(int argc, char **argv)
{
	static const char *const names[] = {"err", "warn", "info", "debug"};

	if (argc != 2)
		return SHELL_USAGE;
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		const char number[] = {(char)('0' + i), '\0'};

		if (strcmp(argv[1], names[i]) && strcmp(argv[1], number))
			continue;
		printk_set_console_level((enum log_level)i);
		return 0;
	}
	return SHELL_USAGE;
}
COMMAND(loglevel, cmd_loglevel, "0|1|2|3|err|warn|info|debug",
	"messages up to this level go to the console");

static int cmd_history(int argc, char **argv)
{
	const struct lineedit *e = shell_editor();
	const char *line = NULL;

	(void)argc;
	(void)argv;
	for (unsigned i = 1; (line = lineedit_history_next(e, line)); i++)
		kprintf("%4u  %s\n", i, line);
	return 0;
}
COMMAND(history, cmd_history, "", "list the lines that arrow-up brings back");

#define MOST_MS (INT64_MAX / 1000000u) /* some 300 years */

static int cmd_sleep(int argc, char **argv)
{
	uint64_t ms, end;

	if (argc != 2 || !shell_number(argv[1], &ms) || ms > MOST_MS)
		return SHELL_USAGE;
	if (!time_known()) {
		kprintf("sleep: the rate of the clock is not known\n");
		return 1;
	}
	end = arch_time() + time_ticks(ms * 1000);
	while (arch_time() < end && !shell_interrupted())
		console_wait(end);
	return 0;
}
COMMAND(sleep, cmd_sleep, "MILLISECONDS", "wait; ^C ends it");
