/* libxxhash-dev: hash functions, all in the header. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <stdlib.h>

#include "ccode.h"

#define SIZE 100000

CCODE(xxhash_of_every_length)
{
	uint8_t *data = malloc(SIZE);
	uint64_t *got = calloc(4 * 700, sizeof(*got));
	size_t n = 0;
	uint32_t seed = 5;

	REQUIRE(data && got);
	for (int i = 0; i < SIZE; i++)
		data[i] = (uint8_t)next(&seed);
	/* As everybody has it: the hashes of nothing. */
	EXPECT_EQ(XXH64(data, 0, 0), 0xef46db3751d8e999u);
	EXPECT_EQ(XXH32(data, 0, 0), 0x02cc5d05u);
	EXPECT_EQ(XXH3_64bits(data, 0), 0x2d06800538d394c2u);
	for (size_t length = 0; length < 700; length++) {
		XXH128_hash_t h = XXH3_128bits(data + length % 8, length);

		got[n++] = XXH64(data + length % 16, length, length);
		got[n++] = XXH3_64bits_withSeed(data, length, 17);
		got[n++] = h.low64;
		got[n++] = h.high64;
	}
	digest("xxhash.lengths", got, n * sizeof(*got));
	free(got);
	free(data);
}

CCODE(xxhash_in_pieces_is_as_in_one)
{
	uint8_t *data = malloc(SIZE);
	XXH3_state_t *s3 = XXH3_createState();
	XXH64_state_t *s = XXH64_createState();
	uint32_t seed = 6;
	uint64_t got[2];

	REQUIRE(data && s && s3);
	for (int i = 0; i < SIZE; i++)
		data[i] = (uint8_t)next(&seed);
	XXH64_reset(s, 1);
	XXH3_64bits_reset(s3);
	for (size_t at = 0, n; at < SIZE; at += n) {
		n = next(&seed) % 999;
		n = n < SIZE - at ? n : SIZE - at;
		XXH64_update(s, data + at, n);
		XXH3_64bits_update(s3, data + at, n);
	}
	got[0] = XXH64_digest(s);
	got[1] = XXH3_64bits_digest(s3);
	EXPECT_EQ(got[0], XXH64(data, SIZE, 1));
	EXPECT_EQ(got[1], XXH3_64bits(data, SIZE));
	digest("xxhash.pieces", got, sizeof(got));
	XXH64_freeState(s);
	XXH3_freeState(s3);
	free(data);
}
