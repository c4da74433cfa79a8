/*
 * What a process has set for signals, and which ones wait for it. Handlers are
 * kept, and not called yet: see kernel/signal.c.
 */
#pragma once

#include <kernel/types.h>

#define SIGHUP	 1
#define SIGINT	 2
#define SIGQUIT	 3
#define SIGILL	 4
#define SIGTRAP	 5
#define SIGABRT	 6
#define SIGBUS	 7
#define SIGFPE	 8
#define SIGKILL	 9
#define SIGSEGV	 11
#define SIGPIPE	 13
#define SIGALRM	 14
#define SIGTERM	 15
#define SIGCHLD	 17
#define SIGCONT	 18
#define SIGSTOP	 19
#define SIGTSTP	 20
#define SIGTTIN	 21
#define SIGTTOU	 22
#define SIGURG	 23
#define SIGXCPU	 24
#define SIGWINCH 28
#define SIGSYS	 31
#define SIGNALS	 64 /* 1 to 64 */

#define SIG_DFL ((uaddr_t)0)
#define SIG_IGN ((uaddr_t)1)

#define SA_NOCLDWAIT 2u

/* As rt_sigaction() has it on riscv. */
struct sigaction_abi {
	uaddr_t handler;
	uint64_t flags;
	uint64_t mask;
};

/* Signal n is bit n - 1. All zero: nothing is set. */
struct signals {
	uint64_t blocked; /* (o) */
	uint64_t pending; /* (a) */
	/* SIGNALS of them, once one was set; NULL: all are SIG_DFL (a) */
	struct sigaction_abi *action;
};

static inline uint64_t signal_bit(int signal)
{
	return (uint64_t)1 << (signal - 1);
}

/* What a signal does to who has set nothing for it. */
enum signal_default { SIGNAL_ENDS, SIGNAL_IGNORED, SIGNAL_STOPS };
enum signal_default signal_default(int signal);

/* "SIGSEGV", or "signal 35"; it is in `buf`. */
#define SIGNAL_NAME 16
const char *signal_name(int signal, char buf[SIGNAL_NAME]);

/* For a process that begins by fork: what is set, and blocked. 0 or -ENOMEM.
 * The other end. */
int signals_copy(struct signals *to, const struct signals *from);
void signals_destroy(struct signals *s);

/* What is set for a signal. */
struct sigaction_abi signal_get(const struct signals *s, int signal);

/* Does it pass without a trace, unless it is blocked? */
bool signal_ignored(const struct signals *s, int signal);

/* Does it end who is sent it? */
bool signal_ends(const struct signals *s, int signal);

struct process;

/* Send it, as kill() does. It ends the process if nothing else is set and it is
 * not blocked; then, or once it is unblocked. Any context. */
void signal_send(struct process *p, int signal);

/* By the process itself: block these from now on, but for KILL and STOP. */
void signal_block(struct process *p, uint64_t blocked);

/* By itself: what is set for a signal, not for SIGKILL or SIGSTOP. 0 or
 * -ENOMEM. */
int signal_set(struct signals *s, int signal, const struct sigaction_abi *a);

/* A new program begins: handlers are forgotten, what is ignored stays so. */
void signal_exec(struct signals *s);
