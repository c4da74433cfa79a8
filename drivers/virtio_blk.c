/*
 * Disks over virtio: the specification, 5.2.
 *
 * A request is a chain of three pieces: a header that says what and where, data
 * (none for a flush), and a byte for the outcome. Header and byte are coherent
 * memory; the data is the caller's, lent by dma_map(), SEGMENT bytes at most, so
 * that a bounce buffer for it can be had. A call makes as many requests of its
 * range as it needs, and has as many of them under way as there are slots.
 *
 *	FREE -> OURS -> FLYING -> DONE -> FREE
 *	     take    virtq_add  collect  reap (dma_unmap)
 *
 *  I1  a slot that is not FREE belongs to one call, and only that maps and unmaps
 *  I2  data of a slot that is FLYING is the device's: unmapped only when it was
 *      completed, or the device was reset; never, if that can't be
 *  I3  a call ends when none of its slots is taken
 *
 * Who waits, looks after the device: one that does not answer for PATIENCE_US is
 * reset and out of use, as is one that answers nonsense. If others were answered
 * meanwhile, it is slow, and gets that time again, PATIENCES times in all. One that
 * has answered but did not interrupt for LATE_US is polled from then on.
 *
 * The lock is the queue's: it covers slots and rings. The interrupt handler takes
 * it; so it is held shortly: nothing is mapped, freed or printed under it, nor is the
 * device told. Only a reset waits under it, for 0.1 s at the most.
 *
 * Who takes an answer from the queue, by interrupt or because it asks, wakes the
 * hart that waits for it.
 */
#include <arch/cpu.h>
#include <drivers/block.h>
#include <drivers/virtio.h>
#include <kernel/printk.h>
#include <kernel/smp.h>
#include <lib/errno.h>

#define ID 2

#define F_SIZE_MAX ((uint64_t)1 << 1)
#define F_RO	   ((uint64_t)1 << 5)
#define F_BLK_SIZE ((uint64_t)1 << 6)
#define F_FLUSH	   ((uint64_t)1 << 9)

/* Words of the configuration. */
#define CONFIG_CAPACITY 0 /* two */
#define CONFIG_SIZE_MAX 2
#define CONFIG_BLK_SIZE 5
#define CONFIG_WORDS	6

#define SLOTS	    16
#define SEGMENT	    KIB(64)
#define BLOCK_MAX   KIB(32)
#define PIECES	    3
#define PATIENCE_US 10000000
#define PATIENCES   6
#define LATE_US	    500000
#define TURN_US	    10000

enum type { TYPE_IN = 0, TYPE_OUT = 1, TYPE_FLUSH = 4 };

enum { OUTCOME_OK = 0, OUTCOME_NONE = 0xff };

/* What the device sees of a slot. */
struct message {
	uint32_t type;
	uint32_t reserved;
	uint64_t sector;
	uint8_t outcome;
	uint8_t pad[15];
};

struct slot {
	enum { FREE, OURS, FLYING, DONE } state; /* (l) */
	const void *call;			 /* whose it is (l) */
	unsigned cpu;				 /* where that waits (l) */
	int error;				 /* when it is DONE (l) */
	bool mapped;				 /* its call's */
	struct dma_map map;			 /* its call's */
};

struct disk {
	struct virtio *v;
	struct block_device *block;
	struct virtqueue queue;
	volatile struct message *message; /* [SLOTS] */
	dma_addr_t message_bus;
	struct slot slot[SLOTS];
	uint64_t heard;	  /* answers, ever (l) */
	uint64_t segment; /* bytes of data in a request, at most */
};

/* A call of the block layer. */
struct call {
	struct disk *d;
	enum type type;
	uint64_t sector;
	uint8_t *data;
	uint64_t left;	 /* bytes that are not asked for yet */
	bool begun;	 /* a flush has been */
	unsigned flying; /* slots that it has */
	int error;	 /* the first one */
	struct virtio_wait patience, late;
	unsigned patiences; /* that are left */
	uint64_t heard;	    /* the disk's, when the patience began */
	uint64_t unheard;   /* and when an answer was there, but no interrupt;
			       UINT64_MAX: there was none */
};

/* What the device is done with; who waits for it, wakes up. */
static void collect(struct disk *d)
{
	uint64_t flags = spin_lock_irqsave(&d->queue.lock);
	cpumask_t asleep = 0;
	struct slot *s;
	uint32_t written;
	uint8_t outcome;

	while ((s = virtq_get(&d->queue, &written))) {
		outcome = d->message[s - d->slot].outcome;
		s->error = outcome == OUTCOME_OK ? 0 : -EIO;
		s->state = DONE;
		asleep |= cpu_bit(s->cpu);
		d->heard++;
	}
	spin_unlock_irqrestore(&d->queue.lock, flags);
	smp_wake(asleep & ~cpu_bit(arch_cpu()));
}

static bool interrupted(void *arg)
{
	struct disk *d = arg;

	if (!virtio_interrupt(d->v))
		return false;
	__atomic_fetch_add(&d->block->interrupts, 1, __ATOMIC_RELAXED);
	collect(d);
	return true;
}

/* Reset it, for good; all requests end with `error`. */
static void give_up(struct disk *d, const char *why, int error)
{
	struct virtio *v = d->v;
	uint64_t flags = spin_lock_irqsave(&d->queue.lock);
	bool first = !v->stopped;

	virtio_break(v, why);
	virtio_stop(v);
	for (unsigned i = 0; i < SLOTS; i++)
		if (d->slot[i].state == FLYING) {
			d->slot[i].state = DONE;
			d->slot[i].error = error;
			/* If it can't be reset, it keeps what it was given. */
			d->slot[i].mapped &= v->stopped;
		}
	spin_unlock_irqrestore(&d->queue.lock, flags);
	if (first)
		pr_err("%s: %s; %s\n", d->block->name, v->broken,
		       v->stopped ? "it is reset and out of use"
				  : "and it can't be reset");
}

/* --- slots --- */

static struct slot *take_slot(struct call *c)
{
	struct disk *d = c->d;
	uint64_t flags = spin_lock_irqsave(&d->queue.lock);
	struct slot *s = NULL;

	for (unsigned i = 0; i < SLOTS && !s; i++)
		if (d->slot[i].state == FREE) {
			s = &d->slot[i];
			s->state = OURS;
			s->call = c;
			s->cpu = arch_cpu();
			s->mapped = false;
		}
	spin_unlock_irqrestore(&d->queue.lock, flags);
	return s;
}

/* Bit i: slot number i. */
static void free_slots(struct disk *d, uint32_t slots)
{
	uint64_t flags = spin_lock_irqsave(&d->queue.lock);

	for (unsigned i = 0; i < SLOTS; i++)
		if (slots >> i & 1)
			d->slot[i].state = FREE;
	spin_unlock_irqrestore(&d->queue.lock, flags);
}

static uint32_t done_slots(const struct call *c)
{
	struct disk *d = c->d;
	uint64_t flags = spin_lock_irqsave(&d->queue.lock);
	uint32_t done = 0;

	for (unsigned i = 0; i < SLOTS; i++)
		if (d->slot[i].state == DONE && d->slot[i].call == c)
			done |= 1u << i;
	spin_unlock_irqrestore(&d->queue.lock, flags);
	return done;
}

/* Hand the slot to the device. */
static int send(struct call *c, struct slot *s)
{
	struct disk *d = c->d;
	unsigned i = (unsigned)(s - d->slot), n = 0;
	dma_addr_t bus = d->message_bus + i * sizeof(struct message);
	struct virtq_piece piece[PIECES];
	uint64_t flags;
	int err;

	d->message[i].type = c->type;
	d->message[i].reserved = 0;
	d->message[i].sector = c->sector;
	d->message[i].outcome = OUTCOME_NONE;
	piece[n++] = (struct virtq_piece){
		bus, offsetof(struct message, outcome), false};
	if (s->mapped)
		piece[n++] = (struct virtq_piece){
			s->map.bus, (uint32_t)s->map.size, c->type == TYPE_IN};
	piece[n++] = (struct virtq_piece){
		bus + offsetof(struct message, outcome), 1, true};
	flags = spin_lock_irqsave(&d->queue.lock);
	s->state = FLYING;
	err = virtq_add(&d->queue, piece, n, s);
	if (err)
		s->state = OURS;
	spin_unlock_irqrestore(&d->queue.lock, flags);
	return err;
}

/* One more request. 0; -EAGAIN: not now; or an error. */
static int submit(struct call *c)
{
	uint64_t size = min_u64(c->left, c->d->segment);
	enum dma_dir dir = c->type == TYPE_IN ? DMA_FROM_DEVICE : DMA_TO_DEVICE;
	struct slot *s = take_slot(c);
	int err = 0;

	if (!s)
		return -EAGAIN;
	if (size) {
		err = dma_map(&c->d->v->device->dma, &s->map, c->data, size,
			      dir, 0);
		s->mapped = !err;
	}
	if (!err)
		err = send(c, s);
	if (err) {
		if (s->mapped)
			dma_unmap(&s->map);
		free_slots(c->d, 1u << (s - c->d->slot));
		/* What flies gives memory back when it comes. */
		return err == -ENOMEM && c->flying ? -EAGAIN : err;
	}
	c->begun = true;
	c->flying++;
	if (size)
		c->data += size;
	c->sector += size / SECTOR_SIZE;
	c->left -= size;
	return 0;
}

/* Take back what is done. Returns whether there was any. */
static bool reap(struct call *c)
{
	struct block_device *b = c->d->block;
	uint32_t done = done_slots(c);

	for (unsigned i = 0; i < SLOTS; i++) {
		struct slot *s = &c->d->slot[i];

		if (!(done >> i & 1))
			continue;
		if (s->mapped)
			dma_unmap(&s->map);
		c->flying--;
		__atomic_fetch_add(&b->requests, 1, __ATOMIC_RELAXED);
		if (!s->error)
			continue;
		__atomic_fetch_add(&b->errors, 1, __ATOMIC_RELAXED);
		if (!c->error)
			c->error = s->error;
	}
	if (done)
		free_slots(c->d, done);
	return done;
}

/* --- waiting --- */

static uint64_t heard(struct disk *d)
{
	return __atomic_load_n(&d->heard, __ATOMIC_RELAXED);
}

static void be_patient(struct call *c)
{
	c->heard = heard(c->d);
	c->patience = virtio_wait_for(PATIENCE_US);
	c->late = virtio_wait_for(LATE_US);
	c->unheard = UINT64_MAX;
}

/* Has it been silent for too long? */
static bool impatient(struct call *c)
{
	if (!virtio_wait_over(&c->patience))
		return false;
	if (c->heard == heard(c->d) || !--c->patiences)
		return true;
	be_patient(c);
	return false;
}

/* The device interrupts, unless all calls ask it: those that can't be interrupted
 * do so in any case. The mode may change at any time. */
static void follow_mode(struct disk *d)
{
	bool quiet = __atomic_load_n(&d->block->polling, __ATOMIC_RELAXED);
	uint64_t flags;

	if (quiet == __atomic_load_n(&d->queue.quiet, __ATOMIC_RELAXED))
		return;
	flags = spin_lock_irqsave(&d->queue.lock);
	virtq_quiet(&d->queue, quiet);
	spin_unlock_irqrestore(&d->queue.lock, flags);
	collect(d);
}

static bool polls(struct disk *d)
{
	follow_mode(d);
	return d->queue.quiet || !arch_irq_enabled();
}

/* Nothing came for LATE_US: has it answered, without a word? Asked twice, and
 * nobody took an answer in between: the interrupt may be on its way. */
static void look_for_answers(struct call *c)
{
	struct disk *d = c->d;
	uint64_t flags = spin_lock_irqsave(&d->queue.lock);
	bool answered = virtq_pending(&d->queue);

	spin_unlock_irqrestore(&d->queue.lock, flags);
	c->late = virtio_wait_for(answered ? TURN_US : LATE_US);
	if (!answered || c->unheard != heard(d)) {
		c->unheard = answered ? heard(d) : UINT64_MAX;
		return;
	}
	__atomic_store_n(&d->block->polling, true, __ATOMIC_RELAXED);
	pr_warn("%s: its interrupt does not come; polling from now on\n",
		d->block->name);
}

static void wait(struct call *c)
{
	struct disk *d = c->d;
	const char *broken = virtio_broken(d->v);

	if (broken) {
		give_up(d, broken, -EIO);
		return;
	}
	if (impatient(c)) {
		give_up(d, "it does not answer", -ETIMEDOUT);
		return;
	}
	if (polls(d)) {
		collect(d);
		arch_relax();
		return;
	}
	virtio_wait_turn(TURN_US);
	if (virtio_wait_over(&c->late))
		look_for_answers(c);
}

/* One that broke when nobody waited for it is told of, and reset, by the first call
 * that fails. */
static int end(struct call *c)
{
	const char *broken = c->error ? virtio_broken(c->d->v) : NULL;

	if (broken)
		give_up(c->d, broken, -EIO);
	return c->error;
}

static int run(struct call *c)
{
	int err = 0;

	follow_mode(c->d);
	c->patiences = PATIENCES;
	be_patient(c);
	for (;;) {
		unsigned before = c->flying;

		while (!c->error && (c->left || !c->begun) &&
		       !(err = submit(c)))
			;
		if (c->flying != before)
			virtq_notify(&c->d->queue);
		if (err && err != -EAGAIN && !c->error)
			c->error = err;
		if (reap(c))
			be_patient(c);
		else if (!c->flying && (c->error || (c->begun && !c->left)))
			return end(c);
		else
			wait(c);
	}
}

static int transfer(struct block_device *b, uint64_t sector, uint64_t count,
		    void *buf, bool write)
{
	struct call c = {
		.d = b->driver,
		.type = write ? TYPE_OUT : TYPE_IN,
		.sector = sector,
		.data = buf,
		.left = count * SECTOR_SIZE,
	};

	return run(&c);
}

static int flush(struct block_device *b)
{
	struct call c = {.d = b->driver, .type = TYPE_FLUSH};

	/* Without that feature, what is written is on the medium (5.2.6.2). */
	return c.d->v->features & F_FLUSH ? run(&c) : 0;
}

/* --- coming and going --- */

/* What it says of itself, checked. */
static int read_config(struct disk *d)
{
	struct virtio *v = d->v;
	struct block_device *b = d->block;
	uint32_t word[CONFIG_WORDS] = {0};
	uint64_t most = SEGMENT;
	int err;

	err = virtio_config(v, 0, word,
			    v->features & F_BLK_SIZE   ? CONFIG_BLK_SIZE + 1
			    : v->features & F_SIZE_MAX ? CONFIG_SIZE_MAX + 1
						       : CONFIG_CAPACITY + 2);
	if (err)
		return err;
	b->sectors = (uint64_t)word[CONFIG_CAPACITY + 1] << 32 |
		     word[CONFIG_CAPACITY];
	b->block =
		v->features & F_BLK_SIZE ? word[CONFIG_BLK_SIZE] : SECTOR_SIZE;
	if (v->features & F_SIZE_MAX)
		most = min_u64(most, word[CONFIG_SIZE_MAX]);
	if (b->sectors > UINT64_MAX / SECTOR_SIZE || b->block < SECTOR_SIZE ||
	    b->block > BLOCK_MAX || !is_pow2(b->block) || most < b->block)
		return device_fail(v->device, -EIO,
				   "it says: %llu sectors, blocks of %u, "
				   "%llu in a request",
				   (unsigned long long)b->sectors, b->block,
				   (unsigned long long)most);
	d->segment = align_down(most, b->block);
	b->read_only = v->features & F_RO;
	return 0;
}

static const struct block_ops ops = {.transfer = transfer, .flush = flush};

static int probe(struct virtio *v)
{
	struct device *dev = v->device;
	struct disk *d = device_alloc(dev, sizeof(*d));
	int err;

	if (!d)
		return dev->error;
	v->driver = d;
	d->v = v;
	d->block = block_create(dev);
	if (!d->block)
		return dev->error;
	d->block->ops = &ops;
	d->block->driver = d;
	err = virtio_negotiate(v, F_SIZE_MAX | F_RO | F_BLK_SIZE | F_FLUSH);
	if (!err)
		err = read_config(d);
	if (!err)
		err = virtq_init(&d->queue, v, 0, PIECES);
	if (err)
		return err;
	d->message =
		virtio_memory(v, SLOTS * sizeof(*d->message), &d->message_bus);
	if (!d->message)
		return dev->error;
	/* A disk works without interrupts, too. */
	err = device_irq(dev, 0, interrupted, d);
	if (err)
		pr_warn("%s: %s; polling\n", dev->name, dev->why);
	d->block->has_interrupt = !err;
	d->block->polling = err;
	err = block_add(d->block, "vd");
	if (err)
		return device_fail(dev, err, "too many disks");
	virtio_ready(v);
	return 0;
}

static void remove(struct virtio *v)
{
	struct disk *d = v->driver;

	block_remove(d->block);
}

const struct virtio_driver virtio_blk = {
	.id = ID, .probe = probe, .remove = remove};
