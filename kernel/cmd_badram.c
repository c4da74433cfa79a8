/* The `badram` command: frames that are known to be bad. */
#include <string.h>

#include <kernel/badram.h>
#include <kernel/printk.h>
#include <kernel/shell.h>
#include <lib/bits.h>

#define LL(x) ((unsigned long long)(x))

static const char *state_name(struct range r)
{
	return badram_state(r) == BADRAM_RETIRED ? "retired" : "in-use";
}

static int list(void)
{
	const struct range *r;
	unsigned n = badram_ranges(&r);
	uint64_t bytes = 0;

	for (unsigned i = 0; i < n; i++) {
		kprintf("%016llx-%016llx  %s\n", LL(r[i].start), LL(r[i].end),
			state_name(r[i]));
		bytes += range_size(r[i]);
	}
	kprintf("badram: %u range%s, %llu KiB\n", n, n == 1 ? "" : "s",
		LL(bytes >> 10));
	return 0;
}

/* ADDRESS, or a range; in whole frames. */
static bool parse(const char *s, struct range *r)
{
	uint64_t at;

	if (shell_number(s, &at) && at < UINT64_MAX - PAGE_SIZE)
		*r = range_make(at, at + 1);
	else if (!shell_range(s, r))
		return false;
	*r = range_align_out(*r, PAGE_SIZE);
	return true;
}

static int add(const char *what)
{
	struct range r;

	if (!parse(what, &r)) {
		kprintf("badram: %s is no address, and no range\n", what);
		return SHELL_USAGE;
	}
	if (!badram_is_ram(r)) {
		kprintf("badram: %#llx to %#llx is not all RAM of this "
			"kernel's\n",
			LL(r.start), LL(r.end));
		return 1;
	}
	badram_add(r);
	kprintf("badram: %#llx to %#llx: %s\n", LL(r.start), LL(r.end),
		state_name(r));
	return 0;
}

static int forget(void)
{
	if (badram_forget(range_make(0, UINT64_MAX)))
		return 0;
	kprintf("badram: no memory\n");
	return 1;
}

static int cmd_badram(int argc, char **argv)
{
	static const char *const format[] = {
		[BADRAM_DTS] = "dts",
		[BADRAM_MEMMAP] = "memmap",
		[BADRAM_UBOOT] = "uboot",
	};

	if (argc == 1 || (argc == 2 && !strcmp(argv[1], "list")))
		return list();
	if (argc == 3 && !strcmp(argv[1], "add"))
		return add(argv[2]);
	if (argc != 2)
		return SHELL_USAGE;
	if (!strcmp(argv[1], "forget"))
		return forget();
	for (unsigned f = 0; f < ARRAY_SIZE(format); f++)
		if (!strcmp(argv[1], format[f])) {
			badram_print(f);
			return 0;
		}
	return SHELL_USAGE;
}
COMMAND(badram, cmd_badram,
	"[list | add ADDRESS|START+SIZE|START-END | forget | dts | memmap | "
	"uboot]",
	"RAM that is known to be bad, and never used");
