/* What the architecture's first instructions hand to kernel_main(). */
#pragma once

#include <kernel/types.h>

struct boot_info {
	uint64_t hartid;      /* of the hart that boots */
	paddr_t fdt;	      /* the device tree, as it was handed over */
	const void *fdt_view; /* the same, readable through the boot tables */
	size_t fdt_view_size; /* bytes that are readable there */
	uint64_t instret;     /* instructions retired at entry; 0: can't tell */
};

/* Entered once, by the boot hart: MMU on with the boot tables, interrupts off,
 * on the boot stack. */
__attribute__((noreturn)) void kernel_main(const struct boot_info *boot);

/* Can a byte be read there, or does the load trap? For addresses that others
 * gave. Not while the stack is in doubt. */
bool arch_can_read(const void *p);

/* Find out what the harts can do that run this kernel; `has` tells whether all
 * of them have an extension, by its name in the device tree, `number` what one of
 * their properties says, 0: nothing. Once, by the boot hart, before page tables are
 * built. */
void arch_features_init(bool (*has)(const char *extension),
			uint32_t (*number)(const char *property));

/* Leave the current stack for ever and call fn on the one that ends at `top`.
 * `emergency` is where traps go when that one has overflowed. */
struct range;
__attribute__((noreturn)) void arch_switch_stack(struct range stack,
						 struct range emergency,
						 void (*fn)(void));
