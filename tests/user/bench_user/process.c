/*
 * Rows about processes: fork with what it costs later, and signals.
 */
#include "bench.h"

enum { RW = PROT_READ | PROT_WRITE };

static char *page; /* that a handler makes accessible */

static void handler(int signal)
{
	(void)signal;
	call(SYS_mprotect, page, PAGE, RW);
}

/* A kernel may take the handler and never call it: a child finds out. */
static int handlers_run(void)
{
	int pid = fork_raw(), status = 1;

	if (pid == 0) {
		touch(page);
		exit_raw(0);
	}
	call(SYS_wait4, pid, &status, 0, 0);
	return status == 0;
}

static int segv(uint64_t *out, unsigned n)
{
	struct sigaction action;
	int works;

	memset(&action, 0, sizeof(action));
	action.sa_handler = handler;
	if (sigaction(SIGSEGV, &action, NULL))
		return 0;
	page = map_pages(1, RW, 0);
	call(SYS_mprotect, page, PAGE, PROT_NONE);
	works = handlers_run();
	for (unsigned i = 0; works && i < n; i++) {
		call(SYS_mprotect, page, PAGE, PROT_NONE);
		out[i] = MEASURE(touch(page));
	}
	unmap_pages(page, 1);
	signal(SIGSEGV, SIG_DFL);
	return works;
}

static void fork_and_wait(void)
{
	int pid = fork_raw();

	if (pid == 0)
		exit_raw(0);
	call(SYS_wait4, pid, 0, 0, 0);
}

static int fork_small(uint64_t *out, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		out[i] = MEASURE(fork_and_wait());
	return 1;
}

static int fork_16m(uint64_t *out, unsigned n)
{
	const unsigned long pages = (16ul << 20) / PAGE;
	char *p = map_pages(pages, RW, 0);

	call(SYS_madvise, p, pages * PAGE, MADV_NOHUGEPAGE);
	touch_all(p, pages);
	fork_small(out, n);
	unmap_pages(p, pages);
	return 1;
}

/* A child stores to pages that it shares with its parent, then, alone again, the
 * parent does; `copy` says which of them is measured. */
static int cow(uint64_t *out, unsigned n, int copy)
{
	char *p = map_pages(n, RW, 0);
	int pid;

	touch_all(p, n);
	pid = fork_raw();
	if (pid == 0) {
		for (unsigned i = 0; i < n; i++)
			out[i] = MEASURE(touch(p + i * PAGE));
		exit_raw(0);
	}
	call(SYS_wait4, pid, 0, 0, 0);
	for (unsigned i = 0; i < n && !copy; i++)
		out[i] = MEASURE(touch(p + i * PAGE));
	unmap_pages(p, n);
	return 1;
}

static int cow_copy(uint64_t *out, unsigned n)
{
	return cow(out, n, 1);
}

static int cow_reuse(uint64_t *out, unsigned n)
{
	return cow(out, n, 0);
}

const struct row process_rows[] = {
	{"cow-copy", cow_copy, 1000, 1, "store to a page that two have"},
	{"cow-reuse", cow_reuse, 1000, 1, "the other's store, when alone"},
	{"fork-exit-wait", fork_small, 300, 1, "a small process"},
	{"fork-exit-wait-16m", fork_16m, 50, 1, "with 16 MiB touched"},
	{"segv-handler", segv, 1000, 1,
	 "SIGSEGV, mprotect in the handler, back"},
	{NULL, NULL, 0, 0, NULL},
};
