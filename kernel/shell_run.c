/* The shell's loop: bytes from the console to the editor. */
#include <kernel/console.h>
#include <kernel/lineedit.h>
#include <kernel/shell.h>

void shell_run(void)
{
	struct lineedit *e = shell_editor();

	shell_start(e);
	for (;;) {
		int c = console_getc();

		if (c >= 0)
			shell_feed(e, (uint8_t)c);
		else
			console_wait(UINT64_MAX);
	}
}
