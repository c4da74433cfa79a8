/*
 * Getting out of the way (<kernel/displace.h>).
 *
 * What the tables have to become is mm/kmap_move.c's. Here is who stands still
 * meanwhile, and where:
 *
 *	mover				all others
 *	smp_call_begin			parked(), interrupts off, until the end
 *	look, map, split
 *	job: go to the gate		at the gate: they read, and store nothing
 *	on the stack outside:
 *	  copy, open the gate by half	forget instructions
 *	  change entries
 *	  open the gate			walk the new root, forget all, go on
 *	run()				do what displace_spread() wants
 *	and back, the same way
 *	smp_call_end
 *
 *  I1  While memory is copied and entries change nobody stores to the block or the
 *      spare: the others are in a loop of loads, and the mover is on a stack in
 *      neither, has all its data there, interrupts off, and calls nothing that
 *      has data elsewhere. Debug builds look whether anything was stored.
 *  I2  Each hart goes over to the new root by itself and forgets by itself before
 *      it stores anything; the mover goes on when all have. So nothing here asks
 *      firmware for a fence, and a root in the block is no special case.
 *      Instructions it forgets between the copy and the first entry: an entry may
 *      be walked as soon as it is stored, and without fence.i a hart may run what
 *      it fetched from there long ago.
 *  I3  From parking to the end only the mover changes tables; away from home, not
 *      even it. So what was found holds good: nothing lent to devices, which leaf
 *      is whole.
 *  I4  Locks that are taken with interrupts off are free once all are parked: so
 *      the mover may map and split. Others may be held; it must not want them.
 *
 *  I5  Nobody is in a user space meanwhile: harts leave them before they are counted
 *      as parked, and enter them again at the end. So nobody walks tables of users,
 *      which name frames that are elsewhere, and are as they were when all is back;
 *      the mover's hart runs no other task.
 *
 * Physical addresses leave the kernel in few places: satp, which the gate sets;
 * firmware's console, which asks image_to_phys() each time; devices, whose memory
 * stays where it is; harts that are to start: when one is late, nothing moves.
 *
 * The copy is compared before it is used: if it is never right, nothing moves. Back,
 * all must go: RAM that is bad there was as bad before.
 *
 * Cost, each way: 2 MiB copied and compared, and a walk over the kernel's tables.
 */
#include <arch/cpu.h>
#include <arch/gate.h>
#include <arch/mmu.h>
#include <drivers/device.h>
#include <kernel/assert.h>
#include <kernel/badram.h>
#include <kernel/displace.h>
#include <kernel/printk.h>
#include <kernel/ram.h>
#include <kernel/sched.h>
#include <kernel/smp.h>
#include <kernel/smp_boot.h>
#include <lib/errno.h>
#include <mm/kmap.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>
#include <mm/umap.h>
#include <mm/zone.h>

/* What the mover has while it moves: a block of two frames, the stack at its end. */
#define OUTSIDE_ORDER 1

struct outside {
	struct kmap_move move;
	uint64_t pinned[KMAP_MOVE_FRAMES / 64];
	struct arch_gate gate;
	unsigned others; /* harts at the gate */
	bool must;	 /* move even if the copy is not good */
	paddr_t root;
	paddr_t bad;	 /* RAM that did not take the copy */
	uint64_t strays; /* stores that were lost: I1 was broken */
};

/* Times that a copy is made, if need be: a bit may flip on the way. */
#define TRIES 4

/* What the parked harts do next. */
static struct {
	uint32_t turn; /* a new job (a) */
	uint32_t done; /* so many have done it (a) */
	cpumask_t harts;
	unsigned mover;
	void (*fn)(void *ctx, unsigned i); /* NULL: the end */
	void *ctx;
} job;

static const struct displace *current;
static uint64_t count;

bool displaced(void)
{
	return kmap_is_moved();
}

uint64_t displace_count(void)
{
	return count;
}

/* --- what can't be moved --- */

static bool is_kernels(enum region_type type)
{
	switch (type) {
	case REGION_FREE:
	case REGION_INITRD:
	case REGION_FDT:
	case REGION_METADATA:
	case REGION_TABLES:
	case REGION_STACK:
	case REGION_INIT:
	case REGION_TESTS:
	case REGION_KERNEL:
		return true;
	default:
		return false;
	}
}

/* Of the frame at `at`, and of those that follow it up to *end: which is no more
 * than it was. */
static const char *why_region(paddr_t at, paddr_t *end)
{
	const struct region *r;
	const char *why = NULL;
	paddr_t next = at;

	for (unsigned i = 0; i < ram.n; i++) {
		r = &ram.region[i];
		if (r->range.end <= at || r->range.start > next)
			continue;
		/* One that has all of the frame has others, too. */
		if (r->range.start <= at && r->range.end >= at + PAGE_SIZE) {
			*end = min_u64(*end,
				       align_down(r->range.end, PAGE_SIZE));
			return is_kernels(r->type) ? NULL
						   : region_type_name(r->type);
		}
		if (!is_kernels(r->type))
			why = region_type_name(r->type);
		next = r->range.end;
		if (next >= at + PAGE_SIZE)
			break;
	}
	*end = min_u64(*end, at + PAGE_SIZE);
	return next < at + PAGE_SIZE ? "not-ram" : why;
}

/* Is the frame at `at` retired? Nobody wants what is in it, and to read it may
 * give something else each time. *end as above. */
static bool is_retired(paddr_t at, paddr_t *end)
{
	const struct range *bad;
	unsigned n = badram_ranges(&bad);

	while (n && bad->end <= at) {
		bad++;
		n--;
	}
	if (!n || bad->start >= *end)
		return false;
	if (bad->start > at) {
		*end = bad->start;
		return false;
	}
	*end = at + PAGE_SIZE;
	return page_is_bad(at >> PAGE_SHIFT);
}

static const char *why_frames(paddr_t at, paddr_t *end)
{
	const char *why = why_region(at, end);
	struct range dma;

	if (why)
		return why;
	if (smp_late())
		return "late-hart";
	if (is_retired(at, end))
		return "bad";
	dma = dma_frames_in(range_make(at, *end));
	if (range_empty(dma))
		return NULL;
	if (dma.start > at) {
		*end = align_down(dma.start, PAGE_SIZE);
		return NULL;
	}
	*end = align_up(dma.end, PAGE_SIZE);
	return "dma";
}

const char *displace_refuses(struct range block, struct range *part)
{
	const char *first = NULL;
	paddr_t at = block.start;

	while (at < block.end) {
		paddr_t end = block.end;
		const char *why = why_frames(at, &end);

		if (at == block.start)
			first = why;
		else if (why != first)
			break;
		at = end;
	}
	*part = range_make(block.start, at);
	return first;
}

/* Returns whether there is anything to move. */
static bool pin(struct outside *o, struct range block)
{
	struct range part;
	bool any = false;

	for (paddr_t at = block.start; at < block.end; at = part.end) {
		bool refused =
			displace_refuses(range_make(at, block.end), &part);

		any |= !refused;
		for (paddr_t f = part.start; refused && f < part.end;
		     f += PAGE_SIZE) {
			uint64_t n = (f - block.start) >> PAGE_SHIFT;

			o->pinned[n / 64] |= (uint64_t)1 << n % 64;
		}
	}
	return any;
}

static bool is_busy(void)
{
	const struct device *d;

	for (unsigned i = 0; (d = device_at(i)); i++)
		if (__atomic_load_n(&d->dma.maps, __ATOMIC_RELAXED))
			return true;
	return false;
}

/* --- the others --- */

static void publish(void (*fn)(void *ctx, unsigned i), void *ctx,
		    cpumask_t harts)
{
	job.fn = fn;
	job.ctx = ctx;
	job.harts = harts;
	job.done = 0;
	/* Release: what it is comes before that it is there. */
	__atomic_store_n(&job.turn, job.turn + 1, __ATOMIC_RELEASE);
}

static void finish(void)
{
	unsigned others = (unsigned)__builtin_popcountll(cpus_online()) - 1;

	/* Acquire: what they stored. */
	while (__atomic_load_n(&job.done, __ATOMIC_ACQUIRE) != others)
		smp_relax();
}

/* Its number among those that work: the mover is 0. */
static unsigned index_of(unsigned cpu)
{
	cpumask_t before = job.harts & ~cpu_bit(job.mover) & (cpu_bit(cpu) - 1);

	return 1 + (unsigned)__builtin_popcountll(before);
}

/* I5: the task that this hart has, be it the one that is interrupted. */
static void leave_space(void)
{
	umap_activate(NULL);
}

static void enter_space(void)
{
	umap_activate(task_current()->umap);
}

/* Every hart but the mover is in here, interrupts off. */
static void parked(void *arg)
{
	unsigned cpu = arch_cpu();
	uint32_t seen = 0;

	(void)arg;
	leave_space();
	__atomic_fetch_add(&job.done, 1, __ATOMIC_RELEASE);
	for (;; seen++) {
		while (__atomic_load_n(&job.turn, __ATOMIC_ACQUIRE) == seen)
			smp_relax();
		if (!job.fn)
			break;
		if (job.harts & cpu_bit(cpu))
			job.fn(job.ctx, index_of(cpu));
		__atomic_fetch_add(&job.done, 1, __ATOMIC_RELEASE);
	}
	enter_space();
}

static cpumask_t others(void)
{
	return cpus_online() & ~cpu_bit(arch_cpu());
}

static void park(void)
{
	sched_hold(true);
	leave_space();
	job.turn = job.done = 0;
	job.mover = arch_cpu();
	if (others())
		smp_call_begin(others(), parked, NULL);
	finish();
}

static void unpark(void)
{
	publish(NULL, NULL, 0);
	if (others())
		smp_call_end();
	enter_space();
	sched_hold(false);
}

void displace_spread(void (*fn)(void *ctx, unsigned i), void *ctx)
{
	assert(displaced() && arch_cpu() == job.mover);
	publish(fn, ctx, current->harts & ~cpu_bit(job.mover));
	fn(ctx, 0);
	finish();
}

/* --- moving --- */

static void stand_at_gate(void *ctx, unsigned i)
{
	(void)i;
	arch_gate_wait(ctx);
}

/* On the stack outside (I1). */
static void cross_outside(void *arg)
{
	struct outside *o = arg;
	unsigned tries = TRIES;

	do
		o->bad = kmap_move_copy(&o->move);
	while (o->bad != KMAP_MOVE_GOOD && --tries);
	arch_gate_copied(&o->gate, o->others);
	if (o->bad == KMAP_MOVE_GOOD || o->must) {
		o->root = kmap_move_entries(&o->move, o->root,
					    kernel_pgtable.levels);
		if (DEBUG_CHECKS && o->bad == KMAP_MOVE_GOOD)
			o->strays = kmap_move_strays(&o->move);
	}
	arch_gate_open(&o->gate, o->root, kernel_pgtable.levels);
	while (__atomic_load_n(&o->gate.passed, __ATOMIC_ACQUIRE) != o->others)
		arch_relax();
}

/* From where all is now to the other place; then `away` is true. Returns whether all
 * is there. */
static bool cross(struct outside *o, const struct kmap_move *away, bool must)
{
	uint64_t flags = arch_irq_save();
	bool moved;

	o->others = (unsigned)__builtin_popcountll(others());
	o->must = must;
	o->root = kernel_pgtable.root;
	o->gate = (struct arch_gate){.open = 0};
	publish(stand_at_gate, &o->gate, others());
	while (__atomic_load_n(&o->gate.here, __ATOMIC_ACQUIRE) != o->others)
		smp_relax();
	arch_call_on((vaddr_t)(uintptr_t)o + (PAGE_SIZE << OUTSIDE_ORDER),
		     cross_outside, o);
	moved = must || o->bad == KMAP_MOVE_GOOD;
	kernel_pgtable.root = o->root;
	/* Whatever prints from here on may ask where it is. */
	if (moved)
		kmap_moved(away);
	finish();
	arch_irq_restore(flags);
	assert(!o->strays);
	return moved;
}

static int map_window(const struct outside *o)
{
	const struct kmap_move *m = &o->move;
	int err = 0;

	for (uint64_t n = 0, end; !err && n < KMAP_MOVE_FRAMES; n = end + 1) {
		vaddr_t va = KMAP_MOVE_WINDOW + n * PAGE_SIZE;

		for (end = n; end < KMAP_MOVE_FRAMES &&
			      !(o->pinned[end / 64] >> end % 64 & 1);)
			end++;
		if (end > n)
			err = kmap_map(
				range_make(va, va + (end - n) * PAGE_SIZE),
				m->from + n * PAGE_SIZE, VM_READ | VM_WRITE,
				ATTR_NORMAL);
	}
	return err;
}

/* All are parked. Whatever it returns, put_away() follows. */
static int get_ready(struct outside *o, const struct displace *d)
{
	struct range window = {KMAP_MOVE_WINDOW,
			       KMAP_MOVE_WINDOW + KMAP_MOVE_SIZE};
	vaddr_t spare = (vaddr_t)(uintptr_t)phys_to_virt(d->spare);
	int err;

	o->move = (struct kmap_move){
		.from = d->block.start,
		.to = d->spare,
		.seen = (uint8_t *)(uintptr_t)window.start,
		.copy = phys_to_virt(d->spare),
		.keep = {range_make(spare, spare + KMAP_MOVE_SIZE), window},
		.pinned = o->pinned,
	};
	if (!pin(o, d->block))
		return -EINVAL;
	if (is_busy())
		return -EBUSY;
	err = map_window(o);
	return err ? err : kmap_move_prepare(&o->move);
}

static void put_away(const struct outside *o)
{
	kmap_unmap(range_make(KMAP_MOVE_WINDOW,
			      KMAP_MOVE_WINDOW + KMAP_MOVE_SIZE));
	kmap_move_rejoin(o->move.from);
	kmap_move_rejoin(o->move.to);
}

static int go_and_return(struct outside *o, const struct displace *d)
{
	struct kmap_move there = o->move;

	current = d;
	if (!cross(o, &there, false))
		return -EIO;
	count++;
	d->run(d->arg, (volatile uint64_t *)(uintptr_t)KMAP_MOVE_WINDOW);
	o->move = kmap_move_back(&there);
	cross(o, NULL, true);
	o->move = there;
	if (o->bad != KMAP_MOVE_GOOD)
		pr_err("displace: RAM at %#llx does not hold what was there\n",
		       (unsigned long long)o->bad);
	return 0;
}

static bool is_good(const struct displace *d)
{
	struct range spare = {d->spare, d->spare + DISPLACE_BLOCK};

	return range_size(d->block) == DISPLACE_BLOCK &&
	       is_aligned(d->block.start | d->spare, DISPLACE_BLOCK) &&
	       !range_overlaps(d->block, spare) &&
	       d->harts & cpu_bit(arch_cpu()) && !(d->harts & ~cpus_online()) &&
	       d->run && !displaced();
}

/* Memory on neither side. */
static struct page *page_outside(struct range block)
{
	struct range below = {0, block.start >> PAGE_SHIFT};
	struct range above = {block.end >> PAGE_SHIFT, UINT64_MAX};
	struct page *p = page_alloc_within(OUTSIDE_ORDER, below, ALLOC_RESERVE);

	return p ? p : page_alloc_within(OUTSIDE_ORDER, above, ALLOC_RESERVE);
}

int displace(const struct displace *d)
{
	struct outside *o;
	struct page *p;
	int err;

	if (!is_good(d))
		return -EINVAL;
	p = page_outside(d->block);
	if (!p)
		return -ENOMEM;
	o = phys_to_virt(page_to_phys(p));
	*o = (struct outside){.root = 0};
	park();
	err = get_ready(o, d);
	if (!err)
		err = go_and_return(o, d);
	put_away(o);
	unpark();
	page_free(p, OUTSIDE_ORDER);
	return err;
}
