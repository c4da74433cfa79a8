/* See <kernel/alloc_sites.h>. */
#include <stdlib.h>
#include <string.h>

#include <kernel/alloc_sites.h>
#include <kernel/ksyms.h>
#include <kernel/printk.h>
#include <kernel/shell.h>
#include <lib/bits.h>

struct site {
	const char *kind; /* NULL: unused */
	uintptr_t pc;
	uint64_t count, bytes;
};

/* The last one is of all that found no room. */
static struct site table[ALLOC_SITES + 1];

void alloc_sites_clear(void)
{
	memset(table, 0, sizeof(table));
	table[ALLOC_SITES].kind = "others";
}

void alloc_sites_add(const char *kind, uintptr_t pc, uint64_t bytes)
{
	struct site *s = &table[ALLOC_SITES];
	unsigned at = (unsigned)((pc >> 1) % ALLOC_SITES);

	for (unsigned n = 0; n < ALLOC_SITES; n++) {
		struct site *t = &table[(at + n) % ALLOC_SITES];

		if (!t->kind)
			*t = (struct site){.kind = kind, .pc = pc};
		if (t->pc == pc && !strcmp(t->kind, kind)) {
			s = t;
			break;
		}
	}
	s->count++;
	s->bytes += bytes;
}

static int by_size(const void *a, const void *b)
{
	const struct site *x = a, *y = b;

	return x->bytes < y->bytes ? 1 : -(x->bytes > y->bytes);
}

static void print(const struct site *s)
{
	uint64_t offset;
	const char *name = s->pc ? ksym_find(s->pc - 1, &offset) : NULL;

	kprintf("%14llu %8llu  %-8s ", (unsigned long long)s->bytes,
		(unsigned long long)s->count, s->kind);
	if (name)
		kprintf("%s+%#llx\n", name, (unsigned long long)offset);
	else
		kprintf("%#llx\n", (unsigned long long)s->pc);
}

uint64_t alloc_sites_print(void)
{
	uint64_t count = 0, bytes = 0;

	qsort(table, ARRAY_SIZE(table), sizeof(*table), by_size);
	kprintf("%14s %8s  %-8s %s\n", "bytes", "count", "kind", "site");
	for (unsigned i = 0; i < ARRAY_SIZE(table); i++) {
		const struct site *s = &table[i];

		if (s->count && !shell_interrupted())
			print(s);
		count += s->count;
		bytes += s->bytes;
	}
	kprintf("%14llu %8llu  in all\n", (unsigned long long)bytes,
		(unsigned long long)count);
	return count;
}
