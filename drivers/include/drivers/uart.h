/*
 * Serial ports as consoles: the 16550 family and SiFive's. Output is polled, so
 * that a panic can be seen; input by interrupts, where there are any.
 *
 * The firmware has set speed, format and FIFOs up, and they are left alone: the
 * clock that a divisor would be worked out from is seldom known, and turning a
 * FIFO on or off drops what is in it. Interrupts are turned off at the port until
 * console_input_interrupts().
 *
 *	struct mmio regs;
 *	struct uart uart;
 *
 *	if (!mmio_map_node(&regs, tree, node, 0, 0, "console") &&
 *	    uart_setup_node(&uart, tree, node, &regs))
 *		console_set(&uart.console);
 *
 * A port that takes no more bytes is waited for about a second, once; what is
 * written after that is dropped until it takes some again. So a dead port can
 * slow the kernel down, but not stop it.
 *
 * Locking: one at a time may write, one at a time may read or listen; they may be
 * different harts.
 */
#pragma once

#include <kernel/console.h>
#include <lib/bits.h>
#include <mm/mmio.h>

/* Where the registers of a 16550 are, as its node tells by properties of these
 * names; 0 where it has none. SiFive's port does not look at it. */
struct uart_layout {
	uint32_t shift;	 /* reg-shift: register n is at n << shift */
	uint32_t width;	 /* reg-io-width: bytes of an access: 1 (or 0), 2, 4 */
	uint32_t offset; /* reg-offset: of register 0 in the window */
};

struct uart_ops;

/* All fields are private but `console`. */
struct uart {
	struct console_device console;
	const struct uart_ops *ops;
	const struct mmio *regs; /* its base may change */
	uint32_t offset;
	uint8_t shift;
	uint8_t width;
	uint8_t quirks;
	bool stuck; /* the last wait was in vain */
	struct console_errors errors;
	char name[48];
};

/* What nodes of such ports are compatible with; the last is NULL. */
extern const char *const uart_compatible[];

/* Is there a driver for the node? */
bool uart_supports(const struct fdt *t, fdt_node n);

/*
 * Drive the port that has these registers; `u` and `regs` must live as long as it
 * is used, `compatible` only during the call. Returns false when there is no
 * driver, when the layout makes no sense or does not fit the window, or when no
 * port answers; `u` is then of no use, and no register was written but, at most,
 * the divisor latch bit of LCR.
 */
bool uart_setup(struct uart *u, const char *compatible, const struct mmio *regs,
		const struct uart_layout *layout);

/* The same as the node tells it. */
bool uart_setup_node(struct uart *u, const struct fdt *t, fdt_node n,
		     const struct mmio *regs);

/* Does it take bytes? Waits for it as writing would. */
bool uart_works(struct uart *u);

/*
 * The node of the port that is to be the console, FDT_NONE: there is none. Others
 * are not touched: firmware or another system may use them. When its driver has
 * made it work, changed(its console) is called, changed(NULL) before it goes.
 */
void uart_console_node(fdt_node n,
		       void (*changed)(const struct console_device *port));
