/*
 * Signals, as far as they end processes (<kernel/signal.h>). Every signal goes
 * through `pending`:
 *
 *	who sends	sets its bit, then looks
 *	who unblocks	changes `blocked`, then looks
 *
 * and whoever looks takes each bit that is set and not blocked, and acts on it. In
 * between are full fences, so at least one of the two sees both; the bit is taken
 * by one.
 *
 * What acts today is the default of signals that end a process, and SIG_IGN. A
 * signal with a handler, or one that would stop the process, is dropped.
 */
#include <stdio.h>

#include <kernel/process.h>
#include <kernel/signal.h>
#include <lib/bits.h>

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

bool signal_ignored(const struct signals *s, int signal)
{
	uaddr_t handler = __atomic_load_n(&s->action[signal - 1].handler,
					  __ATOMIC_RELAXED);

	return handler == SIG_IGN ||
	       (handler == SIG_DFL && signal_default(signal) == SIGNAL_IGNORED);
}

static void act(struct process *p, int signal)
{
	uaddr_t handler = __atomic_load_n(
		&p->signals.action[signal - 1].handler, __ATOMIC_RELAXED);

	if (handler == SIG_DFL && signal_default(signal) == SIGNAL_ENDS)
		process_kill(p, signal);
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
		    bit)
			act(p, signal);
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
	blocked &= ~(signal_bit(SIGKILL) | signal_bit(SIGSTOP));
	__atomic_store_n(&p->signals.blocked, blocked, __ATOMIC_SEQ_CST);
	look(p);
}

void signal_set(struct signals *s, int signal, const struct sigaction_abi *a)
{
	struct sigaction_abi *to = &s->action[signal - 1];

	to->flags = a->flags;
	to->mask = a->mask & ~(signal_bit(SIGKILL) | signal_bit(SIGSTOP));
	__atomic_store_n(&to->handler, a->handler, __ATOMIC_RELAXED);
	if (signal_ignored(s, signal))
		__atomic_fetch_and(&s->pending, ~signal_bit(signal),
				   __ATOMIC_SEQ_CST);
}

void signal_exec(struct signals *s)
{
	for (unsigned i = 0; i < SIGNALS; i++) {
		struct sigaction_abi *a = &s->action[i];
		bool ignored = a->handler == SIG_IGN;

		*a = (struct sigaction_abi){.handler = ignored ? SIG_IGN
							       : SIG_DFL};
	}
}
