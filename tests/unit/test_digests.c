/* CRC-32 and ChaCha20 by the vectors of their specifications. */
#include <string.h>

#include <kernel/ktest.h>
#include <lib/chacha20.h>
#include <lib/crc32.h>

/* The check value of CRC-32/ISO-HDLC: of "123456789". */
KTEST(crc32, check_value)
{
	EXPECT_EQ(crc32(0, "", 0), 0);
	EXPECT_EQ(crc32(0, "123456789", 9), 0xcbf43926u);
	EXPECT_EQ(crc32(crc32(0, "1234", 4), "56789", 5), 0xcbf43926u);
}

/* RFC 8439, 2.3.2. */
KTEST(chacha20, block_of_the_rfc)
{
	static const uint8_t expected[64] = {
		0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f,
		0xdd, 0x1f, 0xa3, 0x20, 0x71, 0xc4, 0xc7, 0xd1, 0xf4, 0xc7,
		0x33, 0xc0, 0x68, 0x03, 0x04, 0x22, 0xaa, 0x9a, 0xc3, 0xd4,
		0x6c, 0x4e, 0xd2, 0x82, 0x64, 0x46, 0x07, 0x9f, 0xaa, 0x09,
		0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2, 0xb5, 0x12,
		0x9c, 0xd1, 0xde, 0x16, 0x4e, 0xb9, 0xcb, 0xd0, 0x83, 0xe8,
		0xa2, 0x50, 0x3c, 0x4e,
	};
	static const uint32_t input[4] = {1, 0x09000000, 0x4a000000, 0};
	uint32_t key[8];
	uint8_t out[64];

	for (uint32_t i = 0; i < 8; i++)
		key[i] = 0x03020100 + i * 0x04040404;
	chacha20_block(key, input, out);
	EXPECT(!memcmp(out, expected, sizeof(out)));
}

/* RFC 8439, A.1, test vectors 1 and 2: a key of zeros. */
KTEST(chacha20, blocks_of_no_key)
{
	static const uint32_t key[8];
	uint32_t input[4] = {0};
	uint8_t out[64];

	chacha20_block(key, input, out);
	EXPECT(!memcmp(out, "\x76\xb8\xe0\xad\xa0\xf1\x3d\x90", 8));
	input[0] = 1;
	chacha20_block(key, input, out);
	EXPECT(!memcmp(out, "\x9f\x07\xe7\xbe\x55\x51\x38\x7a", 8));
}
