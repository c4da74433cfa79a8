/*
 * Processes and the small system calls, as seen by programs. Without arguments:
 * all checks, each of which holds on Linux as well. With one:
 *
 *	many N		N processes at once, which all sleep, then end
 *	chain N		each of N processes is the child of the one before
 *	storm N		N children that fork, map and exec, killed at some point
 *	eat		take memory until somebody kills
 *	eaters N	N processes do that at once; those that are killed are counted
 *	orphan		leave a child behind
 *	numbers N PID	N children: how many of them have that number?
 *	raid N		N times, a user's processes are sent a signal at once
 *	bomb [N]	fork for ever, in each process; say when no more is
 *			possible, for there are N
 *	ignore		ignore SIGTERM
 *	spin, sleep, read, pieces, poll, deaf
 *			go on for ever: with instructions, asleep, for input,
 *			for input in several pieces, looking for input, and
 *			without an ear for ^C; read deaf
 */
#include <fcntl.h>
#include <sys/uio.h>
#include <time.h>

#include "process.h"

char *self;
volatile uint32_t *shared;

int child_status(int pid)
{
	int status = -1;

	return call(SYS_wait4, pid, &status, 0, 0) == pid ? status : -1;
}

void sleep_ms(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	call(SYS_nanosleep, &t, 0);
}

static int forever(const char *how)
{
	char buf[100];
	struct iovec v[] = {{buf, 4}, {buf + 4, 95}};
	int pieces = !strcmp(how, "pieces");

	say("%s\n", how);
	if (!strcmp(how, "spin") || !strcmp(how, "deaf"))
		for (;;)
			__asm__ volatile("");
	if (!strcmp(how, "sleep"))
		for (;;)
			sleep_ms(100000);
	if (!strcmp(how, "poll"))
		call(SYS_fcntl, 0, F_SETFL, O_NONBLOCK);
	for (;;) {
		long n = pieces ? call(SYS_readv, 0, v, 2)
				: call(SYS_read, 0, buf, sizeof(buf) - 1);

		if (n == -EAGAIN) {
			sleep_ms(10);
			continue;
		}
		if (n <= 0) {
			say("end: %ld\n", n);
			return 0;
		}
		buf[n] = '\0';
		say("read %ld: %s", n, buf);
	}
}

static int all(void)
{
	ends();
	beginnings();
	signals();
	files();
	paths();
	times_and_limits();
	names();
	return checks_done();
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int n = argc > 2 ? atoi(argv[2]) : 0;

	/* Started without arguments. */
	if (!argc || !*argv[0])
		return 0;
	self = argv[0];
	shared = mmap(NULL, PAGE, 3, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!*what)
		return all();
	if (!strcmp(what, "echo"))
		return echo(argc, argv);
	if (!strcmp(what, "regain"))
		return call(SYS_setresuid, -1, 0, -1) != -EPERM;
	if (!strcmp(what, "many"))
		return many(n);
	if (!strcmp(what, "chain"))
		return chain(n);
	if (!strcmp(what, "storm"))
		return storm(n);
	if (!strcmp(what, "busy"))
		be_busy((uint64_t)getpid() * 7919);
	if (!strcmp(what, "eat"))
		eat();
	if (!strcmp(what, "eaters"))
		return eaters(n);
	if (!strcmp(what, "raid"))
		return raid(n);
	if (!strcmp(what, "ignore"))
		return signal(SIGTERM, SIG_IGN) == SIG_ERR;
	if (!strcmp(what, "orphan"))
		return orphan();
	if (!strcmp(what, "numbers") && argc > 3)
		return numbers(n, atoi(argv[3]));
	if (!strcmp(what, "bomb"))
		bomb(n);
	if (!strcmp(what, "deaf") || (argc > 2 && !strcmp(argv[2], "deaf")))
		signal(SIGINT, SIG_IGN);
	return forever(what);
}
