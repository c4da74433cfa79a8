/* What firmware says and does: its calls, the harts it keeps, the timer, the memory
 * and the registers that it closes to us. */
#include <stdio.h>
#include <string.h>

#include <arch/cpu.h>
#include <arch/debug.h>
#include <arch/image.h>
#include <arch/mmu.h>
#include <arch/smp.h>
#include <asm/errata.h>
#include <asm/sbi.h>
#include <kernel/devtree.h>
#include <kernel/ram.h>
#include <kernel/smp.h>
#include <kernel/smp_boot.h>
#include <kernel/time.h>
#include <mm/layout.h>
#include <mm/mmio.h>
#include <mm/tlb.h>

#include "silicon.h"

#define LL(x) ((unsigned long long)(x))

static uint64_t base(uint64_t fid)
{
	return (uint64_t)sbi_call(SBI_EXT_BASE, fid, 0, 0, 0, 0, 0).value;
}

KTEST(silicon, sbi)
{
	/* Extension ids are names, backwards. */
	static const char names[][5] = {"TIME", "IPI",	"RFNC", "HSM",
					"SRST", "PMU",	"DBCN", "SUSP",
					"CPPC", "FWFT", "SSE",	"DBTR"};
	uint64_t spec = base(SBI_BASE_SPEC_VERSION);
	char have[80] = "";

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		uint64_t id = 0;

		/* IPI's name has a small s before it. */
		if (!strcmp(names[i], "IPI"))
			id = SBI_EXT_IPI;
		else
			for (const char *c = names[i]; *c; c++)
				id = id << 8 | (uint8_t)*c;
		if (sbi_probe(id))
			snprintf(have + strlen(have),
				 sizeof(have) - strlen(have), " %s", names[i]);
	}
	silicon_say("sbi",
		    silicon_ok_if(!arch_smp_missing() ||
				  cpus_online() == cpu_bit(arch_cpu())),
		    "version %llu.%llu, implementation %llu version %#llx, "
		    "has%s",
		    LL(spec >> 24 & 0x7f), LL(spec & 0xffffff),
		    LL(base(SBI_BASE_IMPL_ID)), LL(base(SBI_BASE_IMPL_VERSION)),
		    have);
}

KTEST(silicon, errata)
{
	uint64_t vendor = base(SBI_BASE_MVENDORID);
	uint64_t arch = base(SBI_BASE_MARCHID), imp = base(SBI_BASE_MIMPID);
	struct riscv_errata e = errata_of(vendor, arch, imp);

	silicon_say("errata",
		    silicon_ok_if(e.short_stval == riscv_errata.short_stval &&
				  e.full_fences == riscv_errata.full_fences &&
				  (!e.full_fences || tlb_full())),
		    "mvendorid %#llx, marchid %#llx, mimpid %#llx: CIP-453 %s, "
		    "CIP-1200 %s",
		    LL(vendor), LL(arch), LL(imp), e.short_stval ? "yes" : "no",
		    e.full_fences ? "yes" : "no");
}

KTEST(silicon, hsm)
{
	unsigned running = 0, kept = 0;
	const char *monitor = "none";
	bool right = true;

	for (unsigned i = 0; i < machine.ncpu; i++) {
		const struct dt_cpu *c = &machine.cpu[i];
		const char *state = arch_hart_state(c->hartid);
		int cpu = smp_cpu_of(c->hartid);
		bool here =
			cpu >= 0 && (cpus_online() & cpu_bit((unsigned)cpu));

		running += here;
		if (here && state && strcmp(state, "started"))
			right = false;
		if (!c->unusable)
			continue;
		kept++;
		monitor = state ? state : "unknown to firmware";
		right &= cpu < 0;
	}
	silicon_say("hsm", silicon_ok_if(right),
		    "%u harts in the tree, %u run, %u can't and were never "
		    "started: %s",
		    machine.ncpu, running, kept, monitor);
}

KTEST(silicon, power)
{
	bool srst = sbi_probe(SBI_EXT_SRST);

	silicon_say("power", SILICON_OK,
		    "firmware %s (SRST); whether it does, reboot and poweroff "
		    "show",
		    srst ? "says that it can reset" : "has no reset");
}

KTEST(silicon, timer)
{
	const volatile uint64_t *n = &smp_counters(arch_cpu())->timers;
	uint64_t before = *n, at, late;

	if (!time_known() || !arch_timer_works())
		return silicon_skip("timer", "no timer");
	at = arch_time() + time_ticks(10000);
	arch_timer_set(at);
	/* A host that is busy may be late by seconds. */
	while (*n == before && arch_time() < at + time_ticks(10000000))
		arch_relax();
	late = arch_time() - at;
	if (*n == before)
		return silicon_say("timer", SILICON_FAILED,
				   "no interrupt within 10 s");
	silicon_say("timer",
		    (int64_t)late < 0		? SILICON_FAILED
		    : late > time_ticks(100000) ? SILICON_DIFFERS
						: SILICON_OK,
		    "asked for in 10 ms at %u Hz, it came %lld us later",
		    machine.timebase,
		    (long long)late * 1000000 / machine.timebase);
}

/* Is nothing of firmware's memory mapped? */
static bool hidden(uint64_t *bytes)
{
	bool right = true;

	for (unsigned i = 0; i < ram.n; i++) {
		const struct region *r = &ram.region[i];
		vaddr_t first =
			(vaddr_t)(uintptr_t)phys_to_virt(r->range.start);

		if (r->type != REGION_FIRMWARE)
			continue;
		*bytes += range_size(r->range);
		right &= !arch_probe(ACCESS_LOAD, first, 0).ok;
		right &= !arch_probe(ACCESS_LOAD,
				     first + range_size(r->range) - 8, 0)
				  .ok;
	}
	return right;
}

/* The RAM around the image begins with firmware, or with what else is not to be
 * given out, whatever the tree says. */
static bool first_kept(void)
{
	const struct region *first = NULL, *last = NULL;

	for (unsigned i = 0; i < ram.n; i++) {
		const struct region *r = &ram.region[i];

		if (!last || last->range.end != r->range.start)
			first = r;
		if (range_has(r->range, image_phys))
			break;
		last = r;
	}
	return first && first->type != REGION_FREE;
}

/* The timer of the M-mode, or what of it the tree tells. */
static void look_at_clint(char *text, size_t size)
{
	static const char *const compatible[] = {"riscv,clint0",
						 "sifive,clint0"};
	fdt_node n = FDT_NONE;
	struct probe p;
	struct mmio m;

	for (unsigned i = 0; i < ARRAY_SIZE(compatible) && n == FDT_NONE; i++)
		n = fdt_find_compatible(&machine.fdt, FDT_NONE, compatible[i]);
	if (n == FDT_NONE ||
	    mmio_map_node(&m, &machine.fdt, n, 0, MMIO_PEEK, "silicon")) {
		snprintf(text, size, "the tree has no CLINT");
		return;
	}
	if (m.size < 0xc000) {
		snprintf(text, size, "the CLINT has no clock");
	} else {
		/* mtime */
		p = arch_probe_load((vaddr_t)(uintptr_t)m.base + 0xbff8, 32);
		if (p.ok)
			snprintf(text, size, "CLINT can be read");
		else
			snprintf(text, size, "CLINT is closed (%u)", p.cause);
	}
	mmio_unmap(&m);
}

KTEST(silicon, pmp)
{
	uint64_t bytes = 0;
	bool out = hidden(&bytes), kept = first_kept();
	char clint[40];

	look_at_clint(clint, sizeof(clint));
	silicon_say("pmp", silicon_ok_if(out && kept),
		    "%llu KiB of firmware %s; the first page of the image's "
		    "bank is %s; %s",
		    LL(bytes >> 10), out ? "not mapped" : "MAPPED",
		    kept ? "kept" : "GIVEN OUT", clint);
}
