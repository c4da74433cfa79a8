/* Serial drivers against models of the ports. */
#include <string.h>

#include <kernel/ktest.h>

#include "uart_model.h"

/* A part of the window. */
static struct mmio *part(size_t skew, size_t size)
{
	static struct mmio m;

	m = (struct mmio){.base = uart_window.base + skew, .size = size};
	return &m;
}

/* Set up with the layout that the board has, as its tree would tell. */
static bool ns_setup(struct ns *n, struct uart *u, const char *compatible)
{
	struct uart_layout layout = {n->shift, n->bits / 8,
				     (uint32_t)n->offset};

	ns_begin(n);
	return uart_setup(u, compatible, &uart_window, &layout);
}

/* Write, read, and be left as found. */
static void ns_exercise(struct ns *n, const char *compatible)
{
	struct uart u;
	const struct console_device *d = &u.console;

	n->ier = n->xscale ? 0x45 : n->dw ? 0x85 : 0x05;
	n->slow = 3;
	REQUIRE(ns_setup(n, &u, compatible));
	EXPECT_EQ(n->ier, n->xscale ? 0x40 : 0);
	d->write(d, "hello\r\n", 7);
	EXPECT_EQ(strcmp(n->output, "hello\r\n"), 0);
	n->input = "ok"; /* not before: output that waits takes input */
	EXPECT_EQ(d->getc(d), 'o');
	EXPECT_EQ(d->getc(d), 'k');
	EXPECT_EQ(d->getc(d), -1);
	EXPECT_EQ(n->lcr_writes, 0);
	EXPECT_EQ(n->dll, 13);
	EXPECT_EQ(n->faults, 0);
	uart_model_end();
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
	EXPECT(uart_setup(&u, "ns16550a", part(0, 8),
			  &(struct uart_layout){0}));
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
		uart_setup(&u, "ns16550a", &uart_window, &wrong[i]);
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
		{{0, 3, 0}, UART_WINDOW, 0},
		{{0, 8, 0}, UART_WINDOW, 0},
		{{0, 4, 0}, UART_WINDOW, 0},
		{{1, 4, 0}, UART_WINDOW, 0},
		{{0, 2, 0}, UART_WINDOW, 0},
		{{5, 4, 0}, UART_WINDOW, 0},
		{{64, 4, 0}, UART_WINDOW, 0},
		{{2, 4, 2}, UART_WINDOW, 0},
		{{2, 4, 0}, UART_WINDOW - 8, 2},
		{{2, 4, 0xfffffffc}, UART_WINDOW, 0},
		{{2, 4, UART_WINDOW}, UART_WINDOW, 0},
		{{0, 1, 0}, 5, 0},
		{{2, 4, 0}, 23, 0},
		{{2, 4, 8}, 31, 0},
		{{0xffffffff, 4, 0}, 64, 0},
	};
	struct ns n = {.bits = 32, .shift = 2};
	struct uart u;

	ns_begin(&n);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		if (uart_setup(&u, "ns16550a", part(bad[i].skew, bad[i].size),
			       &bad[i].layout))
			ktest_fail(__FILE__, __LINE__, "layout %u", i);
	EXPECT(!uart_setup(&u, "snps,dw-apb-uart", part(0, 0x7f),
			   &(struct uart_layout){2, 4, 0}));
	EXPECT(!uart_setup(&u, "ns8250", &uart_window,
			   &(struct uart_layout){0}));
	EXPECT_EQ(n.accesses, 0);
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
		       .busy = UART_PATIENCE * 2,
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

KTEST(uart, sifive)
{
	struct sifive s = {
		.txctrl = 0x10002, .rxctrl = 0x30000, .ie = 3, .slow = 5};
	const struct uart_layout ignored = {7, 9, 0};
	struct uart u;
	const struct console_device *d = &u.console;

	sifive_begin(&s);
	EXPECT(!uart_setup(&u, "sifive,uart0", part(0, 0x17), &ignored));
	REQUIRE(uart_setup(&u, "sifive,uart0", part(0, 0x1c), &ignored));
	EXPECT_EQ(s.txctrl, 0x10003);
	EXPECT_EQ(s.rxctrl, 1);
	EXPECT_EQ(s.ie, 0);
	d->write(d, "hello\xfe", 6);
	EXPECT_EQ(strcmp(s.output, "hello\xfe"), 0);
	s.input = "y\xff";
	EXPECT_EQ(d->getc(d), 'y');
	EXPECT_EQ(d->getc(d), 0xff);
	EXPECT_EQ(d->getc(d), -1);
	EXPECT_EQ(s.faults, 0);
	/* Full for ever. */
	s.until_room = UART_PATIENCE;
	d->write(d, "xxx", 3);
	EXPECT(s.until_room > 0);
	EXPECT_EQ(s.faults, 0);
	uart_model_end();
}
