/*
 * Signals, as far as they end processes (<kernel/signal.h>). Every signal goes
 * through `pending`:
 *
 *	who sends	sets its bit, then looks
 *	who unblocks	changes `blocked`, then looks
 *
 * and whoever looks takes each bit that is set and not blocked, and acts on it.
 * In between are full fences, so at least one of the two sees both; the bit is
 * taken by one.
 *
 * What acts today is the default of signals that end a process, and SIG_IGN. A
 * signal with a handler, or one that would stop the process, is dropped.
 */
#include <stdio.h>
#include <string.h>

#include <kernel/process.h>
#include <kernel/signal.h>
#include <lib/bits.h>
#include <lib/errno.h>
#include <mm/kmalloc.h>

#define NEVER_BLOCKED (signal_bit(SIGKILL) | signal_bit(SIGSTOP))

enum signal_default signal_default(int signal)
{
	switch (signal) {
	case SIGCHLD:
	case SIGCONT:
	case SIGURG:
	case SIGWINCH:
		return SIGNAL_IGNORED;
	case SIGSTOP:
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU:
		return SIGNAL_STOPS;
	}
	return SIGNAL_ENDS;
}

const char *signal_name(int signal, char buf[SIGNAL_NAME])
{
	static const char name[][5] = {
		"HUP",	"INT",	"QUIT", "ILL",	"TRAP", "ABRT", "BUS",	"FPE",
		"KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
	};

	if (signal >= 1 && signal <= (int)ARRAY_SIZE(name))
		snprintf(buf, SIGNAL_NAME, "SIG%s", name[signal - 1]);
	else
		snprintf(buf, SIGNAL_NAME, "signal %d", signal);
	return buf;
}

struct sigaction_abi signal_get(const struct signals *s, int signal)
{
	const struct sigaction_abi *action =
		__atomic_load_n(&s->action, __ATOMIC_ACQUIRE);

	return action ? action[signal - 1] : (struct sigaction_abi){0};
}

bool signal_ignored(const struct signals *s, int signal)
{
	uaddr_t handler = signal_get(s, signal).handler;

	return handler == SIG_IGN ||
	       (handler == SIG_DFL && signal_default(signal) == SIGNAL_IGNORED);
}

/* Unless it is blocked. */
static bool acts(const struct signals *s, int signal)
{
	return signal_get(s, signal).handler == SIG_DFL &&
	       signal_default(signal) == SIGNAL_ENDS;
}

bool signal_ends(const struct signals *s, int signal)
{
	uint64_t blocked = __atomic_load_n(&s->blocked, __ATOMIC_RELAXED);

	return !(blocked & signal_bit(signal)) && acts(s, signal);
}

/* Act on what waits and is not blocked. */
static void look(struct process *p)
{
	struct signals *s = &p->signals;
	uint64_t ready = __atomic_load_n(&s->pending, __ATOMIC_SEQ_CST) &
			 ~__atomic_load_n(&s->blocked, __ATOMIC_SEQ_CST);

	while (ready) {
		int signal = __builtin_ctzll(ready) + 1;
		uint64_t bit = signal_bit(signal);

		ready &= ~bit;
		if (__atomic_fetch_and(&s->pending, ~bit, __ATOMIC_SEQ_CST) &
			    bit &&
		    acts(s, signal))
			process_kill(p, signal);
	}
}

void signal_send(struct process *p, int signal)
{
	__atomic_fetch_or(&p->signals.pending, signal_bit(signal),
			  __ATOMIC_SEQ_CST);
	look(p);
}

void signal_block(struct process *p, uint64_t blocked)
{
	blocked &= ~NEVER_BLOCKED;
	__atomic_store_n(&p->signals.blocked, blocked, __ATOMIC_SEQ_CST);
	look(p);
}

/* --- what is set --- */

#define ACTIONS_SIZE (SIGNALS * sizeof(struct sigaction_abi))

int signals_copy(struct signals *to, const struct signals *from)
{
	*to = (struct signals){.blocked = from->blocked};
	if (!from->action)
		return 0;
	to->action = kmalloc(ACTIONS_SIZE, 0);
	if (!to->action)
		return -ENOMEM;
	memcpy(to->action, from->action, ACTIONS_SIZE);
	return 0;
}

void signals_destroy(struct signals *s)
{
	kfree(s->action);
}

int signal_set(struct signals *s, int signal, const struct sigaction_abi *a)
{
	struct sigaction_abi *action = s->action;

	/* Others see it from here on, so it stays as long as the process. */
	if (!action)
		action = kzalloc(ACTIONS_SIZE, 0);
	if (!action)
		return -ENOMEM;
	action[signal - 1] = *a;
	action[signal - 1].mask &= ~NEVER_BLOCKED;
	__atomic_store_n(&s->action, action, __ATOMIC_RELEASE);
	if (signal_ignored(s, signal))
		__atomic_fetch_and(&s->pending, ~signal_bit(signal),
				   __ATOMIC_SEQ_CST);
	return 0;
}

void signal_exec(struct signals *s)
{
	for (unsigned i = 0; s->action && i < SIGNALS; i++) {
		bool ignored = s->action[i].handler == SIG_IGN;

		s->action[i] = (struct sigaction_abi){
			.handler = ignored ? SIG_IGN : SIG_DFL};
	}
}
