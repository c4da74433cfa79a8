/*
 * libFuzzer target: any bytes as a device tree. What opens is visited whole
 * (every name, property, list, reg and its translation), and what
 * devtree_init() makes of it must make sense.
 *
 *	cmake --preset host-fuzz -B build/fuzz
 *	cmake --build build/fuzz --target fuzz_fdt
 *	mkdir -p /tmp/new
 *	build/fuzz/fuzz_fdt -max_len=4096 /tmp/new tests/fuzz/corpus/fdt
 *
 * Does it find anything? FUZZ_FDT_PLANT=1 in the environment plants the bug
 * that device tree readers have had most: the size in the header is believed,
 * whatever the size of the memory that holds the blob. AddressSanitizer must
 * report a heap-buffer-overflow within a minute:
 *
 *	FUZZ_FDT_PLANT=1 build/fuzz/fuzz_fdt -max_total_time=60 \
 *		-max_len=4096 /tmp/new tests/fuzz/corpus/fdt
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tests/host/fdt_sense.h>

#include "no_os.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void one(const uint8_t *blob, size_t capacity)
{
	static struct devtree dt;
	static volatile uint64_t digest;
	const char *wrong;

	if (devtree_init(&dt, blob, capacity))
		return;
	wrong = devtree_nonsense(&dt);
	if (wrong) {
		fprintf(stderr, "devtree_init made nonsense: %s\n", wrong);
		abort();
	}
	digest = digest + fdt_visit_all(&dt.fdt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int plant = -1;
	/* Memory of just that size, so that the sanitizer sees its end. */
	uint8_t *blob = malloc(size ? size : 1);
	size_t capacity = size;

	if (plant < 0)
		plant = getenv("FUZZ_FDT_PLANT") != NULL;
	if (plant)
		capacity = size < 8 ? size : SIZE_MAX;
	if (size)
		memcpy(blob, data, size);
	one(blob, capacity);
	free(blob);
	return 0;
}
