/*
 * The kernel command line: what the boot loader left in /chosen/bootargs.
 *
 *	quiet mmu=sv39 autorun="memtest; test all" init=/bin/sh -c ls
 *
 * Words are separated by blanks. A word without '=' is a flag; else what stands
 * before its first '=' is the key, the rest the value. Double quotes group
 * blanks into a word, wherever they stand in it, and are dropped from it:
 * key="a b" and "key=a b" are the same. There is no escape character; single
 * quotes mean nothing here, so that they are left for the shell. A quote that is
 * never closed reaches to the end of the line.
 *
 * Two keys may take more than their word when their value is not quoted:
 *
 *	init=	takes the rest of the line, as it stands, quotes included: a
 *		program and its arguments. No word behind it is the kernel's.
 *	autorun= takes the rest of the line (up to an init= word) if there is an
 *		unquoted ';' in it. Nothing else has a use for ';', so there must
 *		have been quotes that a boot loader ate: U-Boot's setenv drops
 *		double quotes unless they stand inside single ones. Words meant
 *		for the kernel belong before such an autorun=. Without a ';' the
 *		value is the one word: of a single command with arguments whose
 *		quotes were lost, only its name is left.
 *
 * The functions are pure: no state, no allocation, the line is only read, once
 * for each call: 1600 instructions for 90 bytes (rv64, gcc 12). Any context,
 * before any other part of the kernel is up.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Copy the value of `key` into buf, NUL-terminated; of several the last counts.
 * Returns 0, -ENOENT when the key does not occur with a value, or -ERANGE when
 * the value does not fit into `size` bytes. buf is written only on success.
 */
int cmdline_get(const char *line, const char *key, char *buf, size_t size);

/* Is `flag` one of the words without '='? */
bool cmdline_flag(const char *line, const char *flag);
