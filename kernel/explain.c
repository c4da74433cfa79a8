/* Explaining addresses by the map of <mm/layout.h>, area by area. */
#include <stdio.h>

#include <arch/image.h>
#include <kernel/explain.h>
#include <kernel/ram.h>
#include <lib/bits.h>
#include <mm/kmap.h>
#include <mm/layout.h>
#include <mm/page.h>
#include <mm/vmalloc.h>

#define LL(x) ((unsigned long long)(x))

static void explain_page_map(vaddr_t va, char *text, size_t size)
{
	snprintf(text, size,
		 "struct page of frame %#llx, which the page allocator does "
		 "not own",
		 LL((va - PAGE_MAP_BASE) / sizeof(struct page)));
}

static void explain_direct_map(vaddr_t va, char *text, size_t size)
{
	paddr_t pa = va - direct_map_offset;
	const struct region *r = memblock_at(&ram, pa);

	snprintf(text, size, "direct map of %#llx, %s memory", LL(pa),
		 r ? region_type_name(r->type) : "which is no");
}

static void explain_image(vaddr_t va, char *text, size_t size)
{
	const struct image_section *s = arch_image_sections;
	struct mapping m;

	while (s->name && !range_has(s->va, va))
		s++;
	snprintf(text, size, "%s of the kernel image%s",
		 s->name ? s->name : "behind the end",
		 s->name && !pgtable_query(&kernel_pgtable, va, &m)
			 ? ", which boot has given back"
			 : "");
}

static void explain_arena(vaddr_t va, char *text, size_t size)
{
	vmalloc_explain(va, text, size);
	if (!*text)
		snprintf(text, size, "%s",
			 range_has(kmap_arena, va)
				 ? "kernel addresses that nobody has"
				 : "around the stacks of the boot hart");
}

void explain_address(vaddr_t va, char *text, size_t size)
{
	vaddr_t upper = pgtable_upper_half(kernel_pgtable.levels).start;

	if (va < PAGE_SIZE)
		snprintf(text, size, "null pointer plus %llu", LL(va));
	else if (va >= FIXED_END)
		snprintf(text, size, "null pointer minus %llu", LL(0 - va));
	else if (va < 0 - upper)
		snprintf(text, size, "an address of the user half");
	else if (va < upper)
		snprintf(text, size, "no address in this paging mode");
	else if (va < PAGE_MAP_BASE)
		explain_direct_map(va, text, size);
	else if (va < PAGE_MAP_END)
		explain_page_map(va, text, size);
	else if (va < ARENA_END)
		explain_arena(va, text, size);
	else if (va < IMAGE_END)
		explain_image(va, text, size);
	else
		snprintf(text, size, "no device's window");
}
