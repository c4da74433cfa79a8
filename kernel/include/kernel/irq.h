/*
 * Interrupts of devices. A controller's driver registers a struct irq_chip; a
 * device's driver asks for one of its lines and is called when that is raised.
 *
 * Handlers run on the hart that took the interrupt, in interrupt context: off are
 * interrupts, locks are taken as there, nothing waits. A handler makes its device
 * take the request back. A line that is raised for nothing, or on and on, is turned
 * off after a while, and that is said: no device can keep a hart from everything
 * else.
 *
 * irq_request(), irq_free() and the chip functions: one context at a time (boot,
 * then the shell), interrupts on or off, no spinlock held.
 */
#pragma once

#include <kernel/cpu.h>
#include <kernel/spinlock.h>
#include <lib/fdt_irq.h>

/* Was it the handler's device, and did it take the request back? */
typedef bool (*irq_handler)(void *arg);

/* How a line asks; what the tree says, if it says. */
enum irq_trigger {
	IRQ_TRIGGER_DEFAULT,
	IRQ_EDGE_RISING,
	IRQ_EDGE_FALLING,
	IRQ_LEVEL_HIGH,
	IRQ_LEVEL_LOW,
};

struct irq_chip;

/* handle() is done after so many lines, even if there are more. */
#define IRQ_BATCH 16

/* Line numbers are below chip->lines. All but translate() are called with
 * interrupts off; enable() and disable() with the chip's lock held. */
struct irq_chip_ops {
	/* Which line is it, by the cells of a device's interrupt? 0, or -EINVAL:
	 * there is none like that. */
	int (*translate)(struct irq_chip *c, const struct fdt_irq *irq,
			 unsigned *line, enum irq_trigger *trigger);
	/* The line interrupts this hart from now on, no other. 0, or -ENXIO: it
	 * can't, that hart; -EINVAL: no such trigger. */
	int (*enable)(struct irq_chip *c, unsigned line,
		      enum irq_trigger trigger, unsigned cpu);
	/* No more, but for one that may be under way on another hart. */
	void (*disable)(struct irq_chip *c, unsigned line);
	/* The chip's wire to this hart is raised: call irq_raised() for lines
	 * that ask, until none does, IRQ_BATCH at most. Was there any? */
	bool (*handle)(struct irq_chip *c);
};

/* A line that is in use. The driver's, as long as it has the line. */
struct irq {
	const char *owner;
	unsigned line;
	struct irq_chip *chip; /* NULL: not in use */
	uint64_t count;	       /* times it was raised (a) */
	bool stuck;	       /* it was turned off (a) */
	/* private: */
	irq_handler handler;
	void *arg;
	unsigned unhandled; /* in a row */
};

struct irq_chip {
	const char *name;
	fdt_node node;
	unsigned lines;
	const struct irq_chip_ops *ops;
	struct irq **line; /* [lines], zeroed; the driver's memory */
	/* private: */
	struct irq_chip *next;
	struct spinlock lock; /* line[] against handlers that run */
};

/*
 * Register a controller; its fields are set. It must be there until removed. The
 * wires for interrupts of devices into the harts `cpus` are its: 0, or -EBUSY,
 * another has one of them.
 */
int irq_chip_add(struct irq_chip *c, cpumask_t cpus);

/* None of its lines is in use. When this returns, no hart is in handle(). */
void irq_chip_remove(struct irq_chip *c);

/* Is a line of it in use? */
bool irq_chip_in_use(const struct irq_chip *c);

/* The controller of that node, NULL if there is none. */
struct irq_chip *irq_chip_find(fdt_node node);

/*
 * Have handler(arg) called for the interrupt that a tree describes, on this hart;
 * `owner` must last. Returns 0, or, `i` then being unused,
 *	-EAGAIN	its controller is not registered
 *	-EBUSY	it is in use: i->owner is who has it
 *	or what translate() and enable() say
 */
int irq_request(struct irq *i, const struct fdt_irq *what, irq_handler handler,
		void *arg, const char *owner);

/* Give it back; the handler is not running any more when this returns. Nothing,
 * if it is not in use. Not from a handler. */
void irq_free(struct irq *i);

/* By a controller's handle(): this line is raised. */
void irq_raised(struct irq_chip *c, unsigned line);

/* Interrupts that no line in use was the reason of: how many, ever. */
uint64_t irq_spurious(void);

/* Calls `each` for every controller; for every line in use of one, ascending. */
void irq_each_chip(void (*each)(void *ctx, const struct irq_chip *c),
		   void *ctx);
void irq_each(const struct irq_chip *c,
	      void (*each)(void *ctx, const struct irq *i), void *ctx);
