/*
 * mmdiff's steps that advise, lock, touch, fork and ask for nonsense.
 */
#include <fcntl.h>

#include "mmdiff.h"

void step_madvise(void)
{
	static const int advices[] = {0,  1,  2,  3,  4,  4,  4,
				      9,  10, 11, 14, 15, 16, 17,
				      18, 19, 20, 22, 23, 24, 99};
	struct part p = some_part();
	int advice = advices[below(sizeof(advices) / sizeof(*advices))];
	long r;

	tell("madvise %u+%u %d", p.at, p.n, advice);
	r = note(call(SYS_madvise, P(p.at), p.n * PAGE, advice));
	split_at(p);
	if ((r && r != -ENOMEM) || (advice != 10 && advice != 11))
		return;
	for (unsigned i = p.at; i < p.at + p.n; i++)
		known[i].dont_fork = advice == 10;
}

void step_lock(void)
{
	static const int calls[] = {SYS_mlock, SYS_mlock2, SYS_munlock,
				    SYS_munlock};
	struct part p = some_part();
	int nr = calls[below(4)], flags = (int)below(2);

	tell("lock %d %u+%u %d", nr, p.at, p.n, flags);
	note(call(nr, P(p.at), p.n * PAGE, flags));
	split_at(p);
}

void step_msync(void)
{
	struct part p = some_part();
	int flags = (int)below(8);

	tell("msync %u+%u %d", p.at, p.n, flags);
	note(call(SYS_msync, P(p.at), p.n * PAGE, flags));
}

static void store(unsigned page)
{
	volatile uint64_t *word = (volatile uint64_t *)P(page);

	word[0] = next_random(&rng);
	word[below(PAGE / 8)] += 1;
}

void step_store(void)
{
	struct part p = some_part();

	tell("store %u+%u", p.at, p.n);
	for (unsigned i = p.at; i < p.at + p.n; i++)
		if (may_write(i) && below(4))
			store(i);
}

void step_load(void)
{
	struct part p = some_part();

	tell("load %u+%u", p.at, p.n);
	for (unsigned i = p.at; i < p.at + p.n; i++)
		if (may_read(i) && below(4))
			sum(*(volatile uint64_t *)P(i));
}

/* The child's checksum comes back through shared memory. */
static uint64_t *report(void)
{
	static uint64_t *page;

	if (!page)
		page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return page;
}

static uint64_t life_of_child(void)
{
	uint64_t s = 0;

	for (unsigned i = 0; i < PAGES; i++) {
		if (known[i].dont_fork)
			known[i].unit = 0;
		if (may_read(i) && below(3) == 0)
			s = s * 31 + sum_of_page(i);
		if (may_write(i) && below(3) == 0)
			store(i);
		if (may_read(i) && below(3) == 0)
			s = s * 31 + sum_of_page(i);
	}
	call(SYS_munmap, P(below(PAGES / 2)), PAGE * PAGES / 4);
	return s;
}

void step_fork(void)
{
	uint64_t *told = report();
	int pid;

	tell("fork");
	*told = 0;
	pid = fork_raw();
	if (pid == 0) {
		*told = life_of_child();
		exit_raw(3);
	}
	sum((uint64_t)wait_for(pid));
	sum(*told);
	next_random(&rng);
}

/* A child that does what it must not. */
void step_bad_access(void)
{
	unsigned page = below(PAGES), write = below(2);
	volatile char *p = (volatile char *)P(page);
	int pid, end;

	if (known[page].dont_fork)
		return;
	tell("%s %u", write ? "write" : "read", page);
	pid = fork_raw();
	if (pid == 0) {
		if (write)
			*p = 1;
		else
			(void)*p;
		exit_raw(0);
	}
	end = wait_for(pid);
	sum((uint64_t)(int64_t)end);
	tell(" = %s", end < 0 ? signal_name(-end) : "done");
}

/* A kernel's own stores: up to the first page that can't be written. */
void step_pread(void)
{
	static long fd = -1;
	struct part p = some_part();
	unsigned from = below(4);

	if (fd < 0)
		fd = call(SYS_openat, AT_FDCWD, "/data/pages", O_RDONLY);
	tell("pread %u+%u from %u", p.at, p.n, from);
	note(call(SYS_pread64, fd, P(p.at), p.n * PAGE, from * PAGE));
}

/* Arguments that make no sense alone; and nothing happens. */
void step_nonsense(void)
{
	struct part p = some_part();
	unsigned long addr = P(p.at), len = p.n * PAGE;

	tell("nonsense");
	switch (below(8)) {
	case 0:
		note(call(SYS_munmap, addr + 1 + below(4000), len));
		break;
	case 1:
		note(call(SYS_mprotect, addr + 8, len, PROT_READ));
		break;
	case 2:
		note(call(SYS_mprotect, addr, len, 0x80));
		break;
	case 3:
		note(call(SYS_mmap, addr, 0, 3, MAP_PRIVATE | MAP_ANONYMOUS));
		break;
	case 4:
		note(call(SYS_mremap, addr, len, 0, MREMAP_MAYMOVE));
		break;
	case 5:
		note(call(SYS_madvise, addr + 1, len, 4));
		break;
	case 6:
		note(call(SYS_munmap, addr, 0));
		break;
	default:
		note(call(SYS_mlock2, addr, len, 2));
	}
}
