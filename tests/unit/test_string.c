/*
 * memset, memcpy and memmove: in the kernel these are its own, by words. Every
 * alignment and the lengths around a word and an unrolled step, with guards.
 */
#include <string.h>

#include <kernel/ktest.h>

#define SIZE  600
#define GUARD 0xa5

/* Lengths near every border of the loops: word, 4 words, 16 words. */
static const uint16_t lengths[] = {0,	1,   2,	  7,   8,   9,	 15,  16,  17,
				   31,	32,  33,  63,  64,  65,	 127, 128, 129,
				   135, 136, 137, 255, 256, 257, 300};

#define LENGTHS (sizeof(lengths) / sizeof(lengths[0]))

static uint8_t got[SIZE], want[SIZE];

KTEST(string, memset_all_alignments)
{
	volatile int c = 0x13c; /* its low byte counts */

	for (size_t at = 8; at < 24; at++)
		for (size_t k = 0; k < LENGTHS; k++) {
			size_t n = lengths[k];

			for (size_t i = 0; i < SIZE; i++)
				got[i] = want[i] = GUARD;
			for (size_t i = at; i < at + n; i++)
				want[i] = 0x3c;
			REQUIRE(memset(got + at, c, n) == got + at);
			for (size_t i = 0; i < SIZE; i++)
				REQUIRE(got[i] == want[i]);
		}
}

static void fill(void)
{
	for (size_t i = 0; i < SIZE; i++)
		got[i] = want[i] = (uint8_t)(i * 7 + i / 256);
}

/* Moves within one buffer: forwards, backwards, overlapping and not. */
KTEST(string, memmove_all_alignments_and_overlaps)
{
	static uint8_t copy[SIZE];

	for (size_t from = 16; from < 33; from++)
		for (size_t to = 0; to < 50; to++)
			for (size_t k = 0; k < LENGTHS; k++) {
				size_t n = lengths[k];

				fill();
				for (size_t i = 0; i < n; i++)
					copy[i] = want[from + i];
				for (size_t i = 0; i < n; i++)
					want[to + i] = copy[i];
				REQUIRE(memmove(got + to, got + from, n) ==
					got + to);
				for (size_t i = 0; i < SIZE; i++)
					REQUIRE(got[i] == want[i]);
			}
}

KTEST(string, memcpy_all_alignments)
{
	static uint8_t source[SIZE];

	for (size_t i = 0; i < SIZE; i++)
		source[i] = (uint8_t)(i * 13 + 5);
	for (size_t from = 0; from < 8; from++)
		for (size_t to = 8; to < 16; to++)
			for (size_t k = 0; k < LENGTHS; k++) {
				size_t n = lengths[k];

				fill();
				for (size_t i = 0; i < n; i++)
					want[to + i] = source[from + i];
				memcpy(got + to, source + from, n);
				for (size_t i = 0; i < SIZE; i++)
					REQUIRE(got[i] == want[i]);
			}
}
