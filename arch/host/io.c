/* Device registers of the native machine: models. */
#include <asm/io.h>
#include <kernel/assert.h>
#include <lib/bits.h>
#include <mm/kmap.h>

struct place {
	uint64_t base; /* virtual for the first place, physical for others */
	size_t size;
	const struct io_model *model; /* NULL: nothing is here */
};

static struct place place[1 + IO_MODELS];

void io_model_set(const volatile void *base, size_t size,
		  const struct io_model *model)
{
	place[0] = (struct place){(uintptr_t)base, size, model};
}

void io_model_add(uint64_t pa, size_t size, const struct io_model *model)
{
	for (unsigned i = 1; i < ARRAY_SIZE(place); i++)
		if (!place[i].model) {
			place[i] = (struct place){pa, size, model};
			return;
		}
	panic("more than %u models of devices", IO_MODELS);
}

void io_model_remove(uint64_t pa)
{
	for (unsigned i = 1; i < ARRAY_SIZE(place); i++)
		if (place[i].model && place[i].base == pa)
			place[i].model = NULL;
}

/* NULL: nothing answers there. */
static const struct place *look(const volatile void *p, unsigned bits,
				size_t *offset)
{
	uint64_t at = (uintptr_t)p;
	struct mapping m;

	assert(is_aligned(at, bits / 8));
	for (unsigned i = 0; i < ARRAY_SIZE(place); i++) {
		/* The first is virtual; from there on we go through tables. */
		if (i == 1) {
			if (!pgtable_query(&kernel_pgtable, at, &m))
				return NULL;
			at = m.pa + (at - m.va.start);
		}
		*offset = at - place[i].base;
		if (place[i].model && *offset < place[i].size &&
		    place[i].size - *offset >= bits / 8)
			return &place[i];
	}
	return NULL;
}

static const struct place *find(const volatile void *p, unsigned bits,
				size_t *offset)
{
	const struct place *at = look(p, bits, offset);

	if (!at)
		panic("device access at %p: not mapped, or no device", p);
	return at;
}

bool mmio_answers(const volatile void *p, unsigned bits)
{
	size_t offset;
	const struct place *at = look(p, bits, &offset);

	if (at)
		at->model->read(at->model->ctx, offset, bits);
	return at;
}

uint64_t io_model_read(const volatile void *p, unsigned bits)
{
	size_t offset;
	const struct place *at = find(p, bits, &offset);

	return at->model->read(at->model->ctx, offset, bits);
}

void io_model_write(volatile void *p, unsigned bits, uint64_t v)
{
	size_t offset;
	const struct place *at = find(p, bits, &offset);

	at->model->write(at->model->ctx, offset, bits, v);
}
