/* Between stress.c, the steps, and items.c, what is allocated. All on behalf of the
 * hart that calls. */
#pragma once

#include <kernel/types.h>

struct kind;

struct item {
	const struct kind *kind;
	void *p; /* NULL: nothing */
	size_t size;
	uint64_t mark;
	unsigned arg; /* the kind's */
};

/* May what vmalloc() gives be accessed? */
extern bool stress_virtual;

/* stress.c: a number below n; tell of an error. */
uint64_t stress_pick(uint64_t n);
void stress_error(const char *what, const struct item *it, const void *at);

/* items.c. What all harts allocate from: false when there is no memory; how many
 * objects are left in the end. */
bool stress_sources_init(void);
size_t stress_sources_destroy(void);

/* Allocate something of some kind; it->p is NULL if there is no memory. */
void stress_get(struct item *it);
/* Look at it, and free it. */
void stress_put(struct item *it);

/* Fill it with a mark; see whether that is still there. */
void stress_mark(struct item *it, uint64_t mark);
void stress_look(const struct item *it);

/* Give it another size and mark, if it is of a kind that can have it. */
bool stress_resizable(const struct item *it);
void stress_resize(struct item *it, uint64_t mark);

/* Allocate and free: many at once, a cache, what caches hold. */
void stress_bulk(void);
void stress_cache(void);
void stress_give_back(void);
