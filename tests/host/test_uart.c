/*
 * Serial drivers against models of the ports, strict ones: an access of a wrong
 * width or to a place where no register is, a byte written when there is no
 * room, a divisor touched: all are counted as faults.
 */
#include <string.h>

#include <arch/firmware.h>
#include <asm/io.h>
#include <drivers/uart.h>
#include <kernel/ktest.h>

#define WINDOW 0x1000

/* What a driver may take for a wait, and no more, in register accesses. */
#define PATIENCE 20000000u

static _Alignas(8) uint8_t window[WINDOW];

/* --- a 16550 --- */

enum { RBR, IER, FCR, LCR, MCR, LSR, MSR, SCR, USR = 31 };

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
	const char *input; /* bytes to receive */
	/* Its state. */
	uint8_t ier, lcr, dll;
	unsigned until_thre;
	bool busy_detect;
	unsigned lcr_writes;
	char output[64];
	size_t used;
	unsigned faults;
	uint64_t accesses;
};

/* Which register is that? -1, and a fault, when there is none. */
static int ns_register(struct ns *n, size_t offset, unsigned bits)
{
	size_t at = offset - n->offset;

	n->accesses++;
	if (n->accesses > PATIENCE) {
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

static uint8_t ns_lsr(struct ns *n)
{
	uint8_t lsr = n->input && *n->input ? 0x01 : 0;

	if (n->until_thre)
		n->until_thre--;
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
		if (n->lcr & 0x80)
			return n->dll;
		if (!n->input || !*n->input) {
			n->faults++;
			return 0;
		}
		return (uint8_t)*n->input++;
	case IER:
		return n->ier;
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

/* From now on `n` answers, until the next model takes its place. */
static void ns_begin(struct ns *n)
{
	static struct io_model model;

	model = (struct io_model){ns_read, ns_write, n};
	io_model_set(window, sizeof(window), &model);
	n->lcr = n->lcr ? n->lcr : 0x03;
	n->dll = 13;
}

/* Set up with the layout that the board has, as its tree would tell. */
static bool ns_setup(struct ns *n, struct uart *u, const char *compatible)
{
	struct uart_layout layout = {n->shift, n->bits / 8,
				     (uint32_t)n->offset};

	ns_begin(n);
	return uart_setup(u, compatible, window, sizeof(window), &layout);
}

/* Write, read, and be left as found. */
static void ns_exercise(struct ns *n, const char *compatible)
{
	struct uart u;
	const struct console_device *d = &u.console;

	n->input = "ok";
	n->ier = n->xscale ? 0x45 : n->dw ? 0x85 : 0x05;
	n->slow = 3;
	REQUIRE(ns_setup(n, &u, compatible));
	EXPECT_EQ(n->ier, n->xscale ? 0x40 : 0);
	d->write(d, "hello\r\n", 7);
	EXPECT_EQ(strcmp(n->output, "hello\r\n"), 0);
	EXPECT_EQ(d->getc(d), 'o');
	EXPECT_EQ(d->getc(d), 'k');
	EXPECT_EQ(d->getc(d), -1);
	EXPECT_EQ(n->lcr_writes, 0);
	EXPECT_EQ(n->dll, 13);
	EXPECT_EQ(n->faults, 0);
	io_model_set(NULL, 0, NULL);
}

KTEST(uart, ns16550_of_every_layout)
{
	ns_exercise(&(struct ns){.bits = 8}, "ns16550a");
	ns_exercise(&(struct ns){.bits = 8}, "ns16550");
	ns_exercise(&(struct ns){.bits = 8, .shift = 2}, "ns16550a");
	ns_exercise(&(struct ns){.bits = 16, .shift = 1}, "ns16550a");
	ns_exercise(&(struct ns){.bits = 32, .shift = 2}, "ns16550a");
	ns_exercise(&(struct ns){.bits = 32, .shift = 3}, "ns16550a");
	ns_exercise(&(struct ns){.bits = 32, .shift = 2, .offset = 0x100},
		    "ns16550a");
	ns_exercise(&(struct ns){.bits = 32, .shift = 2, .dw = true},
		    "snps,dw-apb-uart");
	ns_exercise(&(struct ns){.bits = 32, .shift = 2, .xscale = true},
		    "intel,xscale-uart");
}

KTEST(uart, layout_defaults_to_bytes)
{
	struct ns n = {.bits = 8};
	struct uart u;

	ns_begin(&n);
	EXPECT(uart_setup(&u, "ns16550a", window, 8, &(struct uart_layout){0}));
	EXPECT_EQ(n.faults, 0);
}

/* The checks of the model itself: each must see the mistake it is there for. */
KTEST(uart, model_sees_a_wrong_layout)
{
	static const struct uart_layout wrong[] = {
		{0, 1, 0}, {2, 1, 0}, {2, 2, 0}, {3, 4, 0}, {2, 4, 4}};

	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct ns n = {.bits = 32, .shift = 2};
		struct uart u;

		ns_begin(&n);
		uart_setup(&u, "ns16550a", window, WINDOW, &wrong[i]);
		EXPECT(n.faults > 0);
	}
}

KTEST(uart, senseless_layouts_are_refused_untouched)
{
	static const struct {
		struct uart_layout layout;
		size_t size;
		size_t skew;
	} bad[] = {
		{{0, 3, 0}, WINDOW, 0},	     {{0, 8, 0}, WINDOW, 0},
		{{0, 4, 0}, WINDOW, 0},	     {{1, 4, 0}, WINDOW, 0},
		{{0, 2, 0}, WINDOW, 0},	     {{5, 4, 0}, WINDOW, 0},
		{{64, 4, 0}, WINDOW, 0},     {{2, 4, 2}, WINDOW, 0},
		{{2, 4, 0}, WINDOW - 8, 2},  {{2, 4, 0xfffffffc}, WINDOW, 0},
		{{2, 4, WINDOW}, WINDOW, 0}, {{0, 1, 0}, 5, 0},
		{{2, 4, 0}, 23, 0},	     {{2, 4, 8}, 31, 0},
		{{0xffffffff, 4, 0}, 64, 0},
	};
	struct ns n = {.bits = 32, .shift = 2};
	struct uart u;

	ns_begin(&n);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		if (uart_setup(&u, "ns16550a", window + bad[i].skew,
			       bad[i].size, &bad[i].layout))
			ktest_fail(__FILE__, __LINE__, "layout %u", i);
	EXPECT(!uart_setup(&u, "snps,dw-apb-uart", window, 0x7f,
			   &(struct uart_layout){2, 4, 0}));
	EXPECT(!uart_setup(&u, "ns8250", window, WINDOW,
			   &(struct uart_layout){0}));
	EXPECT_EQ(n.accesses, 0);
	EXPECT(uart_supports("ns16550a") && uart_supports("sifive,uart0"));
	EXPECT(!uart_supports("ns16550ab") && !uart_supports(""));
}

KTEST(uart, no_port_there)
{
	struct ns n = {.bits = 8, .empty = true};
	struct uart u;

	EXPECT(!ns_setup(&n, &u, "ns16550a"));
	EXPECT_EQ(n.faults, 0);
}

/* LCR is written only to close the divisor latch, and not while busy. */
KTEST(uart, dw_busy_while_latch_is_open)
{
	struct ns n = {
		.bits = 32, .shift = 2, .dw = true, .busy = 500, .lcr = 0x83};
	struct uart u;

	REQUIRE(ns_setup(&n, &u, "snps,dw-apb-uart"));
	EXPECT_EQ(n.lcr, 0x03);
	EXPECT_EQ(n.dll, 13);
	EXPECT_EQ(n.faults, 0);
	EXPECT(!n.busy_detect);
}

KTEST(uart, dw_busy_for_ever)
{
	struct ns n = {.bits = 32,
		       .shift = 2,
		       .dw = true,
		       .busy = PATIENCE * 2,
		       .lcr = 0x83};
	struct uart u;

	EXPECT(!ns_setup(&n, &u, "snps,dw-apb-uart"));
	EXPECT_EQ(n.faults, 0);
}

KTEST(uart, busy_detect_left_behind_is_ended)
{
	struct ns n = {.bits = 32, .shift = 2, .dw = true, .busy_detect = true};
	struct uart u;

	REQUIRE(ns_setup(&n, &u, "snps,dw-apb-uart"));
	EXPECT(!n.busy_detect);
	EXPECT_EQ(n.faults, 0);
}

KTEST(uart, dead_port_is_waited_for_once)
{
	struct ns n = {.bits = 8, .dead = true};
	struct uart u;
	uint64_t first;

	REQUIRE(ns_setup(&n, &u, "ns16550a"));
	u.console.write(&u.console, "x", 1);
	first = n.accesses;
	EXPECT(first > 1000000);
	for (unsigned i = 0; i < 100; i++)
		u.console.write(&u.console, "0123456789", 10);
	EXPECT(n.accesses - first <= 2000);
	/* It comes back: nothing is dropped from then on. */
	n.dead = false;
	n.slow = 100;
	u.console.write(&u.console, "back again", 10);
	EXPECT_EQ(strcmp(n.output, "back again"), 0);
	EXPECT_EQ(n.faults, 0);
}

/* --- SiFive's --- */

struct sifive {
	uint32_t txctrl, rxctrl, ie;
	unsigned slow, until_room;
	const char *input;
	char output[16];
	size_t used;
	unsigned faults;
};

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
		if (!*s->input || !(s->rxctrl & 1))
			return 0x800000aau;
		return (uint8_t)*s->input++;
	case 0x08:
		return s->txctrl;
	case 0x0c:
		return s->rxctrl;
	case 0x10:
		return s->ie;
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

KTEST(uart, sifive)
{
	struct sifive s = {.txctrl = 0x10002,
			   .rxctrl = 0x30000,
			   .ie = 3,
			   .slow = 5,
			   .input = "y\xff"};
	struct io_model model = {sifive_read, sifive_write, &s};
	const struct uart_layout ignored = {7, 9, 0};
	struct uart u;
	const struct console_device *d = &u.console;

	io_model_set(window, sizeof(window), &model);
	EXPECT(!uart_setup(&u, "sifive,uart0", window, 0x13, &ignored));
	REQUIRE(uart_setup(&u, "sifive,uart0", window, 0x1c, &ignored));
	EXPECT_EQ(s.txctrl, 0x10003);
	EXPECT_EQ(s.rxctrl, 0x30001);
	EXPECT_EQ(s.ie, 0);
	d->write(d, "hello\xfe", 6);
	EXPECT_EQ(strcmp(s.output, "hello\xfe"), 0);
	EXPECT_EQ(d->getc(d), 'y');
	EXPECT_EQ(d->getc(d), 0xff);
	EXPECT_EQ(d->getc(d), -1);
	EXPECT_EQ(s.faults, 0);
	/* Full for ever. */
	s.until_room = PATIENCE;
	d->write(d, "xxx", 3);
	EXPECT(s.until_room > 0);
	EXPECT_EQ(s.faults, 0);
	io_model_set(NULL, 0, NULL);
}
