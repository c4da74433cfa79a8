/*
 * Virtio devices behind registers in memory: setting them up and stopping them
 * (<drivers/virtio.h>). The specification, 4.2 "Virtio Over MMIO", with the legacy
 * interface (4.2.4), that QEMU has unless told otherwise.
 *
 *	reset -> ACKNOWLEDGE -> DRIVER -> features -> FEATURES_OK (not legacy)
 *	      -> queues -> DRIVER_OK
 *
 * A slot without a device has id 0. Memory that the device was given is released
 * in the end by functions that stop it first: no order of errors gives back what a
 * device can still write to.
 */
#include <arch/cpu.h>
#include <drivers/device.h>
#include <drivers/virtio.h>
#include <kernel/printk.h>
#include <lib/errno.h>
#include <mm/kmalloc.h>

#include "virtio_internal.h"

#define MAGIC 0x74726976 /* "virt" */

#define RESET_US    100000
#define GENERATIONS 16 /* times that the configuration may change as we read */

/* By number of the device, 5 "Device Types". */
static const struct virtio_driver *const kinds[] = {&virtio_blk, &virtio_rng};

static uint32_t get_status(struct virtio *v)
{
	return virtio_read(v, REG_STATUS);
}

static void add_status(struct virtio *v, uint32_t bits)
{
	virtio_write(v, REG_STATUS, get_status(v) | bits);
}

/* Returns whether it did. 4.2.3.1; a legacy device need not wait, but may. */
static bool reset(struct virtio *v)
{
	struct virtio_wait w = virtio_wait_for(RESET_US);

	virtio_write(v, REG_STATUS, 0);
	while (get_status(v))
		if (virtio_wait_over(&w))
			return false;
	return true;
}

void virtio_break(struct virtio *v, const char *why)
{
	const char *none = NULL;

	__atomic_compare_exchange_n(&v->broken, &none, why, false,
				    __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

const char *virtio_broken(struct virtio *v)
{
	if (!v->stopped && get_status(v) & STATUS_NEEDS_RESET)
		virtio_break(v, "it says that it needs a reset");
	return __atomic_load_n(&v->broken, __ATOMIC_RELAXED);
}

void virtio_stop(struct virtio *v)
{
	if (v->stopped)
		return;
	v->stopped = reset(v);
	if (!v->stopped)
		virtio_break(v, "it can't be reset");
}

struct memory {
	struct virtio *v;
	struct dma_buffer b;
};

static void release_memory(void *arg)
{
	struct memory *m = arg;

	virtio_stop(m->v);
	if (!m->v->stopped) {
		/* With the note of it: it is the device's for ever. */
		pr_err("%s: can't be reset; %zu bytes of memory stay with it\n",
		       m->v->device->name, m->b.size);
		return;
	}
	dma_free(&m->b);
	kfree(m);
}

int virtio_no_memory(struct virtio *v, int err)
{
	return device_fail(v->device, err, "%s",
			   err == -EOPNOTSUPP
				   ? "it does not see caches, and nothing "
				     "here can empty them"
				   : "no memory that it can reach");
}

void *virtio_memory(struct virtio *v, size_t size, dma_addr_t *bus)
{
	struct device *d = v->device;
	struct memory *m = kmalloc(sizeof(*m), 0);
	void *cpu;
	int err;

	if (!m) {
		device_fail(d, -ENOMEM, "no memory");
		return NULL;
	}
	m->v = v;
	err = dma_alloc(&d->dma, &m->b, size, 0, 0);
	if (err) {
		kfree(m);
		virtio_no_memory(v, err);
		return NULL;
	}
	*bus = m->b.bus;
	cpu = m->b.cpu;
	return device_release(d, release_memory, m) ? NULL : cpu;
}

int virtio_negotiate(struct virtio *v, uint64_t wanted)
{
	/* Bits from 32 on are not legacy's (6.3): QEMU logs that we asked. */
	uint32_t words = v->version == 1 ? 1 : 2;
	uint64_t offered = 0;

	for (uint32_t i = 0; i < words; i++) {
		virtio_write(v, REG_DEVICE_FEATURES_SEL, i);
		offered |= (uint64_t)virtio_read(v, REG_DEVICE_FEATURES)
			   << 32 * i;
	}
	if (v->version != 1 && !(offered & VIRTIO_F_VERSION_1))
		return device_fail(v->device, -EIO,
				   "version 2, but not VIRTIO_F_VERSION_1");
	wanted |= VIRTIO_F_VERSION_1 | VIRTIO_F_ACCESS_PLATFORM;
	v->features = offered & wanted;
	for (uint32_t i = 0; i < words; i++) {
		virtio_write(v, REG_DRIVER_FEATURES_SEL, i);
		virtio_write(v, REG_DRIVER_FEATURES,
			     (uint32_t)(v->features >> 32 * i));
	}
	if (v->version == 1)
		return 0;
	add_status(v, STATUS_FEATURES_OK);
	if (!(get_status(v) & STATUS_FEATURES_OK))
		return device_fail(v->device, -EIO,
				   "it refuses features that it offered");
	return 0;
}

void virtio_ready(struct virtio *v)
{
	add_status(v, STATUS_DRIVER_OK);
}

/* Read them once. Returns whether they are as they were in `words`. */
static bool read_config(struct virtio *v, unsigned at, uint32_t *words,
			unsigned n)
{
	bool same = true;

	for (unsigned i = 0; i < n; i++) {
		uint32_t word = virtio_read(v, REG_CONFIG + at + 4 * i);

		same &= word == words[i];
		words[i] = word;
	}
	return same;
}

int virtio_config(struct virtio *v, unsigned at, uint32_t *words, unsigned n)
{
	uint32_t before;
	bool same;

	if (REG_CONFIG + at + 4 * n > v->regs->size)
		return device_fail(v->device, -EINVAL,
				   "its registers need %#x bytes, not %#llx",
				   REG_CONFIG + at + 4 * n,
				   (unsigned long long)v->regs->size);
	/* A legacy device does not count changes: what is read twice alike is
	 * from one moment (2.5.4). */
	if (v->version == 1)
		read_config(v, at, words, n);
	for (unsigned tries = 0; tries < GENERATIONS; tries++) {
		before = v->version == 1
				 ? 0
				 : virtio_read(v, REG_CONFIG_GENERATION);
		same = read_config(v, at, words, n);
		if (v->version == 1
			    ? same
			    : virtio_read(v, REG_CONFIG_GENERATION) == before)
			return 0;
	}
	return device_fail(v->device, -EIO,
			   "its configuration changes all the time");
}

uint32_t virtio_interrupt(struct virtio *v)
{
	uint32_t why;

	if (v->stopped)
		return 0;
	why = virtio_read(v, REG_INTERRUPT_STATUS);
	if (why) {
		virtio_write(v, REG_INTERRUPT_ACK, why);
		/* Before the rings are looked at: what comes later interrupts
		 * again. */
		arch_mb();
	}
	return why;
}

static const struct virtio_driver *driver_for(uint32_t id)
{
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i]->id == id)
			return kinds[i];
	return NULL;
}

/* Is there a device, of a kind that we know? */
static int identify(struct device *d, struct virtio *v)
{
	uint32_t magic;

	if (v->regs->size < REG_CONFIG)
		return device_fail(
			d, -EINVAL, "its registers need %#x bytes, not %#llx",
			REG_CONFIG, (unsigned long long)v->regs->size);
	if (!mmio_answers(v->regs->base + REG_MAGIC, 32))
		return device_fail(d, -ENXIO, "nothing answers there");
	magic = virtio_read(v, REG_MAGIC);
	if (magic != MAGIC)
		return device_fail(d, -EIO, "%#x is not virtio's magic number",
				   magic);
	v->version = virtio_read(v, REG_VERSION);
	v->id = virtio_read(v, REG_DEVICE_ID);
	if (!v->id)
		return device_fail(d, -ENODEV, "the slot is empty");
	if (v->version != 1 && v->version != 2)
		return device_fail(d, -EIO, "version %u is not known",
				   v->version);
	if (!driver_for(v->id))
		return device_fail(d, -ENODEV, "no driver for kind %u", v->id);
	return 0;
}

static int probe(struct device *d)
{
	struct virtio *v = device_alloc(d, sizeof(*v));
	int err;

	if (!v)
		return d->error;
	d->data = v;
	v->device = d;
	v->regs = device_mmio(d, 0, 0);
	if (!v->regs)
		return d->error;
	err = identify(d, v);
	if (err)
		return err;
	if (!reset(v))
		return device_fail(d, -EIO, "it can't be reset");
	add_status(v, STATUS_ACKNOWLEDGE);
	add_status(v, STATUS_DRIVER);
	if (v->version == 1)
		virtio_write(v, REG_GUEST_PAGE_SIZE, PAGE_SIZE);
	err = driver_for(v->id)->probe(v);
	if (err && !v->stopped)
		add_status(v, STATUS_FAILED);
	return err;
}

static void remove(struct device *d)
{
	struct virtio *v = d->data;

	driver_for(v->id)->remove(v);
	virtio_stop(v);
}

static const char *const compatible[] = {"virtio,mmio", NULL};
DRIVER(virtio_mmio, compatible, probe, remove);
