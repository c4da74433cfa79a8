/* RAM of the native machine (<host/ram.h>). */
#include <sys/mman.h>

#include <host/harts.h>
#include <host/ram.h>
#include <kernel/panic.h>
#include <kernel/types.h>
#include <mm/kmalloc.h>
#include <mm/layout.h>
#include <mm/zone.h>

/* Where all sanitizers let a program have memory, and below all that the host's
 * kernel places, so that no physical address is negative. */
#define HOST_RAM_AT 0x40000000u

#define FIRST  (HOST_RAM_START >> PAGE_SHIFT)
#define FRAMES (HOST_RAM_SIZE >> PAGE_SHIFT)
#define CHUNKS (FRAMES / PAGES_PER_CHUNK)

static struct page pages[FRAMES];
static uint64_t populated[CHUNKS / 64 + 1];
static struct page_map map = {
	.frames = {FIRST, FIRST + FRAMES},
	.populated = populated,
	.nr_chunks = CHUNKS,
};

void host_ram_use(void)
{
	void *at = (void *)HOST_RAM_AT;

	if (mmap(at, HOST_RAM_SIZE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
			 MAP_FIXED_NOREPLACE,
		 -1, 0) != at)
		panic("host_ram_use: no memory at %p", at);
	direct_map_offset = HOST_RAM_AT - HOST_RAM_START;
	map.pages = (struct page *)((uintptr_t)pages - FIRST * sizeof(*pages));
	/* The page map is complete: it never has to grow. */
	for (uint64_t i = 0; i < CHUNKS; i++)
		populated[i / 64] |= (uint64_t)1 << (i % 64);
	zone_init(&map);
	page_alloc_give(range_make(HOST_RAM_START, HOST_RAM_END));
	slab_init();
	kmalloc_init();
}
