/* The image's sections, from the linker script, and its place in RAM. */
#include <arch/image.h>
#include <asm/boot.h>
#include <mm/kmap_move.h>
#include <mm/layout.h>

extern char image_start[], init_text_start[], rodata_start[];
extern char init_data_start[], data_start[], init_bss_start[], image_end[];

paddr_t image_phys;

#define SECTION(name, start, end, prot, init)                          \
	{                                                              \
		name, {(uint64_t)(start), (uint64_t)(end)}, prot, init \
	}

const struct image_section arch_image_sections[] = {
	SECTION("text", image_start, init_text_start, VM_READ | VM_EXEC, false),
	SECTION("init text", init_text_start, rodata_start, VM_READ | VM_EXEC,
		true),
	SECTION("rodata", rodata_start, init_data_start, VM_READ, false),
	SECTION("init data", init_data_start, data_start, VM_READ | VM_WRITE,
		true),
	SECTION("data", data_start, init_bss_start, VM_READ | VM_WRITE, false),
	SECTION("init bss", init_bss_start, image_end, VM_READ | VM_WRITE,
		true),
	{.name = NULL},
};

uint64_t image_range_size(void)
{
	return (uint64_t)(image_end - image_start);
}

struct range image_range(void)
{
	return range_make(image_phys, image_phys + image_range_size());
}

paddr_t image_to_phys(const void *p)
{
	return kmap_now(image_phys + ((uint64_t)(uintptr_t)p - IMAGE_BASE));
}
