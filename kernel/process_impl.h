/* What process.c and process_start.c share. */
#pragma once

#include <kernel/process.h>

/*
 * It begins to be found: as a child of `parent` (NULL: the kernel's), with a number,
 * 1 if it is init. Its first fields are set. 0, -EAGAIN (there are too many, or
 * too many of the parent's user, or no number is free),
 * -EBUSY (there is an init), -EINTR (the parent is to end, and whoever ends all of a
 * group must not find a new one each time), with nothing done.
 */
int process_enter(struct process *p, struct process *parent, bool as_init);

/* More than so many there are not, but for those that the kernel begins. */
unsigned process_most(void);

/* The current process is in this space from now on (NULL: in none), whose
 * reference is its own then. That on the former one goes. */
void process_change_space(struct process *p, struct aspace *as);

/* Before others find it: its limits in its space. */
void process_limit_space(const struct process *p, struct aspace *as);
