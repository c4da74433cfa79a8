/*
 * SiFive's serial port (FU540-C000 manual, chapter 13): 32-bit registers at
 * multiples of 4. Reading RXDATA takes the byte out of the FIFO; TXDATA can be
 * read without effect.
 */
#include <arch/io.h>

#include "uart_internal.h"

enum { TXDATA = 0x00, RXDATA = 0x04, TXCTRL = 0x08, RXCTRL = 0x0c, IE = 0x10 };

#define TXDATA_FULL  (1u << 31)
#define RXDATA_EMPTY (1u << 31)
#define CTRL_ENABLE  1u /* of TXCTRL and RXCTRL */

static bool ready(const struct uart *u)
{
	return !(mmio_read32(u->registers + TXDATA) & TXDATA_FULL);
}

static void put(const struct uart *u, uint8_t byte)
{
	mmio_write32(u->registers + TXDATA, byte);
}

static int get(const struct uart *u)
{
	uint32_t data = mmio_read32(u->registers + RXDATA);

	return data & RXDATA_EMPTY ? -1 : (int)(data & 0xff);
}

static void enable(const struct uart *u, size_t ctrl)
{
	mmio_write32(u->registers + ctrl,
		     mmio_read32(u->registers + ctrl) | CTRL_ENABLE);
}

bool uart_sifive_setup(struct uart *u, unsigned quirks)
{
	static const struct uart_ops ops = {ready, put, get};

	(void)quirks;
	u->ops = &ops;
	mmio_write32(u->registers + IE, 0);
	enable(u, TXCTRL);
	enable(u, RXCTRL);
	return true;
}
