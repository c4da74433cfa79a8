/*
 * Memory of a program for whoever is not in its space (aspace_read(),
 * aspace_write(), <mm/aspace.h>).
 *
 * A leaf that allows the access leads to the page, in the direct map. It is used
 * inside of a read section, in which no leaf goes away; and one that can be stored to is
 * not replaced by another fault. Without such a leaf the access is a fault, like
 * the program's own, and then it is looked again.
 */
#include <string.h>

#include <mm/layout.h>

#include "user_impl.h"

/* The byte at va, in the direct map, if a leaf allows that (R). */
static uint8_t *look(struct aspace *as, vaddr_t va, enum access kind)
{
	struct pgtable_slot s;
	pte_t e;

	if (!range_has(as->map.pt.bounds, va))
		return NULL;
	pgtable_find(&as->map.pt, va, 0, &s);
	e = pte_load(s.entry);
	if (!leaf_allows(e, kind))
		return NULL;
	return (uint8_t *)phys_to_virt(pte_paddr(e)) + va % pt_span(s.level);
}

/* One access inside a page. */
static enum fault_result access_page(struct aspace *as, vaddr_t va, void *p,
				     size_t n, enum access kind)
{
	enum fault_result r = FAULT_DONE;
	uint8_t *at = NULL;

	while (r == FAULT_DONE && !at) {
		aspace_read_begin(as);
		at = look(as, va, kind);
		if (at && kind == ACCESS_STORE)
			memcpy(at, p, n);
		else if (at)
			memcpy(p, at, n);
		aspace_read_end(as);
		if (!at)
			r = aspace_fault(as, va, kind);
	}
	return r;
}

static size_t access_all(struct aspace *as, vaddr_t va, uint8_t *p, size_t n,
			 enum access kind)
{
	size_t done = 0, part;

	for (; done < n; done += part) {
		vaddr_t at = va + done;

		part = min_u64(n - done, PAGE_SIZE - at % PAGE_SIZE);
		if (access_page(as, at, p + done, part, kind) != FAULT_DONE)
			break;
	}
	return done;
}

size_t aspace_read(struct aspace *as, vaddr_t va, void *p, size_t n)
{
	return access_all(as, va, p, n, ACCESS_LOAD);
}

size_t aspace_write(struct aspace *as, vaddr_t va, const void *p, size_t n)
{
	return access_all(as, va, (uint8_t *)(uintptr_t)p, n, ACCESS_STORE);
}
