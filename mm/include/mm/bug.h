/*
 * What allocators say when somebody misuses memory: one record, one report, who
 * allocated and who freed as far as that is known. Then the kernel panics,
 * unless a test listens.
 */
#pragma once

#include <arch/cpu.h>
#include <kernel/types.h>

/* Who allocated or freed something, and when. */
struct alloc_track {
	uintptr_t pc;  /* behind the call of the allocator; 0: not known */
	uint32_t mark; /* alloc_mark at that time */
	uint16_t cpu;
};

/* Goes up by one with `leaks mark`: tells old allocations from new ones. (a) */
extern uint32_t alloc_mark;

/* This hart, now. */
static inline struct alloc_track alloc_track_now(uintptr_t pc)
{
	return (struct alloc_track){
		.pc = pc,
		.mark = __atomic_load_n(&alloc_mark, __ATOMIC_RELAXED),
		.cpu = (uint16_t)arch_cpu(),
	};
}

enum mm_bug_kind {
	BUG_OVERFLOW,	    /* written behind the object */
	BUG_UNDERFLOW,	    /* written before it */
	BUG_USE_AFTER_FREE, /* written, or accessed, after it was freed */
	BUG_DOUBLE_FREE,
	BUG_INVALID_FREE, /* no start of an object, or nobody's memory */
	BUG_WRONG_CACHE,  /* an object of another cache */
	BUG_WRONG_ORDER,  /* a block of frames of another size */
	BUG_LEAK,	  /* alive when its cache is destroyed */
	BUG_DMA_TURN,	  /* lent, or taken back, by who does not have it */
	BUG_DMA_CHANGED,  /* stored to while a device had it to read */
};

struct mm_bug {
	enum mm_bug_kind kind;
	const char *cache; /* its name, or "frames", "vmalloc" */
	uintptr_t object;  /* its address; of frames: in the direct map */
	size_t size;
	uintptr_t at; /* the first wrong byte, or the pointer that was given */
	uintptr_t caller;		     /* behind the call that found it */
	struct alloc_track allocated, freed; /* pc 0: not known */
};

/* In words: "double free". */
const char *mm_bug_name(enum mm_bug_kind kind);

/* Report, then panic; or hand it to mm_bug_hook and return: then the caller
 * goes on as well as it can, which is to leave the memory alone. Any context. */
void mm_bug(const struct mm_bug *b);
extern void (*mm_bug_hook)(const struct mm_bug *b);
