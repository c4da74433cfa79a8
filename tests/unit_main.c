/*
 * The native test program: `unit [NAME...]`, with SEED= and OPS= from the
 * environment. Exit status 0 when all tests passed.
 */
#include <stdlib.h>

#include <arch/firmware.h>
#include <host/ram.h>
#include <kernel/console.h>
#include <kernel/ktest.h>

void *ktest_os_alloc(size_t size)
{
	return malloc(size);
}

void ktest_os_release(void *p, size_t size)
{
	(void)size;
	free(p);
}

static uint64_t number_from_env(const char *name)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : 0;
}

int main(int argc, char **argv)
{
	struct ktest_options o = {
		.names = (const char *const *)argv + 1,
		.nnames = (unsigned)argc - 1,
		.seed = number_from_env("SEED"),
		.ops = number_from_env("OPS"),
	};

	host_ram_use();
	console_set(arch_firmware_console());
	return ktest_run(&o, NULL) != 0;
}
