/*
 * Cases of mmap() and munmap() on anonymous memory.
 */
#include <sys/resource.h>

#include "probe.h"

enum { /* numbers that older C libraries lack */
       FIXED_NOREPLACE = 0x100000,
       SYNC = 0x80000,
       UNKNOWN = 0x2000000,
};

static const char *at(unsigned long addr, unsigned long len, int prot,
		      int flags)
{
	return res(mmap_(addr, len, prot, flags, -1, 0));
}

PROBE(mmap, lengths)
{
	answer("0: %s", at(P(0), 0, RW, ANON | MAP_FIXED));
	answer("1: %s", at(P(0), 1, RW, ANON | MAP_FIXED));
	answer("4097: %s", at(P(2), 4097, RW, ANON | MAP_FIXED));
	answer("2^62: %s", at(0, 1ul << 62, RW, ANON | MAP_NORESERVE));
	answer("2^63: %s", at(0, 1ul << 63, RW, ANON | MAP_NORESERVE));
	answer("-4096: %s", at(0, -PAGE, RW, ANON | MAP_NORESERVE));
	answer("-4095: %s", at(0, -PAGE + 1, RW, ANON | MAP_NORESERVE));
	answer("-1: %s", at(0, -1ul, RW, ANON | MAP_NORESERVE));
	answer("%s", shown(0, 5));
}

PROBE(mmap, no_type)
{
	answer("0: %s", at(P(0), PAGE, RW, MAP_ANONYMOUS | MAP_FIXED));
	answer("4: %s", at(P(0), PAGE, RW, 4 | MAP_ANONYMOUS | MAP_FIXED));
	answer("15: %s", at(P(0), PAGE, RW, 15 | MAP_ANONYMOUS | MAP_FIXED));
	answer("%s", shown(0, 1));
}

PROBE(mmap, validate_anonymous)
{
	answer("%s", at(P(0), PAGE, RW,
			MAP_SHARED_VALIDATE | MAP_ANONYMOUS | MAP_FIXED));
}

PROBE(mmap, files_that_are_none)
{
	answer("-1: %s", res(mmap_(P(0), PAGE, RW, MAP_PRIVATE, -1, 0)));
	answer("999: %s", res(mmap_(P(0), PAGE, RW, MAP_PRIVATE, 999, 0)));
	answer("anonymous: %s",
	       res(mmap_(P(0), PAGE, RW, ANON | MAP_FIXED, 999, 0)));
}

PROBE(mmap, offsets)
{
	answer("1: %s", res(mmap_(P(0), PAGE, RW, ANON | MAP_FIXED, -1, 1)));
	answer("4096: %s",
	       res(mmap_(P(0), PAGE, RW, ANON | MAP_FIXED, -1, PAGE)));
	answer("last page: %s",
	       res(mmap_(P(1), PAGE, RW, ANON | MAP_FIXED, -1, LAST_PAGE)));
	answer("and one more: %s",
	       res(mmap_(P(2), 2 * PAGE, RW, ANON | MAP_FIXED, -1, LAST_PAGE)));
	answer("2^63: %s",
	       res(mmap_(P(3), PAGE, RW, ANON | MAP_FIXED, -1, 1ul << 63)));
	answer("2^63 - 4096: %s",
	       res(mmap_(P(4), 2 * PAGE, RW, ANON | MAP_FIXED, -1,
			 (1ul << 63) - PAGE)));
}

PROBE(mmap, fixed_places)
{
	const int fixed = ANON | MAP_FIXED;

	answer("unaligned: %s", at(P(0) + 1, PAGE, RW, fixed));
	answer("kernel: %s", at(KERNEL_ADDRESS, PAGE, RW, fixed));
	answer("last page: %s", at(LAST_PAGE, PAGE, RW, fixed));
	answer("wraps: %s", at(LAST_PAGE, 2 * PAGE, RW, fixed));
	answer("2^62: %s", at(1ul << 62, PAGE, RW, fixed));
	answer("noreplace unaligned: %s",
	       at(P(0) + 1, PAGE, RW, ANON | FIXED_NOREPLACE));
	answer("noreplace kernel: %s",
	       at(KERNEL_ADDRESS, PAGE, RW, ANON | FIXED_NOREPLACE));
}

PROBE(mmap, fixed_at_zero)
{
	long r = mmap_(0, PAGE, RW, ANON | MAP_FIXED, -1, 0);

	answer("%s", res(r));
	if (r == 0)
		answer("%s", child(write_at, 0));
}

PROBE(mmap, hints)
{
	map(4, 1, RW);
	answer("free: %s", at(P(0), PAGE, RW, ANON));
	answer("free, unaligned: %s", at(P(1) + 123, PAGE, RW, ANON));
	answer("taken: %s", at(P(4), PAGE, RW, ANON));
	answer("reaches into taken: %s", at(P(3), 2 * PAGE, RW, ANON));
	answer("kernel: %s", at(KERNEL_ADDRESS, PAGE, RW, ANON));
	answer("2^62: %s", at(1ul << 62, PAGE, RW, ANON));
	answer("below the lowest: %s", at(1, PAGE, RW, ANON));
	answer("%s", shown(0, 6));
}

PROBE(mmap, fixed_replaces)
{
	map(0, 4, RW);
	fill(0, 4);
	answer("%s", at(P(1), 2 * PAGE, RO, ANON | MAP_FIXED));
	answer("%s %s %s", shown(0, 5), contents(0, 5), rights(0, 5));
}

PROBE(mmap, noreplace)
{
	const int flags = ANON | FIXED_NOREPLACE;

	map(2, 2, RW);
	fill(2, 2);
	answer("free: %s", at(P(0), PAGE, RW, flags));
	answer("over the start: %s", at(P(1), 2 * PAGE, RW, flags));
	answer("over the end: %s", at(P(3), 2 * PAGE, RW, flags));
	answer("inside: %s", at(P(2), PAGE, RW, flags));
	answer("around: %s", at(P(1), 4 * PAGE, RW, flags));
	answer("behind: %s", at(P(4), PAGE, RW, flags));
	answer("with FIXED: %s", at(P(2), PAGE, RW, flags | MAP_FIXED));
	answer("%s %s", shown(0, 6), contents(0, 6));
}

static void matrix(int type)
{
	for (int prot = 0; prot < 8; prot++)
		map_as(prot, 1, prot, type | MAP_ANONYMOUS);
	answer("%s", rights(0, 8));
	for (int prot = 0; prot < 8; prot++)
		answer("%s", child(write_at, P(prot)));
}

PROBE(mmap, rights_of_private)
{
	matrix(MAP_PRIVATE);
}

PROBE(mmap, rights_of_shared)
{
	matrix(MAP_SHARED);
}

PROBE(mmap, unknown_prot)
{
	answer("%s", at(P(0), PAGE, RW | 0x100, ANON | MAP_FIXED));
	answer("%s", at(P(1), PAGE, RW | PROT_GROWSDOWN, ANON | MAP_FIXED));
	answer("%s", rights(0, 2));
}

PROBE(mmap, unknown_flags)
{
	answer("private: %s", at(P(0), PAGE, RW, ANON | MAP_FIXED | UNKNOWN));
	answer("shared: %s", at(P(1), PAGE, RW, SHANON | MAP_FIXED | UNKNOWN));
	answer("sync: %s", at(P(2), PAGE, RW, SHANON | MAP_FIXED | SYNC));
}

PROBE(mmap, flags_without_effect)
{
	const int fixed = ANON | MAP_FIXED;

	answer("%s", at(P(0), PAGE, RW, fixed | MAP_STACK));
	answer("%s", at(P(1), PAGE, RW, fixed | MAP_NORESERVE));
	answer("%s", at(P(2), PAGE, RW, fixed | MAP_DENYWRITE));
	answer("%s", at(P(3), PAGE, RW, fixed | MAP_EXECUTABLE));
	answer("%s", at(P(4), PAGE, RW, fixed | MAP_NONBLOCK));
	answer("%s %s", shown(0, 5), rights(0, 5));
}

PROBE(mmap, growsdown)
{
	answer("shared: %s",
	       at(P(0), PAGE, RW, SHANON | MAP_FIXED | MAP_GROWSDOWN));
	answer("private: %s",
	       at(P(9), PAGE, RW, ANON | MAP_FIXED | MAP_GROWSDOWN));
	answer("%s", shown(0, 10));
}

PROBE(mmap, hugetlb_without_pool)
{
	answer("default: %s", at(0, 2ul << 20, RW, ANON | MAP_HUGETLB));
	answer("2 MiB: %s",
	       at(0, 2ul << 20, RW, ANON | MAP_HUGETLB | (21 << 26)));
	answer("1 KiB: %s",
	       at(0, 2ul << 20, RW, ANON | MAP_HUGETLB | (10 << 26)));
	answer("length 0: %s", at(0, 0, RW, ANON | MAP_HUGETLB));
}

PROBE(mmap, populate)
{
	map_as(0, 2, RW, ANON | MAP_POPULATE);
	map_as(2, 2, RO, ANON | MAP_POPULATE);
	map_as(4, 2, NONE, ANON | MAP_POPULATE);
	map_as(6, 2, RW, SHANON | MAP_POPULATE);
	map_as(8, 2, RW, ANON | MAP_POPULATE | MAP_NONBLOCK);
	map_as(10, 1, PROT_WRITE, ANON | MAP_POPULATE);
	map_as(11, 1, PROT_EXEC, ANON | MAP_POPULATE);
	map_as(12, 1, PROT_EXEC, SHANON | MAP_POPULATE);
	answer("%s %s", shown(0, 13), contents(0, 13));
}

PROBE(mmap, locked)
{
	map_as(0, 2, RW, ANON | MAP_LOCKED);
	map_as(2, 1, NONE, ANON | MAP_LOCKED);
	map_as(3, 1, RO, ANON | MAP_LOCKED);
	answer("%s %s", shown(0, 4), locks(0, 4));
}

PROBE(mmap, untouched_is_zero)
{
	map(0, 3, RW);
	answer("%s %s", shown(0, 3), contents(0, 3));
	*AT(1) = 'x';
	(void)*AT(2);
	answer("%s %s", shown(0, 3), contents(0, 3));
	munmap_(P(0), 3 * PAGE);
	map(0, 3, RW);
	answer("%s %s", shown(0, 3), contents(0, 3));
}

PROBE(mmap, kernel_places)
{
	long a = mmap_(0, PAGE, RW, ANON, -1, 0);
	long b = mmap_(0, 3 * PAGE, RW, ANON, -1, 0);
	long c;

	answer("%s", b + 3 * (long)PAGE == a ? "below the last" : "not below");
	munmap_((unsigned long)b, 3 * PAGE);
	c = mmap_(0, PAGE, RW, ANON, -1, 0);
	answer("%s", c + (long)PAGE == a ? "top of the gap" : "not there");
}

PROBE(mmap, limit_as)
{
	answer("%s", res(limit_(RLIMIT_AS, 64ul << 20)));
	answer("64 MiB: %s", at(P(0), 64ul << 20, RW, ANON | MAP_FIXED));
	answer("32 MiB: %s", at(P(0), 32ul << 20, RO, ANON | MAP_FIXED));
	answer("again: %s", at(P(0), 32ul << 20, RO, ANON | MAP_FIXED));
	answer("and 32: %s", at(P(8192), 32ul << 20, RO, ANON | MAP_FIXED));
	answer("and 1: %s", at(P(8192), 1ul << 20, NONE, ANON | MAP_FIXED));
}

PROBE(mmap, limit_as_is_looked_at_before_fixed_unmaps)
{
	map(0, 2, RW);
	fill(0, 2);
	limit_(RLIMIT_AS, 0);
	answer("same size: %s", at(P(0), 2 * PAGE, RW, ANON | MAP_FIXED));
	answer("more: %s", at(P(0), 3 * PAGE, RW, ANON | MAP_FIXED));
	limit_(RLIMIT_AS, RLIM_INFINITY);
	answer("%s %s", shown(0, 3), contents(0, 3));
}

PROBE(mmap, limit_data)
{
	limit_(RLIMIT_DATA, 8ul << 20);
	answer("RW: %s", at(P(0), 16ul << 20, RW, ANON | MAP_FIXED));
	answer("RO: %s", at(P(0), 16ul << 20, RO, ANON | MAP_FIXED));
	answer("shared: %s", at(P(8192), 16ul << 20, RW, SHANON | MAP_FIXED));
	answer("RO to RW: %s", res(mprotect_(P(0), 16ul << 20, RW)));
	answer("RO to RW, 1 page: %s", res(mprotect_(P(0), PAGE, RW)));
}

PROBE(mmap, more_than_there_is)
{
	const unsigned long size = 1ul << 36;

	answer("RW: %s", at(0, size, RW, ANON));
	answer("NORESERVE: %s", at(0, size, RW, ANON | MAP_NORESERVE));
	answer("RO: %s", at(0, size, RO, ANON));
	answer("shared: %s", at(0, size, RW, SHANON));
	answer("shared, NORESERVE: %s",
	       at(0, size, RW, SHANON | MAP_NORESERVE));
}

PROBE(munmap, arguments)
{
	map(0, 2, RW);
	answer("length 0: %s", res(munmap_(P(0), 0)));
	answer("unaligned: %s", res(munmap_(P(0) + 1, PAGE)));
	answer("wraps: %s", res(munmap_(P(0), -1ul)));
	answer("-4096: %s", res(munmap_(P(0), -PAGE)));
	answer("kernel: %s", res(munmap_(KERNEL_ADDRESS, PAGE)));
	answer("into the kernel: %s", res(munmap_(P(0), 1ul << 62)));
	answer("2^62: %s", res(munmap_(1ul << 62, PAGE)));
	answer("%s", shown(0, 2));
	answer("nothing there: %s", res(munmap_(P(8), PAGE)));
	answer("1 byte: %s", res(munmap_(P(0), 1)));
	answer("%s", shown(0, 2));
}

PROBE(munmap, parts)
{
	map(0, 8, RW);
	fill(0, 8);
	answer("start: %s", res(munmap_(P(0), PAGE)));
	answer("end: %s", res(munmap_(P(7), PAGE)));
	answer("middle: %s", res(munmap_(P(3), 2 * PAGE)));
	answer("%s %s", shown(0, 8), contents(0, 8));
	answer("over all: %s", res(munmap_(P(0), 8 * PAGE)));
	answer("%s", shown(0, 8));
}

PROBE(munmap, several_with_holes)
{
	map(0, 2, RW);
	map(3, 2, RO);
	map_as(6, 2, RW, SHANON);
	answer("%s", res(munmap_(P(1), 6 * PAGE)));
	answer("%s", shown(0, 9));
}

PROBE(munmap, what_comes_after_is_a_fault)
{
	map(0, 1, RW);
	*AT(0) = 'x';
	munmap_(P(0), PAGE);
	answer("%s", child(read_at, P(0)));
	answer("%s", child(write_at, P(0)));
	answer("%s", child(run_at, P(0)));
}
