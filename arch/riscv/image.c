/* The image's sections, from the linker script, and its place in RAM. */
#include <arch/image.h>
#include <asm/boot.h>
#include <mm/kmap_move.h>
#include <mm/layout.h>

extern char image_start[], init_text_start[], tests_text_start[];
extern char rodata_start[], tests_rodata_start[], init_data_start[];
extern char data_start[], tests_bss_start[], init_bss_start[], image_end[];

paddr_t image_phys;

#define SECTION(name, start, end, prot, part)                          \
	{                                                              \
		name, {(uint64_t)(start), (uint64_t)(end)}, prot, part \
	}
#define RX (VM_READ | VM_EXEC)
#define RW (VM_READ | VM_WRITE)

const struct image_section arch_image_sections[] = {
	SECTION("text", image_start, init_text_start, RX, IMAGE_KEPT),
	SECTION("init text", init_text_start, tests_text_start, RX, IMAGE_INIT),
	SECTION("tests' text", tests_text_start, rodata_start, RX, IMAGE_TESTS),
	SECTION("rodata", rodata_start, tests_rodata_start, VM_READ,
		IMAGE_KEPT),
	SECTION("tests' rodata", tests_rodata_start, init_data_start, VM_READ,
		IMAGE_TESTS),
	SECTION("init data", init_data_start, data_start, RW, IMAGE_INIT),
	SECTION("data", data_start, tests_bss_start, RW, IMAGE_KEPT),
	SECTION("tests' bss", tests_bss_start, init_bss_start, RW, IMAGE_TESTS),
	SECTION("init bss", init_bss_start, image_end, RW, IMAGE_INIT),
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
