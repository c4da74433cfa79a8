/*
 * Address types. A C pointer means "may be dereferenced now": the direct map,
 * the image, or a mapped window. Everything else is one of these numbers, and
 * that is what lets mm/ run natively on another machine, where a kernel
 * virtual address is only a number.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t paddr_t; /* physical address, bytes */
typedef uint64_t vaddr_t; /* virtual address, bytes, not known to be mapped */
typedef uint64_t uaddr_t; /* what a program says is an address of its own */
typedef uint64_t pfn_t;	  /* physical address >> PAGE_SHIFT */

#define PAGE_SHIFT 12
#define PAGE_SIZE  ((uint64_t)1 << PAGE_SHIFT)

/* What a mapping allows. VM_USER is for pages of user address spaces. */
typedef uint32_t vm_prot_t;
#define VM_READ	 (1u << 0)
#define VM_WRITE (1u << 1)
#define VM_EXEC	 (1u << 2)
#define VM_USER	 (1u << 3)

/* What a hart does at an address. */
enum access { ACCESS_LOAD, ACCESS_STORE, ACCESS_FETCH };

/* Boot-only code and data: given to the allocator when boot is over. */
#define __init	   __attribute__((section(".init.text"), cold))
#define __initdata __attribute__((section(".init.data")))
#define __initbss  __attribute__((section(".init.bss")))

#define __printf(f, a) __attribute__((format(printf, f, a)))
