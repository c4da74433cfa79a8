/*
 * What a handler is told of a fault: signal, code, address.
 */
#include <fcntl.h>
#include <setjmp.h>

#include "probe.h"

static sigjmp_buf back;
static volatile siginfo_t got;

static void handler(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	memcpy((void *)&got, info, sizeof(got));
	siglongjmp(back, 1);
}

static void listen(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_sigaction = handler;
	action.sa_flags = SA_SIGINFO;
	if (sigaction(SIGSEGV, &action, NULL) ||
	    sigaction(SIGBUS, &action, NULL) ||
	    sigaction(SIGILL, &action, NULL))
		skip("no signals");
}

static void told(void (*fn)(unsigned long addr), unsigned long addr)
{
	if (sigsetjmp(back, 1) == 0) {
		fn(addr);
		answer("none");
		return;
	}
	answer("%s/%d/%s", signal_name(got.si_signo), got.si_code,
	       (unsigned long)got.si_addr == addr ? "there" : "elsewhere");
}

PROBE(codes, of_memory)
{
	listen();
	map(0, 1, RO);
	map(1, 1, NONE);
	map(2, 1, RW);
	told(read_at, P(9));
	told(write_at, P(9) + 123);
	told(run_at, P(9));
	told(write_at, P(0));
	told(run_at, P(0));
	told(read_at, P(1) + 8);
	told(write_at, P(1));
	told(run_at, P(1));
	told(run_at, P(2));
	told(read_at, 0);
	told(read_at, KERNEL_ADDRESS);
	told(write_at, 1ul << 62);
	told(write_at, LAST_PAGE);
}

PROBE(codes, of_files)
{
	int fd = data_file();

	listen();
	mmap_(P(0), 8 * PAGE, RW, MAP_PRIVATE | MAP_FIXED, fd, 0);
	told(read_at, P(3) + 4000);
	told(read_at, P(4));
	told(write_at, P(5) + 8);
	told(run_at, P(4));
}

PROBE(codes, of_stacks)
{
	listen();
	map(500, 1, RW);
	map_as(1000, 1, RW, ANON | MAP_GROWSDOWN);
	told(write_at, P(900));
	told(write_at, P(600));
	told(write_at, P(1001));
}
