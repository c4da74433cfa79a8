/*
 * What a process has set for signals, and which ones wait for it. Handlers are
 * kept, and not called yet: see kernel/signal.c.
 */
#pragma once

#include <kernel/types.h>

enum {
	SIGHUP = 1,
	SIGINT = 2,
	SIGQUIT = 3,
	SIGILL = 4,
	SIGTRAP = 5,
	SIGABRT = 6,
	SIGBUS = 7,
	SIGFPE = 8,
	SIGKILL = 9,
	SIGSEGV = 11,
	SIGPIPE = 13,
	SIGALRM = 14,
	SIGTERM = 15,
	SIGCHLD = 17,
	SIGCONT = 18,
	SIGSTOP = 19,
	SIGTSTP = 20,
	SIGTTIN = 21,
	SIGTTOU = 22,
	SIGURG = 23,
	SIGWINCH = 28,
	SIGSYS = 31,
	SIGNALS = 64, /* 1 to 64 */
};

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

/* For a process that begins by fork: what is set, and blocked. 0 or -ENOMEM. The
 * other end. */
int signals_copy(struct signals *to, const struct signals *from);
void signals_destroy(struct signals *s);

/* What is set for a signal. */
struct sigaction_abi signal_get(const struct signals *s, int signal);

/* Does it pass without a trace, unless it is blocked? */
bool signal_ignored(const struct signals *s, int signal);

struct process;

/* Send it, as kill() does. It ends the process if nothing else is set and it is not
 * blocked; then, or once it is unblocked. Any context. */
void signal_send(struct process *p, int signal);

/* By the process itself: block these from now on, but for SIGKILL and SIGSTOP. */
void signal_block(struct process *p, uint64_t blocked);

/* By itself: what is set for a signal, not for SIGKILL or SIGSTOP. 0 or
 * -ENOMEM. */
int signal_set(struct signals *s, int signal, const struct sigaction_abi *a);

/* A new program begins: handlers are forgotten, what is ignored stays so. */
void signal_exec(struct signals *s);
