/* Each kind of misuse is planted, found, and reported with the right object and
 * the right sites. */
#include <string.h>

#include "slab_bed.h"

static const char *const name = "test-bugs";
static void *volatile result;

/* Sites with a name. They do something after the call, or it would be a jump. */
__attribute__((noinline)) static void *alloc_here(struct kmem_cache *c)
{
	result = kmem_cache_alloc(c, 0);
	return result;
}

__attribute__((noinline)) static void free_here(struct kmem_cache *c, void *p)
{
	kmem_cache_free(c, p);
	result = NULL;
}

__attribute__((noinline)) static void *kmalloc_here(size_t size)
{
	result = kmalloc(size, 0);
	return result;
}

__attribute__((noinline)) static void kfree_here(void *p)
{
	kfree(p);
	result = NULL;
}

__attribute__((noinline)) static void *krealloc_here(void *p, size_t size)
{
	result = krealloc(p, size, 0);
	return result;
}

static bool is_in(uintptr_t pc, const void *fn)
{
	return pc > (uintptr_t)fn && pc < (uintptr_t)fn + 256;
}

static struct kmem_cache *debug_cache(void)
{
	bugs_begin();
	return kmem_cache_create(name, 50, 0, SLAB_DEBUG | SLAB_NOGUARD, NULL);
}

/* All is well, and is destroyed. */
static void end(struct kmem_cache *c)
{
	EXPECT_EQ(kmem_cache_destroy(c), 0);
	EXPECT_EQ(slab_bugs.n, 0);
	EXPECT(!slab_check());
	bugs_end();
}

static void expect_sites(const void *object, bool freed)
{
	const struct mm_bug *b = &slab_bugs.last;

	EXPECT_EQ(b->object, (uintptr_t)object);
	EXPECT_EQ(b->size, 50);
	EXPECT(!strcmp(b->cache, name));
	EXPECT(is_in(b->allocated.pc, alloc_here));
	EXPECT(!freed || is_in(b->freed.pc, free_here));
	EXPECT_EQ(b->allocated.cpu, arch_cpu());
	EXPECT_EQ(b->allocated.mark, alloc_mark);
}

KTEST(slab_bugs, overflow_and_underflow_by_one)
{
	struct kmem_cache *c = debug_cache();
	uint8_t *p = alloc_here(c);
	static const struct {
		int at;
		enum mm_bug_kind kind;
	} bad[] = {{50, BUG_OVERFLOW},
		   {57, BUG_OVERFLOW},
		   {-1, BUG_UNDERFLOW},
		   {-16, BUG_UNDERFLOW}};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		uint8_t was = p[bad[i].at];

		p[bad[i].at] ^= 1;
		EXPECT(slab_check());
		bugs_one(bad[i].kind);
		free_here(c, p);
		bugs_one(bad[i].kind);
		expect_sites(p, false);
		EXPECT_EQ(slab_bugs.last.at, (uintptr_t)(p + bad[i].at));
		EXPECT(is_in(slab_bugs.last.caller, free_here));
		p[bad[i].at] = was;
	}
	free_here(c, p);
	end(c);
}

KTEST(slab_bugs, write_after_free)
{
	struct kmem_cache *c = debug_cache();
	uint8_t *p = alloc_here(c);

	free_here(c, p);
	p[49] ^= 4;
	EXPECT(slab_check());
	bugs_one(BUG_USE_AFTER_FREE);
	expect_sites(p, true);
	EXPECT_EQ(slab_bugs.last.at, (uintptr_t)p + 49);
	p[49] ^= 4;
	EXPECT(!slab_check());
	p[0] = 0;
	kmem_cache_shrink(c);
	bugs_one(BUG_USE_AFTER_FREE);
	end(c);
}

/* Found when the object is used again, at the latest. */
KTEST(slab_bugs, write_after_free_is_seen_at_reuse)
{
	struct kmem_cache *c;
	uint8_t *p, *q;

	bugs_begin();
	slab_debug_only(SLAB_POISON | SLAB_TRACK);
	c = kmem_cache_create(name, 50, 0, SLAB_NOGUARD, NULL);
	slab_debug_default();
	p = alloc_here(c);
	free_here(c, p);
	p[3]++;
	q = alloc_here(c);
	EXPECT(q == p);
	bugs_one(BUG_USE_AFTER_FREE);
	expect_sites(p, true);
	free_here(c, q);
	end(c);
}

KTEST(slab_bugs, double_free)
{
	struct kmem_cache *c = debug_cache();
	void *p = alloc_here(c);

	free_here(c, p);
	free_here(c, p);
	bugs_one(BUG_DOUBLE_FREE);
	expect_sites(p, true);
	EXPECT(is_in(slab_bugs.last.caller, free_here));
	end(c);
}

KTEST(slab_bugs, invalid_free)
{
	struct kmem_cache *c = debug_cache();
	uint8_t *p = alloc_here(c), on_stack;

	free_here(c, p + 8);
	bugs_one(BUG_INVALID_FREE);
	expect_sites(p, false);
	EXPECT_EQ(slab_bugs.last.at, (uintptr_t)p + 8);
	free_here(c, &on_stack);
	bugs_one(BUG_INVALID_FREE);
	free_here(c, &slab_bugs);
	bugs_one(BUG_INVALID_FREE);
	free_here(c, p);
	end(c);
}

KTEST(slab_bugs, wrong_cache)
{
	struct kmem_cache *c = debug_cache();
	struct kmem_cache *other = kmem_cache_create(
		"test-other", 50, 0, SLAB_DEBUG | SLAB_NOGUARD, NULL);
	void *p = alloc_here(c);

	free_here(other, p);
	bugs_one(BUG_WRONG_CACHE);
	expect_sites(p, false);
	free_here(c, p);
	EXPECT_EQ(kmem_cache_destroy(other), 0);
	end(c);
}

KTEST(slab_bugs, leak_at_destroy)
{
	struct kmem_cache *c = debug_cache();
	void *p = alloc_here(c), *q = alloc_here(c);

	free_here(c, q);
	EXPECT_EQ(kmem_cache_destroy(c), 1);
	bugs_one(BUG_LEAK);
	expect_sites(p, false);
	/* It goes on to live. */
	q = alloc_here(c);
	EXPECT(q);
	free_here(c, q);
	free_here(c, p);
	end(c);
}

/* Without any flag: what returns to its slab is looked at. */
KTEST(slab_bugs, found_without_flags)
{
	struct kmem_cache *c, *other;
	uint8_t *p, *q;

	slab_debug_only(0);
	bugs_begin();
	c = kmem_cache_create(name, 48, 0, SLAB_NOGUARD, NULL);
	other = kmem_cache_create("test-other", 48, 0, SLAB_NOGUARD, NULL);
	slab_debug_default();
	p = alloc_here(c);
	q = alloc_here(other);
	kmem_cache_free(c, p);
	kmem_cache_free(c, p);
	kmem_cache_shrink(c);
	bugs_one(BUG_DOUBLE_FREE);
	p = alloc_here(c);
	kmem_cache_free(c, p + 16);
	kmem_cache_shrink(c);
	bugs_one(BUG_INVALID_FREE);
	EXPECT_EQ(slab_bugs.last.object, (uintptr_t)p);
	kmem_cache_free(c, q);
	kmem_cache_shrink(c);
	bugs_one(BUG_WRONG_CACHE);
	EXPECT_EQ(kmem_cache_destroy(c), 1);
	bugs_one(BUG_LEAK);
	EXPECT_EQ(slab_bugs.last.object, (uintptr_t)p);
	kmem_cache_free(c, p);
	kmem_cache_free(other, q);
	EXPECT_EQ(kmem_cache_destroy(other), 0);
	end(c);
}

KTEST(slab_bugs, kfree_of_what_is_no_memory_of_kmalloc)
{
	struct page *frame = page_alloc(0, 0);
	uint8_t on_stack, *p;

	REQUIRE(frame);
	bugs_begin();
	kfree_here(&on_stack);
	bugs_one(BUG_INVALID_FREE);
	EXPECT(is_in(slab_bugs.last.caller, kfree_here));
	kfree_here(&slab_bugs);
	bugs_one(BUG_INVALID_FREE);
	kfree_here((void *)(uintptr_t)8);
	bugs_one(BUG_INVALID_FREE);
	kfree_here((void *)(uintptr_t)ARENA_BASE);
	bugs_one(BUG_INVALID_FREE);
	kfree_here((void *)(uintptr_t)kfree_here);
	bugs_one(BUG_INVALID_FREE);
	kfree_here(phys_to_virt(page_to_phys(frame)));
	bugs_one(BUG_INVALID_FREE);
	p = kmalloc_here(100000);
	REQUIRE(p);
	kfree_here(p + PAGE_SIZE);
	bugs_one(BUG_INVALID_FREE);
	kfree_here(p + 16);
	bugs_one(BUG_INVALID_FREE);
	kfree_here(p);
	EXPECT_EQ(slab_bugs.n, 0);
	kfree_here(p);
	bugs_one(BUG_DOUBLE_FREE);
	EXPECT(!ksize(p));
	bugs_one(BUG_DOUBLE_FREE);
	result = krealloc_here(&on_stack, 8);
	EXPECT(is_in(slab_bugs.last.caller, krealloc_here));
	EXPECT_EQ(slab_bugs.last.kind, BUG_INVALID_FREE);
	kfree(result);
	bugs_end();
	page_free(frame, 0);
}

/* In place, too: what was done to the object before may not be covered. */
KTEST(slab_bugs, krealloc_hides_nothing)
{
	uint8_t *p = kmalloc(60, 0), was;

	REQUIRE(p);
	if (ksize(p) != 60) {
		kfree(p);
		return ktest_skip("objects of kmalloc are not debugged");
	}
	bugs_begin();
	was = p[61];
	p[61]++;
	EXPECT(krealloc_here(p, 50) == p);
	bugs_one(BUG_OVERFLOW);
	EXPECT_EQ(slab_bugs.last.at, (uintptr_t)p + 61);
	EXPECT(is_in(slab_bugs.last.caller, krealloc_here));
	p[61] = was;
	EXPECT(krealloc_here(p, 50) == p);
	EXPECT_EQ(slab_bugs.n, 0);
	kfree(p);
	krealloc_here(p, 40);
	bugs_one(BUG_DOUBLE_FREE);
	EXPECT(!slab_check());
	EXPECT_EQ(slab_bugs.n, 0);
	bugs_end();
}

struct seen {
	uintptr_t obj;
	unsigned n;
};

static void see(void *ctx, const char *cache, uintptr_t obj, size_t size,
		const struct alloc_track *t)
{
	struct seen *s = ctx;

	if (obj != s->obj)
		return;
	s->n++;
	EXPECT(!strcmp(cache, name));
	EXPECT_EQ(size, 50);
	EXPECT(is_in(t->pc, alloc_here));
}

KTEST(slab_bugs, live_objects_are_listed)
{
	struct kmem_cache *c = debug_cache();
	void *p = alloc_here(c);
	struct seen s = {(uintptr_t)p, 0};

	slab_each_live(see, &s);
	EXPECT_EQ(s.n, 1);
	free_here(c, p);
	slab_each_live(see, &s);
	EXPECT_EQ(s.n, 1);
	end(c);
}
