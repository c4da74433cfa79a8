/*
 * The console's input, with a device that hands out what it is told and interrupts
 * when a test says so. I1 and I2 are those of kernel/console_input.c.
 */
#include <string.h>

#include <arch/cpu.h>
#include <kernel/console_input.h>
#include <kernel/ktest.h>
#include <kernel/time.h>
#include <lib/bits.h>

#define CTRL_C 3

struct fake {
	struct console_device device;
	struct console_input in;
	struct console_errors errors;
	const struct console_device *before;
	uint8_t byte; /* the next one */
	uint64_t
		queued; /* bytes that there are; each is one more than the last */
	bool listens, settles;
	int always; /* the one byte that it has, without end; 0: not so */
	unsigned written;
};

static struct fake *fake_of(const struct console_device *d)
{
	return container_of((struct console_device *)d, struct fake, device);
}

static void fake_write(const struct console_device *d, const char *s, size_t n)
{
	(void)s;
	fake_of(d)->written += (unsigned)n;
}

static int fake_getc(const struct console_device *d)
{
	struct fake *f = fake_of(d);

	if (f->always)
		return f->always;
	if (!f->queued)
		return -1;
	f->queued--;
	return f->byte++;
}

static void fake_listen(const struct console_device *d, bool on)
{
	fake_of(d)->listens = on;
}

static bool fake_settle(const struct console_device *d)
{
	return fake_of(d)->settles;
}

/* It becomes the console; its bytes count up from 0, so that ^C is among them. */
static struct fake *begin(bool interrupts)
{
	struct fake *f = ktest_alloc(sizeof(*f));

	if (!f)
		return NULL;
	f->device = (struct console_device){.name = "fake",
					    .write = fake_write,
					    .getc = fake_getc,
					    .input = &f->in};
	if (interrupts) {
		f->device.listen = fake_listen;
		f->device.settle = fake_settle;
		f->device.errors = &f->errors;
	}
	f->before = console_current();
	console_set(&f->device);
	if (interrupts)
		console_input_interrupts(&f->device, true);
	return f;
}

/* Back to the real console, before any EXPECT. */
static void end(const struct fake *f)
{
	console_set(f->before);
}

static unsigned read_all(char *to, unsigned most)
{
	unsigned n = 0;
	int c;

	while (n < most && (c = console_getc()) >= 0)
		to[n++] = (char)c;
	return n;
}

static void type(struct fake *f, uint8_t first, unsigned n)
{
	f->byte = first;
	f->queued = n;
	if (f->in.irq)
		console_input_raised(&f->device);
}

/* I1: ^C takes back what was typed before, and is seen where it is looked for; what
 * comes behind it stays. */
static void cooked(bool interrupts)
{
	struct fake *f = begin(interrupts);
	bool hit[3];
	char left[8] = "";
	unsigned n[3];

	REQUIRE(f);
	type(f, 'x', 2);
	hit[0] = console_interrupted();
	type(f, 0, 6); /* 0 1 2 ^C 4 5 */
	hit[1] = console_interrupted();
	hit[2] = console_interrupted();
	n[0] = read_all(left, 8);
	type(f, CTRL_C - 1, 2);
	n[1] = read_all(left + 4, 4);
	n[2] = read_all(left, 8);
	end(f);
	EXPECT(!hit[0] && hit[1] && !hit[2]);
	EXPECT_EQ(n[0], 2);
	EXPECT_EQ(left[0], 4);
	EXPECT_EQ(left[1], 5);
	EXPECT_EQ(n[1], 1);
	EXPECT_EQ(left[4], CTRL_C);
	EXPECT_EQ(n[2], 0);
}

KTEST(console, interrupt_takes_back_what_was_typed)
{
	cooked(false);
	cooked(true);
}

KTEST(console, raw_mode_passes_all_bytes)
{
	struct fake *f = begin(true);
	bool hit[2];
	char left[8];
	unsigned sum = 0, n;

	REQUIRE(f);
	console_raw(true);
	type(f, 0, 256);
	hit[0] = console_interrupted();
	for (unsigned i = 0; i < 256; i++)
		sum += (unsigned)console_getc() == i;
	/* What is left when it ends is as if typed: 0 1 2 ^C 4. */
	type(f, 0, 5);
	console_raw(false);
	hit[1] = console_interrupted();
	n = read_all(left, 8);
	end(f);
	EXPECT_EQ(sum, 256);
	EXPECT(!hit[0] && hit[1]);
	EXPECT_EQ(n, 1);
	EXPECT_EQ(left[0], 4);
}

/* Full means: nothing is taken, the port does not interrupt, until half is read. */
KTEST(console, full_ring_takes_no_more)
{
	struct fake *f = begin(true);
	unsigned good = 0, when = 0;
	uint64_t held;
	bool quiet, listens;

	REQUIRE(f);
	console_raw(true);
	for (unsigned i = 0; i < CONSOLE_RING - 16; i += 16)
		type(f, (uint8_t)i, 16);
	f->queued = 6;
	console_input_raised(&f->device);
	type(f, (uint8_t)-10, 1010);
	held = f->queued;
	quiet = !f->listens;
	console_interrupted(); /* looks, in vain */
	held = held == f->queued ? held : 0;
	for (unsigned i = 0; i < CONSOLE_RING + 1000; i++) {
		good += console_getc() == (uint8_t)i;
		when = when || f->queued == held ? when : i;
	}
	console_getc();
	listens = f->listens;
	end(f);
	EXPECT_EQ(held, 1000);
	EXPECT(quiet);
	EXPECT_EQ(when, CONSOLE_RING / 2);
	EXPECT(listens);
	EXPECT_EQ(good, CONSOLE_RING + 1000);
	EXPECT_EQ(f->in.high, CONSOLE_RING);
	EXPECT_EQ(f->in.throttles, 1);
}

/* I2: one that never ends keeps nobody, whatever it sends. */
KTEST(console, endless_input)
{
	static const uint8_t bytes[] = {CTRL_C, 0xff};
	unsigned quiet = 0, good = 0, again = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(bytes); i++) {
		struct fake *f = begin(true);

		REQUIRE(f);
		f->always = bytes[i];
		console_input_raised(&f->device);
		for (unsigned n = 0; n < 10000; n++) {
			quiet += !f->listens;
			good += console_getc() == bytes[i];
		}
		f->always = 0;
		while (console_getc() >= 0)
			;
		again += f->listens;
		end(f);
	}
	EXPECT_EQ(quiet, 20000);
	EXPECT_EQ(good, 20000);
	EXPECT_EQ(again, 2);
}

/* Whose interrupt was it? One that finds nothing was the device's if others took
 * its bytes since, or if it had something else to end. */
KTEST(console, handler_knows_its_own)
{
	struct fake *f = begin(true);
	bool mine[5];
	uint64_t flags;

	REQUIRE(f);
	mine[0] = console_input_raised(&f->device);
	f->queued = 1;
	mine[1] = console_input_raised(&f->device);
	f->queued = 1;
	flags = arch_irq_save();
	console_input_take(&f->device);
	arch_irq_restore(flags);
	mine[2] = console_input_raised(&f->device);
	mine[3] = console_input_raised(&f->device);
	f->settles = true;
	mine[4] = console_input_raised(&f->device);
	end(f);
	EXPECT(!mine[0] && mine[1] && mine[2] && !mine[3] && mine[4]);
}

/* Bytes and no interrupts: it is noticed within a second, said once, and polled
 * from then on. */
KTEST(console, interrupt_that_never_comes)
{
	struct fake *f = begin(true);
	uint64_t end_at = arch_time() + time_ticks(1000000);
	unsigned said, silent, got = 0;
	bool listens, gave_up;

	REQUIRE(f);
	while (!f->in.gave_up && arch_time() < end_at) {
		f->queued = 1;
		while (f->queued && arch_time() < end_at)
			got += console_getc() >= 0;
	}
	listens = f->listens;
	gave_up = f->in.gave_up && !f->in.irq;
	console_wait(0);
	said = f->written;
	console_wait(0);
	silent = f->written;
	f->queued = 1;
	got += console_getc() >= 0;
	end(f);
	EXPECT(gave_up && !listens);
	EXPECT(said > 0);
	EXPECT_EQ(silent, said);
	EXPECT(got >= 3);
	EXPECT_EQ(f->queued, 0);
}

KTEST(console, overruns_are_told_once_they_are_over)
{
	struct fake *f = begin(true);
	unsigned said[3];

	REQUIRE(f);
	console_wait(0);
	said[0] = f->written;
	f->errors.overruns = 7;
	console_wait(0);
	said[1] = f->written;
	console_wait(0);
	said[2] = f->written;
	end(f);
	EXPECT_EQ(said[0], 0);
	EXPECT(said[1] > 0);
	EXPECT_EQ(said[2], said[1]);
}
