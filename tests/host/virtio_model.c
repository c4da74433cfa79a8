/* See virtio_model.h. */
#include <string.h>

#include <arch/cpu.h>
#include <arch/irq.h>
#include <host/ram.h>
#include <kernel/ktest.h>
#include <mm/layout.h>

#include "virtio_model.h"

#define SIZE 0x200

/* 4.2.2, table; L: 4.2.4, only of version 1; N: only of version 2. */
enum {
	MAGIC = 0x00,
	VERSION = 0x04,
	DEVICE_ID = 0x08,
	VENDOR_ID = 0x0c,
	DEVICE_FEATURES = 0x10,
	DEVICE_FEATURES_SEL = 0x14,
	DRIVER_FEATURES = 0x20,
	DRIVER_FEATURES_SEL = 0x24,
	L_PAGE_SIZE = 0x28,
	QUEUE_SEL = 0x30,
	QUEUE_NUM_MAX = 0x34,
	QUEUE_NUM = 0x38,
	L_ALIGN = 0x3c,
	L_PFN = 0x40,
	N_READY = 0x44,
	NOTIFY = 0x50,
	INTERRUPT_STATUS = 0x60,
	INTERRUPT_ACK = 0x64,
	STATUS = 0x70,
	N_DESC = 0x80,
	N_AVAIL = 0x90,
	N_USED = 0xa0,
	N_GENERATION = 0xfc,
	CONFIG = 0x100,
};

/* 2.1 */
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8 };
#define NEEDS_RESET 64u

#define violation(...) ktest_fail(__FILE__, __LINE__, "driver: " __VA_ARGS__)

static bool goes_wrong(const struct virtio_model *m, unsigned how)
{
	return m->wrong & how && m->completed >= m->good;
}

/* --- memory --- */

static void *memory(uint64_t at, uint64_t size)
{
	if (at < HOST_RAM_START || at > HOST_RAM_END ||
	    size > HOST_RAM_END - at) {
		violation("%#llx is no memory", (unsigned long long)at);
		return NULL;
	}
	return phys_to_virt(at);
}

static uint64_t get(uint64_t at, unsigned bytes)
{
	const void *p = memory(at, bytes);
	uint64_t value = 0;

	if (p)
		memcpy(&value, p, bytes);
	return value;
}

static void put(uint64_t at, unsigned bytes, uint64_t value)
{
	void *p = memory(at, bytes);

	if (p)
		memcpy(p, &value, bytes);
}

/* --- chains --- */

struct piece {
	uint64_t at;
	uint32_t size;
	bool writable;
};

/* 2.7.5. Returns how many pieces; 0: it makes no sense. */
static unsigned read_chain(struct virtio_model *m, unsigned id,
			   struct piece piece[VIRTIO_MODEL_QUEUE])
{
	bool writable = false;

	for (unsigned n = 0; n < m->num; n++) {
		uint64_t at = m->desc + 16 * id;
		unsigned flags = (unsigned)get(at + 12, 2);

		piece[n] = (struct piece){get(at, 8), (uint32_t)get(at + 8, 4),
					  flags & 2};
		if (writable && !piece[n].writable)
			violation("a readable piece behind a writable one");
		writable = piece[n].writable;
		if (!piece[n].size || !memory(piece[n].at, piece[n].size))
			violation("piece %u of %u bytes", n, piece[n].size);
		if (!(flags & 1))
			return n + 1;
		id = (unsigned)get(at + 14, 2);
		if (id >= m->num)
			break;
	}
	violation("a chain has no end");
	return 0;
}

static uint32_t give_random(struct virtio_model *m, const struct piece *piece,
			    unsigned n)
{
	uint32_t written = 0;

	if (goes_wrong(m, WRONG_NOTHING))
		return 0;
	for (unsigned i = 0; i < n; i++) {
		if (!piece[i].writable)
			violation("nothing is read by this device");
		for (uint32_t k = 0; k < piece[i].size; k++)
			put(piece[i].at + k, 1, rng_next(&m->rng) & 0xff);
		written += piece[i].size;
	}
	return written;
}

/* Data between disk and memory: 5.2.6. Returns the outcome. */
static unsigned move(struct virtio_model *m, uint64_t type, uint64_t sector,
		     const struct piece *piece, unsigned n)
{
	uint64_t at = sector * 512, total = 0;

	for (unsigned i = 0; i < n; i++)
		total += piece[i].size;
	if (total % m->block || at % m->block)
		violation("a request for no whole blocks");
	if (at > m->sectors * 512 || total > m->sectors * 512 - at)
		return 1;
	for (unsigned i = 0; i < n; i++, at += piece[i - 1].size) {
		void *p = memory(piece[i].at, piece[i].size);

		if (piece[i].writable != (type == 0))
			violation("data in the wrong direction");
		if (m->features & 2 && piece[i].size > m->segment)
			violation("a piece over size_max");
		if (p && type)
			memcpy(m->disk + at, p, piece[i].size);
		else if (p)
			memcpy(p, m->disk + at, piece[i].size);
	}
	return 0;
}

static uint32_t serve_disk(struct virtio_model *m, const struct piece *piece,
			   unsigned n)
{
	uint64_t type, outcome = 2;
	uint32_t written = 1;

	if (n < 2 || piece[0].size != 16 || piece[0].writable ||
	    piece[n - 1].size != 1 || !piece[n - 1].writable) {
		violation("no header, or no byte for the outcome");
		return 0;
	}
	type = get(piece[0].at, 4);
	if (type == 4 && n > 2)
		violation("a flush with data");
	if (type == 4)
		outcome = m->accepted & 1u << 9 ? 0 : 2;
	else if (type < 2)
		outcome = type && m->features & 1u << 5
				  ? 1
				  : move(m, type, get(piece[0].at + 8, 8),
					 piece + 1, n - 2);
	for (unsigned i = 1; i < n - 1 && type == 0; i++)
		written += piece[i].size;
	if (goes_wrong(m, WRONG_OUTCOME))
		outcome = 1;
	if (!goes_wrong(m, WRONG_SILENT))
		put(piece[n - 1].at, 1, outcome);
	return written;
}

/* 2.7.8 */
static void complete(struct virtio_model *m, uint32_t id, uint32_t written)
{
	uint64_t at = m->used + 4 + 8 * (m->count % m->num);

	put(at, 4, id);
	put(at + 4, 4, written);
	put(m->used + 2, 2, ++m->count);
}

static uint32_t free_id(const struct virtio_model *m, uint32_t not )
{
	for (uint32_t id = 0; id < m->num; id++) {
		bool used = id == not ;

		for (unsigned i = 0; i < m->nflying; i++)
			used = used || m->flying[i] == id;
		if (!used)
			return id;
	}
	return m->num;
}

static void interrupt_for_queue(struct virtio_model *m)
{
	if (goes_wrong(m, WRONG_NO_IRQ) || get(m->avail, 2) & 1)
		return;
	m->interrupt |= 1;
}

static void finish(struct virtio_model *m, unsigned i)
{
	static struct piece piece[VIRTIO_MODEL_QUEUE];
	uint32_t id = m->flying[i], written = 0;
	unsigned n = read_chain(m, id, piece);

	if (n)
		written = m->id == 4 ? give_random(m, piece, n)
				     : serve_disk(m, piece, n);
	m->flying[i] = m->flying[--m->nflying];
	m->age[i] = m->age[m->nflying];
	if (goes_wrong(m, WRONG_ID))
		complete(m, 0xffff0001, written);
	else if (goes_wrong(m, WRONG_FREE_ID))
		complete(m, free_id(m, id), written);
	else if (goes_wrong(m, WRONG_LENGTH))
		complete(m, id, UINT32_MAX);
	else
		complete(m, id, written);
	if (goes_wrong(m, WRONG_TWICE))
		complete(m, m->last_id, written);
	if (goes_wrong(m, WRONG_AHEAD))
		put(m->used + 2, 2, m->count + 0x4000u);
	m->last_id = id;
	if (goes_wrong(m, WRONG_NEEDS_RESET)) {
		m->status |= NEEDS_RESET;
		m->interrupt |= 2;
	}
	interrupt_for_queue(m);
	m->completed++;
}

/* 2.7.14 */
static void take_chains(struct virtio_model *m)
{
	uint16_t count = (uint16_t)get(m->avail + 2, 2);

	if ((uint16_t)(count - m->seen) > m->num) {
		violation("%u chains made available", count - m->seen);
		return;
	}
	for (; m->seen != count && m->nflying < m->num; m->seen++) {
		uint64_t id = get(m->avail + 4 + 2 * (m->seen % m->num), 2);

		if (id >= m->num) {
			violation("chain %u", (unsigned)id);
			continue;
		}
		m->flying[m->nflying] = (uint16_t)id;
		m->age[m->nflying++] =
			(unsigned)rng_below(&m->rng, m->delay + 1);
	}
}

static void work(struct virtio_model *m)
{
	bool again = true;

	if (!(m->status & DRIVER_OK) || m->status & NEEDS_RESET || !m->ready)
		return;
	take_chains(m);
	while (again && !goes_wrong(m, WRONG_NO_ANSWER)) {
		again = false;
		for (unsigned i = 0; i < m->nflying && !again; i++) {
			if (m->age[i] && !m->out_of_order && !i)
				break;
			if (!m->age[i]) {
				finish(m, i);
				again = true;
			}
		}
	}
	for (unsigned i = 0; i < m->nflying; i++)
		m->age[i] -= m->age[i] > 0;
	if (goes_wrong(m, WRONG_STORM))
		m->interrupt |= 1;
}

void virtio_model_makes_up(struct virtio_model *m)
{
	complete(m, 0, 0);
	m->interrupt |= 1;
}

bool virtio_model_works(const struct virtio_model *m)
{
	return m->ready;
}

bool virtio_model_asks(const struct virtio_model *m)
{
	return m->interrupt;
}

/* Time for the device. */
static void tick(struct virtio_model *m)
{
	uint64_t flags;

	if (m->busy)
		return;
	m->busy = true;
	work(m);
	m->busy = false;
	if (!m->interrupt || !m->chip || !arch_irq_enabled())
		return;
	m->interrupts++;
	flags = arch_irq_save();
	kernel_external();
	arch_irq_restore(flags);
}

/* --- registers --- */

static void switch_on(struct virtio_model *m)
{
	m->status = m->interrupt = m->features_sel = m->driver_sel = 0;
	m->queue_sel = m->page_size = m->align = m->num = m->ready = 0;
	m->accepted = m->desc = m->avail = m->used = 0;
	m->seen = m->count = 0;
	m->nflying = 0;
}

static uint64_t offered(const struct virtio_model *m)
{
	uint64_t all = m->features | (uint64_t)1 << 28; /* nobody wants that */

	if (m->version == 2 && !(m->wrong & WRONG_NOT_1))
		all |= (uint64_t)1 << 32;
	return all;
}

static uint32_t read_config(struct virtio_model *m, size_t at)
{
	uint32_t word[6] = {(uint32_t)m->sectors,
			    (uint32_t)(m->sectors >> 32),
			    m->segment,
			    0,
			    0,
			    m->block};

	if (m->wrong & WRONG_CONFIG)
		word[0] ^= ++m->generation;
	if (m->wrong & WRONG_CAPACITY)
		word[1] = UINT32_MAX;
	if (m->wrong & WRONG_BLOCK)
		word[5] = 513;
	if (m->wrong & WRONG_SEGMENT)
		word[2] = 511;
	return at / 4 < ARRAY_SIZE(word) ? word[at / 4] : 0;
}

static uint32_t queue_most(const struct virtio_model *m)
{
	if (m->queue_sel || m->wrong & WRONG_NO_QUEUE)
		return 0;
	return m->wrong & WRONG_HUGE_QUEUE ? 0x80000000 : m->queue_most;
}

static uint32_t read_reg(struct virtio_model *m, size_t at)
{
	switch (at) {
	case MAGIC:
		return m->wrong & WRONG_MAGIC ? 0x12345678 : 0x74726976;
	case VERSION:
		return m->wrong & WRONG_VERSION ? 3 : m->version;
	case DEVICE_ID:
		return m->wrong & WRONG_EMPTY  ? 0
		       : m->wrong & WRONG_KIND ? 55
					       : m->id;
	case DEVICE_FEATURES:
		if (m->version == 1 && m->features_sel)
			violation("a legacy device has 32 feature bits");
		return m->features_sel > 1
			       ? 0
			       : (uint32_t)(offered(m) >> 32 * m->features_sel);
	case QUEUE_NUM_MAX:
		return queue_most(m);
	case L_PFN:
	case N_READY:
		if ((at == L_PFN) != (m->version == 1))
			break;
		return m->wrong & WRONG_IN_USE || m->ready;
	case INTERRUPT_STATUS:
		return m->interrupt;
	case STATUS:
		return m->status;
	case N_GENERATION:
		if (m->version == 1)
			break;
		return m->generation;
	default:
		break;
	}
	violation("read of register %#zx", at);
	return 0;
}

static uint64_t model_read(void *ctx, size_t at, unsigned bits)
{
	struct virtio_model *m = ctx;

	if (bits != 32)
		violation("an access of %u bits", bits);
	if (at == STATUS && m->elsewhere)
		m->elsewhere(m);
	if (at == STATUS)
		tick(m);
	return at >= CONFIG ? read_config(m, at - CONFIG) : read_reg(m, at);
}

/* 3.1.1: the order of things. */
static void write_status(struct virtio_model *m, uint32_t v)
{
	if (!v && goes_wrong(m, WRONG_NO_RESET) && m->completed)
		return;
	if (!v) {
		switch_on(m);
		return;
	}
	if (m->status & ~v)
		violation("status bits %#x taken back", m->status & ~v);
	if (v & DRIVER && !(v & ACKNOWLEDGE))
		violation("DRIVER before ACKNOWLEDGE");
	if (v & FEATURES_OK && m->version == 1)
		violation("FEATURES_OK on a legacy device");
	if (v & DRIVER_OK && m->version == 2 && !(v & FEATURES_OK))
		violation("DRIVER_OK before FEATURES_OK");
	if (m->wrong & WRONG_FEATURES)
		v &= ~(uint32_t)FEATURES_OK;
	m->status = v;
}

static void set_features(struct virtio_model *m, uint32_t v)
{
	uint64_t bits = (uint64_t)v << 32 * (m->driver_sel & 1);

	if (m->version == 1 && m->driver_sel)
		violation("a legacy device has 32 feature bits");
	if (m->driver_sel > 1 || bits & ~offered(m))
		violation("features %#llx, that are not offered",
			  (unsigned long long)bits);
	if (m->status & FEATURES_OK)
		violation("features after FEATURES_OK");
	m->accepted |= bits;
}

static void set_num(struct virtio_model *m, uint32_t v)
{
	if (!is_pow2(v) || v > queue_most(m))
		violation("queue size %u", v);
	else
		m->num = v;
}

/* 2.7.2: where the parts of a legacy queue are. */
static void set_pfn(struct virtio_model *m, uint32_t v)
{
	if (m->page_size != PAGE_SIZE || !is_pow2(m->align) || !m->num)
		violation("QueuePFN before page size, alignment and size");
	m->desc = (uint64_t)v * m->page_size;
	m->avail = m->desc + 16ull * m->num;
	m->used = align_up(m->avail + 2 * (3ull + m->num), m->align);
	m->ready = v != 0;
}

static void set_half(uint64_t *address, bool high, uint32_t v)
{
	*address = high ? (*address & UINT32_MAX) | (uint64_t)v << 32
			: (*address & ~(uint64_t)UINT32_MAX) | v;
}

static void set_ready(struct virtio_model *m, uint32_t v)
{
	if (!(m->status & FEATURES_OK))
		violation("a queue before FEATURES_OK");
	if (v && (!m->num || m->desc % 16 || m->avail % 2 || m->used % 4))
		violation("a queue of %u, or not aligned", m->num);
	m->ready = v;
}

static void notified(struct virtio_model *m, uint32_t v)
{
	if (v || !m->ready || !(m->status & DRIVER_OK))
		violation("queue %u notified, which is not ready", v);
	tick(m);
}

static void write_new(struct virtio_model *m, size_t at, uint32_t v)
{
	if (at == N_READY)
		set_ready(m, v);
	else if (at == N_DESC || at == N_DESC + 4)
		set_half(&m->desc, at != N_DESC, v);
	else if (at == N_AVAIL || at == N_AVAIL + 4)
		set_half(&m->avail, at != N_AVAIL, v);
	else if (at == N_USED || at == N_USED + 4)
		set_half(&m->used, at != N_USED, v);
	else
		violation("write of register %#zx", at);
}

static void write_old(struct virtio_model *m, size_t at, uint32_t v)
{
	if (at == L_PAGE_SIZE)
		m->page_size = v;
	else if (at == L_ALIGN)
		m->align = v;
	else if (at == L_PFN)
		set_pfn(m, v);
	else
		violation("write of register %#zx", at);
}

static void write_reg(struct virtio_model *m, size_t at, uint32_t v)
{
	switch (at) {
	case DEVICE_FEATURES_SEL:
		m->features_sel = v;
		break;
	case DRIVER_FEATURES_SEL:
		m->driver_sel = v;
		break;
	case DRIVER_FEATURES:
		set_features(m, v);
		break;
	case QUEUE_SEL:
		m->queue_sel = v;
		break;
	case QUEUE_NUM:
		set_num(m, v);
		break;
	case NOTIFY:
		notified(m, v);
		break;
	case INTERRUPT_ACK:
		m->interrupt &= ~v;
		break;
	case STATUS:
		write_status(m, v);
		break;
	default:
		if (m->version == 1)
			write_old(m, at, v);
		else
			write_new(m, at, v);
	}
}

static void model_write(void *ctx, size_t at, unsigned bits, uint64_t v)
{
	if (bits != 32)
		violation("an access of %u bits", bits);
	write_reg(ctx, at, (uint32_t)v);
}

void virtio_model_start(struct virtio_model *m)
{
	m->io = (struct io_model){
		.read = model_read, .write = model_write, .ctx = m};
	switch_on(m);
	/* Firmware may have used it. */
	m->status = ACKNOWLEDGE | DRIVER;
	io_model_add(m->pa, SIZE, &m->io);
}

void virtio_model_end(struct virtio_model *m)
{
	io_model_remove(m->pa);
}
