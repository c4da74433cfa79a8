/*
 * What a program finds when it begins, and how it ends.
 *
 *	start look [WORD...]	arguments, environment, the auxiliary vector
 *	start where		addresses of stack and heap
 *	start memory		bytes of RAM
 *	start huge		how many pages one store brings in: without advice,
 *				with MADV_HUGEPAGE, with MADV_NOHUGEPAGE
 *	start try N		become /m0 ... /mN-1, each in a child: how it went
 *	start exit N		end with that status
 *	start signal NAME	end by SIGSEGV, SIGBUS, SIGILL, SIGTRAP or SIGABRT
 */
#include <link.h>
#include <sys/auxv.h>
#include <sys/sysinfo.h>

#include "user.h"

extern char **environ;
extern char end[];

static char filled[5000] = "data";
static char zeros[20000];

static void show(char **argv)
{
	for (int i = 0; argv[i]; i++)
		printf("argv[%d] = '%s'\n", i, argv[i]);
	for (int i = 0; environ[i]; i++)
		printf("environ[%d] = '%s'\n", i, environ[i]);
	printf("execfn = '%s'\n", (char *)getauxval(AT_EXECFN));
}

static void check_vector(void)
{
	const ElfW(Phdr) *p = (const void *)getauxval(AT_PHDR);
	unsigned long n = getauxval(AT_PHNUM), loads = 0;

	for (unsigned long i = 0; p && i < n; i++)
		loads += p[i].p_type == PT_LOAD;
	check(loads >= 2, "program headers", "%lu of %lu", loads, n);
	check(getauxval(AT_PHENT) == sizeof(*p), "AT_PHENT", "%lu",
	      getauxval(AT_PHENT));
	check(getauxval(AT_PAGESZ) == PAGE, "AT_PAGESZ", "%lu",
	      getauxval(AT_PAGESZ));
	check(getauxval(AT_BASE) == 0, "AT_BASE", "%lx", getauxval(AT_BASE));
	check(getauxval(AT_HWCAP) == 0x112d, "AT_HWCAP", "%lx",
	      getauxval(AT_HWCAP));
	check(getauxval(AT_CLKTCK) == 100, "AT_CLKTCK", "%lu",
	      getauxval(AT_CLKTCK));
	check(getauxval(AT_SECURE) == 0, "AT_SECURE", "%lu",
	      getauxval(AT_SECURE));
	check(getauxval(AT_RANDOM) != 0, "AT_RANDOM", "%lu",
	      getauxval(AT_RANDOM));
	check(getauxval(AT_UID) == 0 && getauxval(AT_EGID) == 0, "users", "%lu",
	      getauxval(AT_UID));
}

/* Data, zeros, heap and stack are what and where they should be. */
static void check_memory(void)
{
	static const char nothing[sizeof(zeros)];
	char here[16] = "", *heap = sbrk(0);
	int rest = 0;

	check(!strcmp(filled, "data"), "data", "'%s'", filled);
	check(!memcmp(zeros, nothing, sizeof(zeros)), "zeros", "%d", 0);
	for (char *p = end; (unsigned long)p % PAGE; p++)
		rest += *p != 0;
	check(rest == 0, "behind the end", "%d bytes are not 0", rest);
	check(heap >= end, "heap", "%p", (void *)heap);
	check((unsigned long)__builtin_frame_address(0) % 16 == 0, "stack",
	      "%p", __builtin_frame_address(0));
	memset(zeros, 1, sizeof(zeros));
	check(zeros[sizeof(zeros) - 1] == 1, "writing", "%d", zeros[0]);
	memset(here - 64 * 1024, 0, 1); /* the stack goes down that far */
}

/* A child that can't become the program still has its memory: that is status 42. */
static int try(int n)
{
	char path[16], *argv[] = {path, NULL};
	int ran = 0, refused = 0, died = 0;

	for (int i = 0; i < n; i++) {
		int pid, status;

		snprintf(path, sizeof(path), "/m%d", i);
		pid = fork_raw();
		if (pid == 0) {
			call(SYS_execve, path, argv, environ);
			zeros[i] = 1;
			exit_raw(strcmp(filled, "data") ? 1 : 42);
		}
		status = wait_for(pid);
		ran += status == 7;
		refused += status == 42;
		died += status < 0;
	}
	printf("%d ran, %d were refused, %d died\n", ran, refused, died);
	return ran + refused + died != n;
}

static int end_by(const char *name)
{
	volatile int *nowhere = NULL;

	if (!strcmp(name, "SIGSEGV"))
		*nowhere = 1;
	else if (!strcmp(name, "SIGILL"))
		__asm__ volatile(".half 0");
	else if (!strcmp(name, "SIGTRAP"))
		__asm__ volatile("ebreak");
	else if (!strcmp(name, "SIGABRT"))
		abort();
	return 99;
}

static int where(void)
{
	printf("stack at %p\nheap at %p\n", __builtin_frame_address(0),
	       sbrk(0));
	return 0;
}

static int memory(void)
{
	struct sysinfo info = {0};

	sysinfo(&info);
	printf("%lu bytes of RAM\n", info.totalram * info.mem_unit);
	return 0;
}

/* In a block of 2 MiB, of a mapping that has all of it. */
static int pages_of_a_store(int advice)
{
	enum { HUGE_PAGE = 2 << 20, PAGES = HUGE_PAGE / 4096 };
	static unsigned char there[PAGES];
	char *map = mmap(NULL, 2 * HUGE_PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *at = map + (-(unsigned long)map & (HUGE_PAGE - 1));
	int n = 0;

	if (map == MAP_FAILED || madvise(map, 2 * HUGE_PAGE, advice))
		return -1;
	at[12345] = 1;
	mincore(at, HUGE_PAGE, there);
	for (int i = 0; i < PAGES; i++)
		n += there[i] & 1;
	return n;
}

static int huge(void)
{
	printf("huge: %d %d %d\n", pages_of_a_store(MADV_NORMAL),
	       pages_of_a_store(MADV_HUGEPAGE),
	       pages_of_a_store(MADV_NOHUGEPAGE));
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 2 && !strcmp(argv[1], "exit"))
		return atoi(argv[2]);
	if (argc > 2 && !strcmp(argv[1], "try"))
		return try(atoi(argv[2]));
	if (argc > 2 && !strcmp(argv[1], "signal"))
		return end_by(argv[2]);
	if (argc > 1 && !strcmp(argv[1], "where"))
		return where();
	if (argc > 1 && !strcmp(argv[1], "memory"))
		return memory();
	if (argc > 1 && !strcmp(argv[1], "huge"))
		return huge();
	show(argv);
	check_vector();
	check_memory();
	fflush(stdout);
	return checks_done();
}
