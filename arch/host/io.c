/* Device registers of the native machine: one model at a time. */
#include <asm/io.h>
#include <kernel/assert.h>

static struct {
	const volatile char *base;
	size_t size;
	const struct io_model *model;
} io;

void io_model_set(const volatile void *base, size_t size,
		  const struct io_model *model)
{
	io.base = base;
	io.size = size;
	io.model = model;
}

static size_t offset_of(const volatile void *p, unsigned bits)
{
	size_t offset = (size_t)((const volatile char *)p - io.base);

	assert(io.model && offset + bits / 8 <= io.size);
	return offset;
}

uint64_t io_model_read(const volatile void *p, unsigned bits)
{
	size_t offset = offset_of(p, bits);

	return io.model->read(io.model->ctx, offset, bits);
}

void io_model_write(volatile void *p, unsigned bits, uint64_t v)
{
	size_t offset = offset_of(p, bits);

	io.model->write(io.model->ctx, offset, bits, v);
}
