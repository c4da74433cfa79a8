/*
 * What the kernel makes of boards' trees, against what somebody who knows the
 * boards has written down: expect/NAME.txt for NAME.dtb, both in the directory
 * that STRATA_DTB_DIR names (expect/README.md tells the form). Here is the very
 * code that boot uses, on a machine that has no such memory: the tree's reader,
 * the map of RAM, the choice of a console.
 *
 * The console's port is a model with the registers where the expectation, not
 * the tree, has them, and it counts each access that is not like that.
 */
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kernel/devtree.h>
#include <kernel/ktest.h>
#include <kernel/ram.h>
#include <lib/fdt_irq.h>
#include <lib/fdt_reg.h>

#include "../../mm/kmap_impl.h"
#include "uart_model.h"

#define LL(x) ((unsigned long long)(x))

static char text[16384]; /* what the kernel makes of it */
static size_t used;

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	used += (size_t)vsnprintf(text + used, sizeof(text) - used, format, ap);
	va_end(ap);
	if (used >= sizeof(text))
		abort();
}

static char *read_file(const char *name, size_t *size)
{
	char path[4096], *data;
	long end;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", getenv("STRATA_DTB_DIR"), name);
	f = fopen(path, "rb");
	if (!f)
		return NULL;
	fseek(f, 0, SEEK_END);
	end = ftell(f);
	rewind(f);
	data = malloc((size_t)end + 1);
	*size = fread(data, 1, (size_t)end, f);
	data[*size] = '\0';
	fclose(f);
	return data;
}

/* The numbers behind `name` in the expectation; 0 when it has no such line. */
static struct range placed(const char *expected, const char *name)
{
	unsigned long long start = 0, end = 0;
	const char *at = strstr(expected, name);

	if (at)
		sscanf(at + strlen(name), "%llx-%llx", &start, &end);
	return range_make(start, end);
}

static void say_harts(const struct devtree *dt)
{
	say("timebase %u\n", dt->timebase);
	for (unsigned i = 0; i < dt->ncpu; i++)
		say("hart %llu %s\n", LL(dt->cpu[i].hartid),
		    dt->cpu[i].unusable ? dt->cpu[i].unusable : "usable");
}

/* The lines by which a device interrupts, as its controller numbers them. */
static void say_lines(const struct fdt *t, fdt_node n)
{
	fdt_node parent = fdt_irq_parent(t, n);
	struct fdt_irq irq;

	for (unsigned i = 0; !fdt_irq(t, n, parent, i, &irq); i++)
		say("%s %u", i ? "" : ", line", irq.cell[0]);
}

/* The first device with one of these names, and where it is. */
static fdt_node say_device(const struct fdt *t, const char *what,
			   const char *const *names)
{
	fdt_node n = FDT_NONE;
	struct range reg;

	for (; *names && n == FDT_NONE; names++)
		n = fdt_find_compatible(t, FDT_NONE, *names);
	if (n != FDT_NONE && !fdt_reg_phys(t, n, 0, &reg))
		say("%s %llx-%llx", what, LL(reg.start), LL(reg.end));
	return n;
}

/* Which context of the PLIC is S-mode of which hart: the place among its wires of
 * the one that is interrupt 9 of the hart (privileged specification, scause). */
static void say_contexts(const struct devtree *dt, fdt_node plic)
{
	struct fdt_irq irq;

	for (unsigned i = 0; !fdt_irq(&dt->fdt, plic, FDT_NONE, i, &irq); i++)
		for (unsigned k = 0; irq.cell[0] == 9 && k < dt->ncpu; k++)
			if (fdt_first_child(&dt->fdt, dt->cpu[k].node) ==
			    irq.parent)
				say(", hart %llu: %u", LL(dt->cpu[k].hartid),
				    i);
}

static void say_devices(const struct devtree *dt)
{
	static const char *const plic[] = {"sifive,plic-1.0.0", "riscv,plic0",
					   NULL};
	static const char *const cache[] = {"sifive,ccache0",
					    "sifive,fu540-c000-ccache",
					    "sifive,fu740-c000-ccache", NULL};
	const struct fdt *t = &dt->fdt;
	fdt_node n = say_device(t, "plic", plic);
	uint32_t lines = 0;

	if (n != FDT_NONE) {
		fdt_get_u32(t, n, "riscv,ndev", &lines);
		say(", %u lines", lines);
		say_contexts(dt, n);
		say("\n");
	}
	n = say_device(t, "cache", cache);
	if (n != FDT_NONE) {
		say_lines(t, n);
		say("\n");
	}
}

/* Has the driver reached the port, a byte out and one in? */
static bool port_talks(struct uart *u)
{
	const struct console_device *d = &u->console;

	d->write(d, "k", 1);
	return d->getc(d) == 'i';
}

static void say_port(const struct devtree *dt, struct range reg)
{
	struct mmio regs = {.base = uart_window.base,
			    .pa = reg.start,
			    .size = range_size(reg)};
	struct uart u;

	if (!uart_setup_node(&u, &dt->fdt, dt->stdout_node, &regs))
		say("no port answers there");
	else if (!port_talks(&u))
		say("%s does not talk", u.name);
	else
		say("%s, shift %u, width %u", u.name, u.shift, u.width);
	say_lines(&dt->fdt, dt->stdout_node);
	say("\n");
}

static void say_console(const struct devtree *dt, const char *expected)
{
	static const char key[] = "\nconsole ";
	struct ns ns = {.input = "i"};
	struct sifive sifive = {.input = "i"};
	const char *at = strstr(expected, key);
	struct range reg;
	unsigned width = 1;

	say("console ");
	if (dt->stdout_node == FDT_NONE ||
	    !uart_supports(&dt->fdt, dt->stdout_node) ||
	    fdt_reg_phys(&dt->fdt, dt->stdout_node, 0, &reg)) {
		say("of the firmware\n");
		return;
	}
	if (at && strncmp(at + strlen(key), "sifive", 6) == 0) {
		sifive_begin(&sifive);
		say_port(dt, reg);
	} else {
		if (at && (at = strstr(at, "shift ")))
			sscanf(at, "shift %u, width %u", &ns.shift, &width);
		ns.bits = 8 * width;
		ns.xscale = strstr(expected, "console intel,");
		ns.ier = ns.xscale ? 0x40 : 0; /* as firmware left it: on */
		ns.dw = !ns.xscale && !strstr(expected, "console ns");
		ns_begin(&ns);
		say_port(dt, reg);
	}
	uart_model_end();
	EXPECT_EQ(ns.faults + sifive.faults, 0);
}

static void say_reserved(const struct devtree *dt)
{
	for (unsigned i = 0; i < dt->nreserved; i++) {
		const struct dt_reserved *r = &dt->reserved[i];

		say("reserved %s ", r->name);
		if (range_empty(r->range))
			say("nowhere yet, %llx", LL(r->size));
		else
			say("%llx-%llx", LL(r->range.start), LL(r->range.end));
		say("%s%s%s\n", r->no_map ? ", no-map" : "",
		    r->reusable ? ", reusable" : "", r->pool ? ", pool" : "");
	}
}

static void say_missing(struct range pages, const char *what)
{
	say("no RAM %llx-%llx %s\n", LL(pages.start), LL(pages.end), what);
}

/* As boot does it when no initrd is to be found. */
static void say_map(struct devtree *dt, const char *expected, size_t size)
{
	static struct memblock mb;
	struct ram_claims claims = {
		.image = placed(expected, "place kernel "),
		.fdt = placed(expected, "place tree "),
	};

	EXPECT(size <= range_size(claims.fdt));
	if (ram_init(&mb, dt, &claims)) {
		say("the kernel does not lie in RAM\n");
		return;
	}
	if (!range_empty(dt->initrd))
		EXPECT_EQ(ram_drop_initrd(&mb, dt), 0);
	say_reserved(dt);
	for (unsigned i = 0; i < mb.n; i++) {
		const struct region *r = &mb.region[i];

		say("%llx-%llx %s%s\n", LL(r->range.start), LL(r->range.end),
		    region_type_name(r->type),
		    kmap_shows(r->type) ? "" : ", not in the direct map");
	}
	ram_each_missing(&mb, dt, say_missing);
}

static void say_all(const char *expected, const void *blob, size_t size)
{
	static struct devtree dt;
	int err = devtree_init(&dt, blob, size);

	used = 0;
	if (err) {
		say("no tree: %s\n", fdt_strerror(err));
		return;
	}
	say_harts(&dt);
	say_console(&dt, expected);
	say_devices(&dt);
	if (!range_empty(dt.initrd))
		say("initrd %llx-%llx\n", LL(dt.initrd.start),
		    LL(dt.initrd.end));
	say_map(&dt, expected, size);
	for (unsigned i = 0; i < dt.nwarnings; i++)
		say("warning %s\n", dt.warning[i]);
}

/* The next line that tells what is expected; NULL: none. */
static char *next_line(char **at)
{
	char *line;

	do
		line = strsep(at, "\n");
	while (line && (!*line || *line == '#' || !strncmp(line, "place ", 6)));
	return line;
}

/* Both texts side by side from the first line on that differs. */
static void compare(const char *name, char *expected)
{
	char *got = text, *line = NULL, *wanted = NULL;
	unsigned shown = 0;

	do {
		wanted = next_line(&expected);
		line = next_line(&got);
		if (wanted && line && strcmp(wanted, line) == 0)
			continue;
		if (!shown && (wanted || line))
			ktest_fail(__FILE__, __LINE__, "%s differs", name);
		if (wanted || line)
			printf("# expected: %s\n#      got: %s\n",
			       wanted ? wanted : "", line ? line : "");
		shown++;
	} while ((wanted || line) && shown < 8);
}

static void check(const char *name)
{
	char blob_name[256], *expected, *blob;
	size_t size;

	snprintf(blob_name, sizeof(blob_name), "%.*s.dtb",
		 (int)strlen(name) - 4, name);
	expected = read_file(name, &size);
	blob = read_file(blob_name, &size);
	if (expected && blob) {
		say_all(expected, blob, size);
		compare(name, expected);
	} else {
		ktest_fail(__FILE__, __LINE__, "%s: no such tree", name);
	}
	free(expected);
	free(blob);
}

KTEST(board_trees, come_out_as_expected)
{
	const char *dir = getenv("STRATA_DTB_DIR");
	DIR *d = dir ? opendir(dir) : NULL;
	unsigned checked = 0;
	struct dirent *e;

	if (!dir)
		return ktest_skip("STRATA_DTB_DIR is not set");
	while (d && (e = readdir(d))) {
		size_t len = strlen(e->d_name);

		if (len > 4 && strcmp(e->d_name + len - 4, ".txt") == 0) {
			check(e->d_name);
			checked++;
		}
	}
	if (d)
		closedir(d);
	EXPECT(checked > 20);
}
