/* The models of <uart_model.h>, by the ports' data sheets. */
#include <string.h>

#include <arch/firmware.h>
#include <kernel/ktest.h>

#include "uart_model.h"

static _Alignas(8) uint8_t window[UART_WINDOW];

struct mmio uart_window = {
	.base = window, .pa = 0x10000000, .size = UART_WINDOW};

static void begin(const struct io_model *model)
{
	io_model_set(window, sizeof(window), model);
}

void uart_model_end(void)
{
	io_model_set(NULL, 0, NULL);
}

/* --- a 16550 --- */

enum { RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR, USR = 31 };

/* Which register is that? -1, and a fault, when there is none. */
static int ns_register(struct ns *n, size_t offset, unsigned bits)
{
	size_t at = offset - n->offset;

	n->accesses++;
	if (n->accesses > UART_PATIENCE) {
		ktest_fail(__FILE__, __LINE__, "the driver never stops");
		arch_halt();
	}
	if (bits != n->bits || offset < n->offset ||
	    at & (((size_t)1 << n->shift) - 1) || at >> n->shift > USR) {
		n->faults++;
		return -1;
	}
	return (int)(at >> n->shift);
}

static bool has_byte(const struct ns *n)
{
	return n->queued || (n->input && *n->input);
}

static uint8_t ns_iir(const struct ns *n)
{
	if (n->wedged)
		return n->wedged;
	if (n->ier & 1 && n->queued && n->queued >= n->trigger)
		return 0xc4;
	if (n->ier & 1 && (n->phantom || (n->queued && n->line_idle)))
		return 0xcc;
	return n->dw && n->busy_detect ? 0xc7 : 0xc1;
}

bool ns_raised(const struct ns *n)
{
	return !(ns_iir(n) & 1) || n->busy_detect;
}

bool ns_arrive(struct ns *n, uint8_t byte)
{
	if (n->queued == n->depth) {
		n->errors |= 0x02;
		return false;
	}
	n->fifo[n->queued++] = byte;
	return true;
}

static uint8_t ns_receive(struct ns *n)
{
	uint8_t byte = n->fifo[0];

	if (n->input && *n->input)
		return (uint8_t)*n->input++;
	if (!n->queued) {
		n->faults += !n->phantom;
		n->phantom = false;
		return 0;
	}
	memmove(n->fifo, n->fifo + 1, --n->queued);
	return byte;
}

static uint8_t ns_lsr(struct ns *n)
{
	uint8_t lsr = has_byte(n) | n->errors;

	n->errors = 0;
	if (n->until_thre) {
		n->until_thre--;
		if (n->chatty && n->until_thre % n->chatty == 0)
			ns_arrive(n, n->next_byte++);
	}
	/* Without its unit enable bit an XScale port does nothing. */
	if (!n->dead && !n->until_thre && !(n->xscale && !(n->ier & 0x40)))
		lsr |= 0x20;
	/* A DW in programmable THRE mode means the opposite. */
	if (n->dw && n->ier & 0x80)
		lsr ^= 0x20;
	return lsr;
}

static uint64_t ns_read(void *ctx, size_t offset, unsigned bits)
{
	struct ns *n = ctx;
	int reg = ns_register(n, offset, bits);

	if (n->empty)
		return UINT64_MAX;
	switch (reg) {
	case RBR:
		return n->lcr & 0x80 ? n->dll : ns_receive(n);
	case IER:
		return n->ier;
	case IIR:
		return ns_iir(n);
	case LCR:
		return n->lcr;
	case LSR:
		/* What is above the eight bits is not defined. */
		return ns_lsr(n) | 0xabcdef00u;
	case USR:
		n->busy_detect = false;
		n->faults += !n->dw;
		if (!n->busy)
			return 0;
		n->busy--;
		return 1;
	}
	n->faults++;
	return 0;
}

static void ns_put(struct ns *n, uint8_t byte)
{
	if (n->lcr & 0x80) {
		n->dll = byte;
		n->faults++;
		return;
	}
	if (n->dead || n->until_thre) {
		n->faults++;
		return;
	}
	n->until_thre = n->slow;
	if (n->used < sizeof(n->output) - 1)
		n->output[n->used++] = (char)byte;
}

static void ns_write(void *ctx, size_t offset, unsigned bits, uint64_t v)
{
	struct ns *n = ctx;
	int reg = ns_register(n, offset, bits);

	if (n->empty) {
		n->faults++;
		return;
	}
	switch (reg) {
	case RBR:
		ns_put(n, (uint8_t)v);
		return;
	case IER:
		n->faults += n->lcr >> 7;
		n->ier = (uint8_t)v;
		return;
	case LCR:
		n->lcr_writes++;
		if (n->dw && n->busy) {
			n->busy_detect = true;
			n->faults++;
			return;
		}
		n->lcr = (uint8_t)v;
		return;
	}
	n->faults++; /* nothing else is to be touched */
}

const struct io_model *ns_begin(struct ns *n)
{
	static struct io_model model;

	model = (struct io_model){ns_read, ns_write, n};
	begin(&model);
	n->lcr = n->lcr ? n->lcr : 0x03;
	n->dll = 13;
	return &model;
}

/* --- SiFive's --- */

bool sifive_raised(const struct sifive *s)
{
	return s->ie & 2 && s->queued > (s->rxctrl >> 16 & 7);
}

bool sifive_arrive(struct sifive *s, uint8_t byte)
{
	if (!(s->rxctrl & 1) || s->queued == sizeof(s->fifo))
		return false;
	s->fifo[s->queued++] = byte;
	return true;
}

static uint32_t sifive_receive(struct sifive *s)
{
	uint8_t byte = s->fifo[0];

	if (s->rxctrl & 1 && s->input && *s->input)
		return (uint8_t)*s->input++;
	if (!s->queued)
		return 0x800000aau;
	memmove(s->fifo, s->fifo + 1, --s->queued);
	return byte;
}

static uint64_t sifive_read(void *ctx, size_t offset, unsigned bits)
{
	struct sifive *s = ctx;

	s->faults += bits != 32;
	switch (offset) {
	case 0x00:
		if (!s->until_room)
			return 0;
		s->until_room--;
		return 0x80000000u;
	case 0x04:
		return sifive_receive(s);
	case 0x08:
		return s->txctrl;
	case 0x0c:
		return s->rxctrl;
	case 0x10:
		return s->ie;
	case 0x14:
		return sifive_raised(s) ? 2 : 0;
	}
	s->faults++;
	return 0;
}

static void sifive_write(void *ctx, size_t offset, unsigned bits, uint64_t v)
{
	struct sifive *s = ctx;

	s->faults += bits != 32;
	switch (offset) {
	case 0x00:
		if (s->until_room || !(s->txctrl & 1)) {
			s->faults++;
			return;
		}
		s->until_room = s->slow;
		if (s->used < sizeof(s->output) - 1)
			s->output[s->used++] = (char)v;
		return;
	case 0x08:
		s->txctrl = (uint32_t)v;
		return;
	case 0x0c:
		s->rxctrl = (uint32_t)v;
		return;
	case 0x10:
		s->ie = (uint32_t)v;
		return;
	}
	s->faults++;
}

void sifive_begin(struct sifive *s)
{
	static struct io_model model;

	model = (struct io_model){sifive_read, sifive_write, s};
	begin(&model);
}
