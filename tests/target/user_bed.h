/*
 * A place for tiny programs of tests: a user space with a page of code and some of
 * data, which this hart is in from user_bed_start() to user_bed_end().
 *
 *	0		a page, to be read and written
 *	USER_CODE	a page, to be run
 *	USER_DATA	two pages, to be read and written
 *	USER_RO		the page behind them, to be read
 *	USER_END	nothing behind that, nor before USER_DATA
 */
#pragma once

#include <arch/user.h>
#include <lib/bits.h>

#define USER_CODE      GIB(8)
#define USER_DATA      GIB(9)
#define USER_RO	       (USER_DATA + 2 * PAGE_SIZE)
#define USER_END       (USER_DATA + 3 * PAGE_SIZE)
#define USER_DATA_SIZE (3 * PAGE_SIZE)

struct user_bed {
	uint32_t *code; /* the same memory, for the kernel */
	uint8_t *data;	/* 3 pages; behind them the one at 0 */
};

/* NULL: no memory; end() also then. One at a time. */
const struct user_bed *user_bed_start(void);
void user_bed_end(void);

/* For other tasks: the current one is in that space, until it leaves. */
void user_bed_enter(void);
void user_bed_leave(void);

enum { ECALL = 0x00000073, EBREAK = 0x00100073 };

/* These instructions are the program; or these two, and EBREAK. */
void user_bed_code(const uint32_t *code, unsigned n);
void user_bed_program(uint32_t first, uint32_t second);

/* Run it with these registers, pc too; ends at the first exception, which
 * r->frame tells. Interrupts as they were. */
void user_bed_run(struct user_regs *r);

/* The same, with this exception at this pc. */
void user_bed_ends(struct user_regs *r, uint64_t cause, vaddr_t pc);
