/* What the serial drivers share with uart.c. */
#pragma once

#include <drivers/uart.h>

/* Polls until a wait is given up. A register read takes some 100 ns, so this is
 * half a second or more; 16 bytes at 9600 baud, the slowest that a FIFO should
 * take to drain, are 17 ms. */
#define UART_MAX_POLLS 5000000u

struct uart_ops {
	/* Does the port take a byte now? */
	bool (*ready)(struct uart *u);
	/* Send a byte; the port is ready. */
	void (*put)(struct uart *u, uint8_t byte);
	/* The next byte received, -1 when there is none. */
	int (*get)(struct uart *u);
	/* Interrupt when there is one, or don't. */
	void (*listen)(struct uart *u, bool on);
	/* As struct console_device has it; NULL: there is nothing else. */
	bool (*settle)(struct uart *u);
};

/* Peculiarities of the relatives of the 16550. */
#define NS16550_DW  (1u << 0) /* Synopsys: USR; drops LCR writes if busy */
#define NS16550_UUE (1u << 1) /* XScale: IER has a bit to enable the port */

/* Both expect all but `ops` to be set, and fill in the rest. They return false
 * when no port answers. */
bool uart_ns16550_setup(struct uart *u);
bool uart_sifive_setup(struct uart *u);
