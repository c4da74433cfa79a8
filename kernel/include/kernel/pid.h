/*
 * Numbers of processes: 1 to PID_MAX, each for one at a time. A number comes
 * back as late as can be: they are handed out going round. No locking: the
 * owner's lock covers it.
 */
#pragma once

#include <lib/tree.h>

#define PID_MAX	     32767
#define PID_RESERVED 300 /* below it nobody gets a second turn, as on Linux */

struct pid_entry {
	struct tree_node node;
	int pid; /* 0: none */
};

struct pid_map {
	struct tree tree; /* of struct pid_entry, by number */
	int last;	  /* the last one handed out */
	unsigned count;
};

/* All zero is an empty one, too. Numbers begin with 2: 1 is asked for. */
void pid_init(struct pid_map *m);

/* Give it the next number. 0, or -EAGAIN: all are taken. */
int pid_new(struct pid_map *m, struct pid_entry *e);

/* Give it this one, 1 to PID_MAX. 0, or -EBUSY: it is taken. */
int pid_take(struct pid_map *m, struct pid_entry *e, int pid);

/* Its number is free from now on. */
void pid_free(struct pid_map *m, struct pid_entry *e);

/* With this number, or the next one above it; NULL: none. */
struct pid_entry *pid_find(const struct pid_map *m, int pid);
struct pid_entry *pid_from(const struct pid_map *m, int pid);
