/*
 * The first process of a machine that is there to run programs: those that the
 * file /list names, one a line with its arguments, one after the other. Around
 * the output of each stands what it was and how it ended:
 *
 *	=== hello one two
 *	...
 *	=== exit 0
 *
 * Then the machine is switched off. The exit status, where that counts, is 0 if all
 * programs ended by themselves.
 */
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>

#include "user.h"

enum { WORDS = 32 };

/* What some programs look into. A kernel that has no such file systems goes
 * without. */
static void mount_all(void)
{
	static const char *const kinds[][2] = {
		{"proc", "/proc"}, {"sysfs", "/sys"}, {"tmpfs", "/tmp"}};

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		call(SYS_mount, kinds[i][0], kinds[i][1], kinds[i][0], 0, "");
}

static char *read_list(void)
{
	static char text[16384];
	long fd = call(SYS_openat, AT_FDCWD, "/list", O_RDONLY), n = 0, r;

	if (fd < 0)
		return NULL;
	while ((r = call(SYS_read, fd, text + n, (long)sizeof(text) - 1 - n)) >
	       0)
		n += r;
	call(SYS_close, fd);
	return text;
}

static int run(char *line)
{
	static char *const environment[] = {"PATH=/", "HOME=/", NULL};
	char *words[WORDS + 1] = {NULL};
	int n = 0, pid, status;

	say("=== %s\n", line);
	for (char *w = strtok(line, " "); w && n < WORDS; w = strtok(NULL, " "))
		words[n++] = w;
	pid = fork_raw();
	if (pid == 0) {
		long r = call(SYS_execve, words[0], words, environment);

		say("%s: %s\n", words[0], error_name(-r));
		exit_raw(127);
	}
	status = pid < 0 ? 256 : wait_for(pid);
	if (status < 0)
		say("=== killed by %s\n", signal_name(-status));
	else if (status == 256)
		say("=== can't run\n");
	else
		say("=== exit %d\n", status);
	return status < 0 || status == 256;
}

int main(void)
{
	char *text = read_list(), *line;
	int bad = 0;

	if (!text) {
		say("runner: no /list\n");
		return 2;
	}
	mount_all();
	for (line = text; *line; line = text) {
		text = strchr(line, '\n');
		text = text ? text : line + strlen(line);
		if (*text)
			*text++ = '\0';
		if (*line)
			bad |= run(line);
	}
	say("=== end\n");
	if (getpid() == 1)
		call(SYS_reboot, 0xfee1dead, 672274793, RB_POWER_OFF, 0);
	return bad;
}
