/*
 * Calls that find no memory. Each case is something done to memory, by one call:
 *
 *	nomem list		the names of the cases
 *	nomem NAME		does the case do what it should?
 *	nomem NAME setup	only what comes before the call; its children end there
 *	nomem NAME call		the same, and the call
 *
 * A case runs in three children. One prepares memory and looks at it: that is how it
 * was. One calls as well, then looks: that is how it should become. The third does
 * the same, and in it somebody may let an allocation fail (the last two forms are to
 * find out which ones are the call's): either the call succeeds, and all is as in the
 * second, or it says ENOMEM or EAGAIN, and all is as in the first. What was prepared
 * has been touched, so that no allocation is a page fault's.
 *
 * Exit status 0: so it is. 1: it is not. 3: a child did not come so far, or the
 * second one was without memory.
 */
#include "user.h"

#define WINDOW 0x2000000000ul /* 2 MiB - aligned, and nothing else is near */
#define AT(n)  (WINDOW + (unsigned long)(n)*PAGE)
#define RW     (PROT_READ | PROT_WRITE)
#define ANON   (MAP_PRIVATE | MAP_ANONYMOUS)
#define SHARED (MAP_SHARED | MAP_ANONYMOUS)
#define MARK   64 /* of a page: where it has its number */

enum { PAGES = 48, HUGE = 512 };
enum { ADV_POPULATE_READ = 22, ADV_POPULATE_WRITE = 23, ADV_COLD = 20 };

/* What can be told of the window without asking the kernel for a map. */
struct look {
	struct page {
		char mapped, resident, readable, writable;
		long mark;
	} page[PAGES];
	long heap;
};

struct child {
	int done; /* it has looked */
	long result;
	struct look look;
};

static struct child *child; /* three of them, in memory that all share */
static char *self;
static int fd;

static long map(int first, int n, int prot, int flags, int file)
{
	return call(SYS_mmap, AT(first), n * PAGE, prot, flags | MAP_FIXED,
		    file, 0);
}

static void touch(int first, int n)
{
	for (int i = first; i < first + n; i++)
		*(volatile long *)(AT(i) + MARK) = 1000 + i;
}

enum { NOT_PREPARED = 9 };

/* What is prepared must be there. */
static void must(long result)
{
	if (is_error(result))
		exit_raw(NOT_PREPARED);
}

/* Some pages, each of them there. */
static void have(int first, int n, int flags)
{
	must(map(first, n, RW, flags, -1));
	touch(first, n);
}

/* 0 instead of an address that is the right one. */
static long at(int page, long result)
{
	return result == (long)AT(page) ? 0 : result;
}

static long heap(void)
{
	return call(SYS_brk, 0);
}

static long move_heap(long by)
{
	long to = heap() + by;

	return call(SYS_brk, to) == to ? 0 : -ENOMEM;
}

/* --- what is prepared --- */

static void nothing(void)
{
}

static void five(void)
{
	have(4, 5, ANON);
}

static void five_shared(void)
{
	have(4, 5, SHARED);
}

/* Three mappings that are not one. */
static void three(void)
{
	have(4, 4, ANON);
	have(8, 4, SHARED);
	have(12, 4, ANON);
}

static void split(void)
{
	five();
	must(call(SYS_mprotect, AT(6), PAGE, PROT_READ));
}

static void untouched(void)
{
	must(map(4, 16, RW, ANON, -1));
}

/* 2 MiB in one page, if there are such. */
static void huge(void)
{
	must(map(0, HUGE, RW, ANON, -1));
	must(call(SYS_madvise, AT(0), HUGE * PAGE, MADV_HUGEPAGE));
	touch(0, HUGE);
}

static void grown(void)
{
	must(move_heap(16 * (long)PAGE));
}

static void locked(void)
{
	five();
	must(call(SYS_mlock, AT(4), 5 * PAGE));
}

/* --- the calls --- */

static long map_anon(void)
{
	return at(4, map(4, 4, RW, ANON, -1));
}

static long map_shared(void)
{
	return at(4, map(4, 4, RW, SHARED, -1));
}

static long map_over(void)
{
	return at(6, map(6, 2, PROT_READ, ANON, -1));
}

static long map_file(void)
{
	return at(4, map(4, 4, RW, MAP_PRIVATE, fd));
}

static long map_file_shared(void)
{
	return at(4, map(4, 4, PROT_READ, MAP_SHARED, fd));
}

static long map_populated(void)
{
	return at(4, map(4, 8, RW, ANON | MAP_POPULATE, -1));
}

static long map_file_populated(void)
{
	return at(4, map(4, 4, RW, MAP_PRIVATE | MAP_POPULATE, fd));
}

static long map_locked(void)
{
	return at(4, map(4, 8, RW, ANON | MAP_LOCKED, -1));
}

static long unmap_one(void)
{
	return call(SYS_munmap, AT(6), PAGE);
}

/* From within one mapping into another, and one in between. */
static long unmap_across(void)
{
	return call(SYS_munmap, AT(6), 8 * PAGE);
}

static long protect_one(void)
{
	return call(SYS_mprotect, AT(6), PAGE, PROT_READ);
}

static long protect_none(void)
{
	return call(SYS_mprotect, AT(6), PAGE, PROT_NONE);
}

static long protect_back(void)
{
	return call(SYS_mprotect, AT(6), PAGE, RW);
}

static long remap_grow(void)
{
	return at(4, call(SYS_mremap, AT(4), 5 * PAGE, 9 * PAGE, 0, 0));
}

static long remap_shrink(void)
{
	return at(4, call(SYS_mremap, AT(4), 5 * PAGE, 2 * PAGE, 0, 0));
}

static long remap_to(int from, int to, int n, int flags)
{
	return at(to, call(SYS_mremap, AT(from), n * PAGE, n * PAGE,
			   MREMAP_MAYMOVE | MREMAP_FIXED | flags, AT(to)));
}

static long remap_all(void)
{
	return remap_to(4, 20, 5, 0);
}

static long remap_middle(void)
{
	return remap_to(5, 20, 2, 0);
}

static long remap_over(void)
{
	return remap_to(5, 13, 2, 0);
}

static long remap_copy(void)
{
	return remap_to(4, 20, 5, 4 /* MREMAP_DONTUNMAP */);
}

/* Into tables that are not there yet. */
static long remap_far(void)
{
	long to = (long)WINDOW + (1l << 32);

	return call(SYS_mremap, AT(5), 2 * PAGE, 2 * PAGE,
		    MREMAP_MAYMOVE | MREMAP_FIXED, to) == to
		       ? 0
		       : -ENOMEM;
}

static long heap_up(void)
{
	return move_heap(16 * (long)PAGE);
}

static long heap_down(void)
{
	return move_heap(-8 * (long)PAGE);
}

static long advise(int advice)
{
	return call(SYS_madvise, AT(6), 2 * PAGE, advice);
}

#define ADVISE(name, advice)           \
	static long name(void)         \
	{                              \
		return advise(advice); \
	}
ADVISE(dont_need, MADV_DONTNEED)
ADVISE(set_free, MADV_FREE)
ADVISE(will_need, MADV_WILLNEED)
ADVISE(cold, ADV_COLD)
ADVISE(dont_fork, MADV_DONTFORK)
ADVISE(wipe_on_fork, MADV_WIPEONFORK)
ADVISE(no_huge, MADV_NOHUGEPAGE)
ADVISE(take_out, MADV_REMOVE)
ADVISE(populate_read, ADV_POPULATE_READ)
ADVISE(populate_write, ADV_POPULATE_WRITE)

static long lock(void)
{
	return call(SYS_mlock, AT(6), 2 * PAGE);
}

static long lock_later(void)
{
	return call(SYS_mlock2, AT(6), 2 * PAGE, 1 /* MLOCK_ONFAULT */);
}

static long unlock(void)
{
	return call(SYS_munlock, AT(6), 2 * PAGE);
}

static long lock_all(void)
{
	return call(SYS_mlockall, 1 /* MCL_CURRENT */);
}

static long mincore_(void)
{
	unsigned char vec[8];

	return call(SYS_mincore, AT(4), 5 * PAGE, vec);
}

static long sync_(void)
{
	return call(SYS_msync, AT(4), 5 * PAGE, 4 /* MS_SYNC */);
}

static long fork_(void)
{
	int pid = fork_raw(), status;

	if (!pid)
		exit_raw(0);
	if (pid < 0)
		return pid;
	status = wait_for(pid);
	/* A child that gets no memory for its stack is killed. */
	return status == -SIGKILL || status == -SIGBUS ? -ENOMEM : status;
}

static long exec_(void)
{
	char *argv[] = {self, "list", "quietly", NULL}, *envp[] = {NULL};

	return call(SYS_execve, self, argv, envp);
}

/* What may be otherwise after an error. */
enum {
	SOME = 1, /* pages are had until there are none, and not given back */
	GONE = 2, /* as on Linux, what was at the new place is gone first */
	ENDS = 4, /* and that a child does not come back */
};

static const struct test {
	const char *name;
	void (*setup)(void);
	long (*act)(void);
	int flags;
} tests[] = {
	{"mmap", nothing, map_anon, 0},
	{"mmap-shared", nothing, map_shared, 0},
	{"mmap-over", five, map_over, 0},
	{"mmap-over-shared", five_shared, map_over, 0},
	{"mmap-over-huge", huge, map_over, 0},
	{"mmap-file", nothing, map_file, 0},
	{"mmap-file-shared", nothing, map_file_shared, 0},
	{"mmap-populate", nothing, map_populated, SOME},
	{"mmap-file-populate", nothing, map_file_populated, SOME},
	{"mmap-locked", nothing, map_locked, SOME},
	{"munmap", five, unmap_one, 0},
	{"munmap-across", three, unmap_across, 0},
	{"munmap-huge", huge, unmap_one, 0},
	{"mprotect", five, protect_one, 0},
	{"mprotect-none", five, protect_none, 0},
	{"mprotect-back", split, protect_back, 0},
	{"mprotect-huge", huge, protect_one, 0},
	{"mremap-grow", five, remap_grow, 0},
	{"mremap-shrink", five, remap_shrink, 0},
	{"mremap-move", five, remap_all, 0},
	{"mremap-middle", five, remap_middle, 0},
	{"mremap-over", three, remap_over, GONE},
	{"mremap-shared", five_shared, remap_middle, 0},
	{"mremap-dontunmap", five, remap_copy, 0},
	{"mremap-far", five, remap_far, 0},
	{"mremap-huge", huge, remap_far, 0},
	{"brk", nothing, heap_up, 0},
	{"brk-shrink", grown, heap_down, 0},
	{"dontneed", five, dont_need, 0},
	{"dontneed-huge", huge, dont_need, 0},
	{"free", five, set_free, 0},
	{"willneed", untouched, will_need, SOME},
	{"cold", five, cold, 0},
	{"dontfork", five, dont_fork, 0},
	{"wipeonfork", five, wipe_on_fork, 0},
	{"nohugepage", five, no_huge, 0},
	{"remove", five_shared, take_out, 0},
	{"populate-read", untouched, populate_read, SOME},
	{"populate-write", untouched, populate_write, SOME},
	{"mlock", untouched, lock, SOME},
	{"mlock-onfault", untouched, lock_later, 0},
	{"munlock", locked, unlock, 0},
	{"mlockall", untouched, lock_all, SOME},
	{"mincore", five, mincore_, 0},
	{"msync", five_shared, sync_, 0},
	{"fork", three, fork_, 0},
	{"fork-huge", huge, fork_, 0},
	{"execve", five, exec_, ENDS},
};

/* --- looking --- */

/* What says EFAULT? One call reads a set of signals, the other writes a time. */
static void look(struct look *l)
{
	unsigned char resident;

	for (int i = 0; i < PAGES; i++) {
		l->page[i].mapped = !call(SYS_mincore, AT(i), PAGE, &resident);
		l->page[i].resident = l->page[i].mapped && (resident & 1);
	}
	for (int i = 0; i < PAGES; i++) {
		struct page *p = &l->page[i];

		p->readable = call(SYS_rt_sigprocmask, SIG_BLOCK,
				   AT(i) + MARK + 8, 0, 8) != -EFAULT;
		p->writable =
			call(SYS_clock_gettime, 0, AT(i) + 128) != -EFAULT;
		if (p->readable)
			p->mark = *(volatile long *)(AT(i) + MARK);
	}
	l->heap = heap();
}

static int same(const struct look *a, const struct look *b, int flags)
{
	for (int i = 0; i < PAGES; i++) {
		const struct page *p = &a->page[i], *q = &b->page[i];

		if (flags & GONE && !p->mapped)
			continue;
		if (p->mapped != q->mapped || p->readable != q->readable ||
		    p->writable != q->writable || p->mark != q->mark ||
		    (p->resident != q->resident && !(flags & SOME))) {
			say("page %d: %d%d%d%d %ld, not %d%d%d%d %ld\n", i,
			    p->mapped, p->resident, p->readable, p->writable,
			    p->mark, q->mapped, q->resident, q->readable,
			    q->writable, q->mark);
			return 0;
		}
	}
	return a->heap == b->heap;
}

/* --- the children --- */

enum { LOOKS, CALLS, FAILS };

/* How far the third one goes: all the way but if somebody counts. */
enum { SETUP, CALL, ALL };

static int run(const struct test *t, int which, int how_far)
{
	struct child *c = &child[which];
	int pid = fork_raw();

	if (pid)
		return pid < 0 ? 256 : wait_for(pid);
	memset(c, 0, sizeof(*c));
	t->setup();
	c->result = -1;
	if (how_far == SETUP)
		exit_raw(0);
	if (which != LOOKS)
		c->result = t->act();
	if (how_far == CALL)
		exit_raw(0);
	look(&c->look);
	c->done = 1;
	exit_raw(0);
}

static int had_no_memory(const struct child *c)
{
	return c->result == -ENOMEM || c->result == -EAGAIN;
}

static int judge(const struct test *t, int status)
{
	const struct child *c = &child[FAILS];

	if (status)
		return 3;
	if (!c->done && t->flags & ENDS)
		return 0;
	if (had_no_memory(c)) {
		say("%s: %s\n", t->name, error_name(-c->result));
		return !same(&c->look, &child[LOOKS].look, t->flags);
	}
	if (c->result != child[CALLS].result) {
		say("%s: %ld, not %ld\n", t->name, c->result,
		    child[CALLS].result);
		return 1;
	}
	say("%s: %ld\n", t->name, c->result);
	return !same(&c->look, &child[CALLS].look, t->flags & SOME);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "list";
	int how_far = argc < 3 ? ALL : strcmp(argv[2], "setup") ? CALL : SETUP;

	if (!strcmp(name, "list")) {
		for (unsigned i = 0;
		     argc < 3 && i < sizeof(tests) / sizeof(*tests); i++)
			say("case %s\n", tests[i].name);
		return 0;
	}
	self = argv[0];
	fd = (int)call(SYS_openat, -100, self, 0);
	child = mmap(NULL, 3 * sizeof(*child), RW, SHARED | MAP_POPULATE, -1,
		     0);
	for (unsigned i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
		if (strcmp(tests[i].name, name))
			continue;
		if (run(&tests[i], LOOKS, ALL) || run(&tests[i], CALLS, ALL) ||
		    had_no_memory(&child[CALLS]))
			return 3;
		return judge(&tests[i], run(&tests[i], FAILS, how_far));
	}
	say("nomem: no such case\n");
	return 2;
}
