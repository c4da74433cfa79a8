/* Registers that the bus knows nothing of. */
#include <kernel/ktest.h>
#include <mm/mmio.h>

/* No machine has anything there. */
#define AT ((paddr_t)1 << 50)

KTEST(io, nowhere_reads_as_ones_and_takes_all)
{
	struct mmio m;
	uint64_t ones = UINT64_MAX;

	REQUIRE(!mmio_map(&m, AT, PAGE_SIZE, 0, "test"));
	EXPECT_EQ(mmio_read8(m.base + 1), (uint8_t)ones);
	EXPECT_EQ(mmio_read16(m.base + 2), (uint16_t)ones);
	EXPECT_EQ(mmio_read32(m.base + 4), (uint32_t)ones);
	EXPECT_EQ(mmio_read64(m.base + 8), ones);
	EXPECT_EQ(mmio_read32_relaxed(m.base), (uint32_t)ones);
	mmio_write8(m.base, 1);
	mmio_write16(m.base, 1);
	mmio_write32(m.base, 0);
	mmio_write64(m.base, 1);
	mmio_unmap(&m);
}
