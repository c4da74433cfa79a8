/*
 * Models of serial ports, strict ones: an access of a wrong width or to a place
 * where no register is, a byte written when there is no room, a divisor or a FIFO
 * touched: all are counted as faults.
 */
#pragma once

#include <asm/io.h>
#include <drivers/uart.h>

#define UART_WINDOW   0x1000
#define UART_PATIENCE 20000000u /* accesses that any driver may take */

extern struct mmio uart_window; /* where the model is that was begun */

#define UART_FIFO 64

struct ns {
	/* The board: where its registers are, how they want to be accessed. */
	unsigned shift;
	unsigned bits;
	size_t offset;
	bool dw;
	bool xscale;
	bool dead;	   /* never takes a byte */
	bool empty;	   /* nothing is there: all ones */
	unsigned slow;	   /* polls until THRE is set again */
	unsigned busy;	   /* reads of USR until it is idle */
	const char *input; /* bytes to receive, whenever they are wanted */
	unsigned depth;	   /* of the FIFO for those that come by ns_arrive */
	unsigned trigger;  /* bytes in there that interrupt */
	unsigned chatty;   /* polls of a port that sends per byte that comes */
	/* Its state. */
	uint8_t ier, lcr, dll;
	unsigned until_thre;
	bool busy_detect;
	bool phantom;	/* a time-out with no byte */
	uint8_t wedged; /* what IIR says, whatever is done; 0: not so */
	bool line_idle;
	uint8_t fifo[UART_FIFO];
	unsigned queued;
	uint8_t errors; /* in LSR, until it is read */
	uint8_t next_byte;
	unsigned lcr_writes;
	char output[64];
	size_t used;
	unsigned faults;
	uint64_t accesses;
};

/* From now on `n` answers in uart_window, until the next model takes its place; or
 * wherever one adds the model, of UART_WINDOW bytes. */
const struct io_model *ns_begin(struct ns *n);

/* A byte comes in; false: there was no room, and it is an overrun. */
bool ns_arrive(struct ns *n, uint8_t byte);

/* Does it interrupt? */
bool ns_raised(const struct ns *n);

struct sifive {
	uint32_t txctrl, rxctrl, ie;
	unsigned slow, until_room;
	const char *input;
	uint8_t fifo[8];
	unsigned queued;
	char output[16];
	size_t used;
	unsigned faults;
};

void sifive_begin(struct sifive *s);
bool sifive_arrive(struct sifive *s, uint8_t byte);
bool sifive_raised(const struct sifive *s);

void uart_model_end(void);
