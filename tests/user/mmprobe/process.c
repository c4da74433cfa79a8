/*
 * Cases of what processes do with memory: fork, limits, barriers, faults.
 */
#include <sys/resource.h>

#include "probe.h"

PROBE(fork, private_is_copied)
{
	map(0, 3, RW);
	fill(0, 2);
	answer("%s %s %s", child(write_at, P(0)), child(write_at, P(2)),
	       contents(0, 3));
}

PROBE(fork, shared_is_shared)
{
	map_as(0, 3, RW, SHANON);
	fill(0, 2);
	answer("%s %s %s", child(write_at, P(0)), child(write_at, P(2)),
	       contents(0, 3));
}

PROBE(fork, rights_are_kept)
{
	for (int prot = 0; prot < 8; prot++)
		map(prot, 1, prot);
	answer("%s", rights(0, 8));
}

static void unmap_here(unsigned long addr)
{
	munmap_(addr, PAGE);
	mprotect_(addr + PAGE, PAGE, NONE);
	madvise_(addr + 2 * PAGE, PAGE, MADV_DONTNEED);
	*(volatile char *)(addr + 2 * PAGE) = 'x';
}

PROBE(fork, what_the_child_changes_is_its_own)
{
	map(0, 4, RW);
	fill(0, 4);
	answer("%s", child(unmap_here, P(0)));
	answer("%s %s %s", contents(0, 4), rights(0, 4), shown(0, 4));
}

static void growing_down(unsigned long addr)
{
	*(volatile char *)addr = 'x';
}

PROBE(fork, stacks_still_grow)
{
	map_as(1000, 1, RW, ANON | MAP_GROWSDOWN);
	answer("%s", child(growing_down, P(990)));
	answer("%s", shown(989, 12));
}

static void resident(unsigned long addr)
{
	int page = (int)((addr - WINDOW) / PAGE);
	int bits = 0;

	for (int i = 0; i < 5; i++)
		bits = 2 * bits + (shown(page + i, 1)[0] == '1');
	exit_raw(bits);
}

/* Which pages a child has before it touches them, as bits. */
PROBE(fork, resident_in_the_child)
{
	map(0, 3, RW);
	map_as(3, 2, RW, SHANON);
	*AT(0) = 'x';
	(void)*AT(1);
	*AT(3) = 'x';
	answer("%s", child(resident, P(0)));
}

PROBE(limits, prlimit)
{
	struct rlimit one = {1, 1}, upside_down = {2, 1}, old = {7, 7};

	answer("unknown: %s", res(call(SYS_prlimit64, 0, 99, 0, &old)));
	answer("-1: %s", res(call(SYS_prlimit64, 0, -1, 0, &old)));
	answer("neither: %s", res(call(SYS_prlimit64, 0, RLIMIT_AS, 0, 0)));
	answer("upside down: %s",
	       res(call(SYS_prlimit64, 0, RLIMIT_AS, &upside_down, 0)));
	answer("bad new: %s",
	       res(call(SYS_prlimit64, 0, RLIMIT_AS, KERNEL_ADDRESS, 0)));
	answer("bad old: %s",
	       res(call(SYS_prlimit64, 0, RLIMIT_AS, 0, KERNEL_ADDRESS)));
	answer("nobody: %s",
	       res(call(SYS_prlimit64, 0x7ffffff, RLIMIT_AS, 0, &old)));
	answer("set: %s", res(call(SYS_prlimit64, 0, RLIMIT_CORE, &one, &old)));
	answer("get: %s", res(call(SYS_prlimit64, 0, RLIMIT_CORE, 0, &old)));
	answer("%lu %lu", (unsigned long)old.rlim_cur,
	       (unsigned long)old.rlim_max);
}

static const char *limit_text(unsigned long n)
{
	static char text[4][24];
	static unsigned next;
	char *s = text[next++ % 4];

	snprintf(s, 24, n == RLIM_INFINITY ? "none" : "%lu", n);
	return s;
}

PROBE(limits, of_init)
{
	static const int which[] = {RLIMIT_AS, RLIMIT_DATA, RLIMIT_STACK,
				    RLIMIT_MEMLOCK, RLIMIT_RSS};

	for (unsigned i = 0; i < sizeof(which) / sizeof(*which); i++) {
		struct rlimit l = {7, 7};

		answer("%s", res(call(SYS_prlimit64, 0, which[i], 0, &l)));
		answer("%s/%s", limit_text(l.rlim_cur), limit_text(l.rlim_max));
	}
}

static void limit_of_child(unsigned long want)
{
	struct rlimit l;

	call(SYS_prlimit64, 0, RLIMIT_DATA, 0, &l);
	exit_raw(l.rlim_cur == want ? 1 : 2);
}

PROBE(limits, are_inherited)
{
	answer("%s", res(limit_(RLIMIT_DATA, 77ul << 20)));
	answer("%s", child(limit_of_child, 77ul << 20));
}

PROBE(limits, getrusage)
{
	struct rusage before, after;

	answer("self: %s", res(call(SYS_getrusage, RUSAGE_SELF, &before)));
	map(0, 64, RW);
	for (int i = 0; i < 64; i++)
		*AT(i) = 'x';
	call(SYS_getrusage, RUSAGE_SELF, &after);
	answer("%s", after.ru_minflt - before.ru_minflt >= 1 ? "faults count"
							     : "no faults");
	answer("%s", after.ru_maxrss > 0 ? "maxrss" : "no maxrss");
	answer("children: %s",
	       res(call(SYS_getrusage, RUSAGE_CHILDREN, &after)));
	answer("99: %s", res(call(SYS_getrusage, 99, &after)));
	answer("no buffer: %s", res(call(SYS_getrusage, RUSAGE_SELF, NULL)));
}

PROBE(membarrier, commands)
{
	answer("query: %s", res(call(SYS_membarrier, 0, 0, 0)));
	answer("flags: %s", res(call(SYS_membarrier, 0, 1, 0)));
	answer("unknown: %s", res(call(SYS_membarrier, 1 << 20, 0, 0)));
	answer("-1: %s", res(call(SYS_membarrier, -1, 0, 0)));
	for (int bit = 0; bit < 9; bit++)
		answer("%d: %s", 1 << bit,
		       res(call(SYS_membarrier, 1 << bit, 0, 0)));
	answer("again: %s", res(call(SYS_membarrier, 8, 0, 0)));
}

PROBE(process_madvise, arguments)
{
	struct {
		unsigned long base, len;
	} iov = {P(0), PAGE};

	map(0, 1, RW);
	answer("no file: %s",
	       res(call(SYS_process_madvise, -1, &iov, 1, ADV_COLD, 0)));
	answer("flags: %s",
	       res(call(SYS_process_madvise, -1, &iov, 1, ADV_COLD, 1)));
	answer("not of a process: %s",
	       res(call(SYS_process_madvise, 1, &iov, 1, ADV_COLD, 0)));
	answer("bad vector: %s",
	       res(call(SYS_process_madvise, -1, NULL, 1, ADV_COLD, 0)));
	answer("too many: %s",
	       res(call(SYS_process_madvise, -1, &iov, 2000, ADV_COLD, 0)));
}

PROBE(remap_file_pages, anonymous)
{
	map(0, 2, RW);
	answer("private: %s",
	       res(call(SYS_remap_file_pages, P(0), PAGE, 0, 1, 0)));
	answer("prot: %s",
	       res(call(SYS_remap_file_pages, P(0), PAGE, RW, 1, 0)));
	map_as(4, 4, RW, SHANON);
	fill(4, 4);
	answer("shared: %s",
	       res(call(SYS_remap_file_pages, P(4), PAGE, 0, 2, 0)));
	answer("%s", contents(4, 4));
	answer("nothing: %s",
	       res(call(SYS_remap_file_pages, P(9), PAGE, 0, 0, 0)));
	answer("length 0: %s",
	       res(call(SYS_remap_file_pages, P(4), 0, 0, 0, 0)));
	answer("past the end: %s",
	       res(call(SYS_remap_file_pages, P(4), 8 * PAGE, 0, 0, 0)));
}

PROBE(calls, that_there_are_not)
{
	answer("mseal: %s", res(call(462, P(0), PAGE, 0)));
	answer("1000: %s", res(call(1000)));
	answer("-1: %s", res(call(-1)));
	answer("2^32 + 172: %s", res(call((1ul << 32) + SYS_getpid)));
	answer("map_shadow_stack: %s", res(call(453, 0, PAGE, 0)));
}

PROBE(faults, signals)
{
	map(0, 1, RO);
	map(1, 1, NONE);
	answer("nothing: %s %s %s", child(read_at, P(9)), child(write_at, P(9)),
	       child(run_at, P(9)));
	answer("RO: %s %s %s", child(read_at, P(0)), child(write_at, P(0)),
	       child(run_at, P(0)));
	answer("NONE: %s %s %s", child(read_at, P(1)), child(write_at, P(1)),
	       child(run_at, P(1)));
	answer("0: %s %s %s", child(read_at, 0), child(write_at, 0),
	       child(run_at, 0));
	answer("kernel: %s %s %s", child(read_at, KERNEL_ADDRESS),
	       child(write_at, KERNEL_ADDRESS), child(run_at, KERNEL_ADDRESS));
	answer("last page: %s %s", child(read_at, LAST_PAGE),
	       child(write_at, LAST_PAGE));
	answer("no such address: %s %s %s", child(read_at, 1ul << 62),
	       child(write_at, 1ul << 62), child(run_at, 1ul << 62));
}

static void wide(unsigned long addr)
{
	*(volatile uint64_t *)addr = 0x1122334455667788;
	exit_raw(*(volatile uint64_t *)addr == 0x1122334455667788 ? 0 : 1);
}

PROBE(faults, access_across_pages)
{
	map(0, 2, RW);
	answer("both fresh: %s", child(wide, P(1) - 4));
	map(8, 1, RW);
	answer("second missing: %s", child(wide, P(9) - 4));
	map(16, 1, RW);
	map(17, 1, RO);
	answer("second read-only: %s", child(wide, P(17) - 4));
}
