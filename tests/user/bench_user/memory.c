/*
 * Rows about memory: system calls, faults, mappings that split and merge.
 */
#include "bench.h"

enum {
	RW = PROT_READ | PROT_WRITE,
	FIXED = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
	POPULATED = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
	HUGE = 2 << 20,
};

static int null_call(uint64_t *out, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		out[i] = MEASURE(call(SYS_getppid));
	return 1;
}

static int yield(uint64_t *out, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		out[i] = MEASURE(call(SYS_sched_yield));
	return call(SYS_sched_yield) == 0;
}

static int map_unmap(uint64_t *out, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		out[i] = MEASURE(unmap_pages(map_pages(1, RW, 0), 1));
	return 1;
}

static int map_touch_unmap(uint64_t *out, unsigned n)
{
	char *p;

	for (unsigned i = 0; i < n; i++)
		out[i] = MEASURE(p = map_pages(1, RW, 0); touch(p);
				 unmap_pages(p, 1));
	return 1;
}

static int map_touch_64_unmap(uint64_t *out, unsigned n)
{
	char *p;

	for (unsigned i = 0; i < n; i++)
		out[i] = MEASURE(p = map_pages(64, RW, 0); touch_all(p, 64);
				 unmap_pages(p, 64));
	return 1;
}

static int write_fault(uint64_t *out, unsigned n)
{
	char *p = map_pages(n, RW, 0);

	for (unsigned i = 0; i < n; i++)
		out[i] = MEASURE(touch(p + i * PAGE));
	unmap_pages(p, n);
	return 1;
}

static int read_fault(uint64_t *out, unsigned n)
{
	volatile char *p = map_pages(n, RW, 0);

	for (unsigned i = 0; i < n; i++)
		out[i] = MEASURE((void)p[i * PAGE]);
	unmap_pages((char *)p, n);
	return 1;
}

static int zero_page_write(uint64_t *out, unsigned n)
{
	volatile char *p = map_pages(n, RW, 0);

	for (unsigned i = 0; i < n; i++)
		(void)p[i * PAGE];
	for (unsigned i = 0; i < n; i++)
		out[i] = MEASURE(p[i * PAGE] = 1);
	unmap_pages((char *)p, n);
	return 1;
}

static int populate(uint64_t *out, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char *p;

		out[i] = MEASURE(p = map_pages(64, RW, POPULATED));
		unmap_pages(p, 64);
	}
	return 1;
}

static int unmap_touched(uint64_t *out, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char *p = map_pages(512, RW, POPULATED);

		out[i] = MEASURE(unmap_pages(p, 512));
	}
	return 1;
}

static int dontneed(uint64_t *out, unsigned n, unsigned long pages)
{
	char *p = map_pages(pages, RW, 0);

	for (unsigned i = 0; i < n; i++) {
		touch_all(p, pages);
		out[i] = MEASURE(call(SYS_madvise, p, pages * PAGE, 4));
	}
	unmap_pages(p, pages);
	return 1;
}

static int dontneed_1(uint64_t *out, unsigned n)
{
	return dontneed(out, n, 1);
}

static int dontneed_512(uint64_t *out, unsigned n)
{
	return dontneed(out, n, 512);
}

static int protect(uint64_t *out, unsigned n, unsigned long pages)
{
	char *p = map_pages(pages, RW, 0);

	for (unsigned i = 0; i < n; i++) {
		touch_all(p, pages);
		out[i] =
			MEASURE(call(SYS_mprotect, p, pages * PAGE, PROT_READ));
		call(SYS_mprotect, p, pages * PAGE, RW);
	}
	unmap_pages(p, pages);
	return 1;
}

static int protect_1(uint64_t *out, unsigned n)
{
	return protect(out, n, 1);
}

static int protect_512(uint64_t *out, unsigned n)
{
	return protect(out, n, 512);
}

/* Of three pages the middle one: apart, and back. `back` is what is measured. */
static int split_merge(uint64_t *out, unsigned n, int back)
{
	char *p = map_pages(3, RW, 0);

	touch_all(p, 3);
	for (unsigned i = 0; i < n; i++) {
		uint64_t t =
			MEASURE(call(SYS_mprotect, p + PAGE, PAGE, PROT_READ));

		out[i] = MEASURE(call(SYS_mprotect, p + PAGE, PAGE, RW));
		out[i] = back ? out[i] : t;
		touch(p + PAGE);
	}
	unmap_pages(p, 3);
	return 1;
}

static int protect_split(uint64_t *out, unsigned n)
{
	return split_merge(out, n, 0);
}

static int protect_merge(uint64_t *out, unsigned n)
{
	return split_merge(out, n, 1);
}

static int hole(uint64_t *out, unsigned n, int back)
{
	char *p = map_pages(3, RW, 0);

	touch_all(p, 3);
	for (unsigned i = 0; i < n; i++) {
		uint64_t t = MEASURE(unmap_pages(p + PAGE, 1));

		out[i] = MEASURE(
			call(SYS_mmap, p + PAGE, PAGE, RW, FIXED, -1, 0));
		out[i] = back ? out[i] : t;
		touch(p + PAGE);
	}
	unmap_pages(p, 3);
	return 1;
}

static int unmap_hole(uint64_t *out, unsigned n)
{
	return hole(out, n, 0);
}

static int map_hole(uint64_t *out, unsigned n)
{
	return hole(out, n, 1);
}

static int remap_grow(uint64_t *out, unsigned n)
{
	char *p = map_pages(2, RW, 0);

	unmap_pages(p + PAGE, 1);
	touch(p);
	for (unsigned i = 0; i < n; i++) {
		out[i] = MEASURE(call(SYS_mremap, p, PAGE, 2 * PAGE, 0));
		call(SYS_mremap, p, 2 * PAGE, PAGE, 0);
	}
	unmap_pages(p, 1);
	return 1;
}

static int remap_move(uint64_t *out, unsigned n)
{
	char *p = map_pages(4, RW, 0), *to = p + 2 * PAGE;

	unmap_pages(p + PAGE, 3);
	for (unsigned i = 0; i < n; i++) {
		char *from = p;

		touch(p);
		out[i] = MEASURE(call(SYS_mremap, p, PAGE, PAGE,
				      MREMAP_MAYMOVE | MREMAP_FIXED, to));
		p = to;
		to = from;
	}
	unmap_pages(p, 1);
	return 1;
}

static int brk_page(uint64_t *out, unsigned n)
{
	char *end = (char *)((call(SYS_brk, 0) + (long)PAGE - 1) & -(long)PAGE);

	call(SYS_brk, end);
	for (unsigned i = 0; i < n; i++)
		out[i] = MEASURE(call(SYS_brk, end + PAGE); touch(end);
				 call(SYS_brk, end));
	return 1;
}

static int first_touch(uint64_t *out, unsigned n, int advice)
{
	const unsigned long pages = (64ul << 20) / PAGE;
	const unsigned long spare = HUGE / PAGE;
	int good = 1;

	for (unsigned i = 0; i < n && good; i++) {
		char *p = map_pages(pages + spare, RW, 0);
		char *at = (char *)(((unsigned long)p + HUGE - 1) & -HUGE);

		good = call(SYS_madvise, at, pages * PAGE, advice) == 0;
		out[i] = MEASURE(touch_all(at, pages));
		unmap_pages(p, pages + spare);
	}
	return good;
}

static int touch_64m(uint64_t *out, unsigned n)
{
	return first_touch(out, n, MADV_NOHUGEPAGE);
}

static int touch_64m_huge(uint64_t *out, unsigned n)
{
	return first_touch(out, n, MADV_HUGEPAGE);
}

enum { MANY = 10000 };

/* Every second page of so many. */
static char *many(void)
{
	char *p = map_pages(2 * MANY, RW, 0);

	for (unsigned long i = 0; i < MANY; i++)
		unmap_pages(p + (2 * i + 1) * PAGE, 1);
	return p;
}

static int many_map_unmap(uint64_t *out, unsigned n)
{
	char *p = many();

	map_unmap(out, n);
	unmap_pages(p, 2 * MANY);
	return 1;
}

static int many_fault(uint64_t *out, unsigned n)
{
	uint64_t state = 88172645463325252;
	char *p = many();

	for (unsigned i = 0; i < n; i++) {
		char *at = p + 2 * (next_random(&state) % MANY) * PAGE;

		out[i] = MEASURE(touch(at));
		call(SYS_madvise, at, PAGE, MADV_DONTNEED);
	}
	unmap_pages(p, 2 * MANY);
	return 1;
}

const struct row memory_rows[] = {
	{"syscall", null_call, 1000, 1, "null system call (getppid)"},
	{"sched-yield", yield, 1000, 1, "sched_yield, nobody else to run"},
	{"mmap-munmap", map_unmap, 1000, 1, "mmap + munmap, 1 page"},
	{"mmap-touch-munmap", map_touch_unmap, 1000, 1, "with one store"},
	{"mmap-touch-64", map_touch_64_unmap, 1000, 1,
	 "64 pages, each stored to"},
	{"fault-write", write_fault, 1000, 1, "first store to a page"},
	{"fault-read", read_fault, 1000, 1, "first load from a page"},
	{"fault-zero-write", zero_page_write, 1000, 1, "store after a load"},
	{"populate-64", populate, 1000, 64,
	 "mmap(MAP_POPULATE), 64 pages, each"},
	{"munmap-touched", unmap_touched, 300, 512, "512 pages, each"},
	{"dontneed-1", dontneed_1, 1000, 1, "madvise(DONTNEED), 1 page"},
	{"dontneed-512", dontneed_512, 300, 512, "512 pages, each"},
	{"mprotect-1", protect_1, 1000, 1, "mprotect RW to R, 1 page"},
	{"mprotect-512", protect_512, 300, 512, "512 pages, each"},
	{"mprotect-split", protect_split, 1000, 1, "one mapping into three"},
	{"mprotect-merge", protect_merge, 1000, 1, "three into one"},
	{"munmap-hole", unmap_hole, 1000, 1, "the middle page of three"},
	{"mmap-hole", map_hole, 1000, 1, "that page again"},
	{"mremap-grow", remap_grow, 1000, 1, "in place, by a page"},
	{"mremap-move", remap_move, 1000, 1, "1 page with contents"},
	{"brk", brk_page, 1000, 1, "grow by a page, touch it, shrink"},
	{"touch-64m", touch_64m, 3, 16384, "first touch of 64 MiB, each page"},
	{"touch-64m-huge", touch_64m_huge, 3, 16384,
	 "with 2 MiB pages, each 4 KiB"},
	{"many-mmap-munmap", many_map_unmap, 1000, 1,
	 "mmap + munmap beside 10,000 mappings"},
	{"many-fault", many_fault, 1000, 1, "store to one of 10,000 mappings"},
	{NULL, NULL, 0, 0, NULL},
};
