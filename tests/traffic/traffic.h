/*
 * What the instrumented sources do to memory, counted: which hart touches which
 * cache lines, and what is more than a load or a store. The compiler puts a call
 * before each access (-fsanitize=thread); here, these calls count.
 */
#pragma once

#include <kernel/cpu.h>

#define CACHE_LINE 64

struct traffic {
	uint64_t loads, stores;
	uint64_t rmws; /* atomic read-modify-writes: locks, too */
	uint64_t fences;
	uint64_t lines;	  /* touched */
	uint64_t written; /* of these */
	uint64_t shared;  /* written by one hart, and touched by another */
	uintptr_t rmw_pc; /* of the last one */
	uintptr_t shared_line, shared_pc;
};

/* Count from now on, until traffic_stop(). */
void traffic_start(void);
void traffic_stop(struct traffic *t);
