/* What the parts of this program share. */
#pragma once

#include "../user.h"

extern char *self;		  /* its path */
extern volatile uint32_t *shared; /* a page that all have */

/* A call's result is what Linux says. */
#define IS(result, wanted)                                             \
	do {                                                           \
		long got_ = (result);                                  \
                                                                       \
		check(got_ == (wanted), #result, "%ld, not %ld", got_, \
		      (long)(wanted));                                 \
	} while (0)

/* How a child ended, as wait4() says; -1: there is none. */
int child_status(int pid);
void sleep_ms(long ms);

void ends(void);
void beginnings(void);
int echo(int argc, char **argv); /* what beginnings() starts */
void signals(void);
void files(void);
void paths(void);
void times_and_limits(void);
void names(void);

int many(int n);
int chain(int n);
int storm(int n);
int eaters(int n);
int orphan(void);
int numbers(int n, int number);
int raid(int n);
__attribute__((noreturn)) void be_busy(uint64_t seed);
__attribute__((noreturn)) void eat(void);
__attribute__((noreturn)) void bomb(int n);
