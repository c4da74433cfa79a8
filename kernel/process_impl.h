/* What process.c and process_start.c share. */
#pragma once

#include <kernel/process.h>

/*
 * It begins to be found: as a child of `parent` (NULL: the kernel's), with a number,
 * 1 if it is init. Its first fields are set. 0, -EAGAIN (there are too many, or
 * too many of the parent's user, or no number is free), -EBUSY (there is an init),
 * -EINTR (the parent is to end: it never sees this), with nothing done.
 */
int process_enter(struct process *p, struct process *parent, bool as_init);

/* The signal that ends p, which is the current process, already or as soon as a
 * walk comes to it; 0: none. LOCK_PROCESS is held. */
int process_due(const struct process *p);

/* More than so many there are not, but for those that the kernel begins. */
unsigned process_most(void);

/* The current process is in this space from now on (NULL: in none), whose
 * reference is its own then. That on the former one goes. */
void process_change_space(struct process *p, struct aspace *as);

/* Before others find it: its limits in its space. */
void process_limit_space(const struct process *p, struct aspace *as);
