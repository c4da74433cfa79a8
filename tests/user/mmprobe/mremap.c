/*
 * Cases of mremap().
 */
#include <sys/resource.h>

#include "probe.h"

enum { STAY = 0, MAYMOVE = 1, FIXED = 3, DONTUNMAP = 4 };

static const char *re(unsigned long old, unsigned long old_len,
		      unsigned long new_len, int flags, unsigned long to)
{
	return res(mremap_(old, old_len, new_len, flags, to));
}

PROBE(mremap, arguments)
{
	map(0, 4, RW);
	answer("unaligned: %s", re(P(0) + 1, PAGE, PAGE, MAYMOVE, 0));
	answer("new length 0: %s", re(P(0), PAGE, 0, MAYMOVE, 0));
	answer("unknown flag: %s", re(P(0), PAGE, PAGE, 8, 0));
	answer("FIXED alone: %s", re(P(0), PAGE, PAGE, 2, P(8)));
	answer("DONTUNMAP alone: %s", re(P(0), PAGE, PAGE, DONTUNMAP, 0));
	answer("DONTUNMAP resizes: %s",
	       re(P(0), PAGE, 2 * PAGE, DONTUNMAP | MAYMOVE, 0));
	answer("to unaligned: %s", re(P(0), PAGE, PAGE, FIXED, P(8) + 1));
	answer("to kernel: %s", re(P(0), PAGE, PAGE, FIXED, KERNEL_ADDRESS));
	answer("to last page: %s", re(P(0), PAGE, PAGE, FIXED, LAST_PAGE));
	answer("to itself: %s", re(P(0), PAGE, PAGE, FIXED, P(0)));
	answer("overlap up: %s", re(P(0), 2 * PAGE, 2 * PAGE, FIXED, P(1)));
	answer("overlap down: %s", re(P(1), 2 * PAGE, 2 * PAGE, FIXED, P(0)));
	answer("new length huge: %s", re(P(0), PAGE, 1ul << 62, MAYMOVE, 0));
	answer("new length -1: %s", re(P(0), PAGE, -1ul, MAYMOVE, 0));
	answer("%s", shown(0, 10));
}

PROBE(mremap, nothing_there)
{
	map(1, 1, RW);
	answer("hole: %s", re(P(4), PAGE, PAGE, STAY, 0));
	answer("hole, move: %s", re(P(4), PAGE, 2 * PAGE, MAYMOVE, 0));
	answer("hole, to: %s", re(P(4), PAGE, PAGE, FIXED, P(8)));
	answer("kernel: %s", re(KERNEL_ADDRESS, PAGE, PAGE, STAY, 0));
	answer("starts in hole: %s", re(P(0), 2 * PAGE, 2 * PAGE, STAY, 0));
	answer("past the end: %s", re(P(1), 2 * PAGE, 3 * PAGE, STAY, 0));
	answer("past the end, move: %s",
	       re(P(1), 2 * PAGE, 3 * PAGE, MAYMOVE, 0));
	answer("past the end, same size: %s",
	       re(P(1), 2 * PAGE, 2 * PAGE, STAY, 0));
	answer("%s", shown(0, 10));
}

PROBE(mremap, same_size)
{
	map(0, 3, RW);
	answer("%s", re(P(0), 3 * PAGE, 3 * PAGE, STAY, 0));
	answer("%s", re(P(1), PAGE, PAGE, MAYMOVE, 0));
	answer("rounded: %s", re(P(0), 3 * PAGE - 5, 2 * PAGE + 1, STAY, 0));
	answer("%s", shown(0, 4));
}

PROBE(mremap, shrink)
{
	map(0, 4, RW);
	fill(0, 4);
	answer("%s", re(P(0), 4 * PAGE, 2 * PAGE, STAY, 0));
	answer("%s %s", shown(0, 4), contents(0, 4));
	answer("%s", re(P(0), 2 * PAGE, 1, MAYMOVE, 0));
	answer("%s %s", shown(0, 4), contents(0, 4));
}

PROBE(mremap, shrink_across_holes)
{
	map(0, 2, RW);
	map(3, 2, RO);
	map_as(6, 2, RW, SHANON);
	fill(0, 2);
	answer("%s", re(P(0), 8 * PAGE, PAGE, STAY, 0));
	answer("%s %s", shown(0, 9), contents(0, 2));
}

PROBE(mremap, shrink_over_nothing)
{
	answer("%s", re(P(0), 4 * PAGE, PAGE, STAY, 0));
	answer("%s", re(P(0), 4 * PAGE, PAGE, MAYMOVE, 0));
	answer("%s", re(P(0), 4 * PAGE, PAGE, FIXED, P(8)));
	map(2, 1, RW);
	answer("%s %s", re(P(0), 4 * PAGE, PAGE, STAY, 0), shown(0, 4));
}

PROBE(mremap, grow_in_place)
{
	map(0, 2, RW);
	fill(0, 2);
	answer("%s", re(P(0), 2 * PAGE, 4 * PAGE, STAY, 0));
	answer("%s %s", shown(0, 5), contents(0, 5));
	*AT(3) = 'x';
	answer("end only: %s", re(P(3), PAGE, 2 * PAGE, STAY, 0));
	answer("%s %s", shown(0, 6), contents(0, 6));
}

PROBE(mremap, grow_not_at_the_end)
{
	map(0, 4, RW);
	fill(0, 4);
	answer("%s", re(P(0), 2 * PAGE, 3 * PAGE, STAY, 0));
	answer("%s %s", shown(0, 5), contents(0, 5));
	answer("%s", re(P(0), 2 * PAGE, 3 * PAGE, FIXED, P(8)));
	answer("%s %s", shown(0, 12), contents(0, 12));
}

PROBE(mremap, grow_blocked)
{
	map(0, 2, RW);
	map(2, 1, RO);
	fill(0, 2);
	answer("%s", re(P(0), 2 * PAGE, 3 * PAGE, STAY, 0));
	answer("moves: %s", re(P(0), 2 * PAGE, 3 * PAGE, MAYMOVE, 0));
	answer("%s", shown(0, 4));
}

PROBE(mremap, grow_merges)
{
	map(0, 2, RW);
	map(4, 2, RW);
	answer("%s", re(P(0), 2 * PAGE, 4 * PAGE, STAY, 0));
	answer("as one: %s", re(P(0), 6 * PAGE, 7 * PAGE, STAY, 0));
	answer("%s %s", shown(0, 8), contents(0, 8));
}

PROBE(mremap, moves_contents)
{
	map(0, 4, RW);
	fill(0, 3);
	answer("%s", re(P(0), 4 * PAGE, 4 * PAGE, FIXED, P(16)));
	answer("%s %s", shown(0, 4), shown(16, 4));
	answer("%s %s", contents(16, 4), rights(16, 4));
}

PROBE(mremap, moves_the_middle)
{
	map(0, 5, RW);
	fill(0, 5);
	answer("%s", re(P(2), PAGE, PAGE, FIXED, P(8)));
	answer("%s %s", shown(0, 10), contents(0, 10));
	answer("back: %s", re(P(8), PAGE, PAGE, FIXED, P(2)));
	answer("%s %s", shown(0, 10), contents(0, 10));
	answer("one again: %s", re(P(0), 5 * PAGE, 6 * PAGE, STAY, 0));
}

PROBE(mremap, move_and_shrink)
{
	map(0, 4, RW);
	fill(0, 4);
	answer("%s", re(P(0), 4 * PAGE, 2 * PAGE, FIXED, P(8)));
	answer("%s %s", shown(0, 12), contents(0, 12));
}

PROBE(mremap, move_and_grow)
{
	map(0, 2, RW);
	fill(0, 2);
	answer("%s", re(P(0), 2 * PAGE, 4 * PAGE, FIXED, P(8)));
	answer("%s %s", shown(0, 12), contents(0, 12));
}

PROBE(mremap, target_is_unmapped)
{
	map(0, 2, RW);
	map(7, 4, RO);
	fill(0, 2);
	answer("%s", re(P(0), 2 * PAGE, 2 * PAGE, FIXED, P(8)));
	answer("%s %s %s", shown(0, 12), contents(0, 12), rights(7, 4));
}

PROBE(mremap, target_is_lost_when_it_fails)
{
	map(7, 4, RW);
	fill(7, 4);
	answer("no source: %s", re(P(0), PAGE, PAGE, FIXED, P(8)));
	answer("%s", shown(7, 4));
	map(0, 2, RW);
	answer("source too short: %s",
	       re(P(0), 3 * PAGE, 3 * PAGE, FIXED, P(9)));
	answer("%s %s", shown(0, 2), shown(7, 4));
}

PROBE(mremap, across_two)
{
	map(0, 2, RW);
	map(2, 2, RO);
	fill(0, 2);
	answer("%s", re(P(0), 4 * PAGE, 4 * PAGE, FIXED, P(8)));
	answer("same size: %s", re(P(0), 4 * PAGE, 4 * PAGE, STAY, 0));
	answer("grow: %s", re(P(0), 4 * PAGE, 5 * PAGE, MAYMOVE, 0));
	answer("%s %s", shown(0, 12), contents(0, 12));
}

PROBE(mremap, rights_and_locks_move)
{
	map(0, 1, RO);
	map(1, 1, NONE);
	map_as(2, 1, RW, ANON | MAP_LOCKED);
	for (int i = 0; i < 3; i++)
		answer("%s", re(P(i), PAGE, PAGE, FIXED, P(8 + i)));
	answer("%s %s %s", rights(8, 3), locks(8, 3), shown(8, 3));
	answer("%s %s", re(P(10), PAGE, 3 * PAGE, STAY, 0), shown(8, 5));
}

PROBE(mremap, old_length_0_shared)
{
	map_as(0, 2, RW, SHANON);
	fill(0, 2);
	answer("%s", re(P(0), 0, 2 * PAGE, FIXED, P(8)));
	answer("%s %s", shown(0, 10), contents(0, 10));
	*AT(8) = 'x';
	answer("%s", contents(0, 10));
	answer("in the middle: %s", re(P(1), 0, PAGE, FIXED, P(12)));
	answer("%s", contents(12, 1));
	answer("no move: %s", re(P(0), 0, 2 * PAGE, STAY, 0));
	answer("longer: %s", re(P(0), 0, 3 * PAGE, FIXED, P(16)));
	answer("%s %s", shown(16, 3), child(read_at, P(18)));
}

PROBE(mremap, old_length_0_private)
{
	map(0, 2, RW);
	fill(0, 2);
	answer("%s", re(P(0), 0, 2 * PAGE, FIXED, P(8)));
	answer("%s", re(P(0), 0, 2 * PAGE, MAYMOVE, 0));
	answer("%s %s", shown(0, 10), contents(0, 2));
}

PROBE(mremap, dontunmap)
{
	map(0, 3, RW);
	fill(0, 2);
	answer("%s", re(P(0), 3 * PAGE, 3 * PAGE, FIXED | DONTUNMAP, P(8)));
	answer("%s %s", shown(0, 12), contents(8, 3));
	answer("%s %s", contents(0, 3), rights(0, 3));
	*AT(0) = 'x';
	answer("%s %s", contents(0, 3), contents(8, 3));
}

PROBE(mremap, dontunmap_anywhere)
{
	long r;

	map(0, 2, RW);
	fill(0, 2);
	r = mremap_(P(0), 2 * PAGE, 2 * PAGE, MAYMOVE | DONTUNMAP, 0);
	answer("%s %s %s", res(r), shown(0, 2), contents(0, 2));
	if (!is_error(r))
		answer("%c%c", ((char *)r)[0], ((char *)r)[PAGE]);
}

PROBE(mremap, dontunmap_a_part)
{
	map(0, 4, RW);
	fill(0, 4);
	answer("%s", re(P(1), PAGE, PAGE, FIXED | DONTUNMAP, P(8)));
	answer("%s %s", contents(0, 9), shown(0, 9));
}

PROBE(mremap, dontunmap_shared)
{
	map_as(0, 2, RW, SHANON);
	fill(0, 2);
	answer("%s", re(P(0), 2 * PAGE, 2 * PAGE, FIXED | DONTUNMAP, P(8)));
	answer("%s %s", contents(0, 10), shown(0, 10));
}

PROBE(mremap, dontunmap_locked)
{
	map_as(0, 2, RW, ANON | MAP_LOCKED);
	answer("%s", re(P(0), 2 * PAGE, 2 * PAGE, FIXED | DONTUNMAP, P(8)));
	answer("%s %s", locks(0, 10), shown(0, 10));
}

PROBE(mremap, dontunmap_overlap)
{
	map(0, 4, RW);
	answer("%s", re(P(0), 2 * PAGE, 2 * PAGE, FIXED | DONTUNMAP, P(1)));
	answer("%s", re(P(0), 2 * PAGE, 2 * PAGE, FIXED | DONTUNMAP, P(0)));
}

PROBE(mremap, limit_as)
{
	map(0, 2, RW);
	limit_(RLIMIT_AS, 1ul << 20);
	answer("%s", re(P(0), 2 * PAGE, 512 * PAGE, STAY, 0));
	answer("%s", re(P(0), 2 * PAGE, 512 * PAGE, MAYMOVE, 0));
	answer("%s", re(P(0), 2 * PAGE, PAGE, STAY, 0));
}

static void store_both(unsigned long addr)
{
	*(volatile char *)addr = 'y';
	mremap_(addr, PAGE, PAGE, FIXED, P(40));
	*AT(40) = 'z';
}

PROBE(mremap, of_what_fork_shares)
{
	map(0, 2, RW);
	fill(0, 2);
	answer("%s %s", child(store_both, P(0)), contents(0, 2));
	mremap_(P(1), PAGE, PAGE, FIXED, P(8));
	answer("%s %s", child(store_both, P(8)), contents(0, 9));
}

/* Tables of several levels: 6 MiB, of which some pages are there. */
PROBE(mremap, large)
{
	const int last = 1535;

	map(0, 1536, RW);
	*AT(0) = 'a';
	*AT(511) = 'b';
	*AT(512) = 'c';
	*AT(last) = 'd';
	answer("%s", re(P(0), 1536 * PAGE, 1536 * PAGE, FIXED, P(4096 + 7)));
	answer("%s%s%s", shown(0, 1), shown(511, 2), shown(last, 1));
	answer("%s%s%s", contents(4103, 1), contents(4103 + 511, 2),
	       contents(4103 + last, 1));
	answer("%s", shown(4103 + 509, 6));
}
