/* The cache modes without a memory test around them. */
#include <kernel/memtest_cache.h>
#include <kernel/shell.h>

static int cmd_cachetest(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return cache_verify();
}
COMMAND(cachetest, cmd_cachetest, "", NULL);
