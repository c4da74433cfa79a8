/* The account of memory: where every byte of RAM has gone. */
#pragma once

#include <kernel/types.h>
#include <mm/page.h>

#define MEMINFO_LINE 512

/*
 * Write one line, "memory: TOTAL = firmware N + kernel N + ... + free N", bytes,
 * into buf. The figures come from both the map of RAM and the allocators;
 * returns whether they agree and add up.
 */
bool meminfo_account(char *buf, size_t size);

/*
 * Call `each` for every block that a frame allocator has or has handed out, by
 * rising address, until it returns false. Blocks that come and go meanwhile may
 * be missed or be seen twice. Frames that were never touched are in no block.
 * O(blocks + RAM / 512 KiB). Takes no lock.
 */
void meminfo_each_block(bool (*each)(void *ctx, const struct page *p,
				     uint64_t frames),
			void *ctx);
