/*
 * libc/malloc.c natively. There, what vmalloc() gives is seen only by simulated
 * harts; so a few large pieces of this program's memory stand for it.
 */
#include <kernel/ktest.h>
#include <mm/fail.h>
#include <mm/vmalloc.h>

void *far_malloc(size_t size, unsigned flags, uintptr_t caller);
void far_free(void *p);
size_t far_size(const void *p);

#define vmalloc_from far_malloc
#define vfree	     far_free
#define vmalloc_size far_size
#define is_vmalloc   is_far

#define PIECES 16
#define PIECE  MIB(4)

static uint8_t memory[PIECES][PIECE] __attribute__((aligned(PAGE_SIZE)));
static size_t sizes[PIECES]; /* 0: free */

static bool is_far(const void *p)
{
	return (uintptr_t)p - (uintptr_t)memory < sizeof(memory);
}

#include "../../libc/malloc.c"

static unsigned piece_of(const void *p)
{
	return (unsigned)(((uintptr_t)p - (uintptr_t)memory) / PIECE);
}

void *far_malloc(size_t size, unsigned flags, uintptr_t caller)
{
	unsigned i = 0;

	if (size > PIECE || fail_now(caller))
		return NULL;
	while (i < PIECES && sizes[i])
		i++;
	if (i == PIECES)
		return NULL;
	sizes[i] = align_up(size, PAGE_SIZE);
	memset(memory[i], flags & ALLOC_ZERO ? 0 : 0xa5, size);
	return memory[i];
}

void far_free(void *p)
{
	sizes[piece_of(p)] = 0;
}

size_t far_size(const void *p)
{
	return sizes[piece_of(p)];
}

/* Behind those of libc, if they are run at all. */
KTEST(libc_host, all_far_memory_came_back)
{
	for (unsigned i = 0; i < PIECES; i++)
		EXPECT_EQ(sizes[i], 0);
}
