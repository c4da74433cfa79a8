/* See slab_bed.h. */
#include <string.h>

#include "slab_bed.h"

struct bugs slab_bugs;

static void listen(const struct mm_bug *b)
{
	slab_bugs.n++;
	slab_bugs.last = *b;
}

void bugs_begin(void)
{
	slab_bugs = (struct bugs){.last.cache = ""};
	mm_bug_hook = listen;
}

void bugs_end(void)
{
	mm_bug_hook = NULL;
}

bool bugs_one(enum mm_bug_kind kind)
{
	bool ok = slab_bugs.n == 1 && slab_bugs.last.kind == kind;

	if (!ok)
		ktest_fail(__FILE__, __LINE__, "%u reports, the last: %s",
			   slab_bugs.n, mm_bug_name(slab_bugs.last.kind));
	slab_bugs.n = 0;
	return ok;
}

static unsigned default_debug;
static bool changed;

void slab_debug_only(unsigned flags)
{
	if (!changed)
		default_debug = slab_debug;
	changed = true;
	slab_debug = flags;
}

void slab_debug_default(void)
{
	if (changed)
		slab_debug = default_debug;
	changed = false;
}

uint64_t frames_used(void)
{
	reclaim();
	return zone_used_frames();
}

void frames_take_all(struct list *taken)
{
	struct page *p;

	list_init(taken);
	for (unsigned order = MAX_ORDER + 1; order-- > 0;)
		while ((p = page_alloc(order, ALLOC_NORETRY | ALLOC_RESERVE)))
			list_add(taken, &p->link);
}

void frames_give_back(struct list *taken)
{
	list_for_each_safe (l, taken) {
		struct page *p = list_entry(l, struct page, link);

		page_free(p, p->order);
	}
}

struct slab_stats stats_of(const char *name)
{
	struct slab_stats s;

	for (unsigned i = 0; slab_stats(i, &s); i++)
		if (!strcmp(s.name, name))
			return s;
	return (struct slab_stats){.name = "none"};
}
