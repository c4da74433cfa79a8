/*
 * The native machine as far as unit tests need it: firmware console, halt,
 * panic, clocks. The only file of arch/host that uses the host's libc.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <arch/cpu.h>
#include <arch/firmware.h>
#include <host/clock.h>
#include <kernel/console.h>
#include <kernel/panic.h>

static void out(const struct console_device *d, const char *s, size_t n)
{
	(void)d;
	fwrite(s, 1, n, stdout);
}

static int in(const struct console_device *d)
{
	(void)d;
	return -1;
}

const struct console_device *arch_firmware_console(void)
{
	static const struct console_device stdio = {
		.name = "stdio", .write = out, .getc = in};

	return &stdio;
}

void arch_firmware_reset(enum arch_reset how)
{
	(void)how;
}

void arch_halt(void)
{
	fflush(stdout);
	abort();
}

void panic(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "panic: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	arch_halt();
}

static uint64_t clock_step, clock_now;

void host_clock_step(uint64_t step)
{
	clock_step = 0;
	clock_now = arch_time();
	clock_step = step;
}

uint64_t arch_time(void)
{
	struct timespec t;

	if (clock_step)
		return clock_now += clock_step;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t arch_instret(void)
{
	return arch_time();
}

void arch_timer_set(uint64_t at)
{
	(void)at;
}

bool arch_timer_works(void)
{
	return false;
}
