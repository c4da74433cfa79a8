/*
 * What the programs in tests/user share. They are Linux programs: they run on
 * Strata and on Linux alike, built by tests/user/build, statically linked with
 * glibc or musl. They print what does not depend on where things lie, so that
 * the output of one kernel can be compared with that of another.
 *
 * System calls go past the C library, since its wrappers refuse or change some
 * arguments; results are the kernel's, -Exxx for an error.
 */
#pragma once

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096ul

/* Six arguments always, those that are left out being 0. */
#define call(...) CALL_7(__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define CALL_7(nr, a, b, c, d, e, f, ...)                                \
	call_raw((long)(nr), (long)(a), (long)(b), (long)(c), (long)(d), \
		 (long)(e), (long)(f))

static inline long call_raw(long nr, long a, long b, long c, long d, long e,
			    long f)
{
	register long a0 __asm__("a0") = a;
	register long a1 __asm__("a1") = b;
	register long a2 __asm__("a2") = c;
	register long a3 __asm__("a3") = d;
	register long a4 __asm__("a4") = e;
	register long a5 __asm__("a5") = f;
	register long a7 __asm__("a7") = nr;

	__asm__ volatile("ecall"
			 : "+r"(a0)
			 : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7)
			 : "memory");
	return a0;
}

static inline int is_error(long result)
{
	return result < 0 && result >= -4095;
}

/* The name of an error: "ENOMEM" for 12. */
const char *error_name(long error);
const char *signal_name(int signal);

/* Like printf, in one write to the console and without a buffer: what was said
 * before a fork is said once. */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);

/* "name: ok" or "name: not ok" and what `format` says; and the total of all of
 * them, as the exit status of main(). */
__attribute__((format(printf, 3, 4))) void check(int good, const char *name,
						 const char *format, ...);
int checks_done(void);

/* Numbers that look random; the state is never 0. */
static inline uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Something that is drawn as often as its weight says, of n. */
struct step {
	unsigned weight;
	void (*fn)(void);
};
unsigned weigh(const struct step *steps, unsigned n);
void take_step(const struct step *steps, unsigned r); /* r < their weight */

/* fork() and wait4() without what a C library does around them. A child that was
 * killed gives its signal as a negative number, else its exit status. */
int fork_raw(void);
int wait_for(int pid);
__attribute__((noreturn)) void exit_raw(int status);
