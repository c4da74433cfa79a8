/* Pages of user spaces: what a fault takes between its trap and the return, and what
 * changes pages; with one hart. */
#include <kernel/bench.h>
#include <mm/aspace.h>
#include <mm/object.h>
#include <mm/page_alloc.h>

#define PAGES 512
#define RW    (PROT_READ | PROT_WRITE)

static struct aspace *space, *child;
static struct vm_object *object;
static vaddr_t at, next;
static uint64_t size;

static bool enter(unsigned n, struct vm_object *o)
{
	struct aspace_mmap m = {
		.addr = GIB(4),
		.len = n * PAGE_SIZE,
		.prot = RW,
		.flags = MAP_FIXED |
			 (o ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS),
		.object = o,
	};

	size = n * PAGE_SIZE;
	space = aspace_create();
	if (!space || aspace_mmap(space, &m, &at)) {
		aspace_put(space);
		return false;
	}
	umap_activate(&space->map);
	next = at;
	/* The table stays. */
	return aspace_fault(space, at + size - 1, ACCESS_STORE) == FAULT_DONE;
}

static bool enter_some(void)
{
	return enter(PAGES, NULL);
}

static void leave(void)
{
	umap_activate(NULL);
	aspace_put(space);
}

static void store(void)
{
	aspace_fault(space, next, ACCESS_STORE);
}

static void load(void)
{
	aspace_fault(space, next, ACCESS_LOAD);
}

static void drop(void)
{
	aspace_madvise(space, next, PAGE_SIZE, MADV_DONTNEED);
}

static void drop_load(void)
{
	drop();
	load();
}

static bool enter_loaded(void)
{
	bool good = enter_some();

	load();
	return good;
}

BENCH(write_fault) = {
	.group = "user",
	.name = "fault-write",
	.what = "a store to new memory: a cleared page",
	.start = enter_some,
	.run = store,
	.undo = drop,
	.end = leave,
};
BENCH(read_fault) = {
	.group = "user",
	.name = "fault-read",
	.what = "a load from new memory: the zero page",
	.start = enter_some,
	.run = load,
	.undo = drop,
	.end = leave,
};
BENCH(zero_fault) = {
	.group = "user",
	.name = "fault-zero-write",
	.what = "a store where the zero page is",
	.start = enter_loaded,
	.run = store,
	.undo = drop_load,
	.end = leave,
};
BENCH(spurious_fault) = {
	.group = "user",
	.name = "fault-spurious",
	.what = "a fault without a reason",
	.start = enter_loaded,
	.run = load,
	.end = leave,
};

static bool make_child(void)
{
	store();
	return aspace_fork(space, &child) == 0;
}

static bool enter_forked(void)
{
	return enter_some() && make_child();
}

static void fork_again(void)
{
	aspace_put(child);
	make_child();
}

static void leave_forked(void)
{
	aspace_put(child);
	leave();
}

BENCH(copy_fault) = {
	.group = "user",
	.name = "fault-copy",
	.what = "a store to a page that a child has, too",
	.start = enter_forked,
	.run = store,
	.undo = fork_again,
	.end = leave_forked,
};

/* Shared, then the child is gone. */
static void last_owner(void)
{
	make_child();
	aspace_put(child);
}

static bool enter_last(void)
{
	bool good = enter_some();

	last_owner();
	return good;
}

BENCH(reuse_fault) = {
	.group = "user",
	.name = "fault-reuse",
	.what = "a store to a page whose other owner is gone",
	.start = enter_last,
	.run = store,
	.undo = last_owner,
	.end = leave,
};

static bool enter_object(void)
{
	object = object_create(PAGES * PAGE_SIZE);
	return object && enter(PAGES, object);
}

static void leave_object(void)
{
	leave();
	object_put(object);
}

BENCH(object_fault) = {
	.group = "user",
	.name = "fault-object",
	.what = "a store to shared memory, whose page is there",
	.start = enter_object,
	.run = store,
	.undo = drop,
	.end = leave_object,
};

static bool enter_huge(void)
{
	bool good = enter(3 * PAGES, NULL);

	next = align_up(at, MIB(2));
	aspace_madvise(space, at, size, MADV_HUGEPAGE);
	return good;
}

static void drop_huge(void)
{
	aspace_madvise(space, next, MIB(2), MADV_DONTNEED);
}

BENCH(huge_fault) = {
	.group = "user",
	.name = "fault-huge-512",
	.what = "a page of 512 that come by one store",
	.per = PAGES,
	.start = enter_huge,
	.run = store,
	.undo = drop_huge,
	.end = leave,
};

static void populate(void)
{
	aspace_madvise(space, at, 64 * PAGE_SIZE, MADV_POPULATE_WRITE);
}

static void drop_64(void)
{
	aspace_madvise(space, at, 64 * PAGE_SIZE, MADV_DONTNEED);
}

BENCH(populate_64) = {
	.group = "user",
	.name = "populate-64",
	.what = "a page of 64 that are fetched at once",
	.per = 64,
	.start = enter_some,
	.run = populate,
	.undo = drop_64,
	.end = leave,
};

static void fill(void)
{
	aspace_madvise(space, at, size, MADV_POPULATE_WRITE);
}

static void drop_all(void)
{
	aspace_madvise(space, at, size, MADV_DONTNEED);
}

static bool enter_full(void)
{
	bool good = enter_some();

	fill();
	return good;
}

static bool enter_stored(void)
{
	bool good = enter_some();

	store();
	return good;
}

BENCH(drop_1) = {
	.group = "user",
	.name = "dontneed-1",
	.what = "a touched page dropped",
	.start = enter_stored,
	.run = drop,
	.undo = store,
	.end = leave,
};
BENCH(drop_512) = {
	.group = "user",
	.name = "dontneed-512",
	.what = "a page of 512 that are dropped at once",
	.per = PAGES,
	.start = enter_full,
	.run = drop_all,
	.undo = fill,
	.end = leave,
};

static void forbid(void)
{
	aspace_mprotect(space, at, size, PROT_READ);
}

static void allow(void)
{
	aspace_mprotect(space, at, size, RW);
}

static void hide(void)
{
	aspace_mprotect(space, at, size, PROT_NONE);
}

BENCH(protect_512) = {
	.group = "user",
	.name = "mprotect-ro-512",
	.what = "a page of 512 loses a right",
	.per = PAGES,
	.start = enter_full,
	.run = forbid,
	.undo = allow,
	.end = leave,
};
BENCH(unprotect_512) = {
	.group = "user",
	.name = "mprotect-rw-512",
	.what = "a page of 512 gets it back",
	.per = PAGES,
	.start = enter_full,
	.run = allow,
	.undo = forbid,
	.end = leave,
};
BENCH(show_512) = {
	.group = "user",
	.name = "mprotect-none-512",
	.what = "a page of 512 is hidden",
	.per = PAGES,
	.start = enter_full,
	.run = hide,
	.undo = allow,
	.end = leave,
};

static void fork_and_end(void)
{
	struct aspace *c;

	if (!aspace_fork(space, &c))
		aspace_put(c);
}

BENCH(fork_small) = {
	.group = "user",
	.name = "fork-1",
	.what = "a space with a page copied, and the copy destroyed",
	.start = enter_stored,
	.run = fork_and_end,
	.end = leave,
};
BENCH(fork_512) = {
	.group = "user",
	.name = "fork-512",
	.what = "the same, a page of 512",
	.per = PAGES,
	.start = enter_full,
	.run = fork_and_end,
	.end = leave,
};

static void move_there(void)
{
	vaddr_t to;

	aspace_mremap(space, at, PAGE_SIZE, PAGE_SIZE,
		      MREMAP_MAYMOVE | MREMAP_FIXED, at + size + MIB(1), &to);
}

static void move_back(void)
{
	vaddr_t to;

	aspace_mremap(space, at + size + MIB(1), PAGE_SIZE, PAGE_SIZE,
		      MREMAP_MAYMOVE | MREMAP_FIXED, at, &to);
}

static bool enter_movable(void)
{
	bool good = enter(PAGES / 4, NULL);

	store();
	return good;
}

BENCH(move_1) = {
	.group = "user",
	.name = "mremap-1",
	.what = "a touched page moved, in a table",
	.start = enter_movable,
	.run = move_there,
	.undo = move_back,
	.end = leave,
};

static void map_touch_unmap(void)
{
	vaddr_t va;

	if (aspace_map_anonymous(space, 0, PAGE_SIZE, RW, 0, &va))
		return;
	aspace_fault(space, va, ACCESS_STORE);
	aspace_munmap(space, va, PAGE_SIZE);
}

BENCH(mmap_touch) = {
	.group = "user",
	.name = "mmap-touch-munmap",
	.what = "a page of new memory, stored to, and unmapped",
	.start = enter_some,
	.run = map_touch_unmap,
	.end = leave,
};
