/*
 * drivers/sifive_ccache.c on a model of the controller's registers, with the model
 * of caches behind it: what is not flushed, or another line is, shows as wrong
 * data.
 */
#include <string.h>

#include <drivers/device.h>
#include <drivers/sifive_ccache.h>
#include <kernel/shell.h>
#include <kernel/time.h>
#include <lib/errno.h>

#include "../unit/arch_bed.h"
#include "../unit/slab_bed.h"
#include "../unit/test_fdt_build.h"
#include "cache_model.h"

#define REGS  0x2010000u
#define LINES 8

/* 4 banks of 512 sets, 16 ways, lines of 64 bytes: 2 MiB. */
#define FU540 0x06091004u

static struct {
	uint32_t config;
	struct {
		uint64_t address;
		uint32_t count;
		bool pending; /* its interrupt; reading the count ends it */
	} error[4]; /* by register: directory corrected, not; data corrected, not */
	unsigned flushes, wrong;
	uint64_t last;
} hw;

static uint64_t read_register(void *ctx, size_t offset, unsigned bits)
{
	unsigned e = (unsigned)(offset - 0x100) / 0x20;

	(void)ctx;
	hw.wrong += bits != 32;
	if (offset == 0)
		return hw.config;
	if (offset == 8)
		return 15;
	if (e >= 4) {
		hw.wrong++;
		return 0;
	}
	switch (offset % 0x20) {
	case 0:
		return (uint32_t)hw.error[e].address;
	case 4:
		return hw.error[e].address >> 32;
	case 8:
		hw.error[e].pending = false;
		return hw.error[e].count;
	}
	hw.wrong++;
	return 0;
}

static void write_register(void *ctx, size_t offset, unsigned bits, uint64_t v)
{
	(void)ctx;
	if (offset != 0x200 || bits != 64) {
		hw.wrong++;
		return;
	}
	hw.flushes++;
	hw.last = v;
	cache_model_op(CACHE_FLUSH, v);
}

static const struct io_model model = {read_register, write_register, NULL};

/* --- its interrupts --- */

static struct irq *line[LINES];

static int translate(struct irq_chip *c, const struct fdt_irq *irq, unsigned *n,
		     enum irq_trigger *trigger)
{
	(void)c;
	*n = irq->cell[0];
	*trigger = IRQ_LEVEL_HIGH;
	return 0;
}

static int enable(struct irq_chip *c, unsigned n, enum irq_trigger trigger,
		  unsigned cpu)
{
	(void)c;
	(void)n;
	(void)trigger;
	(void)cpu;
	return 0;
}

static void disable(struct irq_chip *c, unsigned n)
{
	(void)c;
	(void)n;
}

static bool handle(struct irq_chip *c)
{
	(void)c;
	return false;
}

static const struct irq_chip_ops ops = {translate, enable, disable, handle};
static struct irq_chip chip = {
	.name = "test", .lines = LINES, .ops = &ops, .line = line};

static int pic_probe(struct device *d)
{
	chip.node = d->node;
	return irq_chip_add(&chip, 1);
}

static void pic_remove(struct device *d)
{
	(void)d;
	irq_chip_remove(&chip);
}

static const char *const compatible[] = {"test,pic", NULL};
DRIVER(test_pic, compatible, pic_probe, pic_remove);

/* --- a device that does not see caches, and has memory as long as it works --- */

static struct dma_map lent;
static uint8_t *memory;

static int user_probe(struct device *d)
{
	return dma_map(&d->dma, &lent, memory, 4096, DMA_BOTH, 0);
}

static void user_remove(struct device *d)
{
	(void)d;
	dma_unmap(&lent);
}

static const char *const users[] = {"test,user", NULL};
DRIVER(test_user, users, user_probe, user_remove);

/* --- the machine --- */

struct board {
	uint32_t config;
	uint32_t size, block, line_size; /* properties; 0: none */
	unsigned irqs;
	uint32_t reg; /* size; 0: as it should be */
	bool user;
};

static struct fdt tree;
static struct device *cache;

static bool build(struct fb *b, const struct board *w)
{
	fb_restart(b);
	fb_node(b, "");
	FB_CELLS(b, "#address-cells", 1);
	FB_CELLS(b, "#size-cells", 1);
	fb_node(b, "pic");
	fb_string(b, "compatible", "test,pic");
	FB_CELLS(b, "phandle", 3);
	FB_CELLS(b, "#interrupt-cells", 1);
	fb_flag(b, "interrupt-controller");
	fb_end(b);
	if (w->user) {
		fb_node(b, "user");
		fb_string(b, "compatible", "test,user");
		fb_flag(b, "dma-noncoherent");
		fb_end(b);
	}
	fb_node(b, "cache-controller@2010000");
	FB_CELLS(b, "cache-level", 2);
	fb_string(b, "compatible", "sifive,fu540-c000-ccache");
	FB_CELLS(b, "reg", REGS, w->reg ? w->reg : 0x1000);
	if (w->size)
		FB_CELLS(b, "cache-size", w->size);
	if (w->block)
		FB_CELLS(b, "cache-block-size", w->block);
	if (w->line_size)
		FB_CELLS(b, "cache-line-size", w->line_size);
	FB_CELLS(b, "interrupt-parent", 3);
	if (w->irqs == 3)
		FB_CELLS(b, "interrupts", 1, 2, 3);
	if (w->irqs == 4)
		FB_CELLS(b, "interrupts", 1, 3, 4, 2);
	fb_end(b);
	fb_end(b);
	return fb_open(b, &tree) == 0;
}

static struct board board;
static struct fb blob;
static void (*body)(void);

static void on_machine(void)
{
	REQUIRE(build(&blob, &board));
	hw.config = board.config;
	io_model_add(REGS, 0x1000, &model);
	REQUIRE(!devices_find(&tree));
	cache = device_named("cache-controller@2010000");
	REQUIRE(cache);
	body();
	devices_forget();
	EXPECT(!dma_cache());
	io_model_remove(REGS);
	reclaim();
	EXPECT_EQ(hw.wrong, 0);
}

static void run(void (*fn)(void), struct board w)
{
	memset(&hw, 0, sizeof(hw));
	board = w;
	body = fn;
	cache_model_begin(64, ktest_seed());
	arch_bed_run(on_machine);
	cache_model_end();
}

/* --- tests --- */

static void refused(void)
{
	EXPECT_EQ(device_bind(cache), -EIO);
	EXPECT(*cache->why);
	EXPECT(!dma_cache());
	EXPECT_EQ(shell_execute("ccache"), 1);
}

static void nothing_there(void)
{
	EXPECT_EQ(device_bind(cache), -ENODEV);
	EXPECT(*cache->why && !dma_cache());
}

static void works(void)
{
	EXPECT_EQ(device_bind(cache), 0);
	REQUIRE(dma_cache());
	EXPECT_EQ(dma_cache()->line, 64);
	EXPECT_EQ(shell_execute("ccache"), 0);
}

KTEST(ccache, configurations)
{
	static const uint32_t bad[] = {0xffffffff, 0x06091000, 0x06090004,
				       0x06ff1004, 0x03091004, 0x0d091004,
				       0x060910ff, 0x0609ff04};

	REQUIRE(fb_start(&blob));
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		run(refused, (struct board){.config = bad[i]});
	run(nothing_there, (struct board){.config = 0});
	run(refused, (struct board){.config = FU540, .size = MIB(1)});
	run(refused, (struct board){.config = FU540, .block = 32});
	run(refused, (struct board){.config = FU540, .line_size = 32});
	run(works, (struct board){.config = FU540});
	run(works, (struct board){.config = FU540,
				  .size = MIB(2),
				  .block = 64,
				  .line_size = 64,
				  .irqs = 4});
}

static void few_registers(void)
{
	EXPECT_EQ(device_bind(cache), -EINVAL);
	EXPECT(!dma_cache());
}

KTEST(ccache, too_few_registers)
{
	REQUIRE(fb_start(&blob));
	run(few_registers, (struct board){.config = FU540, .reg = 0x200});
}

/* To a device that sees no caches, and back. */
static void transfer(void)
{
	uint8_t *p = kmalloc(4096, ALLOC_DMA32), buf[4096];
	struct dma_device d;
	struct dma_map m;

	REQUIRE(p && !device_bind(cache));
	dma_device_init(&d, "test");
	d.coherent = false;
	memset(p, 0x11, 4096);
	REQUIRE(!dma_map(&d, &m, p, 4096, DMA_BOTH, 0));
	EXPECT_EQ(hw.flushes, 64);
	EXPECT_EQ(hw.last, m.bus + 4096 - 64);
	cache_model_shake(100);
	cache_model_read(m.bus, buf, 4096);
	for (unsigned i = 0; i < 4096; i++)
		EXPECT_EQ(buf[i], 0x11);
	memset(buf, 0x22, 4096);
	cache_model_write(m.bus, buf, 4096);
	cache_model_shake(100);
	dma_unmap(&m);
	EXPECT_EQ(hw.flushes, 128);
	for (unsigned i = 0; i < 4096; i++)
		EXPECT_EQ(p[i], 0x22);
	/* Lines that are only touched are flushed, too, and no others. */
	hw.flushes = 0;
	REQUIRE(!dma_map(&d, &m, p + 63, 2, DMA_TO_DEVICE, 0));
	EXPECT_EQ(hw.flushes, 2);
	dma_unmap(&m);
	EXPECT_EQ(hw.flushes, 2);
	kfree(p);
}

KTEST(ccache, flushes_every_line_that_devices_touch)
{
	REQUIRE(fb_start(&blob));
	run(transfer, (struct board){.config = FU540});
}

/* Errors come by interrupts, of which each kind has one; each is taken back. */
static void errors(void)
{
	static const struct {
		unsigned line, e; /* of the registers */
	} kind[] = {{1, 0}, {3, 2}, {4, 3}, {2, 1}};
	uint64_t corrected, lost;

	sifive_ccache_errors(&corrected, &lost);
	EXPECT_EQ(corrected | lost, 0);
	REQUIRE(!device_bind(cache));
	for (unsigned i = 0; i < 4; i++) {
		unsigned e = kind[i].e;

		hw.error[e].address = 0x123456780 + i;
		hw.error[e].count++;
		hw.error[e].pending = true;
		irq_raised(&chip, kind[i].line);
		for (unsigned k = 0; k < 4; k++)
			EXPECT(!hw.error[k].pending);
	}
	EXPECT_EQ(shell_execute("ccache"), 0);
	for (unsigned i = 0; i < 4; i++)
		EXPECT(line[kind[i].line] && !line[kind[i].line]->stuck);
	/* Those of the directory, and of data. */
	hw.error[0].count = 10;
	hw.error[2].count = 200;
	hw.error[1].count = 3000;
	hw.error[3].count = 40000;
	sifive_ccache_errors(&corrected, &lost);
	EXPECT_EQ(corrected, 210);
	EXPECT_EQ(lost, 43000);
}

KTEST(ccache, errors_are_counted)
{
	REQUIRE(fb_start(&blob));
	run(errors, (struct board){.config = FU540, .irqs = 4});
	for (unsigned i = 0; i < LINES; i++)
		EXPECT(!line[i]);
}

/* FU540 has three. */
KTEST(ccache, works_with_fewer_interrupts)
{
	REQUIRE(fb_start(&blob));
	run(works, (struct board){.config = FU540, .irqs = 3});
}

/* Whoever needs it comes after it, wherever the tree has it, and goes before. */
static void needed(void)
{
	struct device *user = device_named("user");

	devices_probe();
	REQUIRE(user && user->state == DEVICE_BOUND);
	EXPECT_EQ(device_unbind(cache), -EBUSY);
	EXPECT_EQ(device_unbind(user), 0);
	EXPECT_EQ(hw.flushes, 128);
	EXPECT_EQ(device_unbind(cache), 0);
	EXPECT_EQ(device_bind(user), -EOPNOTSUPP);
	EXPECT_EQ(device_bind(cache), 0);
	EXPECT_EQ(device_bind(user), 0);
	devices_unbind();
	EXPECT(user->state == DEVICE_IDLE && cache->state == DEVICE_IDLE);
}

KTEST(ccache, works_as_long_as_a_device_needs_it)
{
	memory = kmalloc(4096, ALLOC_DMA32);
	REQUIRE(memory && fb_start(&blob));
	run(needed, (struct board){.config = FU540, .user = true});
	kfree(memory);
}
