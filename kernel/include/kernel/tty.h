/*
 * The console as the terminal of programs. One task of the kernel at a time
 * owns it for a group of processes: it takes what is typed, makes lines of it
 * for those of the group that read, and sends the group SIGINT for ^C. Typed
 * bytes are taken while somebody waits for a line; the others stay for whoever
 * owns the console next.
 */
#pragma once

#include <kernel/types.h>

/* From now on the current task serves `group`; 0: nobody, and who waits for a
 * line gets an error. What was typed for the group before and not read is
 * dropped. */
void tty_serve(int group);

/* Take what has come; by the task that serves, whenever it wakes up. */
void tty_look(void);

/* The group that is served; 0: none. */
int tty_group(void);

/* How many bytes tty_read() would give now, of a line that has ended. */
int tty_ready(void);

/* For the current process: up to `n` bytes of a line, 0 at its end (^D). -EIO:
 * its group is not served; -EINTR: it is to end; -EAGAIN: no line, !wait, but one
 * is asked for, for the next time. */
int64_t tty_read(void *p, size_t n, bool wait);
