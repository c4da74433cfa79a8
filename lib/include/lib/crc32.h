/* CRC-32 as of IEEE 802.3, zip and many more (reflected 0x04c11db7). Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Of what had the checksum `crc` (0: of nothing), followed by these bytes. */
uint32_t crc32(uint32_t crc, const void *data, size_t size);
