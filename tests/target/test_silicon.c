/* What one hart does by itself: code, registers, addresses. */
#include <stdarg.h>
#include <stdio.h>

#include <arch/cpu.h>
#include <asm/features.h>
#include <asm/sbi.h>
#include <kernel/devtree.h>
#include <kernel/explain.h>
#include <kernel/printk.h>
#include <kernel/smp.h>
#include <mm/kmap.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>
#include <mm/tlb.h>

#include "silicon.h"

#define EBREAK 0x00100073u
#define ROUNDS 5

static void line(const char *point, const char *verdict, const char *text)
{
	kprintf("silicon: %-10s %s (%s)\n", point, text, verdict);
}

void silicon_say(const char *point, enum silicon verdict, const char *fmt, ...)
{
	static const char *const names[] = {"ok", "differs", "FAILED"};
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	line(point, names[verdict], text);
	if (verdict == SILICON_FAILED)
		ktest_fail("docs/silicon.md", 0, "see there: %s", point);
}

void silicon_skip(const char *point, const char *why)
{
	line(point, "skipped", why);
	ktest_skip(why);
}

/* --- code --- */

static struct {
	struct page *page;
	uint32_t *at;
	struct range va; /* empty: not mapped */
} code;

bool silicon_code_begin(void)
{
	struct range va = {kmap_arena.start, kmap_arena.start + PAGE_SIZE};

	code.va = range_make(0, 0);
	code.page = page_alloc(0, ALLOC_ZERO);
	if (!code.page)
		return false;
	code.at = phys_to_virt(page_to_phys(code.page));
	if (kmap_map(va, page_to_phys(code.page), VM_READ | VM_EXEC,
		     ATTR_NORMAL))
		return false;
	code.va = va;
	return true;
}

void silicon_code_end(void)
{
	if (!range_empty(code.va))
		kmap_unmap(code.va);
	if (code.page)
		page_free(code.page, 0);
}

void silicon_code_put(uint32_t first, uint32_t second, bool sync)
{
	code.at[0] = first;
	code.at[1] = second;
	if (sync)
		tlb_sync_code();
}

struct probe silicon_code_run(void)
{
	return arch_probe(ACCESS_FETCH, code.va.start, 0);
}

struct probe silicon_csr(unsigned number)
{
	/* csrr a0, number (privileged specification, SYSTEM opcode) */
	silicon_code_put((uint32_t)number << 20 | 0x2573, EBREAK, true);
	return silicon_code_run();
}

/* addi a0, zero, n */
static void put_number(unsigned n, bool sync)
{
	silicon_code_put(0x00000513 | (uint32_t)n << 20, EBREAK, sync);
}

struct fetch {
	unsigned want, others; /* harts that get something else (a) */
};

static void fetch(void *arg)
{
	struct fetch *f = arg;
	struct probe p = silicon_code_run();

	if (!p.ok || p.value != f->want)
		__atomic_fetch_add(&f->others, 1, __ATOMIC_RELAXED);
}

/* How many of the harts don't get n? */
static unsigned wrong(cpumask_t cpus, unsigned n)
{
	struct fetch f = {.want = n};

	smp_call(cpus, fetch, &f);
	return f.others;
}

KTEST(silicon, fence_i)
{
	cpumask_t me = cpu_bit(arch_cpu()), others = cpus_online() & ~me;
	unsigned old[2] = {0}, bad = 0;

	if (!silicon_code_begin()) {
		silicon_code_end();
		return silicon_skip("fence_i", "no memory");
	}
	for (unsigned n = 2; n < 2 + 2 * ROUNDS; n += 2) {
		put_number(n, true);
		bad += wrong(cpus_online(), n);
		put_number(n + 1, false);
		old[0] += wrong(me, n + 1);
		old[1] += wrong(others, n + 1);
		tlb_sync_code();
		bad += wrong(cpus_online(), n + 1);
	}
	silicon_code_end();
	silicon_say("fence_i", silicon_ok_if(!bad),
		    "stored code, no fence: old in %u of %u runs here, %u of "
		    "%u elsewhere; fenced: %u",
		    old[0], ROUNDS, old[1],
		    ROUNDS * (unsigned)__builtin_popcountll(others), bad);
}

/* --- registers --- */

KTEST(silicon, csrs)
{
	struct probe senvcfg, stimecmp, time, instret;

	if (!silicon_code_begin()) {
		silicon_code_end();
		return silicon_skip("csrs", "no memory");
	}
	senvcfg = silicon_csr(0x10a);
	stimecmp = silicon_csr(0x14d);
	time = silicon_csr(0xc01);
	instret = silicon_csr(0xc02);
	silicon_code_end();
#define READS(p) ((p).ok ? "reads" : "traps")
	/* The kernel must not use a timer that is closed, and can't do without a
	 * clock. */
	silicon_say(
		"csrs",
		silicon_ok_if(time.ok && (stimecmp.ok || !riscv_features.sstc)),
		"senvcfg %s, stimecmp %s (%sused), time %s, instret %s",
		READS(senvcfg), READS(stimecmp),
		riscv_features.sstc ? "" : "not ", READS(time), READS(instret));
#undef READS
}

#define TIMES	200u
#define BATCHES 10

/* Nanoseconds of one call: in the best of some batches, for a machine may be busy
 * with others, or with interrupts. */
static unsigned cost(void (*fn)(uint64_t arg), uint64_t arg)
{
	uint64_t least = UINT64_MAX;

	for (unsigned batch = 0; batch < BATCHES; batch++) {
		uint64_t flags = arch_irq_save(), start = arch_time();

		for (unsigned i = 0; i < TIMES; i++)
			fn(arg);
		least = min_u64(least, arch_time() - start);
		arch_irq_restore(flags);
	}
	return (unsigned)(least * (1000000000u / TIMES) / machine.timebase);
}

static void read_time(uint64_t arg)
{
	(void)arg;
	arch_time();
}

/* As short as a trap to firmware can be. */
static void call(uint64_t arg)
{
	sbi_call(SBI_EXT_BASE, SBI_BASE_SPEC_VERSION, arg, 0, 0, 0, 0);
}

static void load(uint64_t va)
{
	arch_probe(ACCESS_LOAD, va, 0);
}

/* Not counted: firmware may close the counter of instructions, and QEMU's is none
 * as a rule. */
static const char *by_whom(unsigned ns, unsigned call_ns)
{
	return ns > call_ns / 3 ? "firmware does it" : "the hart does it";
}

KTEST(silicon, rdtime)
{
	uint64_t before = arch_time(), after = arch_time();
	unsigned ns, call_ns;

	if (!machine.timebase)
		return silicon_skip("rdtime", "the clock's rate is not known");
	ns = cost(read_time, 0);
	call_ns = cost(call, 0);
	silicon_say("rdtime", silicon_ok_if(after >= before),
		    "%u ns a read, a firmware call %u: %s", ns, call_ns,
		    by_whom(ns, call_ns));
}

KTEST(silicon, misaligned)
{
	static const uint64_t bytes[2] = {0x0706050403020100,
					  0x0f0e0d0c0b0a0908};
	vaddr_t va = (vaddr_t)(uintptr_t)bytes;
	struct probe p = arch_probe(ACCESS_LOAD, va + 3, 0);
	unsigned even, odd, ns, call_ns;

	if (!machine.timebase)
		return silicon_skip("misaligned",
				    "the clock's rate is not known");
	if (!p.ok)
		return silicon_say("misaligned", SILICON_OK,
				   "a load traps (%u); the kernel makes none",
				   p.cause);
	even = cost(load, va);
	odd = cost(load, va + 3);
	ns = odd > even ? odd - even : 0;
	call_ns = cost(call, 0);
	silicon_say("misaligned",
		    p.value == 0x0a09080706050403 ? SILICON_OK
						  : SILICON_DIFFERS,
		    "a load takes %u ns more, a firmware call %u: %s, and %s",
		    ns, call_ns, by_whom(ns, call_ns),
		    p.value == 0x0a09080706050403 ? "right" : "wrong");
}

/* --- addresses --- */

KTEST(silicon, stval)
{
	/* In no mode an address; as Sv39 has it, bit 38 is 0. */
	const vaddr_t wild = 0x8000000140005010;
	uint64_t flags = arch_irq_save(), stval;
	struct probe p = arch_probe(ACCESS_LOAD, wild, 0);
	char means[80] = "";

	/* Nothing has trapped since. */
	stval = csr_read(stval);
	arch_irq_restore(flags);
	explain_address(stval, means, sizeof(means));
	silicon_say("stval",
		    p.ok || !*means	   ? SILICON_FAILED
		    : (stval ^ wild) << 25 ? SILICON_DIFFERS
					   : SILICON_OK,
		    "load at %#llx: cause %u, stval %#llx, %s: %s",
		    (unsigned long long)wild, p.cause,
		    (unsigned long long)stval,
		    stval == wild ? "as it was" : "made canonical", means);
}
