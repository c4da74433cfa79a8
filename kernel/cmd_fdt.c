/* Console command to look at the device tree of this machine. */
#include <string.h>

#include <kernel/devtree.h>
#include <kernel/printk.h>
#include <kernel/shell.h>
#include <lib/fdt_reg.h>

/* The node's own name, "/" for the root. */
static const char *name_of(fdt_node n)
{
	const char *name = fdt_name(&machine.fdt, n);

	return *name ? name : "/";
}

/* A path, an alias, or &PHANDLE. */
static fdt_node find(const char *name)
{
	uint64_t phandle;

	if (*name != '&')
		return fdt_resolve(&machine.fdt, name, NULL);
	if (!shell_number(name + 1, &phandle) || phandle > UINT32_MAX)
		return FDT_NONE;
	return fdt_find_phandle(&machine.fdt, (uint32_t)phandle);
}

static int list(fdt_node top)
{
	fdt_node n = top;
	int depth = 0;

	do {
		bool off = !fdt_enabled(&machine.fdt, n);

		kprintf("%*s%s%s\n", 2 * depth, "", name_of(n),
			off ? " (disabled)" : "");
		if (shell_interrupted())
			return 1;
		n = fdt_next(&machine.fdt, n, &depth);
	} while (n != FDT_NONE && depth > 0);
	return 0;
}

/* Strings only, each ended, none empty, all of it printable? */
static bool is_text(const struct fdt_prop *p)
{
	bool empty = true; /* the string that we are in */

	for (uint32_t i = 0; i < p->size; i++) {
		uint8_t c = p->data[i];

		if (!c && empty)
			return false;
		if (c && (c < ' ' || c > '~'))
			return false;
		empty = !c;
	}
	return p->size && empty;
}

static void print_text(const struct fdt_prop *p)
{
	const char *s;

	for (unsigned i = 0; (s = fdt_list_item(p->data, p->size, i)); i++) {
		kprintf(i ? ", \"" : "\"");
		/* One at a time: a string may be longer than kprintf's limit,
		 * and quotes are to be told from the string's end. */
		for (; *s; s++)
			kprintf(*s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
		kprintf("\"");
	}
}

/* Numbers of a word if it is made of words, else bytes. */
static bool print_numbers(const struct fdt_prop *p)
{
	bool words = p->size % 4 == 0;
	uint32_t step = words ? 4 : 1;

	kprintf(words ? "<" : "[");
	for (uint32_t i = 0; i < p->size; i += step) {
		uint64_t v = p->data[i];

		if (words)
			fdt_cells(p->data + i, 1, &v);
		kprintf(words ? "%s0x%llx" : "%s%02llx", i ? " " : "",
			(unsigned long long)v);
		if (i % 256 == 0 && shell_interrupted())
			return false;
	}
	kprintf(words ? ">" : "]");
	return true;
}

static int show(fdt_node n)
{
	const struct fdt *t = &machine.fdt;
	struct fdt_prop p;

	kprintf("%s {\n", name_of(n));
	for (bool ok = fdt_first_prop(t, n, &p); ok;
	     ok = fdt_next_prop(t, &p)) {
		kprintf("\t%s", p.name);
		if (p.size)
			kprintf(" = ");
		if (is_text(&p))
			print_text(&p);
		else if (p.size && !print_numbers(&p))
			return 1;
		kprintf(";\n");
		if (shell_interrupted())
			return 1;
	}
	for (fdt_node c = fdt_first_child(t, n); c != FDT_NONE;
	     c = fdt_next_sibling(t, c)) {
		kprintf("\t%s { ... };\n", name_of(c));
		if (shell_interrupted())
			return 1;
	}
	kprintf("};\n");
	return 0;
}

static int cmd_fdt(int argc, char **argv)
{
	bool listing = argc > 1 && strcmp(argv[1], "list") == 0;
	const char *name = argc > 2 ? argv[2] : "/";
	fdt_node n;

	if (argc < 2 || argc > 3 ||
	    (!listing && (argc < 3 || strcmp(argv[1], "show") != 0)))
		return SHELL_USAGE;
	n = find(name);
	if (n == FDT_NONE) {
		kprintf("%s: no such node in the device tree\n", name);
		return 1;
	}
	return listing ? list(n) : show(n);
}
COMMAND(fdt, cmd_fdt, "list [NODE] | show NODE",
	"show the device tree; NODE is a path, an alias or &PHANDLE");
