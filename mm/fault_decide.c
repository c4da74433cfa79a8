/*
 * What to do about a page fault (<mm/fault.h>): the whole policy, in one pure
 * function.
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
 * storing, so there is no such case; it is no harm either.
 *
 * A leaf that is hidden where something is allowed is another hart's, for a moment: it
 * replaces the page (mm/fault.c).
 *
 * Never is a page made writable that somebody else has, unless it is shared.
 */
#include <mm/fault.h>

/* Storing includes loading: RISC-V has no leaf that is different. */
static bool allows(vm_prot_t prot, enum access kind)
{
	static const vm_prot_t enough[] = {
		[ACCESS_LOAD] = VM_READ | VM_WRITE,
		[ACCESS_STORE] = VM_WRITE,
		[ACCESS_FETCH] = VM_EXEC,
	};

	return prot & enough[kind];
}

static enum fault_act fill(const struct fault_case *c)
{
	bool store = c->kind == ACCESS_STORE;

	if (c->place == PLACE_ANON)
		return store ? ACT_ANON : ACT_ZERO;
	return store && c->place == PLACE_PRIVATE ? ACT_COPY_OBJECT
						  : ACT_OBJECT;
}

static enum fault_act change(const struct fault_case *c)
{
	if (c->kind != ACCESS_STORE || c->entry == ENTRY_MINE)
		return ACT_RIGHTS;
	if (c->entry == ENTRY_ZERO)
		return ACT_ANON;
	if (c->entry == ENTRY_OBJECT && c->place == PLACE_SHARED)
		return ACT_RIGHTS;
	return ACT_COPY;
}

enum fault_act fault_decide(const struct fault_case *c)
{
	if (c->place == PLACE_HOLE)
		return ACT_MAPERR;
	if (c->place == PLACE_BELOW)
		return ACT_GROW;
	if (!allows(c->prot, c->kind))
		return ACT_ACCERR;
	if (c->entry == ENTRY_NOTHING)
		return fill(c);
	if (c->entry == ENTRY_HIDDEN)
		return ACT_AGAIN;
	return allows(c->leaf, c->kind) ? ACT_FORGET : change(c);
}
