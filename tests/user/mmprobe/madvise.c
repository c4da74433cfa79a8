/*
 * Cases of madvise() on anonymous memory, private and shared.
 */
#include "probe.h"

static const char *adv(int page, int n, int advice)
{
	return res(madvise_(P(page), (unsigned long)n * PAGE, advice));
}

PROBE(madvise, arguments)
{
	map(0, 2, RW);
	answer("unaligned: %s", res(madvise_(P(0) + 1, PAGE, MADV_NORMAL)));
	answer("length 0: %s", adv(0, 0, MADV_NORMAL));
	answer("length 0 of nothing: %s", adv(9, 0, MADV_DONTNEED));
	answer("unknown: %s", adv(0, 1, 1000));
	answer("unknown, length 0: %s", adv(0, 0, 1000));
	answer("-1: %s", adv(0, 1, -1));
	answer("wraps: %s", res(madvise_(P(0), -1ul, MADV_NORMAL)));
	answer("-4096: %s", res(madvise_(P(0), -PAGE, MADV_NORMAL)));
	answer("kernel: %s",
	       res(madvise_(KERNEL_ADDRESS, PAGE, MADV_DONTNEED)));
	answer("last page: %s", res(madvise_(LAST_PAGE, PAGE, MADV_NORMAL)));
	answer("nothing: %s", adv(9, 1, MADV_NORMAL));
}

/* Which of the advices there are is a property of a kernel; these are what this
 * one does on plain private memory. */
PROBE(madvise, each_on_private)
{
	map(0, 1, RW);
	for (int advice = 0; advice <= 26; advice++)
		answer("%d: %s", advice, adv(0, 1, advice));
	answer("100: %s", adv(0, 1, 100));
	answer("101: %s", adv(0, 1, 101));
	answer("102: %s", adv(0, 1, 102));
	answer("103: %s", adv(0, 1, 103));
}

PROBE(madvise, each_on_shared)
{
	map_as(0, 1, RW, SHANON);
	for (int advice = 0; advice <= 25; advice++)
		answer("%d: %s", advice, adv(0, 1, advice));
}

PROBE(madvise, each_on_locked)
{
	map_as(0, 1, RW, ANON | MAP_LOCKED);
	for (int advice = 0; advice <= 25; advice++)
		answer("%d: %s", advice, adv(0, 1, advice));
}

PROBE(madvise, each_on_nothing)
{
	for (int advice = 0; advice <= 25; advice++)
		answer("%d: %s", advice, adv(0, 1, advice));
}

PROBE(madvise, dontneed)
{
	map(0, 4, RW);
	fill(0, 4);
	answer("%s %s", adv(1, 2, MADV_DONTNEED), shown(0, 4));
	answer("%s %s", contents(0, 4), shown(0, 4));
}

PROBE(madvise, dontneed_read_only)
{
	map(0, 2, RW);
	fill(0, 2);
	mprotect_(P(0), PAGE, RO);
	mprotect_(P(1), PAGE, NONE);
	answer("%s", adv(0, 2, MADV_DONTNEED));
	mprotect_(P(1), PAGE, RO);
	answer("%s %s", contents(0, 2), rights(0, 2));
}

PROBE(madvise, dontneed_shared)
{
	map_as(0, 2, RW, SHANON);
	fill(0, 2);
	answer("%s %s", adv(0, 2, MADV_DONTNEED), shown(0, 2));
	answer("%s", contents(0, 2));
}

PROBE(madvise, dontneed_with_holes)
{
	map(0, 2, RW);
	map(3, 2, RW);
	fill(0, 2);
	fill(3, 2);
	answer("%s %s", adv(1, 3, MADV_DONTNEED), shown(0, 6));
	answer("%s", contents(0, 6));
	answer("starts in hole: %s", adv(2, 3, MADV_DONTNEED));
	answer("%s", contents(0, 6));
}

PROBE(madvise, dontneed_up_to_locked)
{
	map(0, 2, RW);
	map_as(2, 2, RW, ANON | MAP_LOCKED);
	map(4, 2, RW);
	fill(0, 6);
	answer("%s %s", adv(0, 6, MADV_DONTNEED), contents(0, 6));
	answer("%s %s", adv(0, 6, ADV_DONTNEED_LOCKED), contents(0, 6));
	answer("%s", locks(0, 6));
}

PROBE(madvise, free_keeps_or_drops)
{
	map(0, 2, RW);
	fill(0, 2);
	answer("%s", adv(0, 2, MADV_FREE));
	*AT(0) = 'x';
	answer("%c", *AT(0));
	answer("%s", *AT(1) == 'b' || *AT(1) == 0 ? "b or 0" : "neither");
	map_as(4, 1, RW, ANON | MAP_LOCKED);
	answer("locked: %s", adv(4, 1, MADV_FREE));
	answer("hole: %s", adv(1, 3, MADV_FREE));
}

PROBE(madvise, remove)
{
	map_as(0, 3, RW, SHANON);
	fill(0, 3);
	mremap_(P(0), 0, 3 * PAGE, 3, P(8));
	answer("%s", adv(1, 1, MADV_REMOVE));
	answer("%s %s", contents(0, 3), contents(8, 3));
	mprotect_(P(0), 3 * PAGE, RO);
	answer("read-only: %s", adv(0, 1, MADV_REMOVE));
	answer("%s %s", contents(0, 3), contents(8, 3));
	map(16, 1, RW);
	answer("private: %s", adv(16, 1, MADV_REMOVE));
}

static void look(unsigned long addr)
{
	int page = (int)((addr - WINDOW) / PAGE);

	exit_raw(shown(page, 1)[0] == '.' ? 2 : *(volatile char *)addr);
}

PROBE(madvise, dontfork)
{
	map(0, 3, RW);
	fill(0, 3);
	answer("%s", adv(1, 1, MADV_DONTFORK));
	for (int i = 0; i < 3; i++)
		answer("%s", child(look, P(i)));
	answer("%s", adv(0, 3, MADV_DOFORK));
	for (int i = 0; i < 3; i++)
		answer("%s", child(look, P(i)));
}

static void grandchild(unsigned long addr)
{
	int pid;

	*(volatile char *)addr = 'g';
	pid = fork_raw();
	if (pid == 0)
		look(addr);
	exit_raw(wait_for(pid));
}

PROBE(madvise, wipeonfork)
{
	map(0, 3, RW);
	fill(0, 3);
	answer("%s", adv(1, 1, MADV_WIPEONFORK));
	for (int i = 0; i < 3; i++)
		answer("%s", child(look, P(i)));
	answer("grandchild: %s", child(grandchild, P(1)));
	answer("%s", contents(0, 3));
	answer("%s", adv(0, 3, MADV_KEEPONFORK));
	for (int i = 0; i < 3; i++)
		answer("%s", child(look, P(i)));
	map_as(4, 1, RW, SHANON);
	answer("shared: %s", adv(4, 1, MADV_WIPEONFORK));
}

PROBE(madvise, populate)
{
	map(0, 2, RW);
	map(2, 2, RO);
	map(4, 1, NONE);
	answer("read: %s", adv(0, 1, ADV_POPULATE_READ));
	answer("write: %s", adv(1, 1, ADV_POPULATE_WRITE));
	answer("read RO: %s", adv(2, 1, ADV_POPULATE_READ));
	answer("write RO: %s", adv(3, 1, ADV_POPULATE_WRITE));
	answer("read NONE: %s", adv(4, 1, ADV_POPULATE_READ));
	answer("write NONE: %s", adv(4, 1, ADV_POPULATE_WRITE));
	map(5, 1, PROT_WRITE);
	answer("read W: %s", adv(5, 1, ADV_POPULATE_READ));
	map(6, 1, PROT_EXEC);
	answer("read X: %s", adv(6, 1, ADV_POPULATE_READ));
	answer("%s %s", shown(0, 7), contents(0, 7));
}

PROBE(madvise, populate_holes)
{
	map(0, 2, RW);
	map(3, 2, RW);
	answer("%s %s", adv(0, 5, ADV_POPULATE_WRITE), shown(0, 5));
	answer("%s %s", adv(2, 3, ADV_POPULATE_READ), shown(0, 5));
	answer("%s %s", adv(0, 4, ADV_POPULATE_READ), shown(0, 5));
}

PROBE(madvise, populate_up_to_read_only)
{
	map(0, 2, RW);
	map(2, 1, RO);
	map(3, 2, RW);
	answer("%s %s", adv(0, 5, ADV_POPULATE_WRITE), shown(0, 5));
}

PROBE(madvise, populate_after_a_zero_page)
{
	map(0, 2, RW);
	(void)*AT(0);
	answer("%s %s", adv(0, 2, ADV_POPULATE_WRITE), shown(0, 2));
	*AT(0) = 'x';
	answer("%s", contents(0, 2));
}

PROBE(madvise, hints_change_nothing)
{
	static const int hints[] = {MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED,
				    ADV_COLD,	 ADV_PAGEOUT,	  MADV_NORMAL,
				    MADV_DODUMP, MADV_DONTDUMP};

	map(0, 3, RW);
	fill(0, 3);
	for (unsigned i = 0; i < sizeof(hints) / sizeof(*hints); i++)
		answer("%s", adv(1, 1, hints[i]));
	answer("%s %s", contents(0, 3), rights(0, 3));
}

/* Advice that splits, taken back, leaves one mapping: it moves as one. */
PROBE(madvise, splits_and_merges)
{
	map(0, 3, RW);
	fill(0, 3);
	answer("%s", adv(1, 1, MADV_RANDOM));
	answer("%s", res(mremap_(P(0), 3 * PAGE, 3 * PAGE, 3, P(8))));
	answer("%s", adv(1, 1, MADV_NORMAL));
	answer("%s", res(mremap_(P(0), 3 * PAGE, 3 * PAGE, 3, P(8))));
	answer("%s", contents(8, 3));
}

PROBE(madvise, huge)
{
	const unsigned long size = 2ul << 20;

	map(0, 1536, RW);
	answer("%s", res(madvise_(P(0), 3 * size, MADV_HUGEPAGE)));
	*AT(513) = 'x';
	answer("%s", contents(512, 4));
	munmap_(P(514), PAGE);
	answer("%s", contents(511, 6));
	mprotect_(P(600), PAGE, RO);
	answer("%s", rights(599, 3));
	answer("%s", res(madvise_(P(1024), size, MADV_NOHUGEPAGE)));
	*AT(1024) = 'y';
	answer("%s", shown(1023, 4));
}

PROBE(madvise, huge_after_fork)
{
	map(0, 1024, RW);
	madvise_(P(0), 1024 * PAGE, MADV_HUGEPAGE);
	*AT(0) = 'a';
	*AT(511) = 'b';
	answer("%s %s", child(write_at, P(0)), child(write_at, P(300)));
	*AT(1) = 'c';
	answer("%s%s", contents(0, 3), contents(510, 2));
}
