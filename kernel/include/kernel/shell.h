/*
 * The console's commands. A command file registers its commands in a linker
 * section; the shell finds them there:
 *
 *	static int cmd_echo(int argc, char **argv) { ... return 0; }
 *	COMMAND(echo, cmd_echo, "[WORD...]", "print the words");
 *
 * A command returns 0 for success, else a status from 1 to 255; a usage error
 * is SHELL_USAGE, for which the shell prints the usage line; the shell itself
 * refuses arguments to one whose `args` is "". One whose help is NULL can be run
 * but is not told about.
 *
 * A line is commands separated by ';' or newlines. Words are separated by
 * blanks; "..." and '...' keep blanks, ';' and '#' in a word; \ takes the next
 * character as it is, in "..." only before " and \, never in '...'. A word that
 * begins with # starts a comment up to the newline.
 *
 * All of it runs in one context, the shell's; commands may call
 * shell_execute() in turn.
 */
#pragma once

#include <kernel/types.h>

struct lineedit;
struct range;

#define SHELL_ARGS	   32  /* most words in a command, its name included */
#define SHELL_COMMAND_SIZE 512 /* longest command: its words with their NULs */

/* Statuses with a meaning of their own. */
#define SHELL_USAGE	  2 /* wrong arguments, or a line that makes no sense */
#define SHELL_NOT_FOUND	  127 /* no such command */
#define SHELL_INTERRUPTED 130 /* stopped by ^C */

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

/* Run the interactive shell on the console; returns never. */
__attribute__((noreturn)) void shell_run(void);

/*
 * Run a line. Returns the status of the last command that failed, 0 when all
 * succeeded; every command is run, up to one that ^C stops. A line that is
 * malformed anywhere (open quote, too many or too long words) is refused whole:
 * it is told, SHELL_USAGE is returned and nothing has run.
 */
int shell_execute(const char *line);

/* Run a line without a user: the last line of output is "autorun: status N",
 * and N is returned. The caller ends the machine. */
int shell_autorun(const char *commands);

/* The shell on an editor of its own, for whoever has the input: show the first
 * prompt, then take bytes as they come. Lines run inside shell_feed(). */
void shell_start(struct lineedit *e);
void shell_feed(struct lineedit *e, uint8_t byte);

/* Did the user press ^C since the current command began? For commands that run
 * long. What was typed before the ^C is dropped; without one, it waits for the
 * prompt. The status of a command that saw a ^C is SHELL_INTERRUPTED, whatever
 * it returns. */
bool shell_interrupted(void);

/* From now on those from `from` on are none: it points into the section. */
void shell_drop(const struct command *from);

/* NULL when there is none of that name. */
const struct command *shell_find(const char *name);

/* The command after `name` in the order of the alphabet, of those that have a
 * help text; the first one for "". NULL at the end. */
const struct command *shell_next(const char *name);

/* The interactive shell's editor, for its history. */
struct lineedit *shell_editor(void);

/* Parse a number: decimal, 0x hex, with an optional suffix K, M, G or T (powers
 * of 1024, either case). Returns whether all of `s` was one that fits; *out is
 * written only then. */
bool shell_number(const char *s, uint64_t *out);

/* Parse START-END or START+SIZE into a range. Returns whether it is a
 * non-empty one; *out is written only then. */
bool shell_range(const char *s, struct range *out);
