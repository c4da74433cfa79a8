/* Claims on the machine that runs: its RAM, and what its harts have. */
#include <string.h>

#include <kernel/devtree.h>
#include <kernel/ktest.h>
#include <kernel/ram.h>
#include <lib/errno.h>
#include <mm/kmap.h>
#include <mm/mmio.h>

#define AT ((paddr_t)1 << 50) /* no machine has anything there */

/* Firmware, no-map memory and all else, at both ends of each region. */
KTEST(mmio_target, no_byte_of_ram_can_be_claimed)
{
	struct mmio m;

	for (unsigned i = 0; i < ram.n; i++) {
		const struct region *r = &ram.region[i];
		const char *name = region_type_name(r->type);

		EXPECT_EQ(mmio_map(&m, r->range.start, 4, MMIO_PEEK, "test"),
			  -EBUSY);
		EXPECT(!strcmp(m.owner, name));
		EXPECT_EQ(mmio_map(&m, r->range.end - 4, 4, 0, "test"), -EBUSY);
		EXPECT(!strcmp(m.owner, name));
	}
}

/* What the tree calls memory, or reserved, even where the map has none. */
KTEST(mmio_target, what_the_tree_reserves_is_no_device)
{
	struct mmio m;

	for (unsigned i = 0; i < machine.nmemory; i++) {
		EXPECT_EQ(mmio_map(&m, machine.memory[i].start, 4, MMIO_PEEK,
				   "test"),
			  -EBUSY);
		EXPECT_EQ(mmio_map(&m, machine.memory[i].end - 4, 4, MMIO_PEEK,
				   "test"),
			  -EBUSY);
	}
	for (unsigned i = 0; i < machine.nreserved; i++) {
		struct range r = machine.reserved[i].range;

		if (!range_empty(r))
			EXPECT_EQ(mmio_map(&m, align_down(r.start, 4), 4,
					   MMIO_PEEK, "test"),
				  -EBUSY);
	}
}

static enum mem_attr attr_of(unsigned flags, uint64_t size)
{
	struct mapping at = {.attr = ATTR_NORMAL};
	struct mmio m;

	EXPECT_EQ(mmio_map(&m, AT, size, flags, "test"), 0);
	EXPECT(pgtable_query(&kernel_pgtable, (vaddr_t)(uintptr_t)m.base, &at));
	mmio_unmap(&m);
	return at.attr;
}

KTEST(mmio_target, leaves_say_what_kind_of_memory)
{
	if (!devtree_isa_has(&machine, "svpbmt"))
		return ktest_skip("no Svpbmt");
	for (uint64_t size = 4; size <= GIB(1); size *= 2) {
		EXPECT_EQ(attr_of(0, size), ATTR_IO);
		EXPECT_EQ(attr_of(MMIO_WC, size), ATTR_NC);
	}
}
