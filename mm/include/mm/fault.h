/*
 * Page faults of programs: what is to be done about one, as a table; and what may be
 * chosen. The faults themselves are aspace_fault()'s (<mm/aspace.h>).
 *
 *	entry		load, fetch	store
 *	nothing		zero page	new page	private memory
 *			object's page	copy of it	private view
 *			object's page	object's page	shared
 *	zero page	(rights)	new page
 *	mine		(rights)	rights
 *	others' too	(rights)	copy
 *	object's	(rights)	copy		private view
 *			(rights)	rights		shared
 *	hidden		again		again
 *
 * That is if the place allows the access. If the leaf does already, the hart did not
 * know of it yet. Rights in brackets: leaves have all that their place has, but for
 * storing, so there is no such case; it is no harm either. A leaf that is hidden where
 * something is allowed is another hart's, for a moment (mm/fault.c).
 *
 * Never is a page made writable that somebody else has, unless it is shared.
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

/* Do these rights allow the access? Storing includes loading, as there is no leaf that
 * is different. */
static inline bool fault_allows(vm_prot_t prot, enum access kind)
{
	if (kind == ACCESS_LOAD)
		return prot & (VM_READ | VM_WRITE);
	return prot & (kind == ACCESS_STORE ? VM_WRITE : VM_EXEC);
}

/* What to do. Pure; any values. */
static inline enum fault_act fault_decide(const struct fault_case *c)
{
	bool store = c->kind == ACCESS_STORE;

	if (c->place <= PLACE_BELOW)
		return c->place == PLACE_BELOW ? ACT_GROW : ACT_MAPERR;
	if (!fault_allows(c->prot, c->kind))
		return ACT_ACCERR;
	if (c->entry == ENTRY_NOTHING) {
		if (c->place == PLACE_ANON)
			return store ? ACT_ANON : ACT_ZERO;
		return store && c->place == PLACE_PRIVATE ? ACT_COPY_OBJECT
							  : ACT_OBJECT;
	}
	if (c->entry == ENTRY_HIDDEN)
		return ACT_AGAIN;
	if (fault_allows(c->leaf, c->kind))
		return ACT_FORGET;
	if (!store || c->entry == ENTRY_MINE)
		return ACT_RIGHTS;
	if (c->entry == ENTRY_ZERO)
		return ACT_ANON;
	return c->entry == ENTRY_OBJECT && c->place == PLACE_SHARED ? ACT_RIGHTS
								    : ACT_COPY;
}

/* 2 MiB for private anonymous memory: never; where MADV_HUGEPAGE asks; wherever it
 * fits, but for MADV_NOHUGEPAGE. */
enum fault_huge { HUGE_NEVER, HUGE_MADVISE, HUGE_ALWAYS };
extern enum fault_huge fault_huge; /* (a) */
