/*
 * The 16550 and its relatives (National PC16550D data sheet, section 8;
 * Synopsys DW_apb_uart databook, register descriptions). Registers used:
 *
 *	0 RBR/THR  data in and out, while LCR.DLAB is 0
 *	1 IER      interrupts; 0 also puts LSR.THRE of a DW with programmable
 *		   THRE mode back to its plain meaning
 *	3 LCR      line format; only its DLAB bit is of interest
 *	5 LSR      line status
 *	31 USR     DW only: BUSY. A write to LCR is lost while it is set and
 *		   raises a "busy detect" interrupt, which reading USR ends.
 *
 * THRE says that the transmit FIFO, if there is one and it is on, is empty: a
 * byte per poll is safe with any FIFO state that the firmware left.
 */
#include <arch/io.h>

#include "uart_internal.h"

enum { RBR = 0, THR = 0, IER = 1, LCR = 3, LSR = 5, USR = 31 };

#define IER_UUE	  0x40u
#define LCR_DLAB  0x80u
#define LSR_DR	  0x01u
#define LSR_THRE  0x20u
#define USR_BUSY  0x01u
#define NO_DEVICE 0xffu /* what an empty bus reads */

static uint8_t get_register(const struct uart *u, unsigned n)
{
	const volatile uint8_t *p = u->registers + ((size_t)n << u->shift);

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
	volatile uint8_t *p = u->registers + ((size_t)n << u->shift);

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

static bool ready(const struct uart *u)
{
	return get_register(u, LSR) & LSR_THRE;
}

static void put(const struct uart *u, uint8_t byte)
{
	set_register(u, THR, byte);
}

static int get(const struct uart *u)
{
	if (!(get_register(u, LSR) & LSR_DR))
		return -1;
	return get_register(u, RBR);
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
static bool close_divisor_latch(const struct uart *u, bool dw)
{
	uint8_t lcr = get_register(u, LCR);

	if (!(lcr & LCR_DLAB))
		return true;
	if (dw && !wait_idle(u))
		return false;
	set_register(u, LCR, lcr & (uint8_t)~LCR_DLAB);
	return !(get_register(u, LCR) & LCR_DLAB);
}

bool uart_ns16550_setup(struct uart *u, unsigned quirks)
{
	static const struct uart_ops ops = {ready, put, get};
	uint8_t keep = quirks & NS16550_UUE ? IER_UUE : 0;

	u->ops = &ops;
	if (get_register(u, LSR) == NO_DEVICE)
		return false;
	if (!close_divisor_latch(u, quirks & NS16550_DW))
		return false;
	set_register(u, IER, get_register(u, IER) & keep);
	if (quirks & NS16550_DW)
		get_register(u, USR); /* ends a busy detect left behind */
	return true;
}
