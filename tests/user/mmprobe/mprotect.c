/*
 * Cases of mprotect().
 */
#include "probe.h"

PROBE(mprotect, arguments)
{
	map(0, 2, RW);
	answer("unaligned: %s", res(mprotect_(P(0) + 1, PAGE, RO)));
	answer("length 0: %s", res(mprotect_(P(0), 0, RO)));
	answer("length 0 of nothing: %s", res(mprotect_(P(8), 0, RO)));
	answer("length 0 unaligned: %s", res(mprotect_(P(0) + 1, 0, RO)));
	answer("length 0 bad prot: %s", res(mprotect_(P(0), 0, 0x100)));
	answer("wraps: %s", res(mprotect_(P(0), -PAGE, RO)));
	answer("-1: %s", res(mprotect_(P(0), -1ul, RO)));
	answer("unknown prot: %s", res(mprotect_(P(0), PAGE, RW | 0x100)));
	answer("PROT_SEM: %s", res(mprotect_(P(0), PAGE, RW | 8)));
	answer("kernel: %s", res(mprotect_(KERNEL_ADDRESS, PAGE, RO)));
	answer("last page: %s", res(mprotect_(LAST_PAGE, PAGE, RO)));
	answer("nothing: %s", res(mprotect_(P(8), PAGE, RO)));
	answer("both grow: %s",
	       res(mprotect_(P(0), PAGE, RO | PROT_GROWSDOWN | PROT_GROWSUP)));
	answer("%s", rights(0, 2));
}

PROBE(mprotect, length_is_rounded_up)
{
	map(0, 3, RW);
	answer("%s %s", res(mprotect_(P(0), PAGE + 1, RO)), rights(0, 3));
}

PROBE(mprotect, start_in_hole)
{
	map(1, 2, RW);
	answer("%s %s", res(mprotect_(P(0), 2 * PAGE, RO)), rights(0, 3));
}

PROBE(mprotect, hole_in_the_middle)
{
	map(0, 2, RW);
	map(3, 2, RW);
	answer("%s %s", res(mprotect_(P(0), 5 * PAGE, RO)), rights(0, 5));
}

PROBE(mprotect, hole_at_the_end)
{
	map(0, 2, RW);
	answer("%s %s", res(mprotect_(P(1), 3 * PAGE, RO)), rights(0, 4));
}

PROBE(mprotect, several_kinds)
{
	map(0, 2, RW);
	map(2, 2, NONE);
	map_as(4, 2, RW, SHANON);
	map(6, 2, RX);
	fill(0, 2);
	fill(4, 2);
	answer("%s", res(mprotect_(P(1), 6 * PAGE, RO)));
	answer("%s %s %s", rights(0, 8), contents(0, 8), shown(0, 8));
}

PROBE(mprotect, contents_stay)
{
	map(0, 4, RW);
	fill(0, 4);
	answer("%s", res(mprotect_(P(0), 4 * PAGE, NONE)));
	answer("%s %s %s", rights(0, 4), shown(0, 4), contents(0, 4));
	answer("%s", res(mprotect_(P(1), 2 * PAGE, RW)));
	answer("%s %s %s", rights(0, 4), shown(0, 4), contents(0, 4));
	*AT(1) = 'x';
	answer("%s", res(mprotect_(P(0), 4 * PAGE, RO)));
	answer("%s %s %s", rights(0, 4), shown(0, 4), contents(0, 4));
}

PROBE(mprotect, each_to_each)
{
	for (int from = 0; from < 8; from++) {
		map(0, 8, from);
		for (int to = 0; to < 8; to++)
			mprotect_(P(to), PAGE, to);
		answer("%s", rights(0, 8));
	}
}

PROBE(mprotect, each_to_each_touched)
{
	for (int from = 0; from < 8; from++) {
		map(0, 8, RW);
		fill(0, 8);
		mprotect_(P(0), 8 * PAGE, from);
		for (int to = 0; to < 8; to++)
			mprotect_(P(to), PAGE, to);
		answer("%s", rights(0, 8));
	}
}

PROBE(mprotect, zero_page_then_write)
{
	map(0, 2, RW);
	(void)*AT(0);
	answer("%s", res(mprotect_(P(0), PAGE, RO)));
	answer("%s", child(write_at, P(0)));
	answer("%s", res(mprotect_(P(0), PAGE, RW)));
	*AT(0) = 'x';
	answer("%s %s", contents(0, 2), shown(0, 2));
}

PROBE(mprotect, grows_down)
{
	map_as(8, 4, RW, ANON | MAP_GROWSDOWN);
	map(20, 4, RW);
	answer("%s", res(mprotect_(P(10), PAGE, RO | PROT_GROWSDOWN)));
	answer("%s", rights(8, 4));
	answer("not a stack: %s",
	       res(mprotect_(P(22), PAGE, RO | PROT_GROWSDOWN)));
	answer("%s", rights(20, 4));
	answer("up: %s", res(mprotect_(P(22), PAGE, RO | PROT_GROWSUP)));
	answer("below: %s", res(mprotect_(P(7), PAGE, RO | PROT_GROWSDOWN)));
	answer("nothing: %s", res(mprotect_(P(30), PAGE, RO | PROT_GROWSDOWN)));
}

PROBE(mprotect, of_shared_memory_is_seen_by_one_only)
{
	map_as(0, 2, RW, SHANON);
	fill(0, 2);
	answer("%s", res(mremap_(P(0), 0, 2 * PAGE, 3, P(4))));
	answer("%s", res(mprotect_(P(0), PAGE, NONE)));
	*AT(4) = 'x';
	answer("%s", res(mprotect_(P(0), PAGE, RO)));
	answer("%s %s", contents(0, 6), rights(0, 6));
}

static void store(unsigned long addr)
{
	*(volatile char *)addr = 'c';
	mprotect_(addr, PAGE, RO);
	mprotect_(addr, PAGE, RW);
	*(volatile char *)addr = 'd';
}

PROBE(mprotect, keeps_copies_apart_after_fork)
{
	map(0, 2, RW);
	fill(0, 2);
	answer("%s", child(store, P(0)));
	answer("%s", contents(0, 2));
	mprotect_(P(1), PAGE, RO);
	mprotect_(P(1), PAGE, RW);
	answer("%s", child(store, P(1)));
	answer("%s", contents(0, 2));
}

/* Private locked pages that become writable are there before they are written. */
PROBE(mprotect, locked_becomes_writable)
{
	map_as(0, 2, NONE, ANON | MAP_LOCKED);
	map_as(2, 2, RO, ANON | MAP_LOCKED);
	map_as(4, 2, NONE, SHANON | MAP_LOCKED);
	map(6, 2, NONE);
	call(SYS_mlock2, P(6), 2 * PAGE, 1);
	answer("%s", shown(0, 8));
	answer("%s %s", res(mprotect_(P(0), 8 * PAGE, RO)), shown(0, 8));
	answer("%s %s", res(mprotect_(P(0), 8 * PAGE, RW)), shown(0, 8));
}

/* Between two of them, one that was writable and has lost its pages. */
PROBE(mprotect, locked_stays_writable)
{
	map_as(0, 1, RO, ANON | MAP_LOCKED);
	map_as(1, 2, RW, ANON | MAP_LOCKED);
	map_as(3, 1, RO, ANON | MAP_LOCKED);
	madvise_(P(0), 4 * PAGE, ADV_DONTNEED_LOCKED);
	answer("%s %s", shown(0, 4), locks(0, 4));
	answer("%s %s", res(mprotect_(P(0), 4 * PAGE, RW)), shown(0, 4));
}
