/*
 * Families of processes that share pages by copy-on-write. Each process of the
 * tree writes its own name into some pages, forks, and looks whether it has its
 * own contents in all pages whatever its parent, its children and its siblings
 * wrote. A page of shared memory collects what they found.
 */
#include "user.h"

enum { PAGES = 64, FANOUT = 3, DEPTH = 3 };

static struct report {
	uint32_t processes, wrong;
} * report;

static uint32_t (*pages)[PAGE / 4]; /* private */
static uint32_t expected[PAGES];    /* on the heap: copied likewise */

static void write_some(uint32_t name)
{
	uint64_t state = name | 1;

	for (int i = 0; i < PAGES / 4; i++) {
		unsigned at = (unsigned)(next_random(&state) % PAGES);

		expected[at] = name * 1000 + at;
		pages[at][0] = expected[at];
		pages[at][PAGE / 4 - 1] = ~expected[at];
	}
}

static void look(void)
{
	for (int i = 0; i < PAGES; i++)
		if (pages[i][0] != expected[i] ||
		    pages[i][PAGE / 4 - 1] != (expected[i] ? ~expected[i] : 0))
			__atomic_fetch_add(&report->wrong, 1, __ATOMIC_RELAXED);
}

/* Status of each process: a number made of its name, for the parent to see. */
static int status_of(uint32_t name)
{
	return (int)(name * 37 % 200);
}

static void grow(uint32_t name, int depth)
{
	int pid[FANOUT];

	__atomic_fetch_add(&report->processes, 1, __ATOMIC_RELAXED);
	look();
	write_some(name);
	for (uint32_t i = 0; depth && i < FANOUT; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			grow(name * FANOUT + i + 1, depth - 1);
			exit_raw(status_of(name * FANOUT + i + 1));
		}
		write_some(name + 7 * i);
		look();
	}
	for (uint32_t i = 0; depth && i < FANOUT; i++)
		if (wait_for(pid[i]) != status_of(name * FANOUT + i + 1))
			__atomic_fetch_add(&report->wrong, 1, __ATOMIC_RELAXED);
	look();
}

/* A chain, each process the child of the one before: reference counts go up to
 * the length, and down in the other order. */
static void chain(unsigned length)
{
	int pid = 0;

	for (unsigned i = 0; i < length && pid == 0; i++) {
		__atomic_fetch_add(&report->processes, 1, __ATOMIC_RELAXED);
		write_some(100 + i);
		pid = fork();
		if (pid)
			break;
		look();
		if (i + 1 == length)
			exit_raw(0);
	}
	if (wait_for(pid))
		__atomic_fetch_add(&report->wrong, 1, __ATOMIC_RELAXED);
	look();
}

/* Many children, one after the other: what one leaves behind adds up. */
static void many(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		int pid = fork();

		if (pid == 0) {
			pages[i % PAGES][1] = i;
			exit_raw((int)(i & 127));
		}
		if (wait_for(pid) != (int)(i & 127))
			report->wrong++;
	}
	look();
}

static void told(const char *name, uint32_t processes)
{
	check(report->wrong == 0 && report->processes == processes, name,
	      "%u processes, %u wrong", report->processes, report->wrong);
	memset(report, 0, sizeof(*report));
}

/* What ends children, as the parent sees it. */
static void ends(void)
{
	int pid = fork();

	if (pid == 0)
		*(volatile int *)8 = 1;
	check(wait_for(pid) == -SIGSEGV, "a bad store is SIGSEGV", "no");
	pid = fork();
	if (pid == 0)
		__asm__ volatile(".insn 0");
	check(wait_for(pid) == -SIGILL, "a bad instruction is SIGILL", "no");
	check(wait_for(pid) == 256, "nobody is waited for twice", "yes");
	pid = vfork();
	if (pid == 0)
		_exit(9);
	check(wait_for(pid) == 9, "vfork", "no");
}

int main(void)
{
	report = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pages = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (report == MAP_FAILED || (void *)pages == MAP_FAILED)
		return 2;
	grow(1, DEPTH);
	told("tree", 1 + 3 + 9 + 27);
	{
		int pid = fork();

		if (pid == 0) {
			chain(20);
			exit_raw(0);
		}
		wait_for(pid);
	}
	told("chain", 20);
	many(200);
	told("one after the other", 0);
	ends();
	return checks_done();
}
