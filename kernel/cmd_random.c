/* The `random` command. */
#include <string.h>

#include <kernel/printk.h>
#include <kernel/random.h>
#include <kernel/shell.h>
#include <lib/bits.h>
#include <lib/errno.h>

#define DEFAULT 32
#define LINE	32

static void print_source(void *ctx, const char *source, uint64_t bytes)
{
	(void)ctx;
	kprintf("random: %llu bytes of seed by %s\n", (unsigned long long)bytes,
		source);
}

static int cmd_random(int argc, char **argv)
{
	uint8_t line[LINE];
	uint64_t n = DEFAULT;
	int err = 0;

	if (argc == 2 && !strcmp(argv[1], "--ask"))
		err = random_ask();
	else if (argc > 2 || (argc == 2 && !shell_number(argv[1], &n)))
		return SHELL_USAGE;
	if (err == -ENODEV)
		kprintf("random: no device to ask for more\n");
	else if (err)
		kprintf("random: a device gave no bytes (error %d); 'devices' "
			"may tell why\n",
			-err);
	for (uint64_t at = 0; at < n && !shell_interrupted(); at += LINE) {
		uint64_t size = min_u64(n - at, LINE);

		random_bytes(line, size);
		for (uint64_t i = 0; i < size; i++)
			kprintf("%02x", line[i]);
		kprintf("\n");
	}
	random_each(print_source, NULL);
	kprintf("random: %s\n", random_ready() ? "seeded" : "NOT seeded");
	return err != 0;
}
COMMAND(random, cmd_random, "[N|--ask]",
	"print N random bytes and what they come from; have sources give more");
