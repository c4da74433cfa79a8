/* What the flusher counts tells what it did. */
#include <kernel/cpu.h>
#include <kernel/ktest.h>
#include <mm/umap.h>

#include "arch_bed.h"

/* Harts that forgot a space since, because they were not in it when it
 * changed: of this hart. */
static uint64_t caught_up(void)
{
	return tlb_counters(arch_cpu())->caught_up;
}

static void enter_and_leave(struct umap *u)
{
	umap_activate(u);
	umap_activate(NULL);
}

/* A hart's walks come after its own stores only by a fence. */
static void new_tables(void)
{
	struct range va = {GIB(1), GIB(1) + PAGE_SIZE};
	uint64_t before = caught_up();
	struct umap u;

	REQUIRE(umap_init(&u) == 0);
	enter_and_leave(&u);
	EXPECT_EQ(caught_up(), before + 1);
	enter_and_leave(&u);
	EXPECT_EQ(caught_up(), before + 1);
	/* Added while nobody is there. */
	EXPECT_EQ(umap_map(&u, va, 0, VM_READ, ATTR_NORMAL), 0);
	enter_and_leave(&u);
	EXPECT_EQ(caught_up(), before + 2);
	/* Added while it is there. */
	umap_activate(&u);
	va = range_make(va.end, va.end + PAGE_SIZE);
	EXPECT_EQ(umap_map(&u, va, 0, VM_READ, ATTR_NORMAL), 0);
	umap_activate(NULL);
	enter_and_leave(&u);
	EXPECT_EQ(caught_up(), before + 2);
	umap_destroy(&u);
}

KTEST(tlb, new_tables_are_fenced_when_they_are_entered)
{
	arch_bed_run(new_tables);
}
