/*
 * A program that passes anything to everything: calls by any number, with addresses
 * that are bad, unaligned, the kernel's, wrapping, without rights or not mapped, and
 * lengths to match. Nothing is expected of a call, but that the kernel goes on, and
 * so does everybody else.
 *
 *	hostile [CHILDREN [SEED]]
 *
 * Each child makes 300 calls, unless one of them ends it or never returns: then it
 * is killed. Four go on at the same time.
 */
#include <fcntl.h>
#include <time.h>

#include "user.h"

#define CALLS	    300
#define PATIENCE_US 500000
#define AT_ONCE	    4

/* Those that would end the program, or others that have done nothing. */
static const long left_out[] = {
	SYS_exit,  SYS_exit_group, SYS_kill,   SYS_tkill,  SYS_tgkill,
	SYS_clone, SYS_clone3,	   SYS_reboot, SYS_ptrace, SYS_rt_sigqueueinfo,
};

static unsigned long pool[64];
static unsigned in_pool;

static void add(unsigned long value)
{
	pool[in_pool++] = value;
}

/* Addresses around the ends of what may be written, read, is not mapped. */
static void add_areas(void)
{
	char *p = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned long at = (unsigned long)p;

	if (p == MAP_FAILED)
		exit(2);
	strcpy(p + 2 * PAGE, "/hostile");
	munmap(p + PAGE, PAGE);
	mprotect(p + 3 * PAGE, PAGE, PROT_READ);
	mprotect(p + 4 * PAGE, PAGE, PROT_NONE);
	munmap(p + 6 * PAGE, 2 * PAGE);
	for (unsigned i = 0; i < 7; i++)
		add(at + i * PAGE);
	add(at + PAGE - 1);
	add(at + PAGE - 9);
	add(at + 3 * PAGE - 4);
	add(at + 4 * PAGE - 7);
	add(at + 6 * PAGE - 20);
}

static void fill_pool(void)
{
	static const unsigned long fixed[] = {
		0,
		1,
		2,
		3,
		4,
		7,
		8,
		16,
		64,
		100,
		4095,
		4096,
		4097,
		8192,
		1ul << 20,
		1ul << 31,
		1ul << 32,
		1ul << 38,
		1ul << 47,
		1ul << 62,
		1ul << 63,
		-1ul,
		-2ul,
		-8ul,
		-100ul,
		-4096ul,
		-4097ul,
		0x7fffffff,
		0x80000000,
		0xffffffff,
		(1ul << 38) - 8,
		(1ul << 38) - 4096,
		(1ul << 63) - 1,
		0xffffffc000000000,
		0xffffffe000000000,
		0xfffffff000000000,
		0xfffffff000004000,
		0xffffffff80000000,
		0xffffffff80080003,
		0xffffffffc0000000,
	};

	for (unsigned i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
		add(fixed[i]);
	add((unsigned long)fill_pool);
	add((unsigned long)pool);
	add((unsigned long)&fixed);
	add_areas();
}

static int is_left_out(long number)
{
	for (unsigned i = 0; i < sizeof(left_out) / sizeof(*left_out); i++)
		if (left_out[i] == number)
			return 1;
	return 0;
}

static unsigned long argument(uint64_t *random)
{
	unsigned long r = next_random(random), v = pool[r % in_pool];

	/* Now and then close to it, or anything. */
	switch (r >> 32 & 15) {
	case 0:
		return v + (r >> 40 & 15) - 8;
	case 1:
		return next_random(random) >> (r >> 40 & 63);
	}
	return v;
}

/* Never returns. No descriptor is the console, which would be waited for; one is a
 * file, one a directory. */
static void child(uint64_t random)
{
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	open("/hostile", O_RDONLY);
	open("/", O_RDONLY);
	for (unsigned i = 0; i < CALLS; i++) {
		long number = (long)(next_random(&random) % 460);
		unsigned long a[6];

		for (unsigned k = 0; k < 6; k++)
			a[k] = argument(&random);
		if (!is_left_out(number))
			call(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	}
	call(SYS_exit_group, 0);
}

static unsigned long now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (unsigned long)t.tv_sec * 1000000 +
	       (unsigned long)t.tv_nsec / 1000;
}

static struct {
	int pid; /* 0: none */
	int late;
	unsigned long end;
} children[AT_ONCE];

/* How they ended: by themselves, by a signal, or they had to be killed. */
static unsigned ends[3];

static void start(int slot, uint64_t seed)
{
	int pid = fork_raw();

	if (pid < 0) {
		say("no child: %s\n", error_name(-pid));
		exit(1);
	}
	if (!pid)
		child(seed);
	children[slot].pid = pid;
	children[slot].late = 0;
	children[slot].end = now_us() + PATIENCE_US;
}

/* Is there one no more? */
static int look(int slot)
{
	int status, pid = children[slot].pid;

	if (!pid)
		return 1;
	if (call(SYS_wait4, pid, &status, WNOHANG, 0) == pid) {
		ends[children[slot].late ? 2 : WIFSIGNALED(status)]++;
		children[slot].pid = 0;
		return 1;
	}
	if (!children[slot].late && now_us() > children[slot].end) {
		children[slot].late = 1;
		call(SYS_kill, pid, SIGKILL);
	}
	return 0;
}

int main(int argc, char **argv)
{
	unsigned total = argc > 1 ? (unsigned)atoi(argv[1]) : 100;
	uint64_t random = argc > 2 ? (uint64_t)atoi(argv[2]) : 1;
	unsigned started = 0, running;

	fill_pool();
	do {
		running = 0;
		for (int slot = 0; slot < AT_ONCE; slot++) {
			if (look(slot) && started < total) {
				started++;
				start(slot, next_random(&random) | 1);
			}
			running += children[slot].pid != 0;
		}
		call(SYS_sched_yield);
	} while (running);
	say("%u children: %u ended, %u by signals, %u were killed\n", total,
	    ends[0], ends[1], ends[2]);
	return 0;
}
