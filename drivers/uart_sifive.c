/*
 * SiFive's serial port (FU540-C000 manual, chapter 13): 32-bit registers at
 * multiples of 4. Reading RXDATA takes the byte out of the FIFO; TXDATA can be
 * read without effect. There is no way to know of bytes that did not fit into the
 * FIFO, of 8: they are lost in silence.
 */
#include <arch/io.h>

#include "uart_internal.h"

enum { TXDATA = 0x00, RXDATA = 0x04, TXCTRL = 0x08, RXCTRL = 0x0c, IE = 0x10 };

#define TXDATA_FULL  (1u << 31)
#define RXDATA_EMPTY (1u << 31)
#define CTRL_ENABLE  1u		/* of TXCTRL and RXCTRL */
#define RXCTRL_LEVEL (7u << 16) /* interrupt above so many bytes */
#define IE_RECEIVED  2u

static bool ready(struct uart *u)
{
	return !(mmio_read32(u->regs->base + TXDATA) & TXDATA_FULL);
}

static void put(struct uart *u, uint8_t byte)
{
	mmio_write32(u->regs->base + TXDATA, byte);
}

static int get(struct uart *u)
{
	uint32_t data = mmio_read32(u->regs->base + RXDATA);

	return data & RXDATA_EMPTY ? -1 : (int)(data & 0xff);
}

static void listen(struct uart *u, bool on)
{
	mmio_write32(u->regs->base + IE, on ? IE_RECEIVED : 0);
}

static void enable(const struct uart *u, size_t ctrl, uint32_t clear)
{
	volatile uint8_t *p = u->regs->base + ctrl;

	mmio_write32(p, (mmio_read32(p) & ~clear) | CTRL_ENABLE);
}

bool uart_sifive_setup(struct uart *u)
{
	static const struct uart_ops ops = {ready, put, get, listen, NULL};

	u->ops = &ops;
	listen(u, false);
	enable(u, TXCTRL, 0);
	enable(u, RXCTRL, RXCTRL_LEVEL);
	return true;
}
