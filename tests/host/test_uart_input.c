/*
 * Serial ports that interrupt, against their models: nothing is lost that the
 * port still has, whoever reads it; what it lost is counted; every request of its
 * is ended.
 */
#include <string.h>

#include <arch/cpu.h>
#include <kernel/console_input.h>
#include <kernel/ktest.h>
#include <lib/rng.h>

#include "uart_model.h"

static struct {
	struct uart uart;
	struct console_input in;
	const struct console_device *before;
} t;

static const struct uart_layout dw_layout = {2, 4, 0};

static bool begin(const char *compatible)
{
	if (!uart_setup(&t.uart, compatible, &uart_window, &dw_layout))
		return false;
	t.in = (struct console_input){0};
	t.uart.console.input = &t.in;
	t.before = console_current();
	console_set(&t.uart.console);
	console_raw(true);
	console_input_interrupts(&t.uart.console, true);
	return true;
}

static void end(void)
{
	console_input_interrupts(&t.uart.console, false);
	console_set(t.before);
	uart_model_end();
}

#define DW(...)                                                              \
	{                                                                    \
		.bits = 32, .shift = 2, .dw = true, .depth = 16, __VA_ARGS__ \
	}

static bool begin_dw(struct ns *n)
{
	ns_begin(n);
	return begin("snps,dw-apb-uart");
}

/* Serve it as long as it asks, at most `most` times; how often that was. */
static unsigned serve(const struct ns *n, unsigned most)
{
	unsigned times = 0;

	for (; times < most && ns_raised(n); times++)
		console_input_raised(&t.uart.console);
	return times;
}

/* A sender that is held back when the FIFO is full, as by RTS and CTS; a reader
 * that is now faster, now slower. */
static void random_arrivals(unsigned trigger)
{
	struct ns n = DW(.trigger = trigger);
	struct rng rng = rng_seed(ktest_seed());
	unsigned sent = 0, got = 0, wrong = 0;
	bool fast = false;

	REQUIRE(begin_dw(&n));
	for (uint64_t i = 0; i < ktest_ops(); i++) {
		if (rng_below(&rng, 20000) == 0)
			fast = !fast;
		if (n.queued < n.depth && rng_below(&rng, 4))
			ns_arrive(&n, (uint8_t)(sent++ * 7));
		n.line_idle = !rng_below(&rng, 4);
		if (!rng_below(&rng, 3))
			serve(&n, 1);
		for (unsigned k = fast ? 4 : 1; k && !rng_below(&rng, 2); k--) {
			int c = console_getc();

			if (c >= 0)
				wrong += c != (uint8_t)(got++ * 7);
		}
	}
	n.line_idle = true;
	for (unsigned idle = 0; idle < 2;) {
		int c = console_getc();

		idle = c < 0 && !serve(&n, 1) ? idle + 1 : 0;
		if (c >= 0)
			wrong += c != (uint8_t)(got++ * 7);
	}
	end();
	EXPECT_EQ(got, sent);
	EXPECT_EQ(wrong, 0);
	EXPECT_EQ(t.uart.errors.overruns, 0);
	EXPECT_EQ(n.faults, 0);
	if (ktest_ops() >= 100000)
		EXPECT(t.in.throttles > 0);
}

KTEST(uart_input, random_arrivals)
{
	random_arrivals(1);
	random_arrivals(14);
}

/* Reading LSR clears its errors: whoever does, counts them. */
KTEST(uart_input, every_overrun_is_counted)
{
	struct ns n = DW(.trigger = 1);

	REQUIRE(begin_dw(&n));
	for (unsigned i = 0; i < 18; i++)
		ns_arrive(&n, (uint8_t)i);
	console_puts("x");
	serve(&n, 1);
	for (unsigned i = 0; i < 17; i++)
		ns_arrive(&n, (uint8_t)i);
	serve(&n, 1);
	n.errors = 0x1c;
	ns_arrive(&n, 0);
	serve(&n, 1);
	end();
	EXPECT_EQ(t.uart.errors.overruns, 2);
	EXPECT_EQ(t.uart.errors.parity, 1);
	EXPECT_EQ(t.uart.errors.framing, 1);
	EXPECT_EQ(t.uart.errors.breaks, 1);
	EXPECT_EQ(t.in.bytes, 33);
}

/* What one port lost is told once; another counts from 0. */
KTEST(uart_input, overruns_are_reported_once)
{
	struct ns n = DW(.trigger = 1);

	REQUIRE(begin_dw(&n));
	t.in.reported = 5;
	console_wait(0);
	EXPECT_EQ(n.used, 0);
	t.uart.errors.overruns = 3;
	console_wait(0);
	EXPECT(n.used > 0);
	n.used = 0;
	console_wait(0);
	EXPECT_EQ(n.used, 0);
	end();
}

/* A DW asks for two things that have no byte: one look at each ends it. */
KTEST(uart_input, dw_phantom_time_out)
{
	struct ns n = DW(.phantom = true);

	REQUIRE(begin_dw(&n));
	EXPECT(console_input_raised(&t.uart.console));
	EXPECT(!ns_raised(&n));
	EXPECT(!console_input_raised(&t.uart.console));
	end();
	EXPECT_EQ(t.in.bytes, 0);
	EXPECT_EQ(n.faults, 0);
}

KTEST(uart_input, dw_busy_detect)
{
	struct ns n = DW(.trigger = 1);

	REQUIRE(begin_dw(&n));
	n.busy_detect = true;
	EXPECT(console_input_raised(&t.uart.console));
	EXPECT(!ns_raised(&n));
	/* Along with a byte, it takes two. */
	n.busy_detect = true;
	ns_arrive(&n, 'x');
	EXPECT(serve(&n, 10) <= 2);
	EXPECT(!ns_raised(&n));
	end();
	EXPECT_EQ(t.in.bytes, 1);
	EXPECT_EQ(n.lcr_writes, 0);
	EXPECT_EQ(n.faults, 0);
}

/* What it can't end it does not claim to have: kernel/irq.c must know. */
KTEST(uart_input, request_without_end)
{
	static const uint8_t causes[] = {0xc0, 0xc2, 0xc4, 0xc6, 0xc7, 0xcc};
	unsigned claimed = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(causes); i++) {
		struct ns n = DW(.wedged = causes[i]);

		REQUIRE(begin_dw(&n));
		claimed += console_input_raised(&t.uart.console);
		end();
	}
	EXPECT_EQ(claimed, 0);
}

/* Not until it is told to, and without the XScale's unit enable bit lost. */
KTEST(uart_input, interrupt_enable)
{
	struct ns n = {.bits = 32, .shift = 2, .xscale = true, .ier = 0x40};

	ns_begin(&n);
	REQUIRE(begin("intel,xscale-uart"));
	EXPECT_EQ(n.ier, 0x41);
	t.uart.console.listen(&t.uart.console, false);
	EXPECT_EQ(n.ier, 0x40);
	end();
	EXPECT_EQ(n.ier, 0x40);
}

/* Who writes a long line has interrupts off: bytes come all the same, one for two
 * that go, far more than fit into the FIFO. */
KTEST(uart_input, output_takes_input_while_it_waits)
{
	struct ns n = DW(.slow = 8, .chatty = 4);
	unsigned good = 0;
	uint8_t sent;

	REQUIRE(begin_dw(&n));
	console_puts("a line that is long enough for the FIFO to run over");
	sent = n.next_byte;
	serve(&n, 1);
	for (unsigned i = 0; i < sent; i++)
		good += console_getc() == (int)i;
	end();
	EXPECT(sent > 50);
	EXPECT_EQ(good, sent);
	EXPECT_EQ(t.uart.errors.overruns, 0);
	EXPECT_EQ(n.faults, 0);
}

KTEST(uart_input, sifive)
{
	struct sifive s = {.rxctrl = 0x70000};
	unsigned sent = 0, got = 0, wrong = 0;

	sifive_begin(&s);
	REQUIRE(begin("sifive,uart0"));
	EXPECT_EQ(s.ie, 2);
	/* One byte is enough. */
	for (unsigned i = 0; i < 20000; i++) {
		if (sifive_arrive(&s, (uint8_t)sent))
			sent++;
		if (sifive_raised(&s))
			console_input_raised(&t.uart.console);
		if (i % 3 == 0)
			wrong += console_getc() != (uint8_t)got++;
	}
	EXPECT(t.in.throttles > 0);
	while (got < sent) {
		wrong += console_getc() != (uint8_t)got++;
		if (sifive_raised(&s))
			console_input_raised(&t.uart.console);
	}
	end();
	EXPECT_EQ(wrong, 0);
	EXPECT_EQ(s.ie, 0);
	EXPECT_EQ(s.faults, 0);
}
