/* Numbers of processes, and what they end with. */
#include <kernel/ktest.h>
#include <kernel/pid.h>
#include <kernel/process.h>
#include <lib/errno.h>
#include <lib/rng.h>

KTEST(pid, numbers_go_round)
{
	struct pid_entry e, first, low;
	struct pid_map m;

	pid_init(&m);
	EXPECT_EQ(pid_new(&m, &first), 0);
	EXPECT_EQ(first.pid, 2);
	for (int pid = 3; pid <= PID_MAX; pid++) {
		REQUIRE(!pid_new(&m, &e) && e.pid == pid);
		pid_free(&m, &e);
	}
	/* The lowest ones do not come back. */
	EXPECT(!pid_take(&m, &low, PID_RESERVED));
	EXPECT_EQ(pid_new(&m, &e), 0);
	EXPECT_EQ(e.pid, PID_RESERVED + 1);
	EXPECT_EQ(m.count, 3);
	EXPECT_EQ(pid_take(&m, &low, PID_RESERVED), -EBUSY);
	EXPECT(pid_find(&m, 2) == &first);
	EXPECT(!pid_find(&m, 3));
	EXPECT(pid_from(&m, 3) == &low);
	EXPECT(!pid_from(&m, PID_RESERVED + 2));
}

KTEST(pid, all_taken)
{
	unsigned n = PID_MAX - PID_RESERVED + 1;
	struct pid_entry *e = ktest_alloc((n + 1) * sizeof(*e));
	struct pid_map m;

	if (!e) {
		ktest_skip("no memory for all numbers");
		return;
	}
	pid_init(&m);
	m.last = PID_MAX;
	for (unsigned i = 0; i < n; i++)
		REQUIRE(!pid_new(&m, &e[i]));
	REQUIRE(pid_new(&m, &e[n]) == -EAGAIN);
	EXPECT_EQ(m.count, n);
	pid_free(&m, &e[77]);
	EXPECT_EQ(pid_new(&m, &e[n]), 0);
	EXPECT_EQ(e[n].pid, PID_RESERVED + 77);
	EXPECT(tree_check(&m.tree));
}

#define ENTRIES 24

/* Random ones come and go: no number is held twice, and none is given again
 * before all others. */
KTEST(pid, as_a_model)
{
	struct pid_entry e[ENTRIES] = {0};
	struct rng rng = rng_seed(ktest_seed());
	struct pid_map m;
	int last = 0;

	pid_init(&m);
	for (unsigned step = 0; step < 20000; step++) {
		struct pid_entry *one = &e[rng_below(&rng, ENTRIES)];

		if (one->pid) {
			EXPECT(pid_find(&m, one->pid) == one);
			pid_free(&m, one);
			one->pid = 0;
			continue;
		}
		REQUIRE(!pid_new(&m, one));
		EXPECT(one->pid > last || last > PID_MAX - ENTRIES);
		last = one->pid;
	}
	EXPECT(tree_check(&m.tree));
}

KTEST(process, status)
{
	EXPECT_EQ(process_exited(0), 0);
	EXPECT_EQ(process_exited(3), 0x300);
	EXPECT_EQ(process_exited(-1), 0xff00);
	EXPECT_EQ(process_killed(SIGSEGV), 11);
	EXPECT_EQ(process_code(process_exited(7)), 7);
	EXPECT_EQ(process_code(process_exited(256 + 7)), 7);
	EXPECT_EQ(process_code(process_killed(SIGKILL)), 137);
}
