/*
 * The `failalloc` command: run a command whose n-th allocation fails
 * (<mm/fail.h>), and tell how many there were. With 0 none fails: then it tells
 * from where memory was asked for.
 */
#include <stdio.h>
#include <string.h>

#include <kernel/ksyms.h>
#include <kernel/printk.h>
#include <kernel/shell.h>
#include <mm/fail.h>

#define SITES 64

static struct {
	uintptr_t at[SITES];
	unsigned n; /* (a) */
} sites;

/* On any hart: one may be noted twice. */
static void note(uintptr_t site)
{
	unsigned n = __atomic_load_n(&sites.n, __ATOMIC_RELAXED);

	for (unsigned i = 0; i < n && i < SITES; i++)
		if (sites.at[i] == site)
			return;
	n = __atomic_fetch_add(&sites.n, 1, __ATOMIC_RELAXED);
	if (n < SITES)
		sites.at[n] = site;
}

static void print_sites(void)
{
	for (unsigned i = 0; i < sites.n && i < SITES; i++) {
		uint64_t offset = 0;
		const char *name = ksym_find(sites.at[i], &offset);

		kprintf("failalloc: site %#llx %s+%#llx\n",
			(unsigned long long)sites.at[i], name ? name : "?",
			(unsigned long long)offset);
	}
}

/* The words, quoted, so that each stays one. Returns whether there was room. */
static bool join(char *line, size_t size, int argc, char **argv)
{
	size_t n = 0;

	for (int i = 0; i < argc && n < size; i++)
		n += (size_t)snprintf(line + n, size - n, "'%s' ", argv[i]);
	return n < size;
}

static int cmd_failalloc(int argc, char **argv)
{
	static char line[2 * SHELL_COMMAND_SIZE];
	uint64_t n, count;
	int status;

	if (argc < 3 || !shell_number(argv[1], &n) ||
	    !join(line, sizeof(line), argc - 2, argv + 2))
		return SHELL_USAGE;
	sites.n = 0;
	fail_site_hook = n ? NULL : note;
	fail_arm(n ? n : UINT64_MAX, false);
	status = shell_execute(line);
	count = fail_count();
	fail_arm(0, false);
	fail_site_hook = NULL;
	print_sites();
	kprintf("failalloc: %llu allocations, status %d\n",
		(unsigned long long)count, status);
	return 0;
}
COMMAND(failalloc, cmd_failalloc, "N COMMAND [ARG...]",
	"run a command whose n-th allocation fails; 0: tell who allocates");
