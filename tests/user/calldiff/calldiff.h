/*
 * Parts of calldiff; what it does is told in main.c.
 */
#pragma once

#include <fcntl.h>

#include "../user.h"

/* A few pages: 0 to 3 can be written, 4 is not mapped, 5 can be read, 6 has no
 * rights; what is behind is not mapped. */
#define WINDOW 0x2000040000ul
#define P(n)   (WINDOW + (unsigned long)(n)*PAGE)

extern uint64_t rng;
unsigned below(unsigned n); /* a random number < n */

/* One of an array. */
#define SOME(array) ((array)[below(sizeof(array) / sizeof(*(array)))])

/* The step that is under way, for whoever wants to read along. */
extern int verbose;
__attribute__((format(printf, 1, 2))) void tell(const char *format, ...);

/* Add to the checksum of this run. */
void sum(uint64_t value);
long note(long result);
void sum_bytes(unsigned long at, unsigned long n);

/* A place for `n` bytes, mostly a good one. */
unsigned long some_place(unsigned long n);

/* A number of 32 bits or what it is with more; a size; an offset. */
unsigned long some_number(void);
unsigned long some_size(void);

/* A descriptor: open or not. */
long some_fd(void);
int is_console(long fd);

const char *some_path(void);

/* Kinds of steps: files.c, paths.c, memory.c, others.c. */
void step_close(void);
void step_dup(void);
void step_fcntl(void);
void step_lseek(void);
void step_read(void);
void step_readv(void);
void step_write(void);
void step_ioctl(void);
void step_map(void);

void step_open(void);
void step_stat(void);
void step_access(void);
void step_readlink(void);
void step_exec(void);

void step_memory(void);

void step_limit(void);
void step_clock(void);
void step_sleep(void);
void step_random(void);
void step_prctl(void);
void step_wait(void);
void step_tell(void);
void step_child(void);
