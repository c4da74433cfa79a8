/*
 * Input of the console, from the side of its device: bytes go into a ring until
 * somebody reads them (<kernel/console.h>).
 *
 * A device without interrupts is polled by the reader. One that has them:
 *
 *	device_irq(d, 0, raised, port);
 *	console_input_interrupts(&port->console, true);
 *
 *	static bool raised(void *arg)
 *	{
 *		return console_input_raised(&port->console);
 *	}
 */
#pragma once

#include <kernel/console.h>
#include <kernel/spinlock.h>

#define CONSOLE_RING 4096u /* bytes; a power of two */

/* For reports: fields change under way. All zero: empty, polled. */
struct console_input {
	struct spinlock lock;
	bool raw;
	bool irq;	     /* the device interrupts; else it is polled */
	bool gave_up;	     /* it did not interrupt when it should have */
	bool told;	     /* and that was said */
	bool throttled;	     /* it must not, until there is room */
	bool by_others;	     /* bytes were taken and not by its handler */
	unsigned missed;     /* times that it did not interrupt, in a row */
	uint32_t head, tail; /* bytes ever put, read */
	uint64_t drowsy;     /* when the reader may sleep between two looks */
	uint64_t next_look;  /* for bytes that no interrupt announces */
	uint32_t reported;   /* overruns */
	uint64_t bytes, interrupts, throttles;
	uint32_t high; /* the most that the ring held */
	uint8_t ring[CONSOLE_RING];
};

/* That of the current console; NULL without one. */
const struct console_input *console_input_current(void);

/* From now on the device's handler calls console_input_raised(), or it is
 * polled. The device is told to listen. No spinlock held. */
void console_input_interrupts(const struct console_device *d, bool on);

/* Interrupt context: the device has interrupted. Takes its bytes; returns whether
 * it was right to, as handlers do. */
bool console_input_raised(const struct console_device *d);

/* Take what has come, unless somebody else is at it just now: for a device that
 * writes and waits, interrupts off. Any lock may be held. */
void console_input_take(const struct console_device *d);
