/* Looking at the kernel's dynamic addresses (<mm/vmalloc.h>): for commands, for
 * reports and for the audit. */
#include <stdarg.h>
#include <stdio.h>

#include <kernel/ksyms.h>
#include <mm/kmap.h>

#include "vmalloc_impl.h"

#define LL(x) ((unsigned long long)(x))

const char *area_name(enum area_kind kind)
{
	static const char *const name[AREA_KINDS] = {"memory", "window",
						     "stack"};

	return name[kind];
}

const struct vm_gone *vm_gone_at(vaddr_t va)
{
	for (unsigned i = 1; i <= VM_GONE; i++) {
		const struct vm_gone *g =
			&vm.gone[(vm.last_gone - i) % VM_GONE];

		if (range_has(g->va, va))
			return g;
	}
	return NULL;
}

/* With the page in front, which is the first area's guard. */
static struct range all_addresses(void)
{
	return range_make(vm.arena[VM_WINDOWS].range.start - PAGE_SIZE,
			  vm.arena[VM_REST].range.end);
}

size_t vmalloc_size(const void *p)
{
	uint64_t flags = spin_lock_irqsave(&vm.lock);
	struct vm_area *a = area_find((vaddr_t)(uintptr_t)p);
	size_t size = a && a->state == AREA_LIVE ? a->size : 0;

	spin_unlock_irqrestore(&vm.lock, flags);
	return size;
}

/* Areas that nobody has: on the lazy list, and spares. The lock is held. */
static void count_idle(struct vmalloc_stats *s, uint64_t *n, uint64_t *bytes)
{
	*n = s->lazy;
	*bytes = s->lazy_bytes;
	for (unsigned i = 0; i < VM_SPARES; i++)
		if (vm.spare[i]) {
			++*n;
			*bytes += range_size(vm.spare[i]->tag.range);
		}
}

void vmalloc_stats(struct vmalloc_stats *s)
{
	uint64_t flags = spin_lock_irqsave(&vm.lock), idle, idle_bytes;

	*s = (struct vmalloc_stats){
		.lazy = vm.nlazy,
		.lazy_bytes = vm.lazy_bytes,
		.purges = vm.purges,
		.flushed = vm.flushed,
		.arena = all_addresses(),
	};
	count_idle(s, &idle, &idle_bytes);
	for (unsigned i = 0; i < VM_ARENAS; i++) {
		s->areas += vm.arena[i].count;
		s->bytes += vm.arena[i].used;
		s->largest_free =
			max_u64(s->largest_free, arena_largest(&vm.arena[i]));
	}
	s->areas -= idle;
	s->bytes -= idle_bytes + s->areas * PAGE_SIZE;
	spin_unlock_irqrestore(&vm.lock, flags);
}

static struct vm_area *first_area(void)
{
	return area_find_from(0);
}

static struct vm_area *next_area(const struct vm_area *a)
{
	return area_find_from(a->tag.range.end);
}

void vmalloc_each(void (*each)(void *ctx, struct range va, const char *what,
			       const struct alloc_track *t),
		  void *ctx)
{
	uint64_t flags = spin_lock_irqsave(&vm.lock);

	for (struct vm_area *a = first_area(); a; a = next_area(a))
		if (a->state == AREA_LIVE)
			each(ctx, area_range(a), area_name(a->kind),
			     &a->allocated);
	spin_unlock_irqrestore(&vm.lock, flags);
}

static int count_leaf(void *ctx, const struct mapping *m)
{
	*(uint64_t *)ctx += range_size(m->va);
	return 0;
}

static uint64_t mapped(struct range va)
{
	uint64_t bytes = 0;

	pgtable_walk(&kernel_pgtable, va, count_leaf, &bytes);
	return bytes;
}

/* I1: each area is mapped as far as it says, and nothing between areas is. Busy ones
 * are left out: somebody maps or unmaps them right now, without the lock. */
static const char *check_areas(void)
{
	struct range between = all_addresses();
	const vaddr_t end = between.end;

	for (struct vm_area *a = first_area(); a; a = next_area(a)) {
		struct range va = area_range(a);
		/* Acquire: pairs with the flush before area_publish(). */
		enum area_state state =
			__atomic_load_n(&a->state, __ATOMIC_ACQUIRE);

		between.end = va.start;
		if (mapped(between))
			return "a guard page is mapped";
		between.start = va.end;
		if (state == AREA_BUSY)
			continue;
		if (mapped(va) != (state == AREA_SPARE ? 0 : a->size))
			return "an area is not mapped as it says";
	}
	between.end = end;
	return mapped(between) ? "a guard page is mapped" : NULL;
}

const char *vmalloc_check(void)
{
	uint64_t flags = spin_lock_irqsave(&vm.lock);
	const char *wrong = NULL;

	for (unsigned i = 0; i < VM_ARENAS && !wrong; i++)
		wrong = arena_check(&vm.arena[i]);
	if (!wrong && kernel_pgtable.levels)
		wrong = check_areas();
	spin_unlock_irqrestore(&vm.lock, flags);
	return wrong;
}

/* Text that grows. */
struct text {
	char *at;
	size_t room;
};

static __printf(2, 3) void add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->at, t->room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= t->room)
		n = t->room ? (int)t->room - 1 : 0;
	t->at += n;
	t->room -= (size_t)n;
}

static void add_who(struct text *t, const char *what,
		    const struct alloc_track *who)
{
	uint64_t offset;
	const char *name;

	if (!who->pc)
		return;
	/* The call is the instruction before. */
	name = ksym_find(who->pc - 1, &offset);
	if (name)
		add(t, ", %s by %s+%#llx", what, name, LL(offset));
	else
		add(t, ", %s by %#llx", what, LL(who->pc));
}

static void add_area(struct text *t, enum area_kind kind, struct range va)
{
	add(t, "%s of %llu bytes at %#llx", area_name(kind), LL(range_size(va)),
	    LL(va.start));
}

/* In the pages of an area, or its guard page. */
static void explain_area(struct text *t, const struct vm_area *a, vaddr_t va)
{
	struct range pages = area_range(a);

	if (va >= pages.end)
		add(t, "guard page, %llu bytes behind the end of ",
		    LL(va - pages.end));
	else if (a->state == AREA_FREED)
		add(t, "freed, not yet unmapped, ");
	else if (a->state == AREA_SPARE)
		add(t, "freed and unmapped, ");
	else
		add(t, "byte %llu of ", LL(va - pages.start));
	add_area(t, a->kind, pages);
	add_who(t, "allocated", &a->allocated);
	add_who(t, "freed", &a->freed);
}

/* Stacks overflow downwards, into what is the guard page of another. */
static bool explain_below(struct text *t, vaddr_t va)
{
	struct vm_area *a = area_find_from(va + PAGE_SIZE);

	if (!a || a->kind != AREA_STACK || a->tag.range.start <= va ||
	    a->tag.range.start > va + PAGE_SIZE)
		return false;
	add(t, "guard page, %llu bytes below ", LL(a->tag.range.start - va));
	add_area(t, a->kind, area_range(a));
	add_who(t, "allocated", &a->allocated);
	return true;
}

static void explain(struct text *t, vaddr_t va)
{
	struct vm_area *a = area_find(va);
	const struct vm_gone *gone;

	if (explain_below(t, va))
		return;
	if (a)
		return explain_area(t, a, va);
	gone = vm_gone_at(va);
	if (!gone)
		return add(t, "kernel addresses that nobody has");
	add(t, "freed and unmapped, ");
	add_area(t, gone->kind, gone->va);
	add_who(t, "allocated", &gone->allocated);
	add_who(t, "freed", &gone->freed);
}

void vmalloc_explain(vaddr_t va, char *buf, size_t size)
{
	struct text t = {buf, size};
	uint64_t flags;

	add(&t, "%s", "");
	if (!range_has(all_addresses(), va))
		return;
	flags = arch_irq_save();
	if (spin_trylock(&vm.lock)) {
		explain(&t, va);
		spin_unlock(&vm.lock);
	} else {
		add(&t, "kernel addresses, whose can't be told: somebody "
			"changes the list");
	}
	arch_irq_restore(flags);
}
