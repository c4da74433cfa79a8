/*
 * Serial ports as consoles, polled: the 16550 family and SiFive's.
 *
 * The firmware has set speed and format up, and they are left alone: the clock
 * that a divisor would be worked out from is seldom known. Interrupts are
 * turned off at the port.
 *
 *	struct uart uart;
 *
 *	if (uart_setup(&uart, "snps,dw-apb-uart", window, 0x10000,
 *		       &(struct uart_layout){.shift = 2, .width = 4}))
 *		console_set(&uart.console);
 *
 * A port that takes no more bytes is waited for about a second, once; what is
 * written after that is dropped until it takes some again. So a dead port can
 * slow the kernel down, but not stop it.
 *
 * No locking: whoever writes to the console has it to himself.
 */
#pragma once

#include <kernel/console.h>
#include <lib/bits.h>

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
	volatile uint8_t *registers;
	uint8_t shift;
	uint8_t width;
	bool stuck; /* the last wait was in vain */
};

/* Is there a driver for this string of a "compatible" property? */
bool uart_supports(const char *compatible);

/*
 * Drive the port whose registers are mapped at [base, base + size); `u` must
 * live as long as it is used, `compatible` only during the call. Returns false
 * when there is no driver, when the layout makes no sense or does not fit the
 * window, or when no port answers; `u` is then of no use, and no register was
 * written but, at most, the divisor latch bit of LCR.
 */
bool uart_setup(struct uart *u, const char *compatible, volatile void *base,
		size_t size, const struct uart_layout *layout);
