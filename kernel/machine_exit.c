/* A list, the last that came first (<kernel/machine_exit.h>). */
#include <arch/firmware.h>
#include <kernel/machine_exit.h>

static struct machine_exit *exits;

void machine_exit_add(struct machine_exit *e)
{
	e->next = exits;
	exits = e;
}

void machine_exit_remove(struct machine_exit *e)
{
	struct machine_exit **at = &exits;

	while (*at && *at != e)
		at = &(*at)->next;
	if (*at)
		*at = e->next;
}

static void end_by(bool tells_status, unsigned status)
{
	for (const struct machine_exit *e = exits; e; e = e->next)
		if (e->end && e->tells_status == tells_status)
			e->end(e->arg, status);
}

void machine_try_end(unsigned status)
{
	end_by(true, status);
	arch_firmware_reset(ARCH_SHUTDOWN);
	end_by(false, status);
}

void machine_try_restart(void)
{
	arch_firmware_reset(ARCH_REBOOT);
	for (const struct machine_exit *e = exits; e; e = e->next)
		if (e->restart)
			e->restart(e->arg);
}
