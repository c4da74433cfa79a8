/*
 * libFuzzer target: any bytes as a cpio archive. All entries are read, every byte of
 * their names and data; none reaches behind the archive, and their places grow. Then
 * they become a tree of files: each node that has a path is found by it, and when
 * the tree is gone, so is all of its memory.
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

#include <fs/memfs.h>
#include <host/ram.h>
#include <lib/cpio.h>
#include <mm/reclaim.h>
#include <mm/zone.h>

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

static void must(bool so, const char *what)
{
	if (so)
		return;
	fprintf(stderr, "not so: %s\n", what);
	abort();
}

static void find_again(struct memfs_node *n)
{
	static char path[MEMFS_PATH_MAX];
	struct memfs_node *found;

	if (memfs_path(n, path, sizeof(path)) < 0)
		return;
	must(!memfs_lookup(n, path, MEMFS_NOFOLLOW, &found) && found == n,
	     "a node is where its path leads");
	/* Wherever that leads: it comes to an end. */
	memfs_lookup(n, path, 0, &found);
	if (memfs_is(n, MODE_LINK))
		memfs_lookup(memfs_parent(n), n->target, 0, &found);
}

static void unpack(const uint8_t *archive, uint64_t size)
{
	struct memfs_report report;
	uint64_t bytes = 0;
	struct memfs fs;

	must(!memfs_create(&fs), "there is memory");
	memfs_unpack(&fs, archive, size, &report);
	list_for_each (at, &fs.nodes) {
		struct memfs_node *n = list_entry(at, struct memfs_node, link);

		find_again(n);
		bytes += n->size;
	}
	must(bytes == fs.bytes, "the sum of sizes");
	memfs_destroy(&fs);
}

/* Now and then: looking takes longer than most inputs. */
static void look_for_leaks(void)
{
	static uint64_t runs, before;

	if (runs++ % 1024)
		return;
	reclaim();
	must(!before || zone_used_frames() == before, "memory is given back");
	before = zone_used_frames();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int plant = -1;
	/* Memory of just that size, so that the sanitizer sees its end. */
	uint8_t *archive = malloc(size ? size : 1);

	if (plant < 0) {
		plant = getenv("FUZZ_CPIO_PLANT") != NULL;
		host_ram_use();
	}
	if (size)
		memcpy(archive, data, size);
	visit(archive, plant ? size + 65536 : size);
	unpack(archive, size);
	look_for_leaks();
	free(archive);
	return 0;
}
