/*
 * Probes (<asm/probe.h>): an access and an EBREAK after it. If that is what
 * traps, the access did not.
 */
#include <arch/cpu.h>
#include <arch/io.h>
#include <asm/csr.h>
#include <asm/probe.h>
#include <asm/user.h>

#define CAUSE_BREAKPOINT 3

struct ending {
	uint64_t a0, scause;
};

struct ending probe_go(uint64_t pc, uint64_t sstatus, uint64_t a0, uint64_t a1);

static vaddr_t address(const void *p)
{
	return (vaddr_t)(uintptr_t)p;
}

/* Where the code for the access begins. */
static vaddr_t pc_of(enum access kind, vaddr_t va, const struct probe_mode *m)
{
	const char *code = kind == ACCESS_LOAD ? probe_by_load : probe_by_store;

	if (kind == ACCESS_FETCH)
		return va;
	return m->user ? m->code + (vaddr_t)(code - probe_by_load)
		       : address(code);
}

/* As probe_go(), in user mode. */
static struct ending user_go(uint64_t pc, uint64_t sstatus, uint64_t a0,
			     uint64_t a1)
{
	struct user_regs r = {.frame = {.sepc = pc}};
	uint64_t before = csr_read(sstatus);

	r.frame.x[10] = a0;
	r.frame.x[11] = a1;
	csr_write(sstatus, sstatus);
	user_run(&r);
	csr_write(sstatus, before);
	return (struct ending){r.frame.x[10], r.frame.scause};
}

static struct probe go(vaddr_t pc, vaddr_t va, uint64_t value,
		       const struct probe_mode *m)
{
	uint64_t flags = arch_irq_save(), sstatus = csr_read(sstatus);
	uint64_t sie = csr_read(sie);
	struct ending e;

	/* In user mode they are on whatever SIE says. An exception in a handler
	 * would be taken for that of the access. */
	csr_write(sie, 0);
	sstatus &= ~(SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SUM | SSTATUS_MXR);
	sstatus |= (m->user ? 0 : SSTATUS_SPP) | (m->sum ? SSTATUS_SUM : 0) |
		   (m->mxr ? SSTATUS_MXR : 0);
	e = (m->user ? user_go : probe_go)(pc, sstatus, va, value);
	csr_write(sie, sie);
	arch_irq_restore(flags);
	return (struct probe){
		.ok = e.scause == CAUSE_BREAKPOINT,
		.cause = (unsigned)e.scause,
		.value = e.a0,
	};
}

struct probe riscv_probe(enum access kind, vaddr_t va, uint64_t value,
			 const struct probe_mode *m)
{
	return go(pc_of(kind, va, m), va, value, m);
}

struct probe arch_probe(enum access kind, vaddr_t va, uint64_t value)
{
	/* SUM as it is: some harts forget translations when it changes, and a
	 * litmus test would not see what they remember. */
	struct probe_mode kernel = {.sum = csr_read(sstatus) & SSTATUS_SUM};

	return riscv_probe(kind, va, value, &kernel);
}

struct probe arch_probe_load(vaddr_t va, unsigned bits)
{
	const struct probe_mode kernel = {.sum = false};
	unsigned n = (unsigned)__builtin_ctz(bits / 8);

	return go(address(probe_loads) + n * PROBE_CODE_SIZE, va, 0, &kernel);
}

bool mmio_answers(const volatile void *p, unsigned bits)
{
	return arch_probe_load((vaddr_t)(uintptr_t)p, bits).ok;
}

void arch_probe_users(bool allowed)
{
	if (allowed)
		csr_set(sstatus, SSTATUS_SUM);
	else
		csr_clear(sstatus, SSTATUS_SUM);
}

void arch_probe_code(void *at, unsigned n)
{
	uint32_t *code = at;

	code[0] = 0x00000513 | (uint32_t)n << 20; /* addi a0, zero, n */
	code[1] = 0x00100073;			  /* ebreak */
}
