/*
 * The console's commands. A command file registers its commands in a linker
 * section; the shell finds them there:
 *
 *	static int cmd_echo(int argc, char **argv) { ... return 0; }
 *	COMMAND(echo, cmd_echo, "[WORD...]", "print the words");
 *
 * A command returns 0 for success, else a status from 1 to 255; a usage error
 * is SHELL_USAGE, for which the shell prints the usage line.
 */
#pragma once

#include <kernel/types.h>

#define SHELL_USAGE 2

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *args;
	const char *help;
};

#define COMMAND(name_, run_, args_, help_)                                 \
	static const struct command command_##name_                        \
		__attribute__((used, section("commands"), aligned(8))) = { \
			#name_, run_, args_, help_}

/* Run the interactive shell; returns never. */
__attribute__((noreturn)) void shell_run(void);

/* Run one command line (commands separated by ';' outside quotes). Returns the
 * status of the last command that failed, 0 when all succeeded; every command
 * is run. 127: no such command. */
int shell_execute(const char *line);

/* Did the user press ^C since the current command began? Polls the console;
 * for commands that run long. Other input that it reads is dropped. */
bool shell_interrupted(void);

/* Parse a number: decimal, 0x hex, with an optional suffix K, M, G or T (powers
 * of 1024). Returns whether all of `s` was one that fits. */
bool shell_number(const char *s, uint64_t *out);

/* Parse START-END or START+SIZE into a range. Returns whether it is a
 * non-empty one. */
struct range;
bool shell_range(const char *s, struct range *out);
