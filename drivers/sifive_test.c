/* What to write where is in QEMU's hw/misc/sifive_test.c and its header. */
#include <arch/io.h>
#include <drivers/device.h>
#include <drivers/sifive_test.h>
#include <kernel/machine_exit.h>
#include <lib/errno.h>

#define FINISH_FAIL  0x3333u /* the status goes into the upper half */
#define FINISH_PASS  0x5555u
#define FINISH_RESET 0x7777u

static const char *const compatible[] = {"sifive,test0", "sifive,test1", NULL};

static void finish(void *arg, unsigned status)
{
	const struct mmio *regs = arg;

	mmio_write32(regs->base,
		     status ? FINISH_FAIL | status << 16 : FINISH_PASS);
}

static void reset(void *arg)
{
	const struct mmio *regs = arg;

	mmio_write32(regs->base, FINISH_RESET);
}

static const struct machine_exit template = {.name = "sifive,test",
					     .tells_status = true,
					     .end = finish,
					     .restart = reset};

static bool answers(const struct mmio *regs)
{
	return regs->size >= 4 && mmio_answers(regs->base, 32);
}

/* What boot has, until there is a driver. */
static struct {
	fdt_node node;
	struct mmio regs;
	struct machine_exit exit;
} early = {.node = FDT_NONE};

/* Its register is one of a syscon's, too: all share it. */
void sifive_test_early(const struct fdt *t)
{
	fdt_node n = FDT_NONE;

	for (unsigned i = 0; compatible[i] && n == FDT_NONE; i++)
		n = fdt_find_compatible(t, FDT_NONE, compatible[i]);
	if (n == FDT_NONE ||
	    mmio_map_node(&early.regs, t, n, 0, MMIO_SHARED, "sifive,test"))
		return;
	if (!answers(&early.regs)) {
		mmio_unmap(&early.regs);
		return;
	}
	early.node = n;
	early.exit = template;
	early.exit.arg = &early.regs;
	machine_exit_add(&early.exit);
}

static int probe(struct device *d)
{
	struct machine_exit *e = device_alloc(d, sizeof(*e));
	struct mmio *regs = e ? device_mmio(d, 0, MMIO_SHARED) : NULL;

	if (!regs)
		return d->error;
	if (!answers(regs))
		return device_fail(d, -ENXIO, "nothing answers there");
	*e = template;
	e->arg = regs;
	machine_exit_add(e);
	d->data = e;
	if (d->node == early.node) {
		machine_exit_remove(&early.exit);
		mmio_unmap(&early.regs);
		early.node = FDT_NONE;
	}
	return 0;
}

static void remove(struct device *d)
{
	machine_exit_remove(d->data);
}

DRIVER(sifive_test, compatible, probe, remove);
