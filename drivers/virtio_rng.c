/*
 * Random numbers of the machine that runs us, over virtio: the specification, 5.4.
 *
 * The device fills what it is given. It is asked once when it is found, and then
 * when somebody wants more; it is waited for without interrupts, for they would
 * come twice a day.
 */
#include <drivers/virtio.h>
#include <kernel/printk.h>
#include <kernel/random.h>
#include <lib/errno.h>
#include <mm/kmalloc.h>

#define ID 4

#define BYTES	    64u
#define PATIENCE_US 1000000
#define TURN_US	    1000

struct rng_device {
	struct virtio *v;
	struct virtqueue queue;
	struct random_source source;
	uint8_t *buf; /* BYTES */
	struct dma_map map;
};

/* Has it answered? Returns 1 and how much, 0, or -EIO. */
static int look(struct rng_device *r, uint32_t *written)
{
	uint64_t flags = spin_lock_irqsave(&r->queue.lock);
	void *token = virtq_get(&r->queue, written);

	spin_unlock_irqrestore(&r->queue.lock, flags);
	if (token)
		return 1;
	return virtio_broken(r->v) ? -EIO : 0;
}

static int wait(struct rng_device *r, uint32_t *written)
{
	struct virtio_wait w = virtio_wait_for(PATIENCE_US);
	int seen;

	while (!(seen = look(r, written)) && !virtio_wait_over(&w))
		virtio_wait_turn(TURN_US);
	if (seen > 0)
		return 0;
	if (!seen)
		virtio_break(r->v, "it does not answer");
	/* Memory is ours again, or its for ever. */
	virtio_stop(r->v);
	return seen ? seen : -ETIMEDOUT;
}

static int ask(struct random_source *s)
{
	struct rng_device *r = container_of(s, struct rng_device, source);
	struct virtq_piece piece = {.size = BYTES, .device_writes = true};
	uint32_t written = 0;
	uint64_t flags;
	bool given;
	int err;

	err = dma_map(&r->v->device->dma, &r->map, r->buf, BYTES,
		      DMA_FROM_DEVICE, 0);
	if (err)
		return virtio_no_memory(r->v, err);
	piece.bus = r->map.bus;
	flags = spin_lock_irqsave(&r->queue.lock);
	err = virtq_add(&r->queue, &piece, 1, r);
	spin_unlock_irqrestore(&r->queue.lock, flags);
	given = !err;
	if (given) {
		virtq_notify(&r->queue);
		err = wait(r, &written);
	}
	/* What a device that can't be reset was given, it keeps. */
	if (!given || !err || r->v->stopped)
		dma_unmap(&r->map);
	if (err)
		return device_fail(r->v->device, err, "%s",
				   virtio_broken(r->v));
	/* 5.4.6.2: one byte or more. */
	if (!written)
		return device_fail(r->v->device, -EIO, "it gives no bytes");
	random_add("virtio-rng", r->buf, written);
	return 0;
}

static void free_buf(void *arg)
{
	struct rng_device *r = arg;

	virtio_stop(r->v);
	if (r->v->stopped)
		kfree(r->buf);
}

static int probe(struct virtio *v)
{
	struct device *d = v->device;
	struct rng_device *r = device_alloc(d, sizeof(*r));
	int err;

	if (!r)
		return d->error;
	v->driver = r;
	r->v = v;
	r->source = (struct random_source){.name = "virtio-rng", .ask = ask};
	err = virtio_negotiate(v, 0);
	if (!err)
		err = virtq_init(&r->queue, v, 0, 1);
	if (err)
		return err;
	r->buf = kzalloc(BYTES, 0);
	if (!r->buf)
		return device_fail(d, -ENOMEM, "no memory");
	err = device_release(d, free_buf, r);
	if (err)
		return err;
	virtq_quiet(&r->queue, true);
	virtio_ready(v);
	err = ask(&r->source);
	if (!err)
		random_source_add(&r->source);
	return err;
}

static void remove(struct virtio *v)
{
	struct rng_device *r = v->driver;

	random_source_remove(&r->source);
}

const struct virtio_driver virtio_rng = {
	.id = ID, .probe = probe, .remove = remove};
