/*
 * calldiff's steps with memory: arguments that are mostly wrong, in all of which the
 * order of errors shows. What memory holds is mmdiff's matter.
 */
#include "calldiff.h"

enum { PAGES = 8 };
#define SCRATCH 0x2100000000ul

/* In the scratch area, aligned or not, or where nothing can be. Ends of the user
 * half are not the same everywhere. */
static unsigned long some_address(void)
{
	static const unsigned long bad[] = {0, 1, 1ul << 62, -PAGE,
					    0xffffffff80000000ul};
	unsigned long at = SCRATCH + below(PAGES) * PAGE;

	if (below(6) == 0)
		return SOME(bad);
	return below(8) ? at : at + 1 + below(PAGE - 1);
}

static unsigned long some_length(void)
{
	static const unsigned long bad[] = {
		0, 1, PAGE - 1, PAGE + 1, 1ul << 62, 1ul << 63, -PAGE, -1ul};

	return below(4) ? PAGE * below(PAGES / 2) : SOME(bad);
}

static void step_mmap(unsigned long at, unsigned long n)
{
	static const int kinds[] = {MAP_FIXED,
				    MAP_FIXED,
				    MAP_POPULATE,
				    MAP_LOCKED,
				    MAP_NORESERVE,
				    0x100000,
				    0,
				    0,
				    0x8000000,
				    0x40000000,
				    0x80};
	unsigned long flags = (below(8) ? MAP_ANONYMOUS : 0) | below(4) |
			      (unsigned)SOME(kinds) | (unsigned)SOME(kinds);
	unsigned long offset = below(4) ? 0 : some_number();
	unsigned long prot = below(4) ? below(8) : some_number();
	long r;

	/* Nobody has a pool of such pages. */
	flags &= ~(unsigned long)MAP_HUGETLB;
	/* Not over the program. */
	if (at < SCRATCH)
		flags &= ~(unsigned long)MAP_FIXED;
	tell("mmap %#lx %#lx %#lx %#lx %#lx", at, n, prot, flags, offset);
	r = call(SYS_mmap, at, n, prot, flags, 99, offset);
	if (!is_error(r) && (unsigned long)r - SCRATCH >= PAGES * PAGE) {
		call(SYS_munmap, r, n);
		r = 1;
	}
	note(r);
}

static void step_all(void)
{
	unsigned long flags = below(4) ? below(9) : some_number();

	tell("mlockall %#lx", flags);
	note(call(SYS_mlockall, flags));
	note(call(SYS_munlockall));
}

/* What may be over 32 bits counts for one call, and not for the other. */
static void step_range(unsigned long at, unsigned long n)
{
	static const int calls[] = {SYS_munmap,	 SYS_mprotect, SYS_mprotect,
				    SYS_madvise, SYS_madvise,  SYS_madvise,
				    SYS_msync,	 SYS_mlock,    SYS_mlock2,
				    SYS_munlock, 234};
	unsigned long arg = below(4) ? below(30) : some_number();
	int nr = SOME(calls);

	if (nr == SYS_mprotect && below(4))
		arg &= 7;
	/* Not of all that there is, the stack too. */
	if (nr == SYS_madvise && n > PAGES * PAGE)
		n = at < SCRATCH ? PAGE : -PAGE;
	if (nr == SYS_msync && below(4))
		arg &= 7;
	tell("call %d %#lx %#lx %#lx", nr, at, n, arg);
	note(call(nr, at, n, arg));
}

void step_memory(void)
{
	unsigned long at = some_address(), n = some_length(), p;

	switch (below(12)) {
	case 0:
	case 1:
	case 2:
		step_mmap(at, n);
		break;
	case 3:
		step_all();
		break;
	case 4:
		n = below(4) ? 1ul << below(10) : some_number();
		at = below(8) ? 0 : some_number();
		tell("membarrier %#lx %#lx", n, at);
		note(call(SYS_membarrier, n, at, 0));
		break;
	case 5:
		p = some_place(8);
		tell("mincore %#lx %#lx %#lx", at, n, p);
		note(call(SYS_mincore, at, n, p));
		break;
	case 6:
		p = below(4) ? 0 : some_number();
		tell("process_madvise %#lx %#lx %#lx", at, n, p);
		note(call(SYS_process_madvise, below(2) ? -1 : 1, at, n,
			  below(30), p));
		break;
	default:
		step_range(at, n);
	}
}
