/*
 * Busy detect of a Synopsys port, provoked: LCR is written, with what it holds,
 * while a byte is on its way. The port drops the write and interrupts until USR is
 * read (DW_apb_uart databook, LCR and IIR). Registers are 32 bits wide, 4 bytes
 * apart. Also built natively, over a model of the port.
 */
#pragma once

#include <arch/io.h>

#define DW_IIR 0x08
#define DW_LCR 0x0c
#define DW_USR 0x7c

#define DW_BUSY 0x07u /* of IIR's lowest four bits */

static inline bool dw_asks_for_busy(const volatile uint8_t *base)
{
	return (mmio_read32(base + DW_IIR) & 0xf) == DW_BUSY;
}

/* Interrupts are off, a byte was just written. Does the port ask now? */
static inline bool dw_provoke_busy(volatile uint8_t *base)
{
	mmio_write32(base + DW_LCR, mmio_read32(base + DW_LCR));
	return dw_asks_for_busy(base);
}

/* The way out of it, for whoever has no driver that takes it. */
static inline bool dw_end_busy(const volatile uint8_t *base)
{
	mmio_read32(base + DW_USR);
	return !dw_asks_for_busy(base);
}
