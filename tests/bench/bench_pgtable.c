/*
 * Mapping, unmapping, protecting and flushing: by the kernel mapper, in its
 * arena, and by a user mapper, in a space that this hart is in.
 */
#include <arch/mmu.h>
#include <kernel/bench.h>
#include <lib/bits.h>
#include <mm/kmap.h>
#include <mm/page_alloc.h>
#include <mm/umap.h>

#define RW (VM_READ | VM_WRITE)

/* Device registers that are never touched. There is RAM from 1 GiB on (JH7110)
 * or from 2 GiB on (the others). */
#define DEVICE MIB(512)

static bool ready(void)
{
	return true;
}

static struct range arena(uint64_t size)
{
	vaddr_t start = align_up(kmap_arena.start, MIB(16));

	return range_make(start, start + size);
}

static void kernel_pair(uint64_t size)
{
	kmap_map(arena(size), DEVICE, RW, ATTR_IO);
	kmap_unmap(arena(size));
}

static void kernel_4k(void)
{
	kernel_pair(KIB(4));
}

static void kernel_1m(void)
{
	kernel_pair(MIB(1));
}

static void kernel_16m(void)
{
	kernel_pair(MIB(16));
}

BENCH(kernel_4k) = {"kmap-4k", "map and unmap 4 KiB of the kernel's arena",
		    1,	       ready,
		    kernel_4k, NULL,
		    NULL};
BENCH(kernel_1m) = {
	"kmap-1m", "the same, 1 MiB (256 entries)", 1, ready, kernel_1m, NULL,
	NULL};
BENCH(kernel_16m) = {"kmap-16m", "the same, 16 MiB (8 large leaves)",
		     1,		 ready,
		     kernel_16m, NULL,
		     NULL};

/* A page next to the one measured keeps the table. */
static bool keep_table(void)
{
	struct range next = arena(KIB(4));

	next.start += MIB(1);
	next.end += MIB(1);
	return kmap_map(next, DEVICE, RW, ATTR_IO) == 0;
}

static void drop_table(void)
{
	kmap_unmap(arena(MIB(2)));
}

BENCH(kernel_4k_kept) = {"kmap-4k-table",
			 "the same, 4 KiB, the table stays",
			 1,
			 keep_table,
			 kernel_4k,
			 NULL,
			 drop_table};

static struct umap space;

static struct range user(uint64_t pages)
{
	return range_make(GIB(4), GIB(4) + pages * PAGE_SIZE);
}

/* In the space, with so many pages mapped: all to one address or the next,
 * never touched. */
static bool enter(uint64_t pages)
{
	if (umap_init(&space))
		return false;
	if (umap_map(&space, user(pages), DEVICE + PAGE_SIZE, RW,
		     ATTR_NORMAL)) {
		umap_destroy(&space);
		return false;
	}
	umap_activate(&space);
	return true;
}

static bool enter_1(void)
{
	return enter(1);
}

static bool enter_512(void)
{
	return enter(512);
}

static void leave(void)
{
	umap_activate(NULL);
	umap_destroy(&space);
}

static void user_pair(void)
{
	struct range va = {GIB(4) + MIB(1), GIB(4) + MIB(1) + PAGE_SIZE};

	umap_map(&space, va, DEVICE, RW, ATTR_NORMAL);
	umap_unmap(&space, va, NULL);
}

static void map_512(void)
{
	umap_map(&space, user(512), DEVICE + PAGE_SIZE, RW, ATTR_NORMAL);
}

static void unmap_512(void)
{
	umap_unmap(&space, user(512), NULL);
}

static void protect_1(void)
{
	umap_protect(&space, user(1), VM_READ);
}

static void unprotect_1(void)
{
	umap_protect(&space, user(1), RW);
}

static void protect_512(void)
{
	umap_protect(&space, user(512), VM_READ);
}

static void unprotect_512(void)
{
	umap_protect(&space, user(512), RW);
}

static bool enter_0(void)
{
	if (!enter(512))
		return false;
	unmap_512();
	return true;
}

BENCH(user_pair) = {"umap-4k", "map and unmap a page, the table stays",
		    1,	       enter_1,
		    user_pair, NULL,
		    leave};
BENCH(user_map) = {"umap-map-512",
		   "map a page, of 512 in a row",
		   512,
		   enter_0,
		   map_512,
		   unmap_512,
		   leave};
BENCH(user_unmap) = {"umap-unmap-512",
		     "unmap a page, of 512 in a row",
		     512,
		     enter_512,
		     unmap_512,
		     map_512,
		     leave};
BENCH(user_protect) = {"umap-protect-1",
		       "take a right from a page",
		       1,
		       enter_1,
		       protect_1,
		       unprotect_1,
		       leave};
BENCH(user_protect_512) = {"umap-protect-512",
			   "take a right from a page, of 512 in a row",
			   512,
			   enter_512,
			   protect_512,
			   unprotect_512,
			   leave};

/* A large leaf loses a page's right: it is split; given back, it stays so until
 * it is joined. */
static bool enter_large(void)
{
	if (umap_init(&space))
		return false;
	if (umap_map(&space, user(512), DEVICE, RW, ATTR_NORMAL)) {
		umap_destroy(&space);
		return false;
	}
	umap_activate(&space);
	return true;
}

static void join(void)
{
	struct tlb_gather g;

	unprotect_1();
	tlb_gather_init(&g, &space.tlb);
	pgtable_join(&space.pt, user(512), &g);
	tlb_flush(&g);
}

BENCH(user_split) = {"umap-split",
		     "take a right from a page of a large leaf",
		     1,
		     enter_large,
		     protect_1,
		     join,
		     leave};
BENCH(user_join) = {"umap-join", "join 512 pages to a large leaf, right back",
		    1,		 enter_large,
		    join,	 protect_1,
		    leave};

static void flush(struct range va)
{
	struct tlb_gather g;

	tlb_gather_init(&g, &space.tlb);
	if (range_empty(va))
		tlb_gather_table(&g);
	else
		tlb_gather_leaves(&g, va, PAGE_SIZE);
	tlb_flush(&g);
}

static void flush_page(void)
{
	flush(user(1));
}

static void flush_space(void)
{
	flush(range_make(0, 0));
}

static struct umap other;

static bool enter_two(void)
{
	if (umap_init(&other))
		return false;
	if (enter_1())
		return true;
	umap_destroy(&other);
	return false;
}

static void leave_two(void)
{
	leave();
	umap_destroy(&other);
}

static void switch_pair(void)
{
	umap_activate(&other);
	umap_activate(&space);
}

/* What the architecture's part of that is. */
static void fence_page(void)
{
	const struct tlb_fence f = {user(1), PAGE_SIZE, 1};

	arch_tlb_fence(&f);
}

static void fence_space(void)
{
	const struct tlb_fence f = {.asid = 1};

	arch_tlb_fence(&f);
}

BENCH(fence_page) = {
	"fence-page", "the fence in it", 1, ready, fence_page, NULL, NULL};
BENCH(fence_space) = {
	"fence-space", "the fence in it", 1, ready, fence_space, NULL, NULL};
BENCH(flush_page) = {
	"tlb-page", "flush a page of the space", 1, enter_1, flush_page, NULL,
	leave};
BENCH(flush_space) = {
	"tlb-space", "flush the space", 1, enter_1, flush_space, NULL, leave};
BENCH(tlb_switch) = {"tlb-switch",
		     "switch to another space",
		     2,
		     enter_two,
		     switch_pair,
		     NULL,
		     leave_two};
