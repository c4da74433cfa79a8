/*
 * What picolibc leaves to the system, for C code that is built into the kernel:
 * the standard streams, which are the console, and ends that can't be returned
 * from, which are panics: there is no process to end. Memory is in malloc.c.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <kernel/console.h>
#include <kernel/panic.h>

static int put(char c, FILE *f)
{
	(void)f;
	console_write(&c, 1);
	return 0;
}

/* The console's input is the shell's. */
static int get(FILE *f)
{
	(void)f;
	return _FDEV_EOF;
}

static FILE console = FDEV_SETUP_STREAM(put, get, NULL, _FDEV_SETUP_RW);
FILE *const stdin = &console;
FILE *const stdout = &console;
FILE *const stderr = &console;

void __assert_func(const char *file, int line, const char *function,
		   const char *expression)
{
	panic("assertion failed: %s, %s, %s:%d", expression, function, file,
	      line);
}

void abort(void)
{
	panic("abort() was called");
}

void exit(int status)
{
	panic("exit(%d) was called: there is no process to end", status);
}

void _exit(int status)
{
	panic("_exit(%d) was called: there is no process to end", status);
}
