/* The console's own commands: what it is and does, and receiving bytes. */
#include <string.h>

#include <arch/cpu.h>
#include <kernel/console_input.h>
#include <kernel/printk.h>
#include <kernel/shell.h>
#include <kernel/time.h>
#include <lib/crc32.h>

#define LL(x)	   ((unsigned long long)(x))
#define TIMEOUT_MS 10000u

static int cmd_console(int argc, char **argv)
{
	const struct console_device *d = console_current();
	const struct console_input *in = console_input_current();
	const struct console_errors *e = d ? d->errors : NULL;

	(void)argc;
	(void)argv;
	if (!d)
		return 1;
	kprintf("console: %s, input %s\n", d->name,
		in->irq	      ? "by interrupts"
		: in->gave_up ? "polled: its interrupt does not come"
			      : "polled");
	kprintf("input: %llu bytes, %llu interrupts, held back %llu times, ring "
		"%u of %u at most\n",
		LL(in->bytes), LL(in->interrupts), LL(in->throttles), in->high,
		CONSOLE_RING);
	if (e)
		kprintf("errors: %u overruns, %u parity, %u framing, %u breaks\n",
			e->overruns, e->parity, e->framing, e->breaks);
	else
		kprintf("errors: this device can't tell\n");
	return 0;
}
COMMAND(console, cmd_console, "", "the console's device and its input");

struct receiver {
	uint64_t want, got;
	uint64_t delay, timeout; /* ticks */
	uint32_t crc;
};

static void receive(struct receiver *r)
{
	uint64_t now = arch_time(), last = now;

	while (r->got < r->want && now - last < r->timeout) {
		int c = console_getc();
		uint8_t byte = (uint8_t)c;

		if (c < 0) {
			console_wait(last + r->timeout);
			now = arch_time();
			continue;
		}
		r->crc = crc32(r->crc, &byte, 1);
		r->got++;
		last = now = arch_time();
		while (now - last < r->delay)
			now = arch_time();
		last = now;
	}
}

static bool parse(int argc, char **argv, struct receiver *r)
{
	uint64_t delay = 0, timeout = TIMEOUT_MS;

	if (argc < 2 || argc % 2 || !shell_number(argv[1], &r->want))
		return false;
	for (int i = 2; i < argc; i += 2) {
		uint64_t *to = !strcmp(argv[i], "--delay")     ? &delay
			       : !strcmp(argv[i], "--timeout") ? &timeout
							       : NULL;

		if (!to || !shell_number(argv[i + 1], to) || *to > UINT32_MAX)
			return false;
	}
	r->delay = time_ticks(delay);
	r->timeout = time_ticks(timeout * 1000);
	return true;
}

static uint32_t overruns(void)
{
	const struct console_device *d = console_current();

	return d && d->errors ? d->errors->overruns : 0;
}

static int cmd_rx(int argc, char **argv)
{
	struct receiver r = {0};
	uint64_t start;
	uint32_t before = overruns();

	if (!parse(argc, argv, &r))
		return SHELL_USAGE;
	console_raw(true);
	kprintf("rx: ready for %llu bytes\n", LL(r.want));
	start = time_us();
	receive(&r);
	start = time_us() - start;
	console_raw(false);
	kprintf("rx: %llu bytes, CRC-32 %08x, %llu ms, %u overruns\n",
		LL(r.got), r.crc, LL(start / 1000), overruns() - before);
	return r.got < r.want;
}
COMMAND(rx, cmd_rx, "BYTES [--delay US] [--timeout MS]",
	"receive so many bytes, slowly, and tell their checksum");
