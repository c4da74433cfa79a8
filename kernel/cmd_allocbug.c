/*
 * Misuse of memory on purpose, one class after the other, to see how each is
 * reported. Whoever finds it panics, as for a bug that nobody planted. Who
 * allocates and who frees are functions of their own, for reports to name: not
 * inlined, and none calls the allocator in tail position.
 */
#include <stdlib.h>
#include <string.h>

#include <kernel/assert.h>
#include <kernel/printk.h>
#include <kernel/shell.h>
#include <mm/kmalloc.h>
#include <mm/layout.h>
#include <mm/page_debug.h>
#include <mm/vmalloc.h>

#define SIZE 100

#define PLANT __attribute__((noinline)) static

static struct kmem_cache *cache;
static unsigned steps; /* done after calls, which then are not the last thing */

/* --- objects --- */

PLANT uint8_t *plant_alloc(void)
{
	uint8_t *p = kmem_cache_alloc(cache, ALLOC_ZERO);

	if (!p)
		panic("allocbug: no memory");
	return p;
}

PLANT void plant_free(void *p)
{
	kmem_cache_free(cache, p);
	steps++;
}

/* Not the same code: the compiler would see it, and make one of the two. */
PLANT void plant_free_again(void *p)
{
	kmem_cache_free(cache, p);
	steps += 2;
}

static void overflow(void)
{
	uint8_t *p = plant_alloc();

	p[SIZE] = 1;
	plant_free(p);
}

static void underflow(void)
{
	uint8_t *p = plant_alloc();

	p[-1] = 1;
	plant_free(p);
}

static void use_after_free(void)
{
	uint8_t *p = plant_alloc();

	plant_free(p);
	p[SIZE / 2] = 1;
	/* All that was freed is looked at before it goes. */
	kmem_cache_shrink(cache);
}

static void double_free(void)
{
	uint8_t *p = plant_alloc();

	plant_free(p);
	plant_free_again(p);
}

static void invalid_free(void)
{
	plant_free(plant_alloc() + 16);
}

static void wrong_cache(void)
{
	struct kmem_cache *right = cache;
	uint8_t *p = plant_alloc();

	cache = kmem_cache_create("allocbug-other", 200, 0, SLAB_DEBUG, NULL);
	if (!cache)
		panic("allocbug: no memory");
	plant_free(p);
	cache = right;
}

static void leak(void)
{
	plant_alloc();
	kmem_cache_destroy(cache);
}

PLANT bool plant_malloc(void)
{
	static void *kept;

	kept = malloc(SIZE);
	return kept != NULL;
}

/* --- frames --- */

PLANT struct page *plant_frames(void)
{
	struct page *p = page_alloc(1, 0);

	if (!p)
		panic("allocbug: no memory");
	return p;
}

PLANT void plant_free_frames(struct page *p, unsigned order)
{
	page_free(p, order);
	steps++;
}

PLANT void plant_free_frames_again(struct page *p)
{
	page_free(p, 1);
	steps += 2;
}

static void frames_double_free(void)
{
	struct page *p = plant_frames();

	plant_free_frames(p, 1);
	plant_free_frames_again(p);
}

static void frames_wrong_order(void)
{
	plant_free_frames(plant_frames(), 2);
}

static void frames_invalid_free(void)
{
	plant_free_frames(plant_frames() + 1, 0);
}

static void frames_use_after_free(void)
{
	struct page *p = plant_frames();

	plant_free_frames(p, 1);
	*(volatile uint8_t *)phys_to_virt(page_to_phys(p) + 77) = 1;
	/* Whoever gets it next finds it. */
	for (unsigned i = 0; i < 1000; i++)
		page_alloc(1, 0);
}

/* --- virtual memory --- */

PLANT uint8_t *plant_vmalloc(void)
{
	uint8_t *p = vmalloc(SIZE, 0);

	if (!p)
		panic("allocbug: no memory");
	return p;
}

PLANT void plant_vfree(void *p)
{
	vfree(p);
	steps++;
}

static void vmalloc_overflow(void)
{
	volatile uint8_t *p = plant_vmalloc();

	p[PAGE_SIZE] = 1;
}

static void vmalloc_use_after_free(void)
{
	volatile uint8_t *p = plant_vmalloc();

	plant_vfree((void *)(uintptr_t)p);
	vmalloc_purge();
	p[0] = 1;
}

static void vmalloc_double_free(void)
{
	uint8_t *p = plant_vmalloc();

	plant_vfree(p);
	plant_vfree(p);
}

/* --- sampled objects --- */

/* One that lies between unmapped pages. */
static uint8_t *sampled(void)
{
	struct slab_guard_stats before, now;

	if (slab_guard_start(64, 1))
		panic("allocbug: guard pages are in use");
	slab_guard_stats(&before);
	cache = kmem_cache_create("allocbug-guarded", SIZE, 0, 0, NULL);
	for (unsigned i = 0; cache && i < 100000; i++) {
		uint8_t *p = plant_alloc();

		slab_guard_stats(&now);
		if (now.sampled != before.sampled)
			return p;
	}
	panic("allocbug: no object was sampled");
}

static void guard_overflow(void)
{
	volatile uint8_t *p = sampled();

	/* It ends where the page does, and this is a fault; or it starts there,
	 * and whoever frees it looks. */
	p[SIZE] = 1;
	plant_free((void *)(uintptr_t)p);
}

static void guard_use_after_free(void)
{
	volatile uint8_t *p = sampled();

	plant_free((void *)(uintptr_t)p);
	p[0] = 1;
}

static const struct {
	const char *name;
	void (*plant)(void);
} classes[] = {
	{"overflow", overflow},
	{"underflow", underflow},
	{"use-after-free", use_after_free},
	{"double-free", double_free},
	{"invalid-free", invalid_free},
	{"wrong-cache", wrong_cache},
	{"leak", leak},
	{"frames-double-free", frames_double_free},
	{"frames-wrong-order", frames_wrong_order},
	{"frames-invalid-free", frames_invalid_free},
	{"frames-use-after-free", frames_use_after_free},
	{"vmalloc-overflow", vmalloc_overflow},
	{"vmalloc-use-after-free", vmalloc_use_after_free},
	{"vmalloc-double-free", vmalloc_double_free},
	{"guard-overflow", guard_overflow},
	{"guard-use-after-free", guard_use_after_free},
};

/* No misuse: one of each kind is left allocated, for `leaks' to tell. */
static int keep(void)
{
	plant_alloc();
	plant_frames();
	plant_vmalloc();
	return plant_malloc() ? 0 : 1;
}

static int plant(void (*bug)(void))
{
	cache = kmem_cache_create("allocbug", SIZE, 0, SLAB_DEBUG, NULL);
	if (!cache ||
	    page_debug_set(PAGE_DEBUG_OWNER | PAGE_DEBUG_POISON) != 0) {
		kprintf("allocbug: no memory\n");
		return 1;
	}
	if (!bug)
		return keep();
	bug();
	kprintf("allocbug: nobody noticed\n");
	return 1;
}

static int cmd_allocbug(int argc, char **argv)
{
	if (argc != 2)
		return SHELL_USAGE;
	for (unsigned i = 0; i < ARRAY_SIZE(classes); i++)
		if (!strcmp(argv[1], classes[i].name))
			return plant(classes[i].plant);
	if (!strcmp(argv[1], "keep"))
		return plant(NULL);
	if (strcmp(argv[1], "list"))
		return SHELL_USAGE;
	for (unsigned i = 0; i < ARRAY_SIZE(classes); i++)
		kprintf("%s\n", classes[i].name);
	return 0;
}
COMMAND(allocbug, cmd_allocbug, "list | keep | CLASS",
	"misuse memory, to see the report; `keep' only forgets some");
