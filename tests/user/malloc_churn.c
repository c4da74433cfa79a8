/*
 * malloc, realloc, calloc and free as programs use them, on every path that the
 * C library has to the kernel: the heap that grows and shrinks by brk(), blocks
 * with a mapping of their own, mappings that mremap() grows. Each block has a
 * pattern of its own, which is looked at whenever the block is touched.
 */
#include "user.h"

enum { BLOCKS = 512, STEPS = 20000 };

static struct block {
	unsigned char *p;
	size_t size;
	unsigned char seed;
} blocks[BLOCKS];

static uint64_t state = 0x5eed2026;

static unsigned char pattern(const struct block *b, size_t i)
{
	return (unsigned char)(b->seed + i * 7 + (i >> 12));
}

/* Every byte of small blocks; of large ones some of each page. */
static size_t stride(size_t size)
{
	return size <= 8192 ? 1 : 509;
}

static void fill(struct block *b, size_t from)
{
	for (size_t i = 0; i < b->size; i += stride(b->size))
		if (i >= from)
			b->p[i] = pattern(b, i);
}

static int intact(const struct block *b, size_t upto, size_t step)
{
	for (size_t i = 0; i < upto; i += step)
		if (b->p[i] != pattern(b, i))
			return 0;
	return 1;
}

/* Mostly small; some beyond the size from which on a block is a mapping. */
static size_t some_size(void)
{
	uint64_t r = next_random(&state);

	switch (r >> 60) {
	case 0:
		return r % (512 << 10);
	case 1:
	case 2:
	case 3:
		return r % (16 << 10);
	default:
		return r % 600;
	}
}

static int step(struct block *b)
{
	size_t size = some_size(), old = b->size;

	if (!intact(b, b->size, stride(b->size)))
		return 0;
	b->seed = b->p ? b->seed : (unsigned char)next_random(&state);
	if (!b->p) {
		b->p = next_random(&state) & 1 ? malloc(size) : calloc(1, size);
		old = 0;
	} else if (next_random(&state) & 1) {
		unsigned char *p = realloc(b->p, size ? size : 1);
		size_t kept = size < old ? size : old;

		b->p = p;
		if (!p || !intact(b, kept, stride(old)))
			return 0;
		/* The stride may be another now. */
		old = 0;
	} else {
		free(b->p);
		b->p = NULL;
		size = 0;
	}
	b->size = size;
	fill(b, old);
	return size == 0 || b->p;
}

static void churn(void)
{
	int good = 1, i;

	for (i = 0; i < STEPS && good; i++)
		good = step(&blocks[next_random(&state) % BLOCKS]);
	check(good, "churn", "step %d", i);
	for (i = 0; i < BLOCKS && good; i++) {
		good = intact(&blocks[i], blocks[i].size,
			      stride(blocks[i].size));
		free(blocks[i].p);
	}
	check(good, "contents at the end", "block %d", i);
}

/* One block from 1 KiB to 64 MiB: moves out of the heap, then by mremap(). */
static void growth(void)
{
	uint32_t *p = NULL;
	size_t had = 0, i;

	for (size_t n = 256; n <= 16 << 20; n *= 2) {
		p = realloc(p, n * sizeof(*p));
		if (!p)
			break;
		for (i = had; i < n; i += 64)
			p[i] = (uint32_t)(i * 2654435761u);
		had = n;
	}
	for (i = 0; i < had && p[i] == (uint32_t)(i * 2654435761u); i += 64)
		;
	check(p && had == 16 << 20 && i >= had, "realloc grows",
	      "had %zu, wrong at %zu", had, i);
	free(p);
}

/* The heap's end goes up, and comes down when its top is free. */
static void heap_end(void)
{
	enum { COUNT = 64, SIZE = 100000 };
	char *p[COUNT];
	char *before = sbrk(0), *high;

	for (int i = 0; i < COUNT; i++)
		p[i] = memset(malloc(SIZE), i, SIZE);
	high = sbrk(0);
	for (int i = 0; i < COUNT; i++)
		free(p[i]);
	check(high >= before && (char *)sbrk(0) <= high, "brk", "%p %p %p",
	      (void *)before, (void *)high, sbrk(0));
}

/* calloc() trusts the kernel's zeros for memory that comes fresh from it. */
static void zeros(void)
{
	size_t i = 0, size = 8 << 20;

	for (int round = 0; round < 4; round++) {
		unsigned char *p = calloc(1, size);

		for (i = 0; p && i < size && !p[i]; i += 61)
			;
		if (!p || i < size)
			break;
		memset(p, 0xa5, size);
		free(p);
	}
	check(i >= size, "calloc is zero", "byte %zu", i);
}

int main(void)
{
	churn();
	growth();
	heap_end();
	zeros();
	return checks_done();
}
