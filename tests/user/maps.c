/*
 * Very many mappings in one process.
 *
 *	maps most N	map until there may be no more, at most N; then fork,
 *			look, and unmap all
 *	maps cost N...	instructions of some operations beside N mappings each
 *
 * Mappings are of two pages with a hole of one behind, so that no two are one. What
 * is counted is an average over many of them, at places all over the map.
 */
#include "user.h"

enum { STEP = 3, OPERATIONS = 1000, PLACES = 64 };

static char *const base = (char *)0x100000000;
static long mapped;

static char *place(long i)
{
	return base + i * STEP * (long)PAGE;
}

static long map_at(char *at, unsigned long pages, int prot, int fixed)
{
	return call(SYS_mmap, at, pages * PAGE, prot,
		    MAP_PRIVATE | MAP_ANONYMOUS | fixed, -1, 0);
}

static long map_up_to(long n)
{
	long r = 0;

	for (; mapped < n; mapped++) {
		r = map_at(place(mapped), 2, PROT_READ | PROT_WRITE, MAP_FIXED);
		if (is_error(r))
			break;
	}
	return r;
}

/* --- as many as may be --- */

static int look(void)
{
	for (long i = 0; i < mapped; i += 997)
		if (*(long *)place(i) != i)
			return 1;
	*place(1) = 1;
	return 0;
}

static int most(long n)
{
	long r = map_up_to(n), bad = 0;
	int pid;

	say("mapped %ld, then %s\n", mapped,
	    is_error(r) ? error_name(-r) : "enough");
	for (long i = 0; i < mapped; i += 997)
		*(long *)place(i) = i;
	pid = fork_raw();
	if (!pid)
		exit_raw(look());
	check(pid > 0 && wait_for(pid) == 0, "fork", "%d", pid);
	check(look() == 0, "contents", "are others");
	/* A half one by one, the rest at once. */
	for (long i = 0; i < mapped; i += 2)
		bad += call(SYS_munmap, place(i), 2 * PAGE) != 0;
	check(!bad, "single ones", "%ld", bad);
	r = call(SYS_munmap, base, (unsigned long)(mapped * STEP) * PAGE);
	check(!r, "all at once", "%s", error_name(-r));
	r = map_at(base, (unsigned long)(mapped * STEP), PROT_READ,
		   MAP_FIXED_NOREPLACE);
	check(r == (long)base, "then it is free", "%ld", r);
	return checks_done();
}

/* --- costs --- */

static uint64_t now(void)
{
	uint64_t t;

	__asm__ volatile("rdinstret %0" : "=r"(t)::"memory");
	return t;
}

/* Each is one operation at the mapping `i`, or the hole behind. */
static void anywhere(long i)
{
	(void)i;
	call(SYS_munmap, map_at(NULL, 2, PROT_READ, 0), 2 * PAGE);
}

static void in_hole(long i)
{
	char *at = place(i) + 2 * PAGE;

	map_at(at, 1, PROT_READ, MAP_FIXED);
	call(SYS_munmap, at, PAGE);
}

static void joined(long i)
{
	char *at = place(i) + 2 * PAGE;

	map_at(at, 1, PROT_READ | PROT_WRITE, MAP_FIXED);
	call(SYS_munmap, at, PAGE);
}

static void divided(long i)
{
	call(SYS_mprotect, place(i), PAGE, PROT_READ);
	call(SYS_mprotect, place(i), PAGE, PROT_READ | PROT_WRITE);
}

static void store(long i)
{
	*(volatile char *)(place(i) + PAGE) = 1;
}

static void before_store(long i)
{
	/* The first page stays, and with it the page table. */
	*(volatile char *)place(i) = 1;
	call(SYS_madvise, place(i) + PAGE, PAGE, MADV_DONTNEED);
}

static const struct {
	const char *name;
	void (*before)(long i), (*fn)(long i);
} operations[] = {
	{"mmap-munmap", NULL, anywhere},
	{"mmap-munmap-fixed", NULL, in_hole},
	{"mmap-munmap-join", NULL, joined},
	{"mprotect-twice", NULL, divided},
	{"fault", before_store, store},
};

static uint64_t cost(void (*before)(long i), void (*fn)(long i))
{
	uint64_t seed = 88172645463325252, sum = 0;

	for (int i = -PLACES; i < OPERATIONS; i++) {
		long at = (long)(next_random(&seed) % (uint64_t)(mapped - 1));
		uint64_t start;

		if (before)
			before(at);
		start = now();
		fn(at);
		if (i >= 0)
			sum += now() - start;
	}
	return sum / OPERATIONS;
}

static int costs(int argc, char **argv)
{
	for (int k = 0; k < argc; k++) {
		long r = map_up_to(atol(argv[k]));

		check(!is_error(r), "room", "%s", error_name(-r));
		for (unsigned i = 0;
		     i < sizeof(operations) / sizeof(*operations); i++)
			say("cost: %ld %s %lu\n", mapped, operations[i].name,
			    cost(operations[i].before, operations[i].fn));
	}
	return checks_done();
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "most"))
		return most(atol(argv[2]));
	if (argc >= 3 && !strcmp(argv[1], "cost"))
		return costs(argc - 2, argv + 2);
	say("usage: maps most N, maps cost N...\n");
	return 2;
}
