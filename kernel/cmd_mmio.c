/*
 * The `mmio` command: who has which registers, a look at one, and a test that
 * maps and reads all that the device tree has.
 */
#include <string.h>

#include <arch/probe.h>
#include <drivers/uart.h>
#include <kernel/devtree.h>
#include <kernel/printk.h>
#include <kernel/shell.h>
#include <lib/errno.h>
#include <lib/fdt_reg.h>
#include <mm/kmap.h>
#include <mm/mmio.h>
#include <mm/reclaim.h>
#include <mm/vmalloc.h>
#include <mm/zone.h>

#define LL(x) ((unsigned long long)(x))

/* --- list --- */

/* Claims from number `skip` on, copied out of the lock a few at a time. */
struct some {
	unsigned skip, n;
	struct {
		struct mmio m;
		unsigned users;
	} claim[8];
};

static void copy(void *ctx, const struct mmio *m)
{
	struct some *s = ctx;
	unsigned users = 1;

	if (s->skip) {
		s->skip--;
		return;
	}
	if (s->n == ARRAY_SIZE(s->claim))
		return;
	list_for_each (l, &m->shares)
		users++;
	s->claim[s->n].m = *m;
	s->claim[s->n++].users = users;
}

static void print_claim(const struct mmio *m, unsigned users)
{
	kprintf("%12llx %#10llx  ", LL(m->pa), LL(m->size));
	if (m->flags & MMIO_CLAIM_ONLY)
		kprintf("%16s  --  ", "none");
	else
		kprintf("%16llx  %s  ", LL((uintptr_t)m->base),
			m->flags & MMIO_WC ? "wc" : "io");
	kprintf("%-6s %5u  %s\n",
		m->flags & MMIO_PEEK	 ? "peek"
		: m->flags & MMIO_SHARED ? "shared"
					 : "",
		users, m->owner);
}

static int list(void)
{
	struct mmio_stats stats;
	struct some s;
	const char *wrong;
	unsigned seen = 0;

	kprintf("%12s %10s  %16s kind flags  users  owner\n", "address", "size",
		"window");
	do {
		s.skip = seen;
		s.n = 0;
		mmio_each(copy, &s);
		for (unsigned i = 0; i < s.n; i++)
			print_claim(&s.claim[i].m, s.claim[i].users);
		seen += s.n;
	} while (s.n == ARRAY_SIZE(s.claim) && !shell_interrupted());
	mmio_stats(&stats);
	kprintf("%llu claims, %llu windows, %llu KiB; %llu claims ever, %llu "
		"refused\n",
		LL(stats.claims), LL(stats.windows), LL(stats.bytes >> 10),
		LL(stats.maps), LL(stats.refused));
	wrong = mmio_check();
	if (wrong)
		kprintf("mmio: %s\n", wrong);
	return wrong != NULL;
}

/* --- read --- */

static void print_refusal(int err, const struct mmio *m)
{
	if (err == -EBUSY)
		kprintf("%s has it\n", m->owner);
	else if (err == -ENOMEM)
		kprintf("no memory, or no addresses\n");
	else if (err == -ERANGE || err == -EOVERFLOW)
		kprintf("no such physical addresses\n");
	else
		kprintf("error %d\n", -err);
}

static struct probe load(const struct mmio *m, uint64_t offset, unsigned bits)
{
	return arch_probe_load((vaddr_t)(uintptr_t)m->base + offset, bits);
}

static int read_register(paddr_t pa, unsigned bits)
{
	struct mmio m;
	struct probe p;
	int err = mmio_map(&m, align_down(pa, 4), bits == 64 ? 8 : 4, MMIO_PEEK,
			   "mmio read");

	if (err) {
		kprintf("mmio: %#llx: ", LL(pa));
		print_refusal(err, &m);
		return 1;
	}
	p = load(&m, pa % 4, bits);
	mmio_unmap(&m);
	if (p.ok)
		kprintf("%llx: %#llx\n", LL(pa), LL(p.value));
	else
		kprintf("mmio: %#llx: nothing answers (exception %u)\n", LL(pa),
			p.cause);
	return !p.ok;
}

static int cmd_read(int argc, char **argv)
{
	uint64_t pa, bits = 32;

	if (argc < 3 || argc > 4 || !shell_number(argv[2], &pa) ||
	    (argc == 4 && !shell_number(argv[3], &bits)))
		return SHELL_USAGE;
	if (bits != 8 && bits != 16 && bits != 32 && bits != 64)
		return SHELL_USAGE;
	if (pa % (bits / 8)) {
		kprintf("mmio: %#llx is no multiple of %llu\n", LL(pa),
			LL(bits / 8));
		return SHELL_USAGE;
	}
	return read_register(pa, (unsigned)bits);
}

/* --- test --- */

struct counts {
	uint64_t windows, reads, faults, unread;
	uint64_t unreachable, refused, failed;
};

/* What must be as before. */
struct state {
	struct mmio_stats claims;
	struct vmalloc_stats areas;
	uint64_t tables, frames;
};

static struct state now(void)
{
	struct state s;

	reclaim();
	mmio_stats(&s.claims);
	vmalloc_stats(&s.areas);
	s.tables = pgtable_tables(&kernel_pgtable);
	s.frames = zone_used_frames();
	return s;
}

/* A read of the first register changes something: it takes a byte that came in,
 * or moves a file's position. */
static bool takes(fdt_node n)
{
	return uart_supports(&machine.fdt, n) ||
	       fdt_compatible(&machine.fdt, n, "qemu,fw-cfg-mmio");
}

/* Whether the device is in reset or without power we don't know; one that is may
 * never answer, and stop the hart. */
static bool may_sleep(fdt_node n)
{
	return fdt_get(&machine.fdt, n, "resets", NULL) ||
	       fdt_get(&machine.fdt, n, "power-domains", NULL);
}

static bool harmless(fdt_node n)
{
	return !fdt_name_is(&machine.fdt, n, "serial") && !may_sleep(n) &&
	       !takes(n);
}

static void look(fdt_node n, const struct mmio *m, struct counts *c)
{
	c->windows++;
	if (m->size < 4 || !harmless(n))
		c->unread++;
	else if (load(m, 0, 32).ok)
		c->reads++;
	else
		c->faults++;
}

/* Entry i of the node's reg; false: there is none. */
static bool try_entry(fdt_node n, unsigned i, struct counts *c, bool tell)
{
	struct mmio m;
	int err = mmio_map_node(&m, &machine.fdt, n, i, MMIO_PEEK, "mmio test");

	if (err == -ENOENT)
		return false;
	if (!err) {
		look(n, &m, c);
		mmio_unmap(&m);
		return true;
	}
	/* A number on a bus that is not the CPU's, such as cpu@0's. */
	if (!m.size) {
		c->unreachable++;
		return true;
	}
	c->refused += err == -EBUSY;
	c->failed += err != -EBUSY;
	if (tell) {
		kprintf("mmio: %s reg %u: ", fdt_name(&machine.fdt, n), i);
		print_refusal(err, &m);
	}
	return true;
}

/* The first node behind n that is enabled, as are all above it. */
static fdt_node next_enabled(fdt_node n)
{
	int depth = 0, off = INT32_MAX;

	while ((n = fdt_next(&machine.fdt, n, &depth)) != FDT_NONE) {
		if (depth <= off)
			off = fdt_enabled(&machine.fdt, n) ? INT32_MAX : depth;
		if (off == INT32_MAX)
			break;
	}
	return n;
}

static void try_all(struct counts *c, bool tell)
{
	fdt_node n = fdt_root(&machine.fdt);

	while ((n = next_enabled(n)) != FDT_NONE)
		for (unsigned i = 0; try_entry(n, i, c, tell); i++)
			;
}

static bool same(const char *what, uint64_t before, uint64_t after)
{
	if (before == after)
		return true;
	kprintf("mmio: %s: %llu before, %llu after\n", what, LL(before),
		LL(after));
	return false;
}

static bool all_back(const struct state *a, const struct state *b)
{
	const char *wrong = mmio_check();
	bool ok = !wrong;

	if (wrong)
		kprintf("mmio: %s\n", wrong);
	ok &= same("claims", a->claims.claims, b->claims.claims);
	ok &= same("windows", a->claims.windows, b->claims.windows);
	ok &= same("bytes", a->claims.bytes, b->claims.bytes);
	ok &= same("areas", a->areas.areas, b->areas.areas);
	ok &= same("area bytes", a->areas.bytes, b->areas.bytes);
	ok &= same("page tables", a->tables, b->tables);
	ok &= same("frames in use", a->frames, b->frames);
	return ok;
}

static int cmd_rounds(int argc, char **argv)
{
	uint64_t rounds = 1, done = 0;
	struct counts c = {.windows = 0};
	struct state before, after;
	bool ok;

	if (argc > 3 || (argc == 3 && !shell_number(argv[2], &rounds)))
		return SHELL_USAGE;
	before = now();
	for (; done < rounds && !shell_interrupted(); done++)
		try_all(&c, !done);
	after = now();
	ok = all_back(&before, &after);
	kprintf("mmio: %llu rounds, %llu windows: %llu read, %llu faults, %llu "
		"not read\n",
		LL(done), LL(c.windows), LL(c.reads), LL(c.faults),
		LL(c.unread));
	kprintf("mmio: %llu not on the CPU's bus, %llu refused, %llu failed; "
		"%s\n",
		LL(c.unreachable), LL(c.refused), LL(c.failed),
		ok ? "all is as before" : "not all is as before");
	return !ok || c.failed;
}

static int cmd_mmio(int argc, char **argv)
{
	if (argc == 1)
		return list();
	if (!strcmp(argv[1], "read"))
		return cmd_read(argc, argv);
	if (!strcmp(argv[1], "test"))
		return cmd_rounds(argc, argv);
	return SHELL_USAGE;
}
COMMAND(mmio, cmd_mmio, "[read ADDR [8|16|32|64] | test [ROUNDS]]",
	"list claimed registers, read one, or map and read all there are");
