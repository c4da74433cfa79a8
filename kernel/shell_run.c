/*
 * The shell's loop: bytes from the console to the editor. Nothing interrupts
 * when one comes, so somebody has to look.
 *
 * While there is input it is looked for all the time. After a while without, the
 * hart sleeps between two looks, for less time than it takes to fill the UART's
 * input: 8 bytes at 115200 baud are 0.7 ms.
 */
#include <arch/cpu.h>
#include <kernel/console.h>
#include <kernel/lineedit.h>
#include <kernel/shell.h>
#include <kernel/smp.h>
#include <kernel/time.h>

#define AWAKE_US 50000u
#define SLEEP_US 500u

void shell_run(void)
{
	struct lineedit *e = shell_editor();
	uint64_t now = arch_time(), drowsy = now + time_ticks(AWAKE_US);
	/* Without the clock's rate, ticks are too long rather than too short. */
	bool may_sleep = time_known();

	shell_start(e);
	for (;;) {
		int c = console_getc();

		now = arch_time();
		if (c >= 0) {
			shell_feed(e, (uint8_t)c);
			drowsy = arch_time() + time_ticks(AWAKE_US);
		} else {
			smp_idle(may_sleep && now >= drowsy
					 ? now + time_ticks(SLEEP_US)
					 : 0);
		}
	}
}
