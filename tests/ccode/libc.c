/* What of the C library code that comes from elsewhere expects. */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ccode.h"

static int compare(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return x < y ? -1 : x > y;
}

CCODE(libc_sorts_and_searches)
{
	int a[1000];
	uint32_t seed = 12;

	for (int i = 0; i < 1000; i++)
		a[i] = (int)(next(&seed) % 5000);
	qsort(a, 1000, sizeof(*a), compare);
	for (int i = 1; i < 1000; i++)
		EXPECT(a[i - 1] <= a[i]);
	EXPECT(bsearch(&a[77], a, 1000, sizeof(*a), compare));
	digest("libc.qsort", a, sizeof(a));
}

CCODE(libc_converts)
{
	char *end;

	EXPECT_EQ(strtol("  -42x", &end, 10), -42);
	EXPECT(*end == 'x');
	EXPECT_EQ(strtoul("0xffffffffffffffff", NULL, 0), ULONG_MAX);
	errno = 0;
	EXPECT_EQ(strtoull("99999999999999999999999", NULL, 10), ULLONG_MAX);
	EXPECT_EQ(errno, ERANGE);
	EXPECT_EQ(atoi("007"), 7);
	EXPECT(strtod("2.5e3", NULL) == 2500.0);
	EXPECT(isalpha('x') && isdigit('7') && isspace('\t') && !isupper('x'));
	EXPECT_EQ(toupper('q'), 'Q');
	EXPECT(sqrt(2.0) > 1.41421356 && sqrt(2.0) < 1.41421357);
	EXPECT(strerror(ENOMEM) && *strerror(ENOMEM));
}

CCODE(libc_strings)
{
	char a[64] = "one,two;;three", *save, *copy;
	int n, m;

	EXPECT(!strcmp(strtok(a, ",;"), "one"));
	EXPECT(!strcmp(strtok(NULL, ",;"), "two"));
	EXPECT(!strcmp(strtok(NULL, ",;"), "three"));
	EXPECT(!strtok(NULL, ",;"));
	strcpy(a, "x y");
	EXPECT(!strcmp(strtok_r(a, " ", &save), "x"));
	copy = strdup("a copy");
	REQUIRE(copy);
	EXPECT(strstr(copy, "cop") == copy + 2 && strrchr(copy, 'a') == copy);
	free(copy);
	memmove(a + 1, strcpy(a, "overlap"), 8);
	EXPECT(!strcmp(a, "ooverlap"));
	EXPECT_EQ(snprintf(a, 5, "%s-%d", "long", 12345), 10);
	EXPECT(!strcmp(a, "long"));
	EXPECT_EQ(sscanf("12 0x1f", "%d %x", &n, &m), 2);
	EXPECT(n == 12 && m == 31);
	snprintf(a, sizeof(a), "%" PRIu64 " %5.1f %-4s|%04x", UINT64_MAX, 2.25,
		 "ab", 0xbe);
	EXPECT(!strcmp(a, "18446744073709551615   2.2 ab  |00be"));
}

static jmp_buf target;

__attribute__((noinline)) static void leave(int depth)
{
	if (depth)
		leave(depth - 1);
	longjmp(target, 7);
}

CCODE(libc_jumps)
{
	volatile int steps = 0;
	int got = setjmp(target);

	steps++;
	if (!got)
		leave(10);
	EXPECT_EQ(got, 7);
	EXPECT_EQ(steps, 2);
}

CCODE(libc_memory)
{
	char *p = malloc(100), *q;
	void *aligned = NULL;

	REQUIRE(p);
	memset(p, 1, 100);
	q = realloc(p, 200000);
	REQUIRE(q);
	EXPECT(q[0] == 1 && q[99] == 1);
	free(q);
	p = calloc(1000, 8);
	REQUIRE(p);
	for (int i = 0; i < 8000; i++)
		EXPECT_EQ(p[i], 0);
	free(p);
	EXPECT_EQ(posix_memalign(&aligned, 4096, 10), 0);
	EXPECT_EQ((uintptr_t)aligned % 4096, 0);
	free(aligned);
	aligned = aligned_alloc(64, 128);
	EXPECT(aligned && (uintptr_t)aligned % 64 == 0);
	free(aligned);
	assert(1 + 1 == 2);
}
