/*
 * Frames that are bad: the page allocator does not have them any more. Which they
 * are is a list of its own, so that those in use are caught when they come back.
 *
 * Context of all functions: as page_alloc() without ALLOC_ATOMIC.
 */
#pragma once

#include <lib/range_set.h>
#include <mm/page.h>

/*
 * These frames (bytes, whole frames, not empty) are bad. Returns 0 when all of them
 * are retired; -EBUSY when some are in use: they will be, when they are freed. Those
 * that are no RAM, or never were page_alloc()'s, count as in use.
 *
 * Where there is no memory for a longer list, the two ranges in it that are nearest
 * to each other become one: what is between them is retired, too.
 */
int page_retire(struct range bad);

/* Put them on the list, but take nothing out of the allocator: they are in blocks that
 * the caller has, and gives back by page_free_good() now. */
void page_condemn(struct range bad);

/* page_free(), but all of it goes where bad frames are looked for. */
void page_free_good(struct page *p, unsigned order);

/* They are good after all: those that were retired are free. False: there was no
 * memory to split a range of the list, which stays. */
bool page_unretire(struct range good);

/* The list, as bytes: constant while nobody changes it. */
const struct range_set *page_bad(void);
