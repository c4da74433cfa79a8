/* Accesses with any rights: below <arch/probe.h>. */
#pragma once

#include <arch/probe.h>

/* How the access is made. */
struct probe_mode {
	bool user; /* in U-mode: code to load and store must be there, too */
	bool sum;  /* with these bits of sstatus */
	bool mxr;
	vaddr_t code; /* where U-mode has what probe_by_load and probe_by_store are */
};

struct probe riscv_probe(enum access kind, vaddr_t va, uint64_t value,
			 const struct probe_mode *mode);

/* Where the kernel's own come back to. */
extern const char probe_caught[];

/* Loads of 8 to 64 bits, PROBE_CODE_SIZE each; the last one is the next: */
extern const char probe_loads[];

/* What U-mode runs; from probe_by_load to probe_by_end, to be copied as a whole. */
extern const char probe_by_load[], probe_by_store[], probe_by_end[];
