/*
 * SBI: the calls, the console, reset, and who the firmware is.
 *
 * Console. DBCN where the firmware has it (asked by probe: some firmware has it
 * though its version says otherwise) and it takes text, else the legacy calls.
 * DBCN wants a physical address; bytes go through a buffer in the image, whose
 * address is computed for each call, since the image can move.
 */
#include <stdio.h>
#include <string.h>

#include <arch/debug.h>
#include <arch/firmware.h>
#include <arch/image.h>
#include <asm/csr.h>
#include <asm/sbi.h>
#include <kernel/console.h>
#include <kernel/printk.h>

struct sbi_ret sbi_call(uint64_t ext, uint64_t fid, uint64_t arg0,
			uint64_t arg1, uint64_t arg2, uint64_t arg3,
			uint64_t arg4)
{
	register uint64_t a0 __asm__("a0") = arg0;
	register uint64_t a1 __asm__("a1") = arg1;
	register uint64_t a2 __asm__("a2") = arg2;
	register uint64_t a3 __asm__("a3") = arg3;
	register uint64_t a4 __asm__("a4") = arg4;
	register uint64_t a6 __asm__("a6") = fid;
	register uint64_t a7 __asm__("a7") = ext;

	__asm__ volatile("ecall"
			 : "+r"(a0), "+r"(a1)
			 : "r"(a2), "r"(a3), "r"(a4), "r"(a6), "r"(a7)
			 : "memory");
	return (struct sbi_ret){(int64_t)a0, (int64_t)a1};
}

bool sbi_probe(uint64_t ext)
{
	struct sbi_ret r =
		sbi_call(SBI_EXT_BASE, SBI_BASE_PROBE, ext, 0, 0, 0, 0);

	return !r.error && r.value;
}

/* Within one page, so that it is contiguous in RAM. */
static char bounce[64] __attribute__((aligned(64)));

/* Calls in a row that take nothing, until text is given up: a fraction of a
 * second at least, while a full transmitter has room again after milliseconds. */
#define DBCN_MAX_POLLS 1000000u

/* Write what may be part of it or nothing, as the transmitter has room (SBI
 * 2.0, 12.1), until all is written. Returns whether that came to pass; after
 * it did not, patience is short until it does. */
static bool dbcn_put(const char *s, size_t n)
{
	static bool stuck;
	unsigned polls = stuck ? 1 : DBCN_MAX_POLLS;

	while (n && polls--) {
		size_t part = n < sizeof(bounce) ? n : sizeof(bounce);
		struct sbi_ret r;

		memcpy(bounce, s, part);
		r = sbi_call(SBI_EXT_DBCN, SBI_DBCN_WRITE, part,
			     image_to_phys(bounce), 0, 0, 0);
		if (r.error || r.value < 0 || (size_t)r.value > part)
			return false;
		s += r.value;
		n -= (size_t)r.value;
		if (r.value)
			polls = DBCN_MAX_POLLS;
	}
	stuck = n != 0;
	return !stuck;
}

static void dbcn_write(const struct console_device *d, const char *s, size_t n)
{
	(void)d;
	dbcn_put(s, n);
}

static int dbcn_getc(const struct console_device *d)
{
	struct sbi_ret r = sbi_call(SBI_EXT_DBCN, SBI_DBCN_READ, 1,
				    image_to_phys(bounce), 0, 0, 0);

	(void)d;
	return !r.error && r.value == 1 ? (uint8_t)bounce[0] : -1;
}

static void legacy_write(const struct console_device *d, const char *s,
			 size_t n)
{
	(void)d;
	for (size_t i = 0; i < n; i++)
		sbi_call(SBI_LEGACY_PUTCHAR, 0, (uint8_t)s[i], 0, 0, 0, 0);
}

static int legacy_getc(const struct console_device *d)
{
	(void)d;
	return (int)sbi_call(SBI_LEGACY_GETCHAR, 0, 0, 0, 0, 0, 0).error;
}

static uint64_t base(uint64_t fid)
{
	return (uint64_t)sbi_call(SBI_EXT_BASE, fid, 0, 0, 0, 0, 0).value;
}

const struct console_device *arch_firmware_console(void)
{
	static struct console_device dbcn = {
		.name = "sbi-dbcn", .write = dbcn_write, .getc = dbcn_getc};
	static struct console_device legacy = {.name = "sbi-legacy",
					       .write = legacy_write,
					       .getc = legacy_getc};

	/* OpenSBI's consoles translate; nothing asks for it, and not all do. */
	dbcn.adds_cr = legacy.adds_cr =
		base(SBI_BASE_IMPL_ID) == SBI_IMPL_OPENSBI;
	/* There are those that have the extension and no port for it. */
	if (sbi_probe(SBI_EXT_DBCN) && dbcn_put("\r\n", 2))
		return &dbcn;
	if (sbi_probe(SBI_LEGACY_PUTCHAR))
		return &legacy;
	return NULL;
}

void arch_firmware_reset(enum arch_reset how)
{
	if (sbi_probe(SBI_EXT_SRST))
		sbi_call(SBI_EXT_SRST, 0,
			 how == ARCH_REBOOT ? SBI_SRST_COLD_REBOOT
					    : SBI_SRST_SHUTDOWN,
			 0, 0, 0, 0);
}

void arch_halt(void)
{
	csr_clear(sstatus, SSTATUS_SIE);
	csr_write(sie, 0);
	for (;;)
		__asm__ volatile("wfi");
}

const char *arch_hart_state(uint64_t hartid)
{
	/* SBI 2.0, table "HSM Hart States". */
	static const char *const name[] = {
		"started",	  "stopped",   "start pending",
		"stop pending",	  "suspended", "suspend pending",
		"resume pending",
	};
	struct sbi_ret r =
		sbi_call(SBI_EXT_HSM, SBI_HSM_HART_STATUS, hartid, 0, 0, 0, 0);

	if (r.error || r.value < 0 ||
	    r.value >= (int64_t)(sizeof(name) / sizeof(name[0])))
		return NULL;
	return name[r.value];
}

uint64_t arch_vendor(void)
{
	return base(SBI_BASE_MVENDORID);
}

void arch_firmware_facts(struct firmware_facts *f)
{
	/* SBI implementation ids, chapter "Base extension". */
	static const char *const known[] = {"BBL",   "OpenSBI", "Xvisor",
					    "KVM",   "RustSBI", "Diosix",
					    "Coffer"};
	uint64_t spec = base(SBI_BASE_SPEC_VERSION);
	uint64_t id = base(SBI_BASE_IMPL_ID);
	uint64_t version = base(SBI_BASE_IMPL_VERSION);
	int n;

	f->spec_major = (unsigned)(spec >> 24 & 0x7f);
	f->spec_minor = (unsigned)(spec & 0xffffff);
	f->vendor = base(SBI_BASE_MVENDORID);
	f->arch = base(SBI_BASE_MARCHID);
	f->implementation = base(SBI_BASE_MIMPID);
	if (id < sizeof(known) / sizeof(known[0]))
		n = snprintf(f->name, sizeof(f->name), "%s", known[id]);
	else
		n = snprintf(f->name, sizeof(f->name), "implementation %#llx",
			     (unsigned long long)id);
	if (id == SBI_IMPL_OPENSBI)
		snprintf(f->name + n, sizeof(f->name) - (size_t)n, " %u.%u",
			 (unsigned)(version >> 16),
			 (unsigned)(version & 0xffff));
	else
		snprintf(f->name + n, sizeof(f->name) - (size_t)n,
			 " version %#llx", (unsigned long long)version);
}

void arch_print_firmware(void)
{
	struct firmware_facts f;

	arch_firmware_facts(&f);
	kprintf("firmware: SBI %u.%u, %s%s%s%s\n", f.spec_major, f.spec_minor,
		f.name, sbi_probe(SBI_EXT_HSM) ? ", HSM" : "",
		sbi_probe(SBI_EXT_SRST) ? ", SRST" : "",
		sbi_probe(SBI_EXT_DBCN) ? ", DBCN" : "");
	kprintf("core: mvendorid %#llx, marchid %#llx, mimpid %#llx\n",
		(unsigned long long)f.vendor, (unsigned long long)f.arch,
		(unsigned long long)f.implementation);
}
