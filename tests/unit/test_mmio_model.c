/*
 * Random claims of 4 bytes to 1 GiB, of all kinds, compared with a list of them
 * that is as plain as can be, and with the page tables.
 */
#include <kernel/ktest.h>
#include <lib/errno.h>
#include <lib/rng.h>
#include <mm/kmap.h>
#include <mm/mmio.h>
#include <mm/page_alloc.h>
#include <mm/reclaim.h>
#include <mm/vmalloc.h>
#include <mm/zone.h>

#include "arch_bed.h"

#define SLOTS 40
#define AT    ((paddr_t)1 << 50) /* no machine has anything there */

/* Windows that are not small can fail when others have so much. */
#define PLENTY MIB(512)

struct slot {
	struct mmio m;
	bool live;
};

static struct slot *slot;
static struct rng rng;
static paddr_t ram_page;

static uint64_t below(uint64_t n)
{
	return rng_below(&rng, n);
}

static unsigned pick_flags(void)
{
	static const unsigned some[] = {
		0,
		0,
		MMIO_WC,
		MMIO_SHARED,
		MMIO_SHARED,
		MMIO_SHARED | MMIO_WC,
		MMIO_PEEK,
		MMIO_PEEK,
		MMIO_PEEK | MMIO_WC,
		MMIO_CLAIM_ONLY,
		MMIO_CLAIM_ONLY | MMIO_SHARED,
	};

	return some[below(ARRAY_SIZE(some))];
}

/* Many within a few pages, some that are larger, few that are huge; most of
 * the latter lie so that large leaves do. */
static void pick_range(paddr_t *pa, uint64_t *size)
{
	unsigned kind = (unsigned)below(64);
	uint64_t most;

	if (kind < 48) {
		most = KIB(16);
		*pa = AT + 4 * below(KIB(24));
	} else if (kind < 62) {
		most = MIB(4);
		*pa = AT + GIB(1) + align_down(4 * below(MIB(4)), KIB(4));
	} else {
		most = GIB(1);
		*pa = AT + GIB(4) + align_down(below(GIB(4)), MIB(2)) +
		      (below(200) ? 0 : 4 * below(KIB(1)));
	}
	/* By its logarithm. */
	*size = min_u64(most, 4 + below((uint64_t)8 << below(29)));
	if (kind >= 62 && below(200))
		*size = max_u64(align_up(*size, MIB(2)), MIB(2));
	if (!below(100))
		*pa = ram_page + 4 * below(KIB(1));
}

static bool has_window(const struct mmio *m)
{
	return !(m->flags & MMIO_CLAIM_ONLY);
}

static bool bytes_meet(const struct mmio *a, const struct mmio *b)
{
	return max_u64(a->pa, b->pa) <
	       min_u64(a->pa + a->size, b->pa + b->size);
}

static uint64_t first_page(const struct mmio *m)
{
	return m->pa / PAGE_SIZE;
}

static uint64_t last_page(const struct mmio *m)
{
	return (m->pa + m->size - 1) / PAGE_SIZE;
}

static bool same_pages(const struct mmio *a, const struct mmio *b)
{
	return first_page(a) == first_page(b) && last_page(a) == last_page(b);
}

static bool pages_meet(const struct mmio *a, const struct mmio *b)
{
	return max_u64(first_page(a), first_page(b)) <=
	       min_u64(last_page(a), last_page(b));
}

/* The rules, one by one. */
static bool go_together(const struct mmio *a, const struct mmio *b)
{
	bool both_share = a->flags & b->flags & MMIO_SHARED;
	bool one_looks = (a->flags | b->flags) & MMIO_PEEK;

	if (has_window(a) && has_window(b)) {
		if (pages_meet(a, b) &&
		    (a->flags & MMIO_WC) != (b->flags & MMIO_WC))
			return false;
		return !bytes_meet(a, b) || both_share || one_looks;
	}
	if (has_window(a) || has_window(b))
		return !bytes_meet(a, b);
	return !bytes_meet(a, b) || both_share;
}

static struct slot *in_the_way(const struct mmio *m)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (slot[i].live && !go_together(&slot[i].m, m))
			return &slot[i];
	return NULL;
}

static bool live_owner(const char *owner, const struct mmio *m)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (slot[i].live && slot[i].m.owner == owner &&
		    !go_together(&slot[i].m, m))
			return true;
	return false;
}

static uint64_t window_size(const struct mmio *m)
{
	return (last_page(m) - first_page(m) + 1) * PAGE_SIZE;
}

static vaddr_t window(const struct mmio *m)
{
	return align_down((uintptr_t)m->base, PAGE_SIZE);
}

/* A live one but `m` whose window it must share. */
static struct mmio *twin(const struct mmio *m)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (slot[i].live && &slot[i].m != m && has_window(&slot[i].m) &&
		    same_pages(&slot[i].m, m))
			return &slot[i].m;
	return NULL;
}

static bool maps(vaddr_t va, paddr_t pa, unsigned flags)
{
	enum mem_attr attr = flags & MMIO_WC ? ATTR_NC : ATTR_IO;
	struct mapping at;

	return pgtable_query(&kernel_pgtable, va, &at) &&
	       at.pa + (va - at.va.start) == pa &&
	       at.prot == (VM_READ | VM_WRITE) &&
	       at.attr == pte_attr(pte_leaf(0, VM_READ, attr));
}

static bool mapped(vaddr_t va)
{
	struct mapping at;

	return pgtable_query(&kernel_pgtable, va, &at);
}

static void check_window(const struct mmio *m)
{
	const struct mmio *other = twin(m);
	vaddr_t va = (vaddr_t)(uintptr_t)m->base;

	if (!has_window(m)) {
		EXPECT(!m->base);
		return;
	}
	EXPECT(maps(va, m->pa, m->flags));
	EXPECT(maps(va + m->size - 1, m->pa + m->size - 1, m->flags));
	EXPECT(!mapped(window(m) - 1));
	EXPECT(!mapped(window(m) + window_size(m)));
	if (other)
		EXPECT_EQ(window(other), window(m));
	for (unsigned i = 0; i < SLOTS && !other; i++)
		EXPECT(!slot[i].live || &slot[i].m == m || !slot[i].m.base ||
		       window(&slot[i].m) + window_size(&slot[i].m) <
			       window(m) ||
		       window(m) + window_size(m) < window(&slot[i].m));
}

struct sums {
	uint64_t claims, windows, bytes;
};

static struct sums sums(void)
{
	struct sums s = {0, 0, 0};

	for (unsigned i = 0; i < SLOTS; i++) {
		const struct mmio *other;

		if (!slot[i].live)
			continue;
		s.claims++;
		other = twin(&slot[i].m);
		/* One of those that share counts: the first that is found. */
		if (!has_window(&slot[i].m) || (other && other < &slot[i].m))
			continue;
		s.windows++;
		s.bytes += window_size(&slot[i].m);
	}
	return s;
}

static void take(struct slot *s)
{
	static const char *const name[] = {"a", "b", "c", "d"};
	unsigned flags = pick_flags();
	struct slot *other;
	paddr_t pa;
	uint64_t size;
	int err;

	pick_range(&pa, &size);
	err = mmio_map(&s->m, pa, size, flags, name[below(ARRAY_SIZE(name))]);
	if (pa >= ram_page && pa < ram_page + PAGE_SIZE) {
		EXPECT_EQ(err, -EBUSY);
		return;
	}
	other = in_the_way(&s->m);
	if (other) {
		EXPECT_EQ(err, -EBUSY);
		EXPECT(live_owner(s->m.owner, &s->m));
	} else if (err == -ENOMEM) {
		EXPECT(size >= MIB(1) && size + sums().bytes > PLENTY);
	} else {
		EXPECT_EQ(err, 0);
	}
	EXPECT(!err || !s->m.base);
	if (err)
		return;
	s->live = true;
	check_window(&s->m);
}

static void give(struct slot *s)
{
	vaddr_t va = window(&s->m), end = va + window_size(&s->m);
	bool stays = twin(&s->m);

	check_window(&s->m);
	s->live = false;
	mmio_unmap(&s->m);
	EXPECT(!s->m.base);
	if (!has_window(&s->m))
		return;
	EXPECT_EQ(mapped(va), stays);
	EXPECT_EQ(mapped(end - 1), stays);
}

static struct mmio_stats before;
static uint64_t listed, last;

static void list_one(void *ctx, const struct mmio *m)
{
	(void)ctx;
	EXPECT(m->pa / PAGE_SIZE >= last);
	last = m->pa / PAGE_SIZE;
	listed++;
}

static void check_all(void)
{
	struct sums s = sums();
	struct mmio_stats now;

	EXPECT(!mmio_check());
	mmio_stats(&now);
	EXPECT_EQ(now.claims - before.claims, s.claims);
	EXPECT_EQ(now.windows - before.windows, s.windows);
	EXPECT_EQ(now.bytes - before.bytes, s.bytes);
	listed = last = 0;
	mmio_each(list_one, NULL);
	EXPECT_EQ(listed, now.claims);
}

static void steps(void)
{
	struct page *page = page_alloc(0, 0);
	struct vmalloc_stats areas, areas_now;
	uint64_t frames;

	slot = ktest_alloc(SLOTS * sizeof(*slot));
	REQUIRE(slot && page);
	ram_page = page_to_phys(page);
	rng = rng_seed(ktest_seed());
	reclaim();
	mmio_stats(&before);
	vmalloc_stats(&areas);
	frames = zone_used_frames();
	KTEST_STEPS (n, ktest_ops()) {
		struct slot *s = &slot[below(SLOTS)];

		if (s->live)
			give(s);
		else
			take(s);
		if (!(n % 256))
			check_all();
	}
	check_all();
	for (unsigned i = 0; i < SLOTS; i++)
		if (slot[i].live)
			give(&slot[i]);
	check_all();
	reclaim();
	vmalloc_stats(&areas_now);
	EXPECT_EQ(areas_now.areas, areas.areas);
	EXPECT_EQ(areas_now.largest_free, areas.largest_free);
	EXPECT_EQ(zone_used_frames(), frames);
	EXPECT(!vmalloc_check());
	page_free(page, 0);
}

KTEST(mmio, random_claims_against_a_plain_list)
{
	arch_bed_run(steps);
}
