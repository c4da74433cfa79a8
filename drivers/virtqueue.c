/*
 * Split virtqueues (<drivers/virtio.h>): the specification, 2.7.
 *
 *	descriptors	16 bytes each: a piece of memory, and the next one's number
 *	available	ring of numbers of first descriptors: ours to write
 *	used		ring of those that are done, with lengths: the device's
 *
 * All three are one piece of coherent memory, where the legacy interface wants
 * them (2.7.2), which suits the other one, too.
 *
 *  I1  a chain is the device's from virtq_add() to virtq_get(): its first
 *      descriptor has a length here, and it is counted in `busy`
 *  I2  what the device may have changed is read once, and checked against what we
 *      keep ourselves: number, length, how many are done
 *  I3  free descriptors are a list through chain[].next; all others are in a chain
 *      of I1
 *
 * Barriers, each with its partner in the device (2.7.13, 2.7.14): descriptors and
 * ring before the count that publishes them; that before its wish not to be told
 * is read; our wish not to be told before what is done; the count of what is done
 * before what it counts.
 */
#include <arch/cpu.h>
#include <drivers/virtio.h>
#include <lib/errno.h>

#include "virtio_internal.h"

#define DESC_NEXT  1
#define DESC_WRITE 2

#define AVAIL_NO_INTERRUPT 1
#define USED_NO_NOTIFY	   1

#define QUEUE_SIZE_MAX 32768 /* 2.7: of all that there can be */

struct desc {
	uint64_t bus;
	uint32_t size;
	uint16_t flags;
	uint16_t next;
};

struct avail {
	uint16_t flags;
	uint16_t count;
	uint16_t ring[VIRTQ_MAX];
};

struct used {
	uint16_t flags;
	uint16_t count;
	struct {
		uint32_t id;
		uint32_t written;
	} ring[VIRTQ_MAX];
};

/* Laid out for VIRTQ_MAX: a smaller queue uses the first entries of each part,
 * and of the legacy layout only what it allows: see place_rings(). */
struct virtq_rings {
	volatile struct desc *desc;
	volatile struct avail *avail;
	volatile struct used *used;
};

/* Where the used ring begins (2.7.2): behind descriptors and available ring, at
 * the next page, which is what QueueAlign says. */
static size_t used_offset(unsigned size)
{
	return align_up(sizeof(struct desc) * size + 2 * (3 + size), PAGE_SIZE);
}

static void set_address(struct virtio *v, unsigned reg, uint64_t bus)
{
	virtio_write(v, reg, (uint32_t)bus);
	virtio_write(v, reg + 4, (uint32_t)(bus >> 32));
}

static int place_rings(struct virtqueue *q, uint8_t *memory, dma_addr_t bus)
{
	struct virtio *v = q->device;
	size_t desc = sizeof(struct desc) * q->size,
	       used = used_offset(q->size);

	q->rings->desc = (void *)memory;
	q->rings->avail = (void *)(memory + desc);
	q->rings->used = (void *)(memory + used);
	virtio_write(v, REG_QUEUE_NUM, q->size);
	if (v->version == 1) {
		if (bus >> PAGE_SHIFT > UINT32_MAX)
			return device_fail(v->device, -ERANGE,
					   "its queue is at %#llx, beyond the "
					   "44 bits of a legacy device",
					   (unsigned long long)bus);
		virtio_write(v, REG_QUEUE_ALIGN, PAGE_SIZE);
		virtio_write(v, REG_QUEUE_PFN, (uint32_t)(bus >> PAGE_SHIFT));
		return 0;
	}
	set_address(v, REG_QUEUE_DESC, bus);
	set_address(v, REG_QUEUE_DRIVER, bus + desc);
	set_address(v, REG_QUEUE_DEVICE, bus + used);
	virtio_write(v, REG_QUEUE_READY, 1);
	return 0;
}

int virtq_init(struct virtqueue *q, struct virtio *v, unsigned index,
	       unsigned least)
{
	uint32_t most;
	dma_addr_t bus;
	void *memory;

	*q = (struct virtqueue){.device = v, .index = index};
	spin_lock_init(&q->lock, LOCK_DEVICE);
	virtio_write(v, REG_QUEUE_SEL, index);
	if (virtio_read(v, v->version == 1 ? REG_QUEUE_PFN : REG_QUEUE_READY))
		return device_fail(v->device, -EIO,
				   "queue %u is in use after the reset", index);
	most = virtio_read(v, REG_QUEUE_NUM_MAX);
	if (most < least || most > QUEUE_SIZE_MAX)
		return device_fail(v->device, -EIO, "queue %u has %u entries",
				   index, most);
	/* A power of two (2.7). */
	q->size = VIRTQ_MAX;
	while (q->size > most)
		q->size /= 2;
	if (q->size < least)
		return device_fail(v->device, -EIO, "queue %u has %u entries",
				   index, most);
	q->nfree = q->size;
	for (unsigned i = 0; i < q->size; i++)
		q->chain[i].next = (uint16_t)(i + 1);
	q->rings = device_alloc(v->device, sizeof(*q->rings));
	if (!q->rings)
		return v->device->error;
	memory = virtio_memory(v, used_offset(q->size) + sizeof(struct used),
			       &bus);
	return memory ? place_rings(q, memory, bus) : v->device->error;
}

static bool out_of_use(const struct virtqueue *q)
{
	return q->device->stopped ||
	       __atomic_load_n(&q->device->broken, __ATOMIC_RELAXED);
}

int virtq_add(struct virtqueue *q, const struct virtq_piece *piece, unsigned n,
	      void *token)
{
	volatile struct avail *avail = q->rings->avail;
	uint16_t first = q->first, at = first;
	uint32_t room = 0;

	if (out_of_use(q))
		return -EIO;
	if (n > q->nfree)
		return -EAGAIN;
	for (unsigned i = 0; i < n; i++) {
		volatile struct desc *d = &q->rings->desc[at];
		bool last = i + 1 == n;

		d->bus = piece[i].bus;
		d->size = piece[i].size;
		d->flags =
			(uint16_t)((piece[i].device_writes ? DESC_WRITE : 0) |
				   (last ? 0 : DESC_NEXT));
		d->next = last ? 0 : q->chain[at].next;
		room += piece[i].device_writes ? piece[i].size : 0;
		at = q->chain[at].next;
	}
	q->first = at;
	q->nfree -= n;
	q->busy++;
	q->chain[first].length = (uint16_t)n;
	q->chain[first].room = room;
	q->chain[first].token = token;
	avail->ring[q->published % q->size] = first;
	/* Release: pairs with the device's barrier behind its load of this. */
	__atomic_store_n(&avail->count, ++q->published, __ATOMIC_RELEASE);
	return 0;
}

void virtq_notify(struct virtqueue *q)
{
	/* The count that was published, before the device's wish: pairs with the
	 * barrier between its wish and its last look at the count. */
	arch_mb();
	if (!(q->rings->used->flags & USED_NO_NOTIFY))
		virtio_write(q->device, REG_QUEUE_NOTIFY, q->index);
}

/* The chain is over: its descriptors are free. */
static void put_back(struct virtqueue *q, uint16_t first)
{
	uint16_t last = first;

	for (unsigned i = 1; i < q->chain[first].length; i++)
		last = q->chain[last].next;
	q->nfree += q->chain[first].length;
	q->busy--;
	q->chain[first].length = 0;
	q->chain[last].next = q->first;
	q->first = first;
}

static uint16_t done(const struct virtqueue *q)
{
	/* Acquire: pairs with the device's barrier before its store of this. */
	uint16_t count =
		__atomic_load_n(&q->rings->used->count, __ATOMIC_ACQUIRE);

	return (uint16_t)(count - q->seen);
}

bool virtq_pending(const struct virtqueue *q)
{
	return done(q);
}

void *virtq_get(struct virtqueue *q, uint32_t *written)
{
	unsigned n = done(q), at = q->seen % q->size;
	uint32_t id, length;

	if (!n || out_of_use(q))
		return NULL;
	id = q->rings->used->ring[at].id;
	length = q->rings->used->ring[at].written;
	if (n > q->busy)
		virtio_break(q->device, "it completes more than it was given");
	else if (id >= q->size || !q->chain[id].length)
		virtio_break(q->device, "it completes what it does not have");
	else if (length > q->chain[id].room)
		virtio_break(q->device, "it wrote more than there is room for");
	if (out_of_use(q))
		return NULL;
	q->seen++;
	put_back(q, (uint16_t)id);
	*written = length;
	return q->chain[id].token;
}

void virtq_quiet(struct virtqueue *q, bool quiet)
{
	__atomic_store_n(&q->quiet, quiet, __ATOMIC_RELAXED);
	q->rings->avail->flags = quiet ? AVAIL_NO_INTERRUPT : 0;
	/* The wish, before the caller looks at what is done: pairs with the
	 * device's barrier between that and its look at the wish. */
	arch_mb();
}
