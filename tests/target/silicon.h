/*
 * `test silicon`: what this machine's silicon does where harts and boards may
 * differ, and whether the kernel is right on it. docs/silicon.md has a section for
 * each point.
 *
 * A point prints one line, "silicon: NAME  what was seen (verdict)". It fails only
 * if the kernel would go wrong on this machine, not because the machine is
 * another one. Every access that may trap is a probe, every wait has an end.
 */
#pragma once

#include <arch/probe.h>
#include <kernel/ktest.h>

enum silicon {
	SILICON_OK, /* as docs/silicon.md has it, and the kernel is right */
	SILICON_DIFFERS, /* as no machine that it knows; the kernel is right */
	SILICON_FAILED,	 /* and so has the test */
};

void silicon_say(const char *point, enum silicon verdict, const char *fmt, ...)
	__printf(3, 4);

/* There is nothing to look at here; `why` must last. */
void silicon_skip(const char *point, const char *why);

static inline enum silicon silicon_ok_if(bool right)
{
	return right ? SILICON_OK : SILICON_FAILED;
}

/* A frame that is written through the direct map and run by an alias of its own.
 * One at a time; end() also after a begin() that failed. */
bool silicon_code_begin(void);
void silicon_code_end(void);

/* Two instructions; all harts fetch them, if `sync`. */
void silicon_code_put(uint32_t first, uint32_t second, bool sync);
struct probe silicon_code_run(void);

/* Is this CSR open to the kernel? Its value, if it is. */
struct probe silicon_csr(unsigned number);
