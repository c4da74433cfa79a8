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

/* The first half of that: they are on the list, nothing is taken out of the allocator.
 * What is freed from now on is. */
void page_condemn(struct range bad);

/* They are good after all: those that were retired are free. False: there was no
 * memory to split a range of the list, which stays. */
bool page_unretire(struct range good);

/* The list, as bytes: constant while nobody changes it. */
const struct range_set *page_bad(void);
