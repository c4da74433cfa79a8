/*
 * What the boot needs to know of the machine, gathered in one walk over the
 * children of the root:
 *
 *	/			cells, model
 *	/<device_type memory>	RAM, whatever the node is called
 *	/reserved-memory/<any>	static and dynamic reservations
 *	/cpus/<any>		harts and why some can't be used
 *	/chosen			command line, console, initrd
 *
 * The tree is known to be well-formed (lib/fdt), but not to make sense. The
 * rule for what does not: RAM that is in doubt is left out, a reservation that
 * is in doubt is made, and a sentence goes to dt->warning. Properties of a
 * node are collected in one pass over them, for a table of names.
 *
 * Harts. Trees of one and the same board differ in how they tell the monitor
 * hart, which has neither S-mode nor MMU, from the others: its status, a
 * missing mmu-type, its compatible string or only its ISA. So a hart must pass
 * all of the filters. Starting one that has no S-mode hangs it or the firmware.
 */
#include <string.h>

#include <kernel/devtree.h>
#include <lib/errno.h>
#include <lib/fdt_reg.h>

static void warn(struct devtree *dt, const char *sentence)
{
	for (unsigned i = 0; i < dt->nwarnings; i++)
		if (dt->warning[i] == sentence)
			return;
	if (dt->nwarnings < ARRAY_SIZE(dt->warning))
		dt->warning[dt->nwarnings++] = sentence;
}

/* A property's data, NULL when the node doesn't have it. */
struct found {
	const uint8_t *data;
	uint32_t size;
};

/* Find `count` properties of n by name; of two of one name, the first. */
static void collect(const struct fdt *t, fdt_node n, const char *const *names,
		    struct found *found, unsigned count)
{
	struct fdt_prop p;

	for (unsigned i = 0; i < count; i++)
		found[i] = (struct found){NULL, 0};
	for (bool ok = fdt_first_prop(t, n, &p); ok; ok = fdt_next_prop(t, &p))
		for (unsigned i = 0; i < count; i++)
			if (*p.name == *names[i] && !found[i].data &&
			    strcmp(p.name, names[i]) == 0)
				found[i] = (struct found){p.data, p.size};
}

#define COLLECT(t, n, names, found)                                       \
	do {                                                              \
		_Static_assert(ARRAY_SIZE(names) == ARRAY_SIZE(found),    \
			       "one result for each name");               \
		collect(t, n, names, found, (unsigned)ARRAY_SIZE(names)); \
	} while (0)

/* The property's (first) string; "" when there is none that is terminated. */
static const char *string(struct found f)
{
	const char *s = f.data ? fdt_list_item(f.data, f.size, 0) : NULL;

	return s ? s : "";
}

/* A number of one or two cells. Returns whether it is one. */
static bool number(struct found f, uint64_t *value)
{
	if (!f.data || (f.size != 4 && f.size != 8))
		return false;
	return fdt_cells(f.data, f.size / 4, value) == 0;
}

/* How wide addresses and sizes are for a node's children; in cells. */
struct cells {
	unsigned na, ns;
};

static unsigned width(struct devtree *dt, struct found f, unsigned other)
{
	uint64_t value;

	if (!f.data)
		return other;
	if (f.size == 4 && number(f, &value) && value <= FDT_MAX_CELLS)
		return (unsigned)value;
	warn(dt, "a malformed #address-cells or #size-cells");
	return 0;
}

/* Entries of a reg-like property, one by one. */
struct entries {
	const uint8_t *at;
	uint32_t left; /* entries */
	struct cells cells;
};

static struct entries entries_of(struct devtree *dt, struct found f,
				 struct cells cells)
{
	uint32_t each = 4 * (cells.na + cells.ns);

	if (!cells.na || !cells.ns) {
		warn(dt, "memory or a reservation without address or size "
			 "cells");
		return (struct entries){0};
	}
	if (f.size % each)
		warn(dt, "memory or a reservation with half an entry");
	return (struct entries){f.data, f.size / each, cells};
}

/* The next entry. When base + size is beyond the address space, the range is
 * cut there and `err` is -EOVERFLOW; when all of it is, the range is empty and
 * err is -ERANGE. Returns whether there was an entry. */
static bool entry_next(struct entries *e, struct range *r, int *err)
{
	uint64_t base, size;

	if (!e->left)
		return false;
	e->left--;
	*r = range_make(0, 0);
	*err = fdt_cells(e->at, e->cells.na, &base);
	if (!*err) {
		if (fdt_cells(e->at + 4 * e->cells.na, e->cells.ns, &size))
			size = UINT64_MAX;
		*err = fdt_range(base, size, r);
		if (*err)
			*r = range_make(base, UINT64_MAX);
	}
	e->at += 4 * (e->cells.na + e->cells.ns);
	return true;
}

static void add_memory(struct devtree *dt, struct found reg, struct cells cells)
{
	struct entries e = entries_of(dt, reg, cells);
	struct range r;
	int err;

	while (entry_next(&e, &r, &err)) {
		if (err)
			warn(dt, "memory beyond the address space left out");
		else if (range_empty(r))
			continue;
		else if (dt->nmemory == DT_MAX_MEMORY)
			warn(dt, "more memory ranges than can be used");
		else
			dt->memory[dt->nmemory++] = r;
	}
}

/* A new reservation, all zero but its name; NULL when there is no room. */
static struct dt_reserved *new_reserved(struct devtree *dt, fdt_node node,
					const char *name)
{
	struct dt_reserved *r;

	if (dt->nreserved == DT_MAX_RESERVED)
		return NULL;
	r = &dt->reserved[dt->nreserved++];
	*r = (struct dt_reserved){.name = name, .node = node};
	return r;
}

static int add_memreserve(struct devtree *dt)
{
	uint64_t base, size;

	for (unsigned i = 0; fdt_memreserve(&dt->fdt, i, &base, &size); i++) {
		struct dt_reserved *r;
		struct range range;

		if (fdt_range(base, size, &range)) {
			warn(dt, "a reservation beyond the address space cut");
			range = range_make(base, UINT64_MAX);
		}
		if (range_empty(range))
			continue;
		r = new_reserved(dt, FDT_NONE, "memreserve");
		if (!r)
			return -ENOMEM;
		r->range = range;
	}
	return 0;
}

enum {
	R_REG,
	R_SIZE,
	R_ALIGN,
	R_ALLOC,
	R_NO_MAP,
	R_REUSABLE,
	R_COMPATIBLE,
	R_COUNT
};

/* A reservation of the node, with what all kinds have; NULL: no room. */
static struct dt_reserved *add_node(struct devtree *dt, fdt_node n,
				    const struct found *f)
{
	struct dt_reserved *r = new_reserved(dt, n, fdt_name(&dt->fdt, n));
	struct found names = f[R_COMPATIBLE];

	if (!r)
		return NULL;
	r->no_map = f[R_NO_MAP].data != NULL;
	r->reusable = f[R_REUSABLE].data && !r->no_map;
	r->pool = names.data &&
		  fdt_list_find(names.data, names.size, "shared-dma-pool") >= 0;
	return r;
}

static int add_static(struct devtree *dt, fdt_node n, const struct found *f,
		      struct cells cells)
{
	struct entries e = entries_of(dt, f[R_REG], cells);
	struct range range;
	bool first = true;
	int err;

	while (entry_next(&e, &range, &err)) {
		struct dt_reserved *r;

		if (err)
			warn(dt, "a reservation beyond the address space cut");
		if (range_empty(range))
			continue;
		r = add_node(dt, n, f);
		if (!r)
			return -ENOMEM;
		r->range = range;
		r->pool &= first;
		first = false;
	}
	return 0;
}

/* No reg: the kernel is to choose the place. */
static int add_dynamic(struct devtree *dt, fdt_node n, const struct found *f,
		       struct cells cells)
{
	struct dt_reserved *r;
	struct entries e;
	struct range range;
	uint64_t size, align = 0;
	int err;

	if (!number(f[R_SIZE], &size) || !size) {
		warn(dt, "a reservation with neither reg nor size");
		return 0;
	}
	if (f[R_ALIGN].data &&
	    (!number(f[R_ALIGN], &align) || (align && !is_pow2(align)))) {
		warn(dt, "a reservation's alignment is no power of two");
		align = 0;
	}
	r = add_node(dt, n, f);
	if (!r)
		return -ENOMEM;
	r->size = size;
	r->align = align;
	if (!f[R_ALLOC].data)
		return 0;
	e = entries_of(dt, f[R_ALLOC], cells);
	while (entry_next(&e, &range, &err)) {
		if (range_empty(range))
			continue;
		if (r->nalloc == DT_MAX_ALLOC)
			warn(dt, "a reservation with more alloc-ranges than "
				 "can be used");
		else
			r->alloc[r->nalloc++] = range;
	}
	return 0;
}

/* Children of /reserved-memory. It should have the root's cells and empty
 * ranges; its own cells count when it has any. */
static int add_reserved(struct devtree *dt, fdt_node parent, struct cells root)
{
	static const char *const widths[] = {"#address-cells", "#size-cells"};
	static const char *const names[] = {
		[R_REG] = "reg",
		[R_SIZE] = "size",
		[R_ALIGN] = "alignment",
		[R_ALLOC] = "alloc-ranges",
		[R_NO_MAP] = "no-map",
		[R_REUSABLE] = "reusable",
		[R_COMPATIBLE] = "compatible",
	};
	const struct fdt *t = &dt->fdt;
	struct found w[2], f[R_COUNT];
	struct cells cells;
	int err = 0;

	COLLECT(t, parent, widths, w);
	cells.na = width(dt, w[0], root.na);
	cells.ns = width(dt, w[1], root.ns);
	for (fdt_node n = fdt_first_child(t, parent); !err && n != FDT_NONE;
	     n = fdt_next_sibling(t, n)) {
		if (!fdt_enabled(t, n))
			continue;
		COLLECT(t, n, names, f);
		if (f[R_REG].data)
			err = add_static(dt, n, f, cells);
		else
			err = add_dynamic(dt, n, f, cells);
	}
	return err;
}

/* Does an ISA string, "rv64imafdc_zba...", have both F and D? Its letters may
 * have versions ("i2p1") and underscores between them; an extension of several
 * letters begins with s, x or z and goes on to the next underscore. */
static bool isa_has_fd(const char *isa)
{
	bool f = false, d = false;

	if (strncmp(isa, "rv32", 4) == 0 || strncmp(isa, "rv64", 4) == 0)
		isa += 4;
	while (*isa && !(f && d)) {
		char c = (char)(*isa++ | 0x20); /* lower case */

		f |= c == 'f' || c == 'g';
		d |= c == 'd' || c == 'g';
		if (c == 's' || c == 'x' || c == 'z')
			while (*isa && *isa != '_')
				isa++;
	}
	return f && d;
}

/* Behind the name of an extension, is that all of it but for a version, "1p0"? */
static bool name_ends(const char *s)
{
	s += strspn(s, "0123456789");
	if (*s == 'p')
		s += 1 + strspn(s + 1, "0123456789");
	return !*s || *s == '_';
}

/* Is an extension of several letters in an ISA string? They follow underscores. */
static bool isa_has(const char *isa, const char *extension)
{
	size_t n = strlen(extension);

	while ((isa = strchr(isa, '_'))) {
		isa++;
		if (strncmp(isa, extension, n) == 0 && name_ends(isa + n))
			return true;
	}
	return false;
}

/* SiFive's E and S series have no S-mode: "sifive,e51", "sifive,s7" ... */
static bool is_monitor(struct found compatible)
{
	const char *s;

	for (unsigned i = 0; compatible.data; i++) {
		s = fdt_list_item(compatible.data, compatible.size, i);
		if (!s)
			break;
		if (strncmp(s, "sifive,", 7) == 0 &&
		    (s[7] == 's' || s[7] == 'e') && s[8] >= '0' && s[8] <= '9')
			return true;
	}
	return false;
}

static const char no_fd[] = "no F and D in its ISA";

enum {
	C_TYPE,
	C_REG,
	C_MMU,
	C_COMPATIBLE,
	C_ISA,
	C_EXTENSIONS,
	C_TIMEBASE,
	C_COUNT
};

/* Why a hart can't run this kernel, or NULL. */
static const char *why_unusable(const struct fdt *t, fdt_node n,
				const struct found *f)
{
	struct found ext = f[C_EXTENSIONS];

	if (!fdt_enabled(t, n))
		return "disabled";
	if (!f[C_MMU].data)
		return "no mmu-type";
	if (strcmp(string(f[C_MMU]), "riscv,none") == 0)
		return "mmu-type is riscv,none";
	if (is_monitor(f[C_COMPATIBLE]))
		return "a monitor core without S-mode";
	if (ext.data ? fdt_list_find(ext.data, ext.size, "f") < 0 ||
			       fdt_list_find(ext.data, ext.size, "d") < 0
		     : !isa_has_fd(string(f[C_ISA])))
		return no_fd;
	return NULL;
}

static void set_timebase(struct devtree *dt, struct found f)
{
	uint64_t hz;

	if (!f.data || dt->timebase)
		return;
	if (number(f, &hz) && hz && hz <= UINT32_MAX)
		dt->timebase = (uint32_t)hz;
	else
		warn(dt, "a malformed timebase-frequency");
}

static void add_cpu(struct devtree *dt, fdt_node n, const struct found *f,
		    unsigned na)
{
	struct dt_cpu *cpu = &dt->cpu[dt->ncpu];
	uint64_t hartid;

	if (!na)
		na = f[C_REG].size / 4;
	if (!f[C_REG].data || !na || na > FDT_MAX_CELLS ||
	    f[C_REG].size < 4 * na || fdt_cells(f[C_REG].data, na, &hartid)) {
		warn(dt, "a cpu without a valid reg");
		return;
	}
	if (dt->ncpu == DT_MAX_CPUS) {
		warn(dt, "more harts than can be used");
		return;
	}
	*cpu = (struct dt_cpu){hartid, n, why_unusable(&dt->fdt, n, f)};
	for (unsigned i = 0; i < dt->ncpu; i++)
		if (dt->cpu[i].hartid == hartid)
			cpu->unusable = "the hart id of another";
	dt->ncpu++;
}

static void add_cpus(struct devtree *dt, fdt_node parent)
{
	static const char *const widths[] = {"#address-cells",
					     "timebase-frequency"};
	static const char *const names[] = {
		[C_TYPE] = "device_type",
		[C_REG] = "reg",
		[C_MMU] = "mmu-type",
		[C_COMPATIBLE] = "compatible",
		[C_ISA] = "riscv,isa",
		[C_EXTENSIONS] = "riscv,isa-extensions",
		[C_TIMEBASE] = "timebase-frequency",
	};
	const struct fdt *t = &dt->fdt;
	struct found w[2], f[C_COUNT];
	bool usable = false;
	unsigned na;

	COLLECT(t, parent, widths, w);
	na = width(dt, w[0], 0);
	set_timebase(dt, w[1]);
	for (fdt_node n = fdt_first_child(t, parent); n != FDT_NONE;
	     n = fdt_next_sibling(t, n)) {
		COLLECT(t, n, names, f);
		if (strcmp(string(f[C_TYPE]), "cpu") != 0)
			continue;
		add_cpu(dt, n, f, na);
		set_timebase(dt, f[C_TIMEBASE]);
	}
	for (unsigned i = 0; i < dt->ncpu; i++)
		usable |= !dt->cpu[i].unusable;
	for (unsigned i = 0; i < dt->ncpu && !usable; i++)
		if (dt->cpu[i].unusable == no_fd)
			dt->cpu[i].unusable = NULL;
}

static void set_stdout(struct devtree *dt, const char *path)
{
	if (!*path)
		return;
	dt->stdout_node = fdt_resolve(&dt->fdt, path, &dt->stdout_options);
	if (dt->stdout_node == FDT_NONE) {
		dt->stdout_options = "";
		warn(dt, "stdout-path leads to no node");
	}
}

static void read_chosen(struct devtree *dt, fdt_node n)
{
	static const char *const names[] = {
		"bootargs",	      "stdout-path",	  "linux,stdout-path",
		"linux,initrd-start", "linux,initrd-end",
	};
	struct found f[5];
	uint64_t start, end;

	COLLECT(&dt->fdt, n, names, f);
	dt->bootargs = string(f[0]);
	if (f[0].size && !*dt->bootargs && f[0].data[0])
		warn(dt, "bootargs without end ignored");
	set_stdout(dt, string(f[1]));
	if (dt->stdout_node == FDT_NONE)
		set_stdout(dt, string(f[2]));
	if (!f[3].data && !f[4].data)
		return;
	if (!number(f[3], &start) || !number(f[4], &end) || start > end)
		warn(dt, "a malformed initrd range");
	else if (start < end)
		dt->initrd = range_make(start, end);
}

/* One child of the root. */
static int read_child(struct devtree *dt, fdt_node n, struct cells root)
{
	static const char *const names[] = {"device_type", "reg"};
	const struct fdt *t = &dt->fdt;
	struct found f[2];

	switch (*fdt_name(t, n)) {
	case 'c':
		if (fdt_name_is(t, n, "cpus"))
			add_cpus(dt, n);
		else if (fdt_name_is(t, n, "chosen"))
			read_chosen(dt, n);
		break;
	case 'r':
		if (fdt_name_is(t, n, "reserved-memory"))
			return add_reserved(dt, n, root);
		break;
	}
	COLLECT(t, n, names, f);
	if (strcmp(string(f[0]), "memory") == 0 && f[1].data &&
	    fdt_enabled(t, n))
		add_memory(dt, f[1], root);
	return 0;
}

int devtree_init(struct devtree *dt, const void *blob, size_t capacity)
{
	static const char *const names[] = {"#address-cells", "#size-cells",
					    "model"};
	const struct fdt *t = &dt->fdt;
	struct found f[3];
	struct cells root;
	int err;

	dt->nmemory = dt->nreserved = dt->ncpu = dt->nwarnings = 0;
	dt->initrd = range_make(0, 0);
	dt->bootargs = dt->stdout_options = "";
	dt->stdout_node = FDT_NONE;
	dt->timebase = 0;
	err = fdt_open(&dt->fdt, blob, capacity);
	if (err)
		return err;
	COLLECT(t, fdt_root(t), names, f);
	root.na = width(dt, f[0], 2);
	root.ns = width(dt, f[1], 1);
	dt->model = string(f[2]);
	err = add_memreserve(dt);
	for (fdt_node n = fdt_first_child(t, fdt_root(t));
	     !err && n != FDT_NONE; n = fdt_next_sibling(t, n))
		err = read_child(dt, n, root);
	if (!err && !dt->nmemory)
		warn(dt, "no memory");
	return err;
}

static bool cpu_has(const struct fdt *t, fdt_node n, const char *extension)
{
	static const char *const names[] = {"riscv,isa-extensions",
					    "riscv,isa"};
	struct found f[2];

	COLLECT(t, n, names, f);
	if (f[0].data)
		return fdt_list_find(f[0].data, f[0].size, extension) >= 0;
	return isa_has(string(f[1]), extension);
}

bool devtree_isa_has(const struct devtree *dt, const char *extension)
{
	bool all = false;

	for (unsigned i = 0; i < dt->ncpu; i++) {
		if (dt->cpu[i].unusable)
			continue;
		all = cpu_has(&dt->fdt, dt->cpu[i].node, extension);
		if (!all)
			return false;
	}
	return all;
}

uint32_t devtree_cpu_number(const struct devtree *dt, const char *property)
{
	uint32_t all = 0, value;

	for (unsigned i = 0; i < dt->ncpu; i++) {
		if (dt->cpu[i].unusable)
			continue;
		if (fdt_get_u32(&dt->fdt, dt->cpu[i].node, property, &value) ||
		    (all && value != all))
			return 0;
		all = value;
	}
	return all;
}
