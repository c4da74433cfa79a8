/* Time and the command that waits for it, by the host's clock of 1 GHz. */
#include <kernel/console_input.h>
#include <kernel/ktest.h>
#include <kernel/shell.h>
#include <kernel/time.h>

static const struct console_device *before;

static void quiet(const struct console_device *d, const char *s, size_t n)
{
	(void)d;
	(void)s;
	(void)n;
}

static int interrupt(const struct console_device *d)
{
	(void)d;
	return 3;
}

KTEST(time, sleep_waits_and_ends_on_interrupt)
{
	static struct console_input in;
	static const struct console_device impatient = {.name = "impatient",
							.write = quiet,
							.getc = interrupt,
							.input = &in};
	uint64_t start;
	int status;

	before = console_current();
	console_set(&impatient);
	time_init(0);
	status = shell_execute("sleep 1");
	EXPECT_EQ(status, 1);
	EXPECT_EQ(time_us(), 0);

	time_init(1000000000);
	start = time_us();
	status = shell_execute("sleep 60000");
	console_set(before);
	EXPECT_EQ(status, SHELL_INTERRUPTED);
	EXPECT(time_us() - start < 30000000);

	start = time_us();
	EXPECT_EQ(shell_execute("sleep 20"), 0);
	EXPECT(time_us() - start >= 20000);
}

KTEST(time, ticks_of_microseconds)
{
	time_init(0);
	EXPECT(time_ticks(1000) >= 100000); /* 100 MHz at least */
	time_init(4000000);
	EXPECT_EQ(time_ticks(0), 0);
	EXPECT_EQ(time_ticks(1), 4);
	EXPECT_EQ(time_ticks(10000000), 40000000);
	time_init(32768);
	EXPECT_EQ(time_ticks(1000000), 32768);
	EXPECT_EQ(time_ticks(UINT32_MAX * UINT64_C(1000)),
		  UINT32_MAX / 1000 * UINT64_C(32768) +
			  UINT32_MAX % 1000 * UINT64_C(32768) / 1000);
	time_init(1000000000);
}
