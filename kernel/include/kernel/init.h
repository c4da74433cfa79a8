/* The first program: the machine is there for it, and ends with it. */
#pragma once

#define INIT_LINE 512 /* bytes of init=, with the NUL */

/*
 * Run `line`, a program and its arguments: words between blanks; "..." and '...' keep
 * blanks in a word. When it ends, the machine ends with its status, as a shell has
 * it: 128 and the signal's number if one killed it. One that can't be started
 * is 126, or 127 if there is no such file. The line is written to. Boot, in place of
 * the shell.
 */
__attribute__((noreturn)) void init_run(char *line);
