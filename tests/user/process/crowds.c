/* Many processes, and those that are killed. */
#include <sys/resource.h>

#include "process.h"

int many(int n)
{
	int made = 0, ended = 0;

	for (; made < n; made++) {
		int pid = fork_raw();

		if (pid < 0)
			break;
		if (pid)
			continue;
		__atomic_fetch_add(&shared[2], 1, __ATOMIC_SEQ_CST);
		while (!shared[0])
			sleep_ms(20);
		exit_raw(17);
	}
	while (shared[2] < (uint32_t)made)
		sleep_ms(5);
	shared[0] = 1;
	for (int status; call(SYS_wait4, -1, &status, 0, 0) > 0;)
		ended += status == 17 << 8;
	check(made == n && ended == n, "many", "%d made, %d ended", made,
	      ended);
	return checks_done();
}

__attribute__((noreturn)) static void link_chain(int left)
{
	int pid = 0;

	while (!pid) {
		__atomic_fetch_add(&shared[2], 1, __ATOMIC_SEQ_CST);
		if (!left--)
			exit_raw(0);
		pid = fork_raw();
	}
	exit_raw(pid < 0 ? 1 : wait_for(pid));
}

int chain(int n)
{
	int pid = fork_raw();

	if (!pid)
		link_chain(n - 1);
	IS(child_status(pid), 0);
	IS((long)shared[2], n);
	return checks_done();
}

/* Something that can be killed anywhere. */
void be_busy(uint64_t seed)
{
	char *const argv[] = {self, "busy", NULL};
	char *p;

	for (;;)
		switch (next_random(&seed) % 6) {
		case 0:
			if (!fork_raw())
				seed = seed * 77 + 1;
			break;
		case 1:
			p = mmap(NULL, 50 * PAGE, 3,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			if (p != MAP_FAILED)
				memset(p, 1, 50 * PAGE);
			break;
		case 2:
			call(SYS_execve, self, argv, environ);
			break;
		case 3:
			exit_raw(0);
		case 4:
			call(SYS_wait4, -1, 0, WNOHANG, 0);
			break;
		default:
			sleep_ms(1);
		}
}

int storm(int n)
{
	uint64_t seed = 12345;

	/* Children of children are in this group, too. */
	for (int i = 0; i < n; i++) {
		int pid = fork_raw();

		if (!pid)
			be_busy(seed + (uint64_t)i * 1000003);
		if (i == 10)
			say("storm: %d\n", i);
		sleep_ms((long)(next_random(&seed) % 8));
		call(SYS_kill, pid, SIGKILL);
		child_status(pid);
	}
	/* Those that are left. */
	signal(SIGTERM, SIG_IGN);
	for (int i = 0; i < 50; i++) {
		call(SYS_kill, 0, SIGTERM);
		sleep_ms(10);
	}
	check(1, "storm", "over");
	return checks_done();
}

/* One of a crowd that is killed at once: it shows that it lives, and has a child
 * live on in its place. */
__attribute__((noreturn)) static void live(void)
{
	for (;;) {
		__atomic_fetch_add(&shared[5], 1, __ATOMIC_SEQ_CST);
		if (fork_raw() > 0)
			exit_raw(0);
	}
}

/* Does nobody live any more? Those that are to end may take a while. */
static int is_quiet(void)
{
	for (int i = 0; i < 1000; i++) {
		uint32_t before = shared[5];

		sleep_ms(10);
		if (shared[5] == before)
			return 1;
	}
	return 0;
}

/* Those of another user, some of which fork or end just then, are sent one signal
 * by one call: none of them lives on. */
int raid(int n)
{
	uint64_t seed = 4711;
	int loud = 0, odd = 0;

	for (int i = 0; i < n; i++) {
		int all = i % 2, pid;

		for (int j = 0; j < 8; j++)
			if (!fork_raw()) {
				call(SYS_setresuid, 2000, 2000, 2000);
				live();
			}
		sleep_ms((long)(next_random(&seed) % 8));
		pid = fork_raw();
		if (!pid) {
			call(SYS_setresuid, 2000, 2000, 2000);
			exit_raw(call(SYS_kill, all ? -1 : 0,
				      all ? SIGKILL : SIGTERM)
					 ? 1
					 : 2);
		}
		odd += child_status(pid) != (all ? 2 << 8 : SIGTERM);
		while (call(SYS_wait4, -1, 0, 0, 0) > 0)
			;
		loud += !is_quiet();
	}
	IS(odd, 0);
	IS(loud, 0);
	return checks_done();
}

void eat(void)
{
	for (;;) {
		char *p = mmap(NULL, 1 << 20, 3, MAP_PRIVATE | MAP_ANONYMOUS,
			       -1, 0);

		for (long at = 0; p != MAP_FAILED && at < 1 << 20; at += 4096)
			p[at] = 1;
	}
}

int eaters(int n)
{
	int killed = 0, status;

	for (int i = 0; i < n; i++)
		if (!fork_raw())
			eat();
	while (call(SYS_wait4, -1, &status, 0, 0) > 0)
		killed += status == SIGKILL;
	IS(killed, n);
	return checks_done();
}

/* n: so many at most; 0: as many as there is room for. */
void bomb(int n)
{
	uint64_t most[2] = {(uint64_t)n, (uint64_t)n};

	if (n) {
		call(SYS_setrlimit, RLIMIT_NPROC, most);
		call(SYS_setresuid, 1000, 1000, 1000);
	}
	say("bomb\n");
	for (;;)
		if (fork_raw() < 0 &&
		    !__atomic_exchange_n(&shared[4], 1, __ATOMIC_SEQ_CST))
			say("full\n");
}

/* Its child outlives it, and its number stays that of a group. */
int orphan(void)
{
	/* The console's, when the leader is over. */
	signal(SIGHUP, SIG_IGN);
	say("leader %d\n", getpid());
	if (!fork_raw())
		for (;;)
			sleep_ms(100000);
	return 0;
}

/* So many children, one after the other: has any that number? */
int numbers(int n, int number)
{
	int found = 0;

	while (n--) {
		int pid = fork_raw();

		if (!pid)
			exit_raw(0);
		found += pid == number;
		child_status(pid);
	}
	say("numbers: %d\n", found);
	return 0;
}
