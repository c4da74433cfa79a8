/*
 * Bytes that come for the console, until somebody reads them.
 *
 *	port's FIFO --handler, look(), output that waits--> ring --> reader
 *
 * The handler empties the port into the ring. When the ring is full, it leaves
 * the rest where it is and the port's interrupt goes off, until the reader has
 * read half: what sends can then be held by flow control, where there is one,
 * and by the port's FIFO; bytes are lost there or nowhere, and counted.
 *
 * I1  But for raw mode, ^C is never behind the first byte of the ring: it takes
 *     back what was before it. So who wants to know of it looks at one byte, and
 *     type-ahead stays where it is.
 * I2  A call takes at most BATCH bytes, which is more than a FIFO has: where there
 *     are more, they come faster than the handler takes them. Then, too, the
 *     port's interrupt goes off, and the reader polls until it finds the port
 *     empty: it gets its share of the hart, even if the port never ends (it is
 *     broken, or gone, and reads as ones).
 *
 * Without interrupts the reader looks by itself: all the time while there is
 * input; after AWAKE_US without, every SLEEP_US, less than it takes to fill a
 * port: 8 bytes at 115200 baud are 0.7 ms. With interrupts it still looks now and
 * then: if a few times in a row there are bytes that no interrupt announced,
 * then the device tree names the wrong one, or kernel/irq.c has turned it off,
 * and the port is polled from then on.
 *
 * Locking: the ring has a lock, taken with interrupts off, of a rank before the
 * console's: a device without an interrupt is read with both, since firmware has
 * one state for both ways; ports have two that are independent, so that a line
 * which another hart writes can't keep a handler from its bytes. A hart that
 * writes has its own interrupts off, for up to 40 ms: it only tries the lock,
 * to take what comes while it waits for the port.
 */
#include <arch/cpu.h>
#include <kernel/console_input.h>
#include <kernel/printk.h>
#include <kernel/smp.h>
#include <kernel/time.h>

#define CTRL_C	   3
#define AWAKE_US   50000u
#define SLEEP_US   500u
#define LOOK_US	   100000u
#define MISSED_MAX 3
#define BATCH	   256u

static struct console_input common = {.lock = SPINLOCK_INIT(LOCK_INPUT)};

static struct console_input *input_of(const struct console_device *d)
{
	return d->input ? d->input : &common;
}

const struct console_input *console_input_current(void)
{
	const struct console_device *d = console_current();

	return d ? input_of(d) : NULL;
}

static uint32_t used(const struct console_input *in)
{
	return in->head - in->tail;
}

static uint8_t *at(struct console_input *in, uint32_t position)
{
	return &in->ring[position % CONSOLE_RING];
}

static void put(struct console_input *in, uint8_t byte)
{
	if (byte == CTRL_C && !in->raw)
		in->tail = in->head; /* I1 */
	*at(in, in->head++) = byte;
	if (used(in) > in->high)
		in->high = used(in);
}

static void throttle(struct console_input *in, const struct console_device *d,
		     bool on)
{
	in->throttled = on;
	in->throttles += on;
	d->listen(d, !on);
}

/* Bytes from the device to the ring; returns how many. The lock is held. */
static unsigned move(struct console_input *in, const struct console_device *d)
{
	bool both = !d->listen;
	uint64_t flags = both ? console_lock() : 0;
	unsigned n = 0;
	int c;

	for (; n < BATCH && used(in) < CONSOLE_RING; n++) {
		c = d->getc(d);
		if (c < 0)
			break;
		put(in, (uint8_t)c);
	}
	if (both)
		console_unlock(flags);
	in->bytes += n;
	if (n)
		in->drowsy = arch_time() + time_ticks(AWAKE_US);
	if (in->irq && !in->throttled &&
	    (n == BATCH || used(in) == CONSOLE_RING))
		throttle(in, d, true);
	return n;
}

/* It must not interrupt: it is polled instead, once there is room. */
static void look_throttled(struct console_input *in,
			   const struct console_device *d)
{
	if (used(in) > CONSOLE_RING / 2)
		return;
	if (move(in, d))
		in->by_others = true;
	else
		throttle(in, d, false);
}

/* By the reader, the lock is held: poll the device, if it is time to. */
static void look(struct console_input *in, const struct console_device *d)
{
	uint64_t now = arch_time();

	if (in->throttled) {
		look_throttled(in, d);
		return;
	}
	if (in->irq) {
		if (now < in->next_look)
			return;
		in->next_look = now + time_ticks(LOOK_US);
	}
	if (!move(in, d))
		return;
	in->by_others = true;
	if (in->irq && ++in->missed == MISSED_MAX) {
		in->irq = in->throttled = false;
		in->gave_up = true;
		d->listen(d, false);
	}
}

/* What went wrong, once it is over and nobody holds a lock. */
static void report(struct console_input *in, const struct console_device *d)
{
	uint32_t overruns = in->reported;

	if (in->gave_up && !in->told)
		pr_warn("console: %s: its interrupt does not come; polled from "
			"now on\n",
			d->name);
	in->told = in->gave_up;
	if (d->errors)
		overruns =
			__atomic_load_n(&d->errors->overruns, __ATOMIC_RELAXED);
	/* Another device may count from 0. */
	if (overruns > in->reported)
		pr_warn("console: %u overruns: input came faster than it was "
			"taken, and is lost\n",
			overruns - in->reported);
	in->reported = overruns;
}

int console_getc(void)
{
	const struct console_device *d = console_current();
	struct console_input *in;
	uint64_t flags;
	int c = -1;

	if (!d)
		return -1;
	in = input_of(d);
	flags = spin_lock_irqsave(&in->lock);
	look(in, d);
	if (used(in))
		c = *at(in, in->tail++);
	spin_unlock_irqrestore(&in->lock, flags);
	return c;
}

bool console_interrupted(void)
{
	const struct console_device *d = console_current();
	struct console_input *in;
	uint64_t flags;
	bool hit;

	if (!d)
		return false;
	in = input_of(d);
	flags = spin_lock_irqsave(&in->lock);
	look(in, d);
	hit = !in->raw && used(in) && *at(in, in->tail) == CTRL_C;
	in->tail += hit;
	spin_unlock_irqrestore(&in->lock, flags);
	return hit;
}

void console_raw(bool on)
{
	const struct console_device *d = console_current();
	struct console_input *in;
	uint64_t flags;

	if (!d)
		return;
	in = input_of(d);
	flags = spin_lock_irqsave(&in->lock);
	in->raw = on;
	/* I1 for what is left. */
	for (uint32_t i = in->head; !on && i != in->tail; i--)
		if (*at(in, i - 1) == CTRL_C)
			in->tail = i - 1;
	spin_unlock_irqrestore(&in->lock, flags);
}

void console_wait(uint64_t until)
{
	const struct console_device *d = console_current();
	struct console_input *in;
	uint64_t now = arch_time(), wake = until;

	if (d) {
		in = input_of(d);
		report(in, d);
		if (in->throttled)
			wake = 0;
		else if (in->irq)
			wake = in->next_look;
		else if (now < in->drowsy || !time_known())
			wake = 0; /* ticks are no measure without a rate */
		else
			wake = now + time_ticks(SLEEP_US);
	}
	smp_idle(wake < until ? wake : until);
}

void console_input_interrupts(const struct console_device *d, bool on)
{
	struct console_input *in = input_of(d);
	uint64_t flags = spin_lock_irqsave(&in->lock);

	in->irq = on;
	in->throttled = in->gave_up = false;
	in->missed = 0;
	d->listen(d, on);
	spin_unlock_irqrestore(&in->lock, flags);
}

bool console_input_raised(const struct console_device *d)
{
	struct console_input *in = input_of(d);
	uint64_t flags = spin_lock_irqsave(&in->lock);
	bool mine;

	in->interrupts++;
	in->missed = 0;
	/* What others took may have been what the interrupt was for. */
	mine = in->by_others;
	in->by_others = false;
	if (move(in, d))
		mine = true;
	else if (d->settle && d->settle(d))
		mine = true;
	spin_unlock_irqrestore(&in->lock, flags);
	return mine;
}

void console_input_take(const struct console_device *d)
{
	struct console_input *in = input_of(d);

	if (!spin_trylock(&in->lock))
		return;
	if (move(in, d))
		in->by_others = true;
	spin_unlock(&in->lock);
}
