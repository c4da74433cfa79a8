/* The `test` command: the tests that are in the kernel, of all kinds. */
#include <string.h>

#include <kernel/ktest.h>
#include <kernel/printk.h>
#include <kernel/shell.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>

#define TELL_US 2000000u

static unsigned order_of(size_t size)
{
	return size <= PAGE_SIZE ? 0 : highest_bit(size - 1) + 1 - PAGE_SHIFT;
}

void *ktest_os_alloc(size_t size)
{
	struct page *p = page_alloc(order_of(size), 0);

	return p ? phys_to_virt(page_to_phys(p)) : NULL;
}

void ktest_os_release(void *p, size_t size)
{
	page_free(pfn_to_page(virt_to_phys(p) >> PAGE_SHIFT), order_of(size));
}

/* A number option at argv[*i]; steps over its value. */
static bool parse_number(int argc, char **argv, int *i, uint64_t *out)
{
	const char *option = argv[*i];

	if (++*i < argc && shell_number(argv[*i], out))
		return true;
	kprintf("test: %s needs a number\n", option);
	return false;
}

static int cmd_test(int argc, char **argv)
{
	const char *names[16], *bad;
	struct ktest_options o = {
		.names = names, .stop = shell_interrupted, .tell_us = TELL_US};
	bool list = argc > 1 && !strcmp(argv[1], "list");
	int failed;

	for (int i = list ? 2 : 1; i < argc; i++) {
		uint64_t *number = strcmp(argv[i], "--seed") == 0  ? &o.seed
				   : strcmp(argv[i], "--ops") == 0 ? &o.ops
								   : NULL;

		if (number) {
			if (!parse_number(argc, argv, &i, number))
				return SHELL_USAGE;
		} else if (argv[i][0] == '-' || o.nnames == ARRAY_SIZE(names)) {
			return SHELL_USAGE;
		} else {
			names[o.nnames++] = argv[i];
		}
	}
	if (o.nnames == 1 && strcmp(names[0], "all") == 0)
		o.nnames = 0;
	if (ktest_dropped()) {
		kprintf("test: this boot was told to give the tests' memory "
			"back\n");
		return 1;
	}
	failed = list ? ktest_list(&o, &bad) : ktest_run(&o, &bad);
	if (failed < 0)
		kprintf("test: no test is called like '%s'\n", bad);
	return !list && ktest_stopped() ? SHELL_INTERRUPTED : failed != 0;
}
COMMAND(test, cmd_test,
	"[list] [all|unit|stress|litmus|silicon|NAME...] [--seed N] [--ops N]",
	"run or list tests: all, a kind, those with NAME in their names");
