/*
 * Page faults of programs: what is to be done about one, as a table, and what may be
 * chosen. The faults themselves are aspace_fault()'s (<mm/aspace.h>).
 */
#pragma once

#include <kernel/types.h>

/* What is at the address. */
enum fault_place {
	PLACE_HOLE,    /* nothing */
	PLACE_BELOW,   /* nothing, but above is what grows down */
	PLACE_ANON,    /* private memory */
	PLACE_PRIVATE, /* a private view of an object */
	PLACE_SHARED,  /* an object */
};

/* What its entry says. */
enum fault_entry {
	ENTRY_NOTHING,
	ENTRY_ZERO,   /* the zero page */
	ENTRY_MINE,   /* a page that nobody else has */
	ENTRY_OTHERS, /* one that others have, too */
	ENTRY_OBJECT, /* an object's */
	ENTRY_HIDDEN, /* a leaf without rights */
};

struct fault_case {
	enum fault_place place;
	enum access kind;
	vm_prot_t prot; /* of the place */
	enum fault_entry entry;
	vm_prot_t leaf; /* rights that the entry gives, if it is a leaf */
};

enum fault_act {
	ACT_MAPERR, /* there is nothing */
	ACT_ACCERR, /* it may not be used so */
	ACT_GROW,   /* a stack grows; then look again */
	ACT_ZERO,   /* map the zero page */
	ACT_ANON, /* map a cleared page, in place of nothing or the zero page */
	ACT_OBJECT,	 /* map the object's page */
	ACT_COPY_OBJECT, /* map a copy of the object's page, which is not mapped */
	ACT_COPY,	 /* map a copy of what is mapped */
	ACT_RIGHTS,	 /* the leaf gets all the rights that it may have */
	ACT_FORGET,	 /* the hart remembers something old */
	ACT_AGAIN,	 /* another hart is at it: let it try again */
};

/* What to do. Pure; any values. */
enum fault_act fault_decide(const struct fault_case *c);

/* 2 MiB for private anonymous memory: never; where MADV_HUGEPAGE asks; wherever it
 * fits, but for MADV_NOHUGEPAGE. */
enum fault_huge { HUGE_NEVER, HUGE_MADVISE, HUGE_ALWAYS };
extern enum fault_huge fault_huge; /* (a) */
