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

BENCH(kernel_4k) = {
	.group = "mmu",
	.name = "kmap-4k",
	.what = "map and unmap 4 KiB of the kernel's arena",
	.run = kernel_4k,
};
BENCH(kernel_1m) = {
	.group = "mmu",
	.name = "kmap-1m",
	.what = "the same, 1 MiB (256 entries)",
	.run = kernel_1m,
};
BENCH(kernel_16m) = {
	.group = "mmu",
	.name = "kmap-16m",
	.what = "the same, 16 MiB (8 large leaves)",
	.run = kernel_16m,
};

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

BENCH(kernel_4k_kept) = {
	.group = "mmu",
	.name = "kmap-4k-table",
	.what = "the same, 4 KiB, the table stays",
	.start = keep_table,
	.run = kernel_4k,
	.end = drop_table,
};

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

BENCH(user_pair) = {
	.group = "mmu",
	.name = "umap-4k",
	.what = "map and unmap a page, the table stays",
	.start = enter_1,
	.run = user_pair,
	.end = leave,
};
BENCH(user_map) = {
	.group = "mmu",
	.name = "umap-map-512",
	.what = "map a page, of 512 in a row",
	.per = 512,
	.start = enter_0,
	.run = map_512,
	.undo = unmap_512,
	.end = leave,
};
BENCH(user_unmap) = {
	.group = "mmu",
	.name = "umap-unmap-512",
	.what = "unmap a page, of 512 in a row",
	.per = 512,
	.start = enter_512,
	.run = unmap_512,
	.undo = map_512,
	.end = leave,
};
BENCH(user_protect) = {
	.group = "mmu",
	.name = "umap-protect-1",
	.what = "take a right from a page",
	.start = enter_1,
	.run = protect_1,
	.undo = unprotect_1,
	.end = leave,
};
BENCH(user_protect_512) = {
	.group = "mmu",
	.name = "umap-protect-512",
	.what = "take a right from a page, of 512 in a row",
	.per = 512,
	.start = enter_512,
	.run = protect_512,
	.undo = unprotect_512,
	.end = leave,
};

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

BENCH(user_split) = {
	.group = "mmu",
	.name = "umap-split",
	.what = "take a right from a page of a large leaf",
	.start = enter_large,
	.run = protect_1,
	.undo = join,
	.end = leave,
};
BENCH(user_join) = {
	.group = "mmu",
	.name = "umap-join",
	.what = "join 512 pages to a large leaf, right back",
	.start = enter_large,
	.run = join,
	.undo = protect_1,
	.end = leave,
};

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
	.group = "mmu",
	.name = "fence-page",
	.what = "the fence in it",
	.run = fence_page,
};
BENCH(fence_space) = {
	.group = "mmu",
	.name = "fence-space",
	.what = "the fence in it",
	.run = fence_space,
};
BENCH(flush_page) = {
	.group = "alloc",
	.name = "tlb-page",
	.what = "flush a page of the space",
	.start = enter_1,
	.run = flush_page,
	.end = leave,
};
BENCH(flush_space) = {
	.group = "alloc",
	.name = "tlb-space",
	.what = "flush the space",
	.start = enter_1,
	.run = flush_space,
	.end = leave,
};
BENCH(tlb_switch) = {
	.group = "mmu",
	.name = "tlb-switch",
	.what = "switch to another space",
	.per = 2,
	.start = enter_two,
	.run = switch_pair,
	.end = leave_two,
};
