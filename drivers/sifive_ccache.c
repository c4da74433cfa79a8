/*
 * SiFive's second level cache: flushing for devices that don't see it, and its
 * counters of memory errors (ECC).
 *
 *	0x000	config: banks | ways << 8 | log2(sets of a bank) << 16
 *				| log2(bytes of a line) << 24
 *	0x008	the highest way in use
 *	0x1x0	last address (two words) and count of errors: +0x00 corrected in
 *		the directory, +0x20 not corrected there, +0x40 and +0x60 the same
 *		of data. To read a count takes its interrupt back.
 *	0x200	flush the line of this physical address; 64 bits
 *
 * All harts' caches are inside this one: what it flushes, they have not either. A
 * flush is one store, and over when a fence behind it is.
 *
 * Everything but the flush is optional: interrupts may be missing (then errors are
 * shown by the command only), and what the tree says of the cache need not be
 * there. If it is, it must agree, so that we don't take another device for this.
 *
 * Source: the register map in SiFive's FU540-C000 manual, "Level 2 Cache
 * Controller", from memory, and offsets as several systems' drivers have them; not
 * tried on silicon.
 */
#include <arch/cpu.h>
#include <drivers/device.h>
#include <drivers/sifive_ccache.h>
#include <kernel/printk.h>
#include <kernel/shell.h>
#include <kernel/time.h>
#include <lib/errno.h>

#define CONFIG	0x000
#define WAY_MAX 0x008
#define FLUSH64 0x200
#define SIZE	0x1000 /* of what is used here */

/* From each kind's base. */
#define ECC_LOW	  0x0
#define ECC_HIGH  0x4
#define ECC_COUNT 0x8

#define REPORT_EVERY 1000000 /* microseconds */

/* In the order of the interrupts in the tree. */
enum { DIR_FIX, DATA_FIX, DATA_FAIL, DIR_FAIL, KINDS };

static const struct {
	uint32_t base;
	const char *name;
	bool fatal; /* data was lost */
} kind[KINDS] = {
	[DIR_FIX] = {0x100, "directory errors, corrected", false},
	[DATA_FIX] = {0x140, "data errors, corrected", false},
	[DATA_FAIL] = {0x160, "data errors, NOT corrected", true},
	[DIR_FAIL] = {0x120, "directory errors, NOT corrected", true},
};

struct ecc {
	struct ccache *cache;
	unsigned kind;
	uint32_t count; /* as it was read last */
	uint64_t address;
	uint64_t interrupts;
	uint64_t next_report; /* microseconds */
};

struct ccache {
	struct device *device;
	volatile uint8_t *regs;
	struct dma_cache ops;
	uint32_t config;
	struct spinlock lock;  /* the counters */
	struct ecc ecc[KINDS]; /* (l) */
};

static struct ccache *the_cache; /* a machine has one */

static unsigned banks(uint32_t config)
{
	return config & 0xff;
}

static unsigned ways(uint32_t config)
{
	return config >> 8 & 0xff;
}

static uint64_t sets(uint32_t config)
{
	return (uint64_t)1 << (config >> 16 & 0xff);
}

static uint64_t line(uint32_t config)
{
	return (uint64_t)1 << (config >> 24);
}

static uint64_t bytes(uint32_t config)
{
	return banks(config) * ways(config) * sets(config) * line(config);
}

/* The caller has seen to the order with memory (mm/dma_cache.c). */
static void flush(struct range pa)
{
	const struct ccache *c = the_cache;

	for (uint64_t at = pa.start; at < pa.end; at += c->ops.line) {
		mmio_write64_relaxed((void *)(c->regs + FLUSH64), at);
		arch_mb();
	}
}

/* Under the lock. */
static void read_ecc(struct ecc *e)
{
	const volatile uint8_t *r = e->cache->regs + kind[e->kind].base;
	uint32_t low = mmio_read32(r + ECC_LOW);

	e->address = (uint64_t)mmio_read32(r + ECC_HIGH) << 32 | low;
	e->count = mmio_read32(r + ECC_COUNT);
}

void sifive_ccache_errors(uint64_t *corrected, uint64_t *lost)
{
	struct ccache *c = the_cache;
	uint64_t irq;

	*corrected = *lost = 0;
	if (!c)
		return;
	irq = spin_lock_irqsave(&c->lock);
	for (unsigned i = 0; i < KINDS; i++) {
		read_ecc(&c->ecc[i]);
		*(kind[i].fatal ? lost : corrected) += c->ecc[i].count;
	}
	spin_unlock_irqrestore(&c->lock, irq);
}

static void report(const struct ecc *e)
{
	const char *name = e->cache->device->name;

	if (kind[e->kind].fatal)
		pr_err("%s: %u %s, the last at %#llx\n", name, e->count,
		       kind[e->kind].name, (unsigned long long)e->address);
	else
		pr_warn("%s: %u %s, the last at %#llx\n", name, e->count,
			kind[e->kind].name, (unsigned long long)e->address);
}

/* Many errors are few reports: of each kind one, then the next tells how many. */
static bool on_error(void *arg)
{
	struct ecc *e = arg;
	struct ccache *c = e->cache;
	uint64_t irq = spin_lock_irqsave(&c->lock), now = time_us();
	bool tell = now >= e->next_report;

	read_ecc(e);
	e->interrupts++;
	if (tell)
		e->next_report = now + REPORT_EVERY;
	spin_unlock_irqrestore(&c->lock, irq);
	if (tell)
		report(e);
	return true;
}

static int check_config(struct device *d, uint32_t config)
{
	uint32_t size = device_u32(d, "cache-size", 0);
	uint32_t block = device_u32(d, "cache-block-size", 0);

	/* QEMU's sifive_u has nothing behind the registers. */
	if (!config)
		return device_fail(d, -ENODEV, "there is no cache behind it");
	if (!banks(config) || banks(config) > 64 || !ways(config) ||
	    ways(config) > 64 || (config >> 16 & 0xff) > 24 ||
	    line(config) < 16 || config >> 24 > 12)
		return device_fail(d, -EIO,
				   "its configuration makes no sense: %#x",
				   config);
	if (!block)
		block = device_u32(d, "cache-line-size", 0);
	if (block && block != line(config))
		return device_fail(d, -EIO,
				   "lines of %u bytes, by the tree of %u",
				   (unsigned)line(config), block);
	if (size && size != bytes(config))
		return device_fail(d, -EIO, "%llu bytes, by the tree %u",
				   (unsigned long long)bytes(config), size);
	return 0;
}

/* Those that there are. */
static void request_irqs(struct device *d, struct ccache *c)
{
	for (unsigned i = 0; i < KINDS; i++) {
		c->ecc[i] = (struct ecc){.cache = c, .kind = i};
		device_irq(d, i, on_error, &c->ecc[i]);
	}
}

static int probe(struct device *d)
{
	struct mmio *m = device_mmio(d, 0, 0);
	struct ccache *c;
	int err;

	if (!m)
		return d->error;
	if (m->size < SIZE)
		return device_fail(d, -EINVAL, "too few registers");
	if (the_cache)
		return device_fail(d, -EBUSY, "%s is the machine's cache",
				   the_cache->device->name);
	c = device_alloc(d, sizeof(*c));
	if (!c)
		return d->error;
	c->device = d;
	c->regs = m->base;
	c->config = mmio_read32(m->base + CONFIG);
	err = check_config(d, c->config);
	if (err)
		return err;
	spin_lock_init(&c->lock, LOCK_DEVICE);
	c->ops = (struct dma_cache){
		.name = d->name,
		.line = line(c->config),
		.clean = flush,
		.flush = flush,
	};
	d->data = c;
	request_irqs(d, c);
	the_cache = c;
	dma_set_cache(&c->ops);
	return 0;
}

static void remove_(struct device *d)
{
	(void)d;
	dma_set_cache(NULL);
	the_cache = NULL;
}

static const char *const compatible[] = {
	"sifive,ccache0", "sifive,fu540-c000-ccache",
	"sifive,fu740-c000-ccache", "starfive,jh7110-ccache", NULL};
DRIVER(sifive_ccache, compatible, probe, remove_);

static int cmd_ccache(int argc, char **argv)
{
	struct ccache *c = the_cache;

	(void)argc;
	(void)argv;
	if (!c) {
		kprintf("ccache: there is none that works\n");
		return 1;
	}
	kprintf("%s: %llu KiB: %u banks of %llu sets, %u ways (%u in use), "
		"lines of %llu bytes\n",
		c->device->name, (unsigned long long)bytes(c->config) >> 10,
		banks(c->config), (unsigned long long)sets(c->config),
		ways(c->config), (mmio_read32(c->regs + WAY_MAX) & 0xff) + 1,
		(unsigned long long)line(c->config));
	for (unsigned i = 0; i < KINDS; i++) {
		uint64_t irq = spin_lock_irqsave(&c->lock);
		struct ecc e;

		read_ecc(&c->ecc[i]);
		e = c->ecc[i];
		spin_unlock_irqrestore(&c->lock, irq);
		kprintf("%10u %-31s %8llu interrupts", e.count, kind[i].name,
			(unsigned long long)e.interrupts);
		if (e.count)
			kprintf(", last at %#llx",
				(unsigned long long)e.address);
		kprintf("\n");
	}
	return 0;
}
COMMAND(ccache, cmd_ccache, "", "the second level cache and its memory errors");
