/*
 * Interrupts of devices. A controller's driver registers a struct irq_chip; a
 * device's driver asks for one of its lines and is called when that is raised.
 *
 * Handlers run on the hart that took the interrupt, in interrupt context: off are
 * interrupts, locks are taken as there, nothing waits. A handler makes its device
 * take the request back; a line that nobody answers for is turned off after a
 * while, and that is said: no device can keep a hart from everything else.
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

/* Line numbers are below chip->lines. */
struct irq_chip_ops {
	/* Which line is it, by the cells of a device's interrupt? 0, or -EINVAL:
	 * there is none like that. */
	int (*translate)(struct irq_chip *c, const struct fdt_irq *irq,
			 unsigned *line, enum irq_trigger *trigger);
	/* The line interrupts this hart from now on; it has a handler. 0, or
	 * -ENXIO: it can't, that hart; -EINVAL: no such trigger. */
	int (*enable)(struct irq_chip *c, unsigned line,
		      enum irq_trigger trigger, unsigned cpu);
	/* No more, once this returns, but for a call that is under way. Any
	 * context. */
	void (*disable)(struct irq_chip *c, unsigned line);
};

/* A line that is in use. The driver's, as long as it has the line. */
struct irq {
	const char *owner;
	unsigned line;
	struct irq_chip *chip; /* NULL: not in use */
	uint64_t count;	       /* times it was raised (a) */
	bool stuck;	       /* it was turned off: nobody took it back (a) */
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

/* Register a controller; its fields are set. It must be there until removed. */
void irq_chip_add(struct irq_chip *c);

/* No line of it is in use. */
bool irq_chip_in_use(const struct irq_chip *c);
void irq_chip_remove(struct irq_chip *c);

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
 * if it is not in use. */
void irq_free(struct irq *i);

/* By a controller's driver, in interrupt context: this line is raised. */
void irq_raised(struct irq_chip *c, unsigned line);

/* Lines that nobody has, raised nevertheless: how often, ever. */
uint64_t irq_spurious(void);

/* Calls `each` for every line in use, by controller, ascending. */
void irq_each(void (*each)(void *ctx, const struct irq *i), void *ctx);

/*
 * The hart's own wire for all external interrupts has one owner: the controller
 * at the root. From now on it is called when that wire is raised, on any hart;
 * NULL: off. Interrupts of devices reach harts that called irq_hart_on() since.
 */
void irq_set_root(void (*handle)(void *ctx), void *ctx);
void irq_hart_on(void);
