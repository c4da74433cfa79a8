/* Registers of a virtio device in memory: the specification, 4.2.2 and 4.2.4. */
#pragma once

#include <arch/io.h>
#include <drivers/virtio.h>

enum {
	REG_MAGIC = 0x00,
	REG_VERSION = 0x04,
	REG_DEVICE_ID = 0x08,
	REG_DEVICE_FEATURES = 0x10,
	REG_DEVICE_FEATURES_SEL = 0x14,
	REG_DRIVER_FEATURES = 0x20,
	REG_DRIVER_FEATURES_SEL = 0x24,
	REG_GUEST_PAGE_SIZE = 0x28, /* legacy */
	REG_QUEUE_SEL = 0x30,
	REG_QUEUE_NUM_MAX = 0x34,
	REG_QUEUE_NUM = 0x38,
	REG_QUEUE_ALIGN = 0x3c,	     /* legacy */
	REG_QUEUE_PFN = 0x40,	     /* legacy */
	REG_QUEUE_READY = 0x44,	     /* from here on, not legacy, if not said */
	REG_QUEUE_NOTIFY = 0x50,     /* both */
	REG_INTERRUPT_STATUS = 0x60, /* both */
	REG_INTERRUPT_ACK = 0x64,    /* both */
	REG_STATUS = 0x70,	     /* both */
	REG_QUEUE_DESC = 0x80,	     /* two words, as the next two */
	REG_QUEUE_DRIVER = 0x90,
	REG_QUEUE_DEVICE = 0xa0,
	REG_CONFIG_GENERATION = 0xfc,
	REG_CONFIG = 0x100, /* both */
};

enum {
	STATUS_ACKNOWLEDGE = 1,
	STATUS_DRIVER = 2,
	STATUS_DRIVER_OK = 4,
	STATUS_FEATURES_OK = 8,
	STATUS_NEEDS_RESET = 0x40,
	STATUS_FAILED = 0x80,
};

static inline uint32_t virtio_read(struct virtio *v, unsigned reg)
{
	return mmio_read32(v->regs->base + reg);
}

static inline void virtio_write(struct virtio *v, unsigned reg, uint32_t value)
{
	mmio_write32(v->regs->base + reg, value);
}
