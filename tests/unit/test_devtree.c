/*
 * kernel/devtree.c: memory, reservations, harts, console and command line, in
 * the odd forms in which real trees have them.
 */
#include <kernel/devtree.h>
#include <lib/errno.h>

#include "test_fdt_build.h"

/* One blob and its struct devtree, in scratch memory. */
struct setup {
	struct fb b;
	struct devtree *dt;
};

static bool start(struct setup *s, uint32_t na, uint32_t ns)
{
	s->dt = ktest_alloc(sizeof(*s->dt));
	if (!s->dt || !fb_start(&s->b))
		return false;
	memset(s->dt, 0xa5, sizeof(*s->dt)); /* nothing may rely on zeros */
	fb_node(&s->b, "");
	FB_CELLS(&s->b, "#address-cells", na);
	FB_CELLS(&s->b, "#size-cells", ns);
	return true;
}

static int finish(struct setup *s)
{
	fb_end(&s->b);
	fb_finish(&s->b);
	return devtree_init(s->dt, s->b.blob, s->b.size);
}

/* An open memory node; the caller adds reg and ends it. */
static void memory(struct fb *b, const char *name)
{
	fb_node(b, name);
	fb_string(b, "device_type", "memory");
}

KTEST(devtree, empty_tree)
{
	struct setup s;

	if (!start(&s, 2, 2))
		return ktest_skip("no memory");
	REQUIRE(finish(&s) == 0);
	EXPECT_EQ(s.dt->nmemory + s.dt->nreserved + s.dt->ncpu, 0);
	EXPECT(range_empty(s.dt->initrd));
	EXPECT(*s.dt->bootargs == 0 && *s.dt->model == 0);
	EXPECT(s.dt->stdout_node == FDT_NONE && *s.dt->stdout_options == 0);
	EXPECT_EQ(s.dt->timebase, 0);
	REQUIRE(s.dt->nwarnings == 1);
	EXPECT(strcmp(s.dt->warning[0], "no memory") == 0);
}

KTEST(devtree, bad_blob_is_an_error)
{
	struct setup s;

	if (!start(&s, 2, 2))
		return ktest_skip("no memory");
	finish(&s);
	EXPECT(devtree_init(s.dt, s.b.blob, s.b.size - 1) == -FDT_ERR_CAPACITY);
}

KTEST(devtree, memory_by_device_type_never_by_name)
{
	struct setup s;
	struct fb *b = &s.b;

	if (!start(&s, 2, 2))
		return ktest_skip("no memory");
	memory(b, "ram");
	FB_CELLS(b, "reg", 0, 0x80000000, 0, 0x1000, 0, 0x90000000, 0, 0, 1, 0,
		 1, 0);
	fb_end(b);
	memory(b, "memory@40000000");
	FB_CELLS(b, "reg", 0, 0x40000000, 0, 0x2000);
	fb_string(b, "status", "disabled");
	fb_end(b);
	fb_node(b, "memory@50000000");
	FB_CELLS(b, "reg", 0, 0x50000000, 0, 0x2000);
	fb_end(b);
	memory(b, "memory@0");
	FB_CELLS(b, "reg", 0, 0, 0, 0x3000);
	fb_string(b, "status", "okay");
	fb_end(b);
	memory(b, "memory");
	fb_end(b);
	REQUIRE(finish(&s) == 0);
	REQUIRE(s.dt->nmemory == 3);
	EXPECT_EQ(s.dt->memory[0].start, 0x80000000);
	EXPECT_EQ(s.dt->memory[0].end, 0x80001000);
	EXPECT_EQ(s.dt->memory[1].start, 0x100000000);
	EXPECT_EQ(s.dt->memory[1].end, 0x200000000);
	EXPECT_EQ(s.dt->memory[2].start, 0);
	EXPECT_EQ(s.dt->memory[2].end, 0x3000);
	EXPECT_EQ(s.dt->nwarnings, 0);
}

/* Of RAM that doesn't make sense nothing is used. */
KTEST(devtree, doubtful_memory_is_left_out)
{
	struct setup s;
	struct fb *b = &s.b;

	if (!start(&s, 3, 2))
		return ktest_skip("no memory");
	memory(b, "m");
	FB_CELLS(b, "reg", 0, ~0u, 0, 1, 0,   /* wraps */
		 1, 0, 0x1000, 0, 0x1000,     /* beyond 64 bits */
		 0, 0, 0x4000, 0, 0x1000, 7); /* fine; half an entry */
	fb_end(b);
	REQUIRE(finish(&s) == 0);
	REQUIRE(s.dt->nmemory == 1);
	EXPECT_EQ(s.dt->memory[0].start, 0x4000);
	EXPECT_EQ(s.dt->nwarnings, 2);
}

KTEST(devtree, memory_without_cells_is_left_out)
{
	static const uint32_t widths[][2] = {{0, 1}, {1, 0}, {5, 1}, {1, ~0u}};
	struct setup s;

	for (unsigned i = 0; i < ARRAY_SIZE(widths); i++) {
		if (!start(&s, widths[i][0], widths[i][1]))
			return ktest_skip("no memory");
		memory(&s.b, "m");
		FB_CELLS(&s.b, "reg", 0x1000, 0x1000);
		fb_end(&s.b);
		REQUIRE(finish(&s) == 0);
		EXPECT_EQ(s.dt->nmemory, 0);
		EXPECT(s.dt->nwarnings >= 2);
	}
}

KTEST(devtree, more_memory_ranges_than_fit)
{
	struct setup s;

	if (!start(&s, 1, 1))
		return ktest_skip("no memory");
	for (uint32_t i = 0; i < DT_MAX_MEMORY + 3; i++) {
		memory(&s.b, "m");
		FB_CELLS(&s.b, "reg", i << 16, 0x1000);
		fb_end(&s.b);
	}
	REQUIRE(finish(&s) == 0);
	EXPECT_EQ(s.dt->nmemory, DT_MAX_MEMORY);
	EXPECT_EQ(s.dt->nwarnings, 1);
}

KTEST(devtree, static_reservations)
{
	struct setup s;
	struct fb *b = &s.b;
	struct dt_reserved *r;

	if (!start(&s, 2, 2))
		return ktest_skip("no memory");
	fb_reserve(b, 0x7000, 0x123);
	fb_reserve(b, ~(uint64_t)0xf, 0x100); /* beyond the end: cut */
	fb_node(b, "reserved-memory");
	FB_CELLS(b, "#address-cells", 2);
	FB_CELLS(b, "#size-cells", 2);
	fb_flag(b, "ranges");
	fb_node(b, "fw@80000000");
	FB_CELLS(b, "reg", 0, 0x80000000, 0, 0x80000);
	fb_flag(b, "no-map");
	fb_flag(b, "reusable"); /* one excludes the other */
	fb_end(b);
	fb_node(b, "xrp");
	FB_CELLS(b, "reg", 0, 0xf0000000, 0, 0x01ffffff, 0, 0xf2000000, 0,
		 0x1001, 0, 0x1000, 0, 0);
	fb_flag(b, "reusable");
	fb_end(b);
	fb_node(b, "off");
	FB_CELLS(b, "reg", 0, 0x90000000, 0, 0x1000);
	fb_string(b, "status", "disabled");
	fb_end(b);
	fb_end(b);
	REQUIRE(finish(&s) == 0);
	r = s.dt->reserved;
	REQUIRE(s.dt->nreserved == 5);
	EXPECT(strcmp(r[0].name, "memreserve") == 0);
	EXPECT(r[0].range.start == 0x7000 && r[0].range.end == 0x7123);
	EXPECT(r[1].range.end == UINT64_MAX);
	EXPECT(strcmp(r[2].name, "fw@80000000") == 0);
	EXPECT(r[2].no_map && !r[2].reusable && !r[2].size && !r[2].nalloc);
	EXPECT_EQ(range_size(r[2].range), 0x80000);
	EXPECT(strcmp(r[3].name, "xrp") == 0 && r[3].reusable);
	EXPECT_EQ(r[3].range.end, 0xf1ffffff);
	EXPECT_EQ(r[4].range.start, 0xf2000000);
	EXPECT_EQ(r[4].range.end, 0xf2001001);
	EXPECT_EQ(s.dt->nwarnings, 2);
}

KTEST(devtree, dynamic_reservations)
{
	struct setup s;
	struct fb *b = &s.b;
	struct dt_reserved *r;

	if (!start(&s, 1, 1))
		return ktest_skip("no memory");
	fb_node(b, "reserved-memory");
	FB_CELLS(b, "#address-cells", 2);
	FB_CELLS(b, "#size-cells", 2);
	fb_node(b, "linux,cma");
	FB_CELLS(b, "size", 0, 0x20000000);
	FB_CELLS(b, "alignment", 0, 0x1000);
	FB_CELLS(b, "alloc-ranges", 0, 0x70000000, 0, 0x20000000);
	fb_flag(b, "reusable");
	fb_end(b);
	fb_node(b, "many");
	FB_CELLS(b, "size", 0x1000);
	FB_CELLS(b, "alignment", 3);
	FB_CELLS(b, "alloc-ranges", 0, 1, 0, 1, 0, 2, 0, 1, 0, 3, 0, 1, 0, 4, 0,
		 1, 0, 5, 0, 1);
	fb_flag(b, "no-map");
	fb_flag(b, "reusable");
	fb_end(b);
	fb_node(b, "nothing");
	fb_end(b);
	fb_node(b, "zero");
	FB_CELLS(b, "size", 0, 0);
	fb_end(b);
	fb_end(b);
	REQUIRE(finish(&s) == 0);
	r = s.dt->reserved;
	REQUIRE(s.dt->nreserved == 2);
	EXPECT(range_empty(r[0].range) && r[0].size == 0x20000000);
	EXPECT(r[0].align == 0x1000 && r[0].reusable && !r[0].no_map);
	REQUIRE(r[0].nalloc == 1);
	EXPECT(r[0].alloc[0].start == 0x70000000 &&
	       r[0].alloc[0].end == 0x90000000);
	EXPECT(r[1].size == 0x1000 && r[1].align == 0);
	EXPECT(r[1].no_map && !r[1].reusable);
	EXPECT_EQ(r[1].nalloc, DT_MAX_ALLOC);
}

/* Which are for devices. */
KTEST(devtree, reservations_for_devices)
{
	struct setup s;
	struct fb *b = &s.b;
	struct dt_reserved *r;

	if (!start(&s, 1, 1))
		return ktest_skip("no memory");
	fb_reserve(b, 0x7000, 0x1000);
	fb_node(b, "reserved-memory");
	fb_node(b, "two@1000");
	fb_string(b, "compatible", "shared-dma-pool");
	FB_CELLS(b, "reg", 0x1000, 0x1000, 0x3000, 0x1000);
	fb_flag(b, "no-map");
	fb_end(b);
	fb_node(b, "placed");
	FB_CELLS(b, "size", 0x2000);
	fb_string(b, "compatible", "shared-dma-pool");
	fb_flag(b, "reusable");
	fb_end(b);
	fb_node(b, "other");
	FB_CELLS(b, "reg", 0x5000, 0x1000);
	fb_string(b, "compatible", "shared-dma-pools");
	fb_end(b);
	fb_end(b);
	REQUIRE(finish(&s) == 0);
	r = s.dt->reserved;
	REQUIRE(s.dt->nreserved == 5);
	EXPECT(!r[0].pool && r[0].node == FDT_NONE);
	EXPECT(r[1].pool && r[1].no_map && !r[1].reusable);
	EXPECT(!r[2].pool && r[2].no_map && r[2].node == r[1].node);
	EXPECT(r[3].pool && r[3].reusable && r[3].size == 0x2000);
	EXPECT(!strcmp(fdt_name(&s.dt->fdt, r[3].node), "placed"));
	EXPECT(!r[4].pool && !r[4].no_map);
	EXPECT_EQ(s.dt->nwarnings, 1);
}

/* A cut one is better than none, and none must be lost. */
KTEST(devtree, doubtful_reservations_are_made)
{
	struct setup s;
	struct fb *b = &s.b;

	if (!start(&s, 1, 3))
		return ktest_skip("no memory");
	fb_node(b, "reserved-memory"); /* no cells: the root's */
	fb_node(b, "huge");
	FB_CELLS(b, "reg", 0x1000, 1, 0, 0);
	fb_end(b);
	fb_node(b, "wraps");
	FB_CELLS(b, "reg", 0x2000, 0, ~0u, ~0u);
	fb_end(b);
	fb_end(b);
	REQUIRE(finish(&s) == 0);
	REQUIRE(s.dt->nreserved == 2);
	EXPECT(s.dt->reserved[0].range.start == 0x1000 &&
	       s.dt->reserved[0].range.end == UINT64_MAX);
	EXPECT(s.dt->reserved[1].range.start == 0x2000 &&
	       s.dt->reserved[1].range.end == UINT64_MAX);
}

KTEST(devtree, too_many_reservations_are_an_error)
{
	struct setup s;

	for (uint32_t n = DT_MAX_RESERVED; n <= DT_MAX_RESERVED + 1; n++) {
		if (!start(&s, 1, 1))
			return ktest_skip("no memory");
		fb_node(&s.b, "reserved-memory");
		for (uint32_t i = 0; i < n; i++) {
			fb_node(&s.b, "r");
			FB_CELLS(&s.b, "reg", i << 16, 0x1000);
			fb_end(&s.b);
		}
		fb_end(&s.b);
		EXPECT(finish(&s) == (n > DT_MAX_RESERVED ? -ENOMEM : 0));
	}
}

/* A hart as some tree describes it; NULL leaves a property out. */
struct hart {
	const char *compatible, *mmu, *isa, *status;
	const char *ext; /* ';' instead of NUL */
	const char *unusable;
};

static void hart(struct fb *b, uint32_t id, const struct hart *h)
{
	char list[64];
	uint32_t n;

	fb_node(b, "cpu");
	fb_string(b, "device_type", "cpu");
	FB_CELLS(b, "reg", id);
	if (h->compatible)
		fb_string(b, "compatible", h->compatible);
	if (h->mmu)
		fb_string(b, "mmu-type", h->mmu);
	if (h->isa)
		fb_string(b, "riscv,isa", h->isa);
	if (h->status)
		fb_string(b, "status", h->status);
	if (h->ext) {
		n = (uint32_t)strlen(h->ext) + 1;
		memcpy(list, h->ext, n);
		for (uint32_t i = 0; i < n; i++)
			if (list[i] == ';')
				list[i] = 0;
		fb_prop(b, "riscv,isa-extensions", list, n);
	}
	fb_end(b);
}

#define FD  "no F and D in its ISA"
#define S7  "a monitor core without S-mode"
#define MMU "no mmu-type"

static const struct hart u74 = {.compatible = "sifive,u74-mc",
				.mmu = "riscv,sv39",
				.isa = "rv64imafdc"};

KTEST(devtree, harts_that_cannot_run_the_kernel)
{
	static const struct hart cases[] = {
		/* The S7 of a JH7110, as its various trees have it. */
		{"sifive,s7", NULL, "rv64imac", "disabled", NULL, "disabled"},
		{"sifive,s7", NULL, "rv64imac", "okay", NULL, MMU},
		{"sifive,u74-mc", "riscv,sv39", "rv64imac", "disabled", NULL,
		 "disabled"},
		{"sifive,u74-mc", "riscv,sv39", "rv64imacu", "okay", NULL, FD},
		{"sifive,s7", "riscv,sv39", "rv64imafdc", "okay", NULL, S7},
		/* Others. */
		{"sifive,e51", "riscv,sv39", "rv64imafdc", NULL, NULL, S7},
		{"sifive,e24", "riscv,sv39", "rv64gc", NULL, NULL, S7},
		{"riscv", "riscv,none", "rv64gc", NULL, NULL,
		 "mmu-type is riscv,none"},
		{"riscv", "riscv,sv57", "rv64gc", "fail", NULL, "disabled"},
		{"riscv", "riscv,sv57", "rv64gc", "ok", NULL, NULL},
		{"sifive,u54", "riscv,sv39", "rv64gc", NULL, NULL, NULL},
		{NULL, "riscv,sv48", NULL, NULL, NULL, FD},
		/* Both spellings; the list counts if there is one. */
		{"riscv", "riscv,sv48", NULL, NULL, "i;m;a;f;d;c;zba", NULL},
		{"riscv", "riscv,sv48", NULL, NULL, "i;m;a;f;c;zba", FD},
		{"riscv", "riscv,sv48", NULL, NULL, "i;m;fd;dx;zfd", FD},
		{"riscv", "riscv,sv48", "rv64gc", NULL, "i;m;a;c", FD},
	};
	struct setup s;
	struct fb *b = &s.b;

	if (!start(&s, 2, 2))
		return ktest_skip("no memory");
	fb_node(b, "cpus");
	FB_CELLS(b, "#address-cells", 1);
	FB_CELLS(b, "#size-cells", 0);
	FB_CELLS(b, "timebase-frequency", 4000000);
	hart(b, 1000, &u74);
	for (uint32_t i = 0; i < ARRAY_SIZE(cases); i++)
		hart(b, i, &cases[i]);
	fb_node(b, "cpu-map");
	fb_end(b);
	/* No hart, whatever it has. */
	fb_node(b, "cache@2000");
	fb_string(b, "device_type", "cache");
	fb_string(b, "mmu-type", "riscv,sv39");
	fb_string(b, "riscv,isa", "rv64gc");
	FB_CELLS(b, "reg", 2000);
	fb_end(b);
	fb_end(b);
	REQUIRE(finish(&s) == 0);
	EXPECT_EQ(s.dt->timebase, 4000000);
	REQUIRE(s.dt->ncpu == ARRAY_SIZE(cases) + 1);
	EXPECT(!s.dt->cpu[0].unusable && s.dt->cpu[0].hartid == 1000);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *want = cases[i].unusable;
		const char *got = s.dt->cpu[i + 1].unusable;

		EXPECT_EQ(s.dt->cpu[i + 1].hartid, i);
		if (!want != !got || (want && strcmp(want, got) != 0))
			ktest_fail(__FILE__, __LINE__, "hart %u: %s", i,
				   got ? got : "usable");
	}
}

KTEST(devtree, isa_strings)
{
	static const struct {
		const char *isa;
		bool fd;
	} cases[] = {
		{"rv64imafdc", true},
		{"rv64imafdc_zba_zbb", true},
		{"rv64gc", true},
		{"rv64imafdch_zicsr_zifencei_zba", true},
		{"rv64imafdcsu", true},
		{"rv64i2p1_m2p0_a2p1_f2p2_d2p2", true},
		{"rv64ima_f_d", true},
		{"RV64IMAFDC", true},
		{"rv64imac", false},
		{"rv64imacu", false},
		{"rv64imafc", false},
		{"rv64imadc", false},
		{"rv64imac_zfd_zdinx_zfinx", false},
		{"rv64imaczfd", false},
		{"rv64imacsfd_xfd", false},
		{"rv64imac_xvendorfd", false},
		{"rv64", false},
		{"", false},
	};
	struct setup s;
	struct fb *b = &s.b;

	if (!start(&s, 2, 2))
		return ktest_skip("no memory");
	fb_node(b, "cpus");
	hart(b, 1000, &u74);
	for (uint32_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct hart h = u74;

		h.isa = cases[i].isa;
		hart(b, i, &h);
	}
	fb_end(b);
	REQUIRE(finish(&s) == 0);
	REQUIRE(s.dt->ncpu == ARRAY_SIZE(cases) + 1);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++)
		if (!s.dt->cpu[i + 1].unusable != cases[i].fd)
			ktest_fail(__FILE__, __LINE__, "%s", cases[i].isa);
}

/* If no hart has F and D, the boot hart doesn't either. */
/* Two harts that can run the kernel and one that can't. */
KTEST(devtree, extensions_that_all_usable_harts_have)
{
	static const struct {
		const char *name;
		bool has;
	} cases[] = {
		{"svinval", true}, {"sstc", true},   {"svnapot", false},
		{"svpbmt", true},  {"sst", false},   {"stc", false},
		{"zve", false},	   {"zve32x", true}, {"zba", true},
	};
	struct setup s;

	if (!start(&s, 2, 2))
		return ktest_skip("no memory");
	fb_node(&s.b, "cpus");
	hart(&s.b, 0,
	     &(struct hart){.mmu = "riscv,sv39",
			    .isa = "rv64imafdch_zba_zve32x_svpbmt1p0_sstc_"
				   "svinval1"});
	hart(&s.b, 1,
	     &(struct hart){.mmu = "riscv,sv39",
			    .isa = "rv64imac_svnapot", /* the list counts */
			    .ext = "f;d;zba;zve32x;svpbmt;sstc;svinval"});
	hart(&s.b, 2, &(struct hart){.isa = "rv64imac", .status = "disabled"});
	fb_end(&s.b);
	REQUIRE(finish(&s) == 0);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++)
		if (devtree_isa_has(s.dt, cases[i].name) != cases[i].has)
			ktest_fail(__FILE__, __LINE__, "%s", cases[i].name);
}

KTEST(devtree, no_hart_has_no_extension)
{
	struct setup s;

	if (!start(&s, 2, 2))
		return ktest_skip("no memory");
	REQUIRE(finish(&s) == 0);
	EXPECT(!devtree_isa_has(s.dt, "sstc"));
}

KTEST(devtree, harts_alike_without_f_and_d)
{
	static const struct hart imac = {"riscv", "riscv,sv39", "rv64imac",
					 NULL,	  NULL,		NULL};
	static const struct hart off = {"riscv",    "riscv,sv39", "rv64imac",
					"disabled", NULL,	  NULL};
	struct setup s;

	if (!start(&s, 2, 2))
		return ktest_skip("no memory");
	fb_node(&s.b, "cpus");
	hart(&s.b, 3, &imac);
	hart(&s.b, 9, &off);
	fb_end(&s.b);
	REQUIRE(finish(&s) == 0);
	REQUIRE(s.dt->ncpu == 2);
	EXPECT(!s.dt->cpu[0].unusable);
	EXPECT(s.dt->cpu[1].unusable);
}

KTEST(devtree, hart_ids)
{
	struct setup s;
	struct fb *b = &s.b;

	if (!start(&s, 2, 2))
		return ktest_skip("no memory");
	fb_node(b, "cpus");
	FB_CELLS(b, "#address-cells", 2);
	for (unsigned i = 0; i < 4; i++) {
		fb_node(b, "cpu");
		fb_string(b, "device_type", "cpu");
		fb_string(b, "mmu-type", "riscv,sv39");
		fb_string(b, "riscv,isa", "rv64gc");
		if (i < 2)
			FB_CELLS(b, "reg", 0x12, 0x34);
		else if (i == 2)
			FB_CELLS(b, "reg", 0x34); /* too short */
		else
			FB_CELLS(b, "reg", 0, 7);
		FB_CELLS(b, "timebase-frequency", 0, 1000000 + i);
		fb_end(b);
	}
	fb_end(b);
	REQUIRE(finish(&s) == 0);
	REQUIRE(s.dt->ncpu == 3);
	EXPECT_EQ(s.dt->cpu[0].hartid, 0x1200000034);
	EXPECT(!s.dt->cpu[0].unusable);
	EXPECT(s.dt->cpu[1].unusable); /* the same id */
	EXPECT_EQ(s.dt->cpu[2].hartid, 7);
	EXPECT_EQ(s.dt->timebase, 1000000);
}

KTEST(devtree, more_harts_than_fit)
{
	struct setup s;

	if (!start(&s, 2, 2))
		return ktest_skip("no memory");
	fb_node(&s.b, "cpus");
	for (uint32_t i = 0; i < DT_MAX_CPUS + 2; i++)
		hart(&s.b, 3 * i, &u74);
	fb_end(&s.b);
	REQUIRE(finish(&s) == 0);
	EXPECT_EQ(s.dt->ncpu, DT_MAX_CPUS);
	EXPECT_EQ(s.dt->cpu[DT_MAX_CPUS - 1].hartid, 3 * (DT_MAX_CPUS - 1));
	EXPECT_EQ(s.dt->nwarnings, 2); /* and no memory */
}

KTEST(devtree, chosen)
{
	struct setup s;
	struct fb *b = &s.b;

	if (!start(&s, 2, 2))
		return ktest_skip("no memory");
	fb_string(b, "model", "board");
	fb_node(b, "chosen");
	fb_string(b, "bootargs", "quiet autorun=x");
	fb_string(b, "stdout-path", "serial1:115200n8");
	FB_CELLS(b, "linux,initrd-start", 0x46100000);
	FB_CELLS(b, "linux,initrd-end", 1, 0x4c000000);
	fb_end(b);
	fb_node(b, "aliases");
	fb_string(b, "serial1", "/soc/uart@2");
	fb_end(b);
	fb_node(b, "soc");
	fb_node(b, "uart@1");
	fb_end(b);
	fb_node(b, "uart@2");
	fb_end(b);
	fb_end(b);
	REQUIRE(finish(&s) == 0);
	EXPECT(strcmp(s.dt->model, "board") == 0);
	EXPECT(strcmp(s.dt->bootargs, "quiet autorun=x") == 0);
	REQUIRE(s.dt->stdout_node != FDT_NONE);
	EXPECT(strcmp(fdt_name(&s.dt->fdt, s.dt->stdout_node), "uart@2") == 0);
	EXPECT(strcmp(s.dt->stdout_options, "115200n8") == 0);
	EXPECT_EQ(s.dt->initrd.start, 0x46100000);
	EXPECT_EQ(s.dt->initrd.end, 0x14c000000);
}

KTEST(devtree, chosen_with_nonsense)
{
	struct setup s;
	struct fb *b = &s.b;

	if (!start(&s, 2, 2))
		return ktest_skip("no memory");
	fb_node(b, "chosen");
	fb_prop(b, "bootargs", "endless", 7);
	fb_string(b, "stdout-path", "/nowhere:9600");
	fb_string(b, "linux,stdout-path", "/chosen:x");
	FB_CELLS(b, "linux,initrd-start", 0x2000);
	FB_CELLS(b, "linux,initrd-end", 0x1000);
	fb_end(b);
	REQUIRE(finish(&s) == 0);
	EXPECT(*s.dt->bootargs == 0);
	REQUIRE(s.dt->stdout_node != FDT_NONE);
	EXPECT(strcmp(fdt_name(&s.dt->fdt, s.dt->stdout_node), "chosen") == 0);
	EXPECT(strcmp(s.dt->stdout_options, "x") == 0);
	EXPECT(range_empty(s.dt->initrd));
	EXPECT_EQ(s.dt->nwarnings, 4);
}

KTEST(devtree, initrd_needs_both_ends)
{
	struct setup s;

	if (!start(&s, 2, 2))
		return ktest_skip("no memory");
	fb_node(&s.b, "chosen");
	FB_CELLS(&s.b, "linux,initrd-end", 0x1000);
	fb_end(&s.b);
	REQUIRE(finish(&s) == 0);
	EXPECT(range_empty(s.dt->initrd));
}
