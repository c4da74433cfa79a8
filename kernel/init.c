/* See <kernel/init.h>. */
#include <string.h>

#include <kernel/devtree.h>
#include <kernel/files.h>
#include <kernel/init.h>
#include <kernel/load.h>
#include <kernel/machine.h>
#include <kernel/printk.h>
#include <kernel/process.h>
#include <kernel/ram.h>
#include <lib/bits.h>
#include <lib/errno.h>
#include <mm/zone.h>

#define WORDS	32
#define MISSING 127
#define REFUSED 126

/* Zones have room for 64 ranges of frames: with so many one more is no matter. */
#define FEW_RANGES 32

/* Take the next word off *p, in place; NULL: there is none. What follows a quote
 * that is never closed is quoted. */
static char *next_word(char **p)
{
	char *word = *p + strspn(*p, " \t"), *to = word, quote = '\0';
	const char *from = word;

	for (; *from && (quote || !strchr(" \t", *from)); from++) {
		if (quote ? *from == quote : *from == '"' || *from == '\'')
			quote = quote ? '\0' : *from;
		else
			*to++ = *from;
	}
	if (from == word)
		return NULL;
	*p += from - *p + !!*from;
	*to = '\0';
	return word;
}

__attribute__((noreturn)) static void fail(const char *path, const char *why,
					   unsigned status)
{
	kprintf("init: %s: %s\n", path, why);
	machine_end(status);
}

/* The archive is files now, and memory is for programs. */
static void free_archive(void)
{
	const struct range *given;

	if (zone_given(&given) > FEW_RANGES)
		return;
	load_have_initrd(range_make(0, 0));
	ram_free_initrd(&ram, &machine, page_alloc_give);
}

void init_run(char *line)
{
	static char home[] = "HOME=/", term[] = "TERM=linux";
	char *const envp[] = {home, term, NULL};
	char *argv[WORDS + 1] = {NULL};
	struct process *p;
	unsigned n = 0;
	int err, status;

	for (; (argv[n] = next_word(&line)); n++)
		if (n == WORDS)
			fail(argv[0], "too many arguments", REFUSED);
	if (!n)
		fail("", "no program is named", REFUSED);
	p = process_spawn_init(argv[0], argv, envp, &err);
	if (!p)
		fail(argv[0], files_strerror(err),
		     err == -ENOENT ? MISSING : REFUSED);
	free_archive();
	status = process_wait(p);
	if (status & 0x7f)
		pr_err("init: killed by signal %d\n", status & 0x7f);
	machine_end((unsigned)process_code(status));
}
