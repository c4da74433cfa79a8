/*
 * A small SBI implementation, whose extensions a test can switch on and off:
 * Debian's firmware has the legacy console and no DBCN, and real boards have
 * anything else. The machine is virt.c's or none.c's.
 *
 * Sources: RISC-V SBI specification 2.0; privileged specification 1.12, chapter
 * 3.
 */
#include <stdint.h>

#include "firmware.h"
#include "machine.h"

struct frame {
	uint64_t x[32]; /* x[2] is not kept here */
	uint64_t epc, cause, tval, status;
};

uint64_t counters(void);
uint64_t device_tree(uint64_t a1);
uint64_t hart_id(uint64_t a0);
void trap(struct frame *f);
void redirect(struct frame *f);

#define parameter(offset) (*(const volatile uint64_t *)(PARAMETERS + (offset)))

enum { SUCCESS = 0, FAILED = -1, NOT_SUPPORTED = -2, INVALID_PARAM = -3 };
enum { EXT_BASE = 0x10, EXT_HSM = 0x48534d };
enum { EXT_DBCN = 0x4442434e, EXT_SRST = 0x53525354 };

static uint64_t flags(void)
{
	return parameter(PARAMETER_FLAGS);
}

/* mcounteren: cycle 1, time 2, instret 4. */
uint64_t counters(void)
{
	return (flags() & FLAG_NO_COUNTERS ? 0 : 5) |
	       (flags() & FLAG_NO_TIME ? 0 : 2);
}

uint64_t device_tree(uint64_t a1)
{
	return flags() & FLAG_A1 ? parameter(PARAMETER_A1) : a1;
}

uint64_t hart_id(uint64_t a0)
{
	return flags() & FLAG_A0 ? parameter(PARAMETER_A0) : a0;
}

/* The kernel made M-mode fault: a bug in either. QEMU ends with status 99. */
static void die(const char *text)
{
	while (*text)
		machine_put((uint8_t)*text++);
	machine_end(99);
}

static int64_t dbcn(uint64_t fid, uint64_t n, uint64_t address, uint64_t high,
		    int64_t *value)
{
	static unsigned calls;
	uint8_t *p = (uint8_t *)address;
	uint64_t kind = parameter(PARAMETER_DBCN);
	int c;

	if (kind == DBCN_NONE || fid > 2)
		return NOT_SUPPORTED;
	if (fid != 1 && kind == DBCN_FAILS)
		return FAILED;
	if (fid == 2) {
		/* A byte: takes it, waiting if need be (SBI 2.0, 12.3). */
		machine_put((uint8_t)n);
		return SUCCESS;
	}
	/* Memory of the kernel, by physical address. */
	if (high || address < KERNEL || address + n < address || address >> 40)
		return INVALID_PARAM;
	if (fid == 1) {
		while ((uint64_t)*value < n && (c = machine_get()) >= 0)
			p[(*value)++] = (uint8_t)c;
		return SUCCESS;
	}
	calls++;
	if (kind == DBCN_STUCK || (kind == DBCN_SLOW && calls % 3 == 0))
		n = 0;
	if (kind == DBCN_SLOW && n > 7)
		n = 7;
	while ((uint64_t)*value < n)
		machine_put(p[(*value)++]);
	return SUCCESS;
}

static int has(uint64_t ext)
{
	switch (ext) {
	case 1:
	case 2:
		return !!(flags() & FLAG_LEGACY);
	case EXT_BASE:
		return 1;
	case EXT_HSM:
		return !!(flags() & FLAG_HSM);
	case EXT_SRST:
		return !!(flags() & (FLAG_SRST | FLAG_SRST_FAILS));
	case EXT_DBCN:
		return parameter(PARAMETER_DBCN) != DBCN_NONE;
	default:
		return 0;
	}
}

static int64_t base(uint64_t fid, uint64_t ext, int64_t *value)
{
	if (fid == 0)
		*value = 2 << 24; /* SBI 2.0 */
	else if (fid == 1)
		*value = 0x7e57; /* nobody's implementation id */
	else if (fid == 3)
		*value = has(ext);
	else if (fid > 6)
		return NOT_SUPPORTED;
	return SUCCESS;
}

static int64_t reset(uint64_t type)
{
	if (flags() & FLAG_SRST_FAILS)
		return FAILED;
	if (type > 1)
		return INVALID_PARAM;
	if (type)
		machine_restart();
	machine_end(0);
}

static void call(struct frame *f)
{
	uint64_t *a = &f->x[10], ext = a[7];
	int64_t error = NOT_SUPPORTED, value = 0;

	f->epc += 4;
	if (ext < EXT_BASE) {
		/* Legacy: one result, and a1 is the caller's. */
		if (!has(ext))
			a[0] = (uint64_t)NOT_SUPPORTED;
		else if (ext == 2)
			a[0] = (uint64_t)(int64_t)machine_get();
		else {
			machine_put((uint8_t)a[0]);
			a[0] = 0;
		}
		return;
	}
	if (ext == EXT_BASE)
		error = base(a[6], a[0], &value);
	else if (ext == EXT_DBCN)
		error = dbcn(a[6], a[0], a[1], a[2], &value);
	else if (ext == EXT_HSM && has(ext) && a[6] == 2)
		error = a[0] == hart_id(parameter(PARAMETER_HART))
				? SUCCESS
				: INVALID_PARAM;
	else if (ext == EXT_SRST && has(ext) && a[6] == 0)
		error = reset(a[0]);
	a[0] = (uint64_t)error;
	a[1] = (uint64_t)value;
}

void trap(struct frame *f)
{
	/* csrrs rd, time, x0 (unprivileged specification, Zicntr). */
	int reads_time = (f->tval & 0xfffff07f) == 0xc0102073;

	if ((f->status >> 11 & 3) == 3)
		die("firmware: trap in M-mode\r\n");
	if (f->cause == 9) {
		call(f);
	} else if (f->cause == 2 && reads_time) {
		f->x[f->tval >> 7 & 31] = machine_time();
		f->epc += 4;
	} else {
		redirect(f);
	}
}
