/*
 * libFuzzer target: any bytes as a cpio archive. All entries are read, every byte of
 * their names and data; none reaches behind the archive, and their places grow.
 *
 *	cmake --preset host-fuzz -B build/fuzz
 *	cmake --build build/fuzz --target fuzz_cpio
 *	mkdir -p /tmp/new
 *	build/fuzz/fuzz_cpio -max_len=4096 /tmp/new tests/fuzz/corpus/cpio
 *
 * Does it find anything? FUZZ_CPIO_PLANT=1 in the environment plants a bug: the
 * archive is said to be 64 KiB longer than it is. AddressSanitizer must report a
 * heap-buffer-overflow within a minute.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lib/cpio.h>

#include "no_os.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void visit(const uint8_t *archive, uint64_t size)
{
	static volatile uint64_t digest;
	struct cpio_entry e;
	uint64_t at = 0, before = 0;

	while (cpio_next(archive, size, &at, &e) > 0) {
		if (at <= before || at > size) {
			fprintf(stderr, "an entry ends at %llu, after %llu\n",
				(unsigned long long)at,
				(unsigned long long)before);
			abort();
		}
		before = at;
		digest = digest + strlen(e.name) + e.damaged;
		for (uint32_t i = 0; i < e.size; i++)
			digest = digest + ((const uint8_t *)e.data)[i];
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int plant = -1;
	/* Memory of just that size, so that the sanitizer sees its end. */
	uint8_t *archive = malloc(size ? size : 1);

	if (plant < 0)
		plant = getenv("FUZZ_CPIO_PLANT") != NULL;
	if (size)
		memcpy(archive, data, size);
	visit(archive, plant ? size + 65536 : size);
	free(archive);
	return 0;
}
