/*
 * kernel/signal.c on its own: what ends a process, what waits, what is lost. And
 * kernel/oom.c's choice.
 */
#include <kernel/ktest.h>
#include <mm/fail.h>

#define process_kill	      bed_kill
#define process_each	      bed_each
#define process_aspace	      bed_aspace
#define process_put	      bed_put
#define process_get	      bed_get
#define aspace_stats	      bed_stats
#define aspace_put	      bed_aspace_put
#define process_out_of_memory bed_out_of_memory
#define process_dying	      bed_dying
#include <kernel/oom.c>
#include <kernel/signal.c>

static int ended_by;

void process_kill(struct process *p, int signal)
{
	(void)p;
	ended_by = signal;
}

static int end(struct process *p, int signal)
{
	ended_by = 0;
	signal_send(p, signal);
	return ended_by;
}

KTEST(signal, defaults)
{
	struct process p = {0};

	for (int n = 1; n <= SIGNALS; n++) {
		bool harmless = n == SIGCHLD || n == SIGURG || n == SIGWINCH ||
				(n >= SIGCONT && n <= SIGTTOU);

		EXPECT_EQ(end(&p, n), harmless ? 0 : n);
		EXPECT_EQ(p.signals.pending, 0);
	}
	EXPECT(!p.signals.action);
}

KTEST(signal, blocked_ones_wait)
{
	struct process p = {0};

	signal_block(&p, UINT64_MAX);
	EXPECT_EQ(end(&p, SIGTERM), 0);
	EXPECT_EQ(end(&p, SIGCHLD), 0);
	EXPECT_EQ(end(&p, SIGKILL), SIGKILL);
	EXPECT_EQ(p.signals.pending, signal_bit(SIGTERM) | signal_bit(SIGCHLD));
	signal_block(&p, signal_bit(SIGTERM));
	EXPECT_EQ(ended_by, SIGKILL);
	EXPECT_EQ(p.signals.pending, signal_bit(SIGTERM));
	signal_block(&p, 0);
	EXPECT_EQ(ended_by, SIGTERM);
	EXPECT_EQ(p.signals.pending, 0);
}

KTEST(signal, what_is_set)
{
	struct sigaction_abi ignore = {.handler = SIG_IGN},
			     handler = {.handler = 4096, .mask = UINT64_MAX};
	struct process p = {0};
	struct signals copy;

	REQUIRE(!signal_set(&p.signals, SIGINT, &ignore));
	REQUIRE(!signal_set(&p.signals, SIGTERM, &handler));
	EXPECT_EQ(signal_get(&p.signals, SIGTERM).mask,
		  ~(signal_bit(SIGKILL) | signal_bit(SIGSTOP)));
	EXPECT_EQ(end(&p, SIGINT), 0);
	EXPECT_EQ(end(&p, SIGTERM), 0);
	EXPECT_EQ(end(&p, SIGHUP), SIGHUP);
	EXPECT(signal_ignored(&p.signals, SIGINT));
	EXPECT(!signal_ignored(&p.signals, SIGTERM));
	/* Ignoring takes back what waits. */
	signal_block(&p, signal_bit(SIGALRM));
	EXPECT_EQ(end(&p, SIGALRM), 0);
	REQUIRE(!signal_set(&p.signals, SIGALRM, &ignore));
	EXPECT_EQ(p.signals.pending, 0);
	REQUIRE(!signals_copy(&copy, &p.signals));
	signal_exec(&copy);
	EXPECT_EQ(copy.blocked, signal_bit(SIGALRM));
	EXPECT_EQ(signal_get(&copy, SIGINT).handler, SIG_IGN);
	EXPECT_EQ(signal_get(&copy, SIGTERM).handler, SIG_DFL);
	EXPECT_EQ(signal_get(&p.signals, SIGTERM).handler, 4096);
	signals_destroy(&copy);
	signals_destroy(&p.signals);
}

KTEST(signal, names)
{
	char name[SIGNAL_NAME];

	EXPECT(!strcmp(signal_name(SIGSEGV, name), "SIGSEGV"));
	EXPECT(!strcmp(signal_name(SIGHUP, name), "SIGHUP"));
	EXPECT(!strcmp(signal_name(64, name), "signal 64"));
	EXPECT(!strcmp(signal_name(0, name), "signal 0"));
}

/* --- who is killed when memory is out --- */

struct bed {
	int pid;
	uint64_t frames, started;
	enum process_state state;
	uint32_t fatal;
	bool gave_up;
};

static uint64_t bed_frames;

struct aspace *process_aspace(struct process *p)
{
	bed_frames = p->used.faults;
	return bed_frames ? (struct aspace *)p : NULL;
}

void aspace_stats(struct aspace *as, struct aspace_stats *s)
{
	(void)as;
	*s = (struct aspace_stats){.resident = bed_frames};
}

void aspace_put(struct aspace *as)
{
	(void)as;
}

struct process *process_get(struct process *p)
{
	p->refs++;
	return p;
}

void process_put(struct process *p)
{
	p->refs--;
}

int process_each(int (*each)(void *ctx, struct process *p), void *ctx)
{
	(void)each;
	(void)ctx;
	return 0;
}

bool process_dying(void)
{
	return false;
}

/* The number of whom is chosen, negative if it is on its way out already. */
static int chosen(const struct bed *bed, unsigned n)
{
	struct process p[4] = {0};
	struct choice c = {0};

	for (unsigned i = 0; i < n; i++) {
		p[i].id.pid = bed[i].pid;
		p[i].used.faults = bed[i].frames;
		p[i].started = bed[i].started;
		p[i].state = bed[i].state ? bed[i].state : PROCESS_ALIVE;
		p[i].fatal = bed[i].fatal;
		p[i].gave_up = bed[i].gave_up;
	}
	for (unsigned i = 0; i < n && !consider(&c, &p[i]); i++)
		;
	for (unsigned i = 0; i < n; i++)
		EXPECT_EQ(p[i].refs, &p[i] == c.victim);
	if (!c.victim)
		return 0;
	return c.leaving ? -process_pid(c.victim) : process_pid(c.victim);
}

#define P(pid_, frames_, started_, ...)                              \
	{                                                            \
		.pid = pid_, .frames = frames_, .started = started_, \
		__VA_ARGS__                                          \
	}

KTEST(oom, the_rule)
{
	const struct bed sizes[] = {P(2, 10, 1), P(3, 30, 2), P(4, 20, 3)};
	const struct bed ties[] = {P(2, 10, 1), P(3, 10, 3), P(4, 10, 2)};
	const struct bed init[] = {P(1, 99, 1), P(2, 10, 2), P(3, 0, 3)};
	const struct bed last[] = {P(1, 99, 1), P(2, 0, 2)};
	const struct bed leaving[] = {P(2, 99, 1), P(3, 1, 1, .fatal = SIGINT)};
	const struct bed exiting[] = {P(2, 99, 1),
				      P(3, 0, 1, .state = PROCESS_EXITING)};
	const struct bed stuck[] = {
		P(2, 9, 1), P(3, 99, 1, .fatal = SIGKILL, .gave_up = true)};
	const struct bed over[] = {P(2, 9, 1, .state = PROCESS_ZOMBIE)};

	EXPECT_EQ(chosen(sizes, 3), 3);
	EXPECT_EQ(chosen(ties, 3), 3);
	EXPECT_EQ(chosen(init, 3), 2);
	EXPECT_EQ(chosen(last, 2), 1);
	EXPECT_EQ(chosen(leaving, 2), -3);
	EXPECT_EQ(chosen(exiting, 2), -3);
	EXPECT_EQ(chosen(stuck, 2), 2);
	EXPECT_EQ(chosen(over, 1), 0);
}
