/* The symbol table that the build appends to the image (scripts/ksyms.py). */
#include <arch/image.h>
#include <kernel/ksyms.h>

extern const uint32_t ksyms_count;
extern const uint32_t ksyms_offsets[];
extern const uint32_t ksyms_names[];
extern const char ksyms_strings[];

static vaddr_t base(void)
{
	return arch_image_sections[0].va.start;
}

static bool in_text(vaddr_t pc)
{
	for (const struct image_section *s = arch_image_sections; s->name; s++)
		if (range_has(s->va, pc))
			return s->prot & VM_EXEC;
	return false;
}

const char *ksym_find(vaddr_t pc, uint64_t *offset)
{
	uint32_t low = 0, high = ksyms_count;
	uint64_t at = pc - base();

	if (!in_text(pc) || !high || at < ksyms_offsets[0])
		return NULL;
	/* The last one that begins at or before `at` is in [low, high). */
	while (high - low > 1) {
		uint32_t mid = (low + high) / 2;

		if (ksyms_offsets[mid] <= at)
			low = mid;
		else
			high = mid;
	}
	*offset = at - ksyms_offsets[low];
	return ksyms_strings + ksyms_names[low];
}
