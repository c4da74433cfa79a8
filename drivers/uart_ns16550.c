/*
 * The 16550 and its relatives (National PC16550D data sheet, section 8;
 * Synopsys DW_apb_uart databook, register descriptions). Registers used:
 *
 *	0 RBR/THR  data in and out, while LCR.DLAB is 0
 *	1 IER      interrupts: bit 0 is for received bytes. 0 in the others also
 *		   puts LSR.THRE of a DW with programmable THRE mode back to its
 *		   plain meaning
 *	2 IIR      which interrupt. Written, it is FCR: never, since a change of
 *		   the FIFO's mode drops what is in it. With a FIFO that waits for
 *		   several bytes, the time-out interrupt tells of fewer.
 *	3 LCR      line format; only its DLAB bit is of interest
 *	5 LSR      line status. Errors are told to one who reads it: so all that
 *		   read it, for output, too, count them.
 *	31 USR     DW only: BUSY. A write to LCR is lost while it is set and
 *		   raises a "busy detect" interrupt, which reading USR ends.
 *
 * THRE says that the transmit FIFO, if there is one and it is on, is empty: a
 * byte per poll is safe with any FIFO state that the firmware left.
 */
#include <arch/io.h>

#include "uart_internal.h"

enum { RBR = 0, THR = 0, IER = 1, IIR = 2, LCR = 3, LSR = 5, USR = 31 };

#define IER_RECEIVED 0x01u
#define IER_UUE	     0x40u
#define IIR_CAUSE    0x0fu
#define IIR_NONE     0x01u /* alone: nothing is pending */
#define IIR_BUSY     0x07u /* DW */
#define IIR_TIMEOUT  0x0cu
#define LCR_DLAB     0x80u
#define LSR_DR	     0x01u
#define LSR_OE	     0x02u
#define LSR_PE	     0x04u
#define LSR_FE	     0x08u
#define LSR_BI	     0x10u
#define LSR_THRE     0x20u
#define USR_BUSY     0x01u
#define NO_DEVICE    0xffu /* what an empty bus reads */

static uint8_t get_register(const struct uart *u, unsigned n)
{
	const volatile uint8_t *p =
		u->regs->base + u->offset + ((size_t)n << u->shift);

	switch (u->width) {
	case 1:
		return mmio_read8(p);
	case 2:
		return (uint8_t)mmio_read16(p);
	default:
		return (uint8_t)mmio_read32(p);
	}
}

static void set_register(const struct uart *u, unsigned n, uint8_t value)
{
	volatile uint8_t *p =
		u->regs->base + u->offset + ((size_t)n << u->shift);

	switch (u->width) {
	case 1:
		mmio_write8(p, value);
		break;
	case 2:
		mmio_write16(p, value);
		break;
	default:
		mmio_write32(p, value);
	}
}

static void count(uint32_t *n, uint8_t bit)
{
	if (bit)
		__atomic_fetch_add(n, 1, __ATOMIC_RELAXED);
}

static uint8_t line_status(struct uart *u)
{
	uint8_t lsr = get_register(u, LSR);

	if (lsr & (LSR_OE | LSR_PE | LSR_FE | LSR_BI)) {
		count(&u->errors.overruns, lsr & LSR_OE);
		count(&u->errors.parity, lsr & LSR_PE);
		count(&u->errors.framing, lsr & LSR_FE);
		count(&u->errors.breaks, lsr & LSR_BI);
	}
	return lsr;
}

static bool ready(struct uart *u)
{
	return line_status(u) & LSR_THRE;
}

static void put(struct uart *u, uint8_t byte)
{
	set_register(u, THR, byte);
}

static int get(struct uart *u)
{
	if (!(line_status(u) & LSR_DR))
		return -1;
	return get_register(u, RBR);
}

static void listen(struct uart *u, bool on)
{
	uint8_t keep = u->quirks & NS16550_UUE ? IER_UUE : 0;

	set_register(u, IER,
		     (get_register(u, IER) & keep) | (on ? IER_RECEIVED : 0));
}

/* A DW may raise a time-out with no byte to show for it, which only reading one
 * ends; and busy detect, if something wrote to LCR at the wrong time. */
static bool settle(struct uart *u)
{
	uint8_t cause = get_register(u, IIR) & IIR_CAUSE;

	if (cause == IIR_NONE)
		return false;
	if (cause == IIR_BUSY && u->quirks & NS16550_DW)
		get_register(u, USR);
	else if (cause == IIR_TIMEOUT && !(line_status(u) & LSR_DR))
		get_register(u, RBR);
	return (get_register(u, IIR) & IIR_CAUSE) == IIR_NONE;
}

static bool wait_idle(const struct uart *u)
{
	for (unsigned polls = 0; polls < UART_MAX_POLLS; polls++)
		if (!(get_register(u, USR) & USR_BUSY))
			return true;
	return false;
}

/* With DLAB set, data and IER would go into the divisor. The only write to LCR
 * there is; returns whether the bit is clear now. */
static bool close_divisor_latch(const struct uart *u)
{
	uint8_t lcr = get_register(u, LCR);

	if (!(lcr & LCR_DLAB))
		return true;
	if (u->quirks & NS16550_DW && !wait_idle(u))
		return false;
	set_register(u, LCR, lcr & (uint8_t)~LCR_DLAB);
	return !(get_register(u, LCR) & LCR_DLAB);
}

bool uart_ns16550_setup(struct uart *u)
{
	static const struct uart_ops ops = {ready, put, get, listen, settle};

	u->ops = &ops;
	u->console.errors = &u->errors;
	if (get_register(u, LSR) == NO_DEVICE)
		return false;
	if (!close_divisor_latch(u))
		return false;
	listen(u, false);
	if (u->quirks & NS16550_DW)
		get_register(u, USR); /* ends a busy detect left behind */
	return true;
}
