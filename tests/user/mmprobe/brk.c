/*
 * Cases of brk(), of the stack and of mappings that grow down.
 */
#include <sys/resource.h>

#include "probe.h"

/* The break, relative to where it was when the case began, in bytes. */
static unsigned long start;

static const char *to(long offset)
{
	static char text[4][32];
	static unsigned next;
	char *s = text[next++ % 4];
	unsigned long end = (unsigned long)call(SYS_brk, start + offset);

	snprintf(s, 32, "%+ld", (long)(end - start));
	return s;
}

static void begin(void)
{
	start = (unsigned long)call(SYS_brk, 0);
}

PROBE(brk, moves)
{
	begin();
	answer("%s", to(PAGE));
	answer("%s", to(PAGE + 123));
	answer("%s", to(10 * PAGE + 1));
	answer("%s", to(3 * PAGE));
	answer("%s", to(0));
}

PROBE(brk, refusals)
{
	begin();
	answer("below the start: %+ld",
	       (long)((unsigned long)call(SYS_brk, PAGE) - start));
	answer("kernel: %+ld",
	       (long)((unsigned long)call(SYS_brk, KERNEL_ADDRESS) - start));
	answer("-1: %+ld", (long)((unsigned long)call(SYS_brk, -1) - start));
	answer("64 GiB: %s", to(1l << 36));
}

PROBE(brk, contents)
{
	volatile char *p;

	begin();
	start = (start + PAGE - 1) & -PAGE;
	answer("%s", to(2 * PAGE));
	p = (volatile char *)start;
	answer("%d %d", p[0], p[2 * PAGE - 1]);
	p[0] = 1;
	p[PAGE] = 2;
	answer("%s", to(PAGE));
	answer("%s %d", to(2 * PAGE), p[PAGE]);
	answer("%d", p[0]);
	answer("%s %s", to(0), child(read_at, start));
}

/* The rest of a page that stays keeps its contents. */
PROBE(brk, inside_a_page)
{
	volatile char *p;

	begin();
	start = (start + PAGE - 1) & -PAGE;
	answer("%s", to(PAGE));
	p = (volatile char *)start;
	p[100] = 5;
	p[3000] = 6;
	answer("%s", to(200));
	answer("%s %d %d", to(PAGE), p[100], p[3000]);
}

PROBE(brk, next_mapping)
{
	unsigned long at;

	begin();
	at = ((start + PAGE - 1) & -PAGE) + 16 * PAGE;
	answer("%s", mmap_(at, PAGE, RW, ANON | 0x100000, -1, 0) == (long)at
			     ? "mapped"
			     : "not mapped");
	start = at;
	answer("up to it: %s", to(0));
	answer("a page below: %s", to(-(long)PAGE));
	answer("into it: %s", to(1));
}

PROBE(brk, over_a_hole_made_by_munmap)
{
	begin();
	start = (start + PAGE - 1) & -PAGE;
	answer("%s", to(4 * PAGE));
	answer("%s", res(munmap_(start + PAGE, PAGE)));
	answer("%s", to(6 * PAGE));
	answer("%s", child(read_at, start + PAGE));
	answer("%s %s", to(0), child(read_at, start + 5 * PAGE));
}

PROBE(brk, limit_data)
{
	begin();
	limit_(RLIMIT_DATA, 1ul << 20);
	answer("%s", to(2l << 20));
	answer("%s", to(PAGE));
	limit_(RLIMIT_DATA, 0);
	answer("%s %s", to(2 * PAGE), to(0));
}

PROBE(brk, limit_as)
{
	begin();
	limit_(RLIMIT_AS, 1ul << 20);
	answer("%s %s", to(2l << 20), to(0));
}

PROBE(brk, is_not_executable)
{
	begin();
	start = (start + PAGE - 1) & -PAGE;
	to(PAGE);
	answer("%s %s", child(write_at, start), child(run_at, start));
}

/* Stack */

static volatile char *deep(unsigned long bytes)
{
	unsigned long sp;

	__asm__("mv %0, sp" : "=r"(sp));
	return (volatile char *)(sp - bytes);
}

static void touch_below(unsigned long bytes)
{
	*deep(bytes) = 1;
}

PROBE(stack, grows)
{
	limit_(RLIMIT_STACK, 8ul << 20);
	answer("%s", child(touch_below, 4096));
	answer("%s", child(touch_below, 1ul << 20));
	answer("%s", child(touch_below, 7ul << 20));
	answer("%s", child(touch_below, 9ul << 20));
	limit_(RLIMIT_STACK, 1ul << 20);
	answer("%s", child(touch_below, 2ul << 20));
}

PROBE(stack, no_code_in_it)
{
	answer("%s", child(run_at, (unsigned long)deep(4096) & -16ul));
}

PROBE(growsdown, grows)
{
	map_as(1000, 1, RW, ANON | MAP_GROWSDOWN);
	*AT(999) = 'a';
	*AT(990) = 'b';
	(void)*AT(985);
	answer("%s %s", shown(984, 17), contents(990, 2));
	answer("far: %s", child(write_at, P(600)));
	answer("above: %s", child(write_at, P(1001)));
}

PROBE(growsdown, limit_stack)
{
	limit_(RLIMIT_STACK, 64 * PAGE);
	map_as(1000, 1, RW, ANON | MAP_GROWSDOWN);
	answer("%s", child(write_at, P(950)));
	answer("%s", child(write_at, P(937)));
	answer("%s", child(write_at, P(936)));
}

PROBE(growsdown, limit_as)
{
	map_as(1000, 1, RW, ANON | MAP_GROWSDOWN);
	limit_(RLIMIT_AS, 0);
	answer("%s", child(write_at, P(999)));
}

PROBE(growsdown, guard_gap)
{
	map(100, 1, RW);
	map_as(1000, 1, RW, ANON | MAP_GROWSDOWN);
	for (int at = 359; at > 354; at--)
		answer("%s", child(write_at, P(at)));
}

PROBE(growsdown, no_gap_to_what_has_no_rights)
{
	map(100, 1, NONE);
	map_as(400, 1, RW, ANON | MAP_GROWSDOWN);
	answer("%s", child(write_at, P(350)));
	answer("%s", child(write_at, P(101)));
	answer("%s", child(write_at, P(100)));
}

PROBE(growsdown, hints_keep_the_gap)
{
	map_as(1000, 1, RW, ANON | MAP_GROWSDOWN);
	for (int at = 998; at > 738; at -= 64)
		answer("%d: %s", at, res(mmap_(P(at), PAGE, RW, ANON, -1, 0)));
	answer("fixed: %s",
	       res(mmap_(P(999), PAGE, RW, ANON | MAP_FIXED, -1, 0)));
}

PROBE(growsdown, without_rights)
{
	map_as(1000, 1, NONE, ANON | MAP_GROWSDOWN);
	answer("%s", child(write_at, P(999)));
	map_as(2000, 1, RO, ANON | MAP_GROWSDOWN);
	answer("%s %s", child(write_at, P(1999)), child(read_at, P(1999)));
}

PROBE(growsdown, munmap_its_start)
{
	map_as(1000, 4, RW, ANON | MAP_GROWSDOWN);
	answer("%s", res(munmap_(P(1000), 2 * PAGE)));
	answer("%s", child(write_at, P(1000)));
	mprotect_(P(1002), PAGE, RO);
	answer("%s %s", child(write_at, P(1001)), child(read_at, P(1001)));
}
