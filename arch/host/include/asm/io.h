/*
 * Native side of <arch/io.h>: device registers are models, called for each
 * access. A test registers the addresses that its model answers for.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct io_model {
	/* Both get the offset into the range and the access width in bits. */
	uint64_t (*read)(void *ctx, size_t offset, unsigned bits);
	void (*write)(void *ctx, size_t offset, unsigned bits, uint64_t v);
	void *ctx;
};

#define IO_MODELS 8

/* From now on `model` answers for [base, base + size); NULL takes it away. Of
 * these there is one at a time. An access that no model answers for ends the
 * test run. */
void io_model_set(const volatile void *base, size_t size,
		  const struct io_model *model);

/*
 * The same for devices at physical addresses [pa, pa + size), of which there can
 * be IO_MODELS: they are reached through the kernel's tables, as the MMU would.
 * Removed by its address.
 */
void io_model_add(uint64_t pa, size_t size, const struct io_model *model);
void io_model_remove(uint64_t pa);

uint64_t io_model_read(const volatile void *p, unsigned bits);
void io_model_write(volatile void *p, unsigned bits, uint64_t v);

#define MMIO_ACCESSORS_(bits, order)                                 \
	static inline uint##bits##_t mmio_read##bits##order(         \
		const volatile void *p)                              \
	{                                                            \
		return (uint##bits##_t)io_model_read(p, bits);       \
	}                                                            \
	static inline void mmio_write##bits##order(volatile void *p, \
						   uint##bits##_t v) \
	{                                                            \
		io_model_write(p, bits, v);                          \
	}

MMIO_ACCESSORS_(8, )
MMIO_ACCESSORS_(16, )
MMIO_ACCESSORS_(32, )
MMIO_ACCESSORS_(64, )
MMIO_ACCESSORS_(8, _relaxed)
MMIO_ACCESSORS_(16, _relaxed)
MMIO_ACCESSORS_(32, _relaxed)
MMIO_ACCESSORS_(64, _relaxed)

#undef MMIO_ACCESSORS_

bool mmio_answers(const volatile void *p, unsigned bits);
