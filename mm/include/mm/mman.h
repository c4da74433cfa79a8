/*
 * The numbers of Linux's memory calls, as its ABI for riscv64 has them.
 */
#pragma once

#define PROT_NONE      0x0u
#define PROT_READ      0x1u
#define PROT_WRITE     0x2u
#define PROT_EXEC      0x4u
#define PROT_SEM       0x8u
#define PROT_GROWSDOWN 0x01000000u
#define PROT_GROWSUP   0x02000000u

#define MAP_SHARED	    0x1u
#define MAP_PRIVATE	    0x2u
#define MAP_SHARED_VALIDATE 0x3u
#define MAP_TYPE	    0xfu
#define MAP_FIXED	    0x10u
#define MAP_ANONYMOUS	    0x20u
#define MAP_GROWSDOWN	    0x100u
#define MAP_DENYWRITE	    0x800u
#define MAP_EXECUTABLE	    0x1000u
#define MAP_LOCKED	    0x2000u
#define MAP_NORESERVE	    0x4000u
#define MAP_POPULATE	    0x8000u
#define MAP_NONBLOCK	    0x10000u
#define MAP_STACK	    0x20000u
#define MAP_HUGETLB	    0x40000u
#define MAP_SYNC	    0x80000u
#define MAP_FIXED_NOREPLACE 0x100000u
#define MAP_UNINITIALIZED   0x4000000u
/* log2 of a size of huge pages is in these bits. */
#define MAP_HUGE_SHIFT 26
#define MAP_HUGE_MASK  0xfc000000u

#define MREMAP_MAYMOVE	 0x1u
#define MREMAP_FIXED	 0x2u
#define MREMAP_DONTUNMAP 0x4u

#define MS_ASYNC      0x1
#define MS_INVALIDATE 0x2
#define MS_SYNC	      0x4

#define MLOCK_ONFAULT 0x1
#define MCL_CURRENT   0x1
#define MCL_FUTURE    0x2
#define MCL_ONFAULT   0x4

enum madvice {
	MADV_NORMAL = 0,
	MADV_RANDOM = 1,
	MADV_SEQUENTIAL = 2,
	MADV_WILLNEED = 3,
	MADV_DONTNEED = 4,
	MADV_FREE = 8,
	MADV_REMOVE = 9,
	MADV_DONTFORK = 10,
	MADV_DOFORK = 11,
	MADV_MERGEABLE = 12,
	MADV_UNMERGEABLE = 13,
	MADV_HUGEPAGE = 14,
	MADV_NOHUGEPAGE = 15,
	MADV_DONTDUMP = 16,
	MADV_DODUMP = 17,
	MADV_WIPEONFORK = 18,
	MADV_KEEPONFORK = 19,
	MADV_COLD = 20,
	MADV_PAGEOUT = 21,
	MADV_POPULATE_READ = 22,
	MADV_POPULATE_WRITE = 23,
	MADV_DONTNEED_LOCKED = 24,
	MADV_COLLAPSE = 25,
};
