/*
 * What is done about page faults: all inputs that there are, against rules that are
 * written the other way round, as what must never be and what must be.
 */
#include <kernel/ktest.h>
#include <mm/fault.h>

static bool allowed(vm_prot_t prot, enum access kind)
{
	if (kind == ACCESS_LOAD)
		return prot & VM_READ || prot & VM_WRITE;
	return prot & (kind == ACCESS_STORE ? VM_WRITE : VM_EXEC);
}

static bool is_error(enum fault_act act)
{
	return act == ACT_MAPERR || act == ACT_ACCERR || act == ACT_GROW;
}

static bool is_own_page(enum fault_act act)
{
	return act == ACT_ANON || act == ACT_COPY || act == ACT_COPY_OBJECT;
}

/* Does the program see what it must, and nobody else what he must not? */
static const char *judge(const struct fault_case *c, enum fault_act act)
{
	bool store = c->kind == ACCESS_STORE, leaf = false;
	bool shared = c->place == PLACE_SHARED;

	if (c->place == PLACE_HOLE)
		return act == ACT_MAPERR ? NULL : "a hole is a hole";
	if (c->place == PLACE_BELOW)
		return act == ACT_GROW ? NULL : "a stack may grow";
	if (!allowed(c->prot, c->kind))
		return act == ACT_ACCERR ? NULL : "that is not allowed";
	if (is_error(act))
		return "that is allowed";
	leaf = c->entry != ENTRY_NOTHING && c->entry != ENTRY_HIDDEN;
	if ((c->entry == ENTRY_HIDDEN) != (act == ACT_AGAIN))
		return "another hart's business";
	if ((leaf && allowed(c->leaf, c->kind)) != (act == ACT_FORGET))
		return "there is a reason for it, or none";
	if (act == ACT_AGAIN || act == ACT_FORGET)
		return NULL;
	if (act == ACT_RIGHTS &&
	    (!leaf || (store && !(c->entry == ENTRY_MINE ||
				  (c->entry == ENTRY_OBJECT && shared)))))
		return "a right that would reach others";
	if ((act == ACT_COPY && (!leaf || !store)) ||
	    (act == ACT_COPY_OBJECT &&
	     (c->entry != ENTRY_NOTHING || c->place != PLACE_PRIVATE)))
		return "there is nothing to copy";
	if (act == ACT_ANON && c->entry != ENTRY_ZERO &&
	    (c->entry != ENTRY_NOTHING || c->place != PLACE_ANON))
		return "contents would be lost";
	if (act == ACT_ZERO &&
	    (store || c->entry != ENTRY_NOTHING || c->place != PLACE_ANON))
		return "not zero";
	if (act == ACT_OBJECT && (c->entry != ENTRY_NOTHING ||
				  c->place == PLACE_ANON || (store && !shared)))
		return "not the object's own page";
	if (is_own_page(act) && !store)
		return "memory spent for a load";
	return NULL;
}

KTEST(fault, decided_for_all_inputs)
{
	unsigned seen = 0, n = 0;

	for (unsigned i = 0; i < 5 * 3 * 8 * 6 * 8; i++) {
		struct fault_case c = {
			.place = (enum fault_place)(i % 5),
			.kind = (enum access)(i / 5 % 3),
			.prot = i / 15 % 8,
			.entry = (enum fault_entry)(i / 120 % 6),
			.leaf = i / 720 % 8,
		};
		enum fault_act act = fault_decide(&c);
		const char *wrong = judge(&c, act);

		n++;
		seen |= 1u << act;
		if (wrong)
			ktest_fail(__FILE__, __LINE__,
				   "%s: place %u access %u prot %u entry %u "
				   "leaf %u: %u",
				   wrong, c.place, c.kind, c.prot, c.entry,
				   c.leaf, act);
	}
	EXPECT_EQ(n, 5760);
	EXPECT_EQ(seen, (1u << (ACT_AGAIN + 1)) - 1);
}
