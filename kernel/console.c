/*
 * The one console, as far as output goes, which may come from any context
 * (input: console_input.c).
 *
 * One lock is for the device and for what goes with it, the log ring: so lines
 * of several harts come out whole, and in the order in which the ring has them.
 * Interrupts are off as long as a line takes: 40 ms at worst, at 115200 baud.
 * A panic ignores the lock: its holder may be stopped.
 */
#include <string.h>

#include <kernel/console.h>
#include <kernel/spinlock.h>

static const struct console_device *current;
static struct spinlock lock = SPINLOCK_INIT(LOCK_CONSOLE);
static bool ignored; /* (a) */

uint64_t console_lock(void)
{
	if (__atomic_load_n(&ignored, __ATOMIC_RELAXED))
		return arch_irq_save();
	return spin_lock_irqsave(&lock);
}

void console_unlock(uint64_t flags)
{
	/* One that was taken before that stays taken. */
	if (__atomic_load_n(&ignored, __ATOMIC_RELAXED))
		arch_irq_restore(flags);
	else
		spin_unlock_irqrestore(&lock, flags);
}

void console_ignore_lock(void)
{
	__atomic_store_n(&ignored, true, __ATOMIC_RELAXED);
}

void console_set(const struct console_device *d)
{
	/* Who writes to the one before is done with it, then. */
	uint64_t flags = console_lock();

	current = d;
	console_unlock(flags);
}

const struct console_device *console_current(void)
{
	return current;
}

void console_write_locked(const char *s, size_t n)
{
	const char *end = s + n;

	if (!current)
		return;
	if (current->adds_cr) {
		current->write(current, s, n);
		return;
	}
	while (s < end) {
		const char *nl = memchr(s, '\n', (size_t)(end - s));
		const char *stop = nl ? nl : end;

		if (stop > s)
			current->write(current, s, (size_t)(stop - s));
		if (!nl)
			return;
		current->write(current, "\r\n", 2);
		s = nl + 1;
	}
}

void console_write(const char *s, size_t n)
{
	uint64_t flags = console_lock();

	console_write_locked(s, n);
	console_unlock(flags);
}

void console_puts(const char *s)
{
	console_write(s, strlen(s));
}
