/* What tests of the slab allocator share: a listener for reports, and an account
 * of memory. */
#pragma once

#include <kernel/ktest.h>
#include <mm/kmalloc.h>
#include <mm/layout.h>
#include <mm/reclaim.h>
#include <mm/zone.h>

/* Reports that came since bugs_begin(), and the last one. */
struct bugs {
	unsigned n;
	struct mm_bug last;
};
extern struct bugs slab_bugs;

/* Listen; go back to panics. */
void bugs_begin(void);
void bugs_end(void);

/* Exactly one came since the last call, of this kind. */
bool bugs_one(enum mm_bug_kind kind);

/* Caches made now have exactly these debug flags; as the build has it. */
void slab_debug_only(unsigned flags);
void slab_debug_default(void);

/* Frames that somebody has, after all was given back that can be. */
uint64_t frames_used(void);

/* Take all free frames; give them back. */
void frames_take_all(struct list *taken);
void frames_give_back(struct list *taken);

/* The figures of a cache. */
struct slab_stats stats_of(const char *name);
