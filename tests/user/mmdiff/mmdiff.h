/*
 * Parts of mmdiff; what it does is told in main.c.
 */
#pragma once

#include "../user.h"

/* Inside one 2 MiB block, so that no huge page fits. */
enum { PAGES = 256 };
#define WINDOW 0x2000040000ul
#define P(n)   (WINDOW + (unsigned long)(n)*PAGE)

/* What this program knows of each page of its window. */
struct known {
	uint32_t unit; /* 0: not mapped; pages of one unit are one mapping */
	uint8_t prot;
	uint8_t shared;
	uint8_t dont_fork;
	uint8_t beyond; /* maybe behind the end of shared memory: SIGBUS */
};
extern struct known known[PAGES];

/* A part of the window, not empty. */
struct part {
	unsigned at, n;
};

extern uint64_t rng;
unsigned below(unsigned n); /* a random number < n */
struct part some_part(void);

/* The step that is under way, for whoever wants to read along. */
extern int verbose;
__attribute__((format(printf, 1, 2))) void tell(const char *format, ...);

/* Add to the checksum of this run. */
void sum(uint64_t value);
long note(long result); /* a result: addresses outside the window are one */

/* model.c: what steps mean for `known`. */
uint32_t new_unit(void);
void forget(unsigned at, unsigned n);
void split_at(struct part p); /* the part is a mapping of its own from now on */
int may_read(unsigned page);
int may_write(unsigned page);
int one_mapping(struct part p);
void look_what_is_gone(void); /* by mincore() */

/* Kinds of steps. */
void step_mmap(void);
void step_munmap(void);
void step_mprotect(void);
void step_mremap(void);
void step_madvise(void);
void step_lock(void);
void step_msync(void);
void step_store(void);
void step_load(void);
void step_fork(void);
void step_bad_access(void);
void step_brk(void);
void step_pread(void);
void step_nonsense(void);

/* All that can be seen of the window goes into the checksum. */
void sum_window(void);
uint64_t sum_of_page(unsigned page);
