/* The list of disks, and what is the same for all of them: <drivers/block.h>. */
#include <stdio.h>
#include <string.h>

#include <arch/cpu.h>
#include <drivers/block.h>
#include <kernel/spinlock.h>
#include <lib/errno.h>
#include <mm/kmalloc.h>

/* The list, and refs, calls and gone of all disks. */
static struct spinlock lock = SPINLOCK_INIT(LOCK_DEVICE);
static struct list disks = LIST_INIT(disks);

static struct block_device *find_locked(const char *name)
{
	list_for_each (l, &disks) {
		struct block_device *b =
			list_entry(l, struct block_device, link);

		if (!strcmp(b->name, name))
			return b;
	}
	return NULL;
}

struct block_device *block_get(const char *name)
{
	uint64_t flags = spin_lock_irqsave(&lock);
	struct block_device *b = find_locked(name);

	if (b)
		b->refs++;
	spin_unlock_irqrestore(&lock, flags);
	return b;
}

void block_put(struct block_device *b)
{
	uint64_t flags = spin_lock_irqsave(&lock);
	bool last = !--b->refs;

	spin_unlock_irqrestore(&lock, flags);
	if (last)
		kfree(b);
}

struct block_device *block_next(struct block_device *b)
{
	uint64_t flags = spin_lock_irqsave(&lock);
	struct list *next = !b ? disks.next : b->gone ? &disks : b->link.next;
	struct block_device *found = NULL;

	if (next != &disks) {
		found = list_entry(next, struct block_device, link);
		found->refs++;
	}
	spin_unlock_irqrestore(&lock, flags);
	if (b)
		block_put(b);
	return found;
}

static void put(void *b)
{
	block_put(b);
}

struct block_device *block_create(struct device *d)
{
	struct block_device *b = kzalloc(sizeof(*b), 0);

	if (!b) {
		device_fail(d, -ENOMEM, "no memory");
		return NULL;
	}
	b->device = d;
	b->refs = 1;
	return device_release(d, put, b) ? NULL : b;
}

int block_add(struct block_device *b, const char *prefix)
{
	uint64_t flags = spin_lock_irqsave(&lock);
	int err = -ENOSPC;

	for (char letter = 'a'; err && letter <= 'z'; letter++) {
		snprintf(b->name, sizeof(b->name), "%s%c", prefix, letter);
		err = find_locked(b->name) ? -ENOSPC : 0;
	}
	if (!err)
		list_add_tail(&disks, &b->link);
	spin_unlock_irqrestore(&lock, flags);
	return err;
}

void block_remove(struct block_device *b)
{
	uint64_t flags = spin_lock_irqsave(&lock);

	list_del(&b->link);
	b->gone = true;
	while (b->calls) {
		spin_unlock_irqrestore(&lock, flags);
		arch_relax();
		flags = spin_lock_irqsave(&lock);
	}
	spin_unlock_irqrestore(&lock, flags);
}

/* Begin a call, if the disk is still there. */
static int enter(struct block_device *b)
{
	uint64_t flags = spin_lock_irqsave(&lock);
	int err = b->gone ? -ENODEV : 0;

	if (!err)
		b->calls++;
	spin_unlock_irqrestore(&lock, flags);
	return err;
}

static int leave(struct block_device *b, int err)
{
	uint64_t flags = spin_lock_irqsave(&lock);

	b->calls--;
	spin_unlock_irqrestore(&lock, flags);
	return err;
}

static int transfer(struct block_device *b, uint64_t sector, uint64_t count,
		    void *buf, bool write)
{
	unsigned unit = b->block / SECTOR_SIZE;
	int err;

	if (sector > b->sectors || count > b->sectors - sector)
		return -ERANGE;
	if (!count || sector % unit || count % unit)
		return -EINVAL;
	if (write && b->read_only)
		return -EACCES;
	err = enter(b);
	return err ? err
		   : leave(b, b->ops->transfer(b, sector, count, buf, write));
}

int block_read(struct block_device *b, uint64_t sector, uint64_t count,
	       void *buf)
{
	return transfer(b, sector, count, buf, false);
}

int block_write(struct block_device *b, uint64_t sector, uint64_t count,
		const void *buf)
{
	return transfer(b, sector, count, (void *)(uintptr_t)buf, true);
}

int block_flush(struct block_device *b)
{
	int err = enter(b);

	return err ? err : leave(b, b->ops->flush(b));
}
