/* Reports of misused memory (<mm/bug.h>). */
#include <kernel/assert.h>
#include <kernel/ksyms.h>
#include <kernel/printk.h>
#include <mm/bug.h>

uint32_t alloc_mark;
void (*mm_bug_hook)(const struct mm_bug *b);

const char *mm_bug_name(enum mm_bug_kind kind)
{
	static const char *const name[] = {
		[BUG_OVERFLOW] = "overflow",
		[BUG_UNDERFLOW] = "underflow",
		[BUG_USE_AFTER_FREE] = "use after free",
		[BUG_DOUBLE_FREE] = "double free",
		[BUG_INVALID_FREE] = "invalid free",
		[BUG_WRONG_CACHE] = "free to the wrong cache",
		[BUG_WRONG_ORDER] = "free with the wrong order",
		[BUG_LEAK] = "leak",
		[BUG_DMA_TURN] = "lent to a device, or taken back, twice",
		[BUG_DMA_CHANGED] = "changed while a device had it",
	};

	return name[kind];
}

/* The call is the instruction before. */
static void print_site(const char *what, uintptr_t pc)
{
	uint64_t offset;
	const char *name = pc ? ksym_find(pc - 1, &offset) : NULL;

	if (name)
		kprintf("  %-12s %s+%#llx\n", what, name,
			(unsigned long long)offset);
	else if (pc)
		kprintf("  %-12s %#llx\n", what, (unsigned long long)pc);
	else
		kprintf("  %-12s not known\n", what);
}

static void print_track(const char *what, const struct alloc_track *t)
{
	print_site(what, t->pc);
	if (t->pc)
		kprintf("  %-12s on cpu %u, mark %u\n", "", t->cpu, t->mark);
}

void mm_bug(const struct mm_bug *b)
{
	if (mm_bug_hook) {
		mm_bug_hook(b);
		return;
	}
	kprintf("\nmemory: %s, %s\n", mm_bug_name(b->kind), b->cache);
	kprintf("  %-12s %#llx, %zu bytes\n", "object",
		(unsigned long long)b->object, b->size);
	kprintf("  %-12s %#llx, byte %lld of it\n", "at",
		(unsigned long long)b->at, (long long)(b->at - b->object));
	print_site("found by", b->caller);
	print_track("allocated by", &b->allocated);
	print_track("freed by", &b->freed);
	panic("%s, %s", mm_bug_name(b->kind), b->cache);
}
