/*
 * Native side of <arch/io.h>: device registers are models, called for each
 * access. A test registers the address range that its model answers for.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct io_model {
	/* Both get the offset into the range and the access width in bits. */
	uint64_t (*read)(void *ctx, size_t offset, unsigned bits);
	void (*write)(void *ctx, size_t offset, unsigned bits, uint64_t v);
	void *ctx;
};

/* From now on `model` answers for [base, base + size); NULL takes it away. One
 * model at a time; an access outside it ends the test run. */
void io_model_set(const volatile void *base, size_t size,
		  const struct io_model *model);

uint64_t io_model_read(const volatile void *p, unsigned bits);
void io_model_write(volatile void *p, unsigned bits, uint64_t v);

#define IO_ACCESSORS_(bits)                                                   \
	static inline uint##bits##_t io_read##bits(const volatile void *p)    \
	{                                                                     \
		return (uint##bits##_t)io_model_read(p, bits);                \
	}                                                                     \
	static inline void io_write##bits(volatile void *p, uint##bits##_t v) \
	{                                                                     \
		io_model_write(p, bits, v);                                   \
	}

IO_ACCESSORS_(8)
IO_ACCESSORS_(16)
IO_ACCESSORS_(32)
IO_ACCESSORS_(64)

#undef IO_ACCESSORS_
