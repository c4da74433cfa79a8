/* displace: what of RAM can be moved out of the way, and doing it. */
#include <string.h>

#include <kernel/displace.h>
#include <kernel/printk.h>
#include <kernel/ram.h>
#include <kernel/shell.h>
#include <lib/errno.h>
#include <mm/page_alloc.h>
#include <mm/zone.h>

#define MAX_ROUNDS 1000000u
#define ull(x)	   ((unsigned long long)(x))

struct options {
	bool list, all, hold;
	paddr_t at;
	uint64_t rounds;
};

/* One round with one block. */
struct turn {
	struct range block;
	uint64_t *view;
	uint64_t salt;
	unsigned harts;
	bool hold;
	uint64_t errors; /* (a) */
};

static bool is_entirely_free(struct range block)
{
	for (paddr_t pa = block.start; pa < block.end; pa += PAGE_SIZE)
		if (!page_is_free(pa >> PAGE_SHIFT))
			return false;
	return true;
}

static struct range block_at(paddr_t at)
{
	at = align_down(at, DISPLACE_BLOCK);
	return range_make(at, at + DISPLACE_BLOCK);
}

/* The first block from `at` on with RAM that is not entirely free; empty at the
 * end. */
static struct range next_block(paddr_t at)
{
	struct range span = memblock_span(&ram);

	for (at = max_u64(at, align_down(span.start, DISPLACE_BLOCK));
	     at < span.end; at += DISPLACE_BLOCK) {
		struct range part;
		const char *why = displace_refuses(block_at(at), &part);

		if (why && !strcmp(why, "not-ram") &&
		    range_size(part) == DISPLACE_BLOCK)
			continue;
		if (!is_entirely_free(block_at(at)))
			return block_at(at);
	}
	return range_make(0, 0);
}

/* Bytes that can be had by moving. */
static uint64_t movable(struct range block)
{
	uint64_t bytes = 0;
	struct range part;

	for (paddr_t at = block.start; at < block.end; at = part.end)
		if (!displace_refuses(range_make(at, block.end), &part))
			bytes += range_size(part);
	return bytes;
}

/* --- the list --- */

static void print_holders(struct range block)
{
	uint64_t frames[REGION_TYPES] = {0}, used = 0;

	for (paddr_t pa = block.start; pa < block.end; pa += PAGE_SIZE) {
		const struct region *r = memblock_at(&ram, pa);

		if (!r)
			continue;
		if (r->type == REGION_FREE && !page_is_free(pa >> PAGE_SHIFT))
			used++;
		else
			frames[r->type]++;
	}
	for (unsigned i = 0; i < REGION_TYPES; i++)
		if (frames[i])
			kprintf(" %s %llu", region_type_name(i),
				ull(4 * frames[i]));
	if (used)
		kprintf(" used %llu", ull(4 * used));
}

static int list(void)
{
	struct range b = {0, 0}, part;

	kprintf("block, KiB that can be tested; KiB of what is in it\n");
	while (!range_empty(b = next_block(b.end))) {
		kprintf("%#11llx %5llu ", ull(b.start), ull(movable(b) >> 10));
		print_holders(b);
		for (paddr_t at = b.start; at < b.end; at = part.end) {
			const char *why =
				displace_refuses(range_make(at, b.end), &part);

			if (why)
				kprintf("; %s %llu", why,
					ull(range_size(part) >> 10));
		}
		kprintf("\n");
	}
	return 0;
}

/* --- a round --- */

/* Each hart has a share of each part that is free to test. */
static void each_word(struct turn *t, unsigned i,
		      void (*fn)(struct turn *t, volatile uint64_t *p,
				 uint64_t value))
{
	struct range part;

	for (paddr_t at = t->block.start; at < t->block.end; at = part.end) {
		uint64_t first, n;

		if (displace_refuses(range_make(at, t->block.end), &part))
			continue;
		first = (part.start - t->block.start) / 8;
		n = range_size(part) / 8;
		for (uint64_t w = first + n * i / t->harts;
		     w < first + n * (i + 1) / t->harts; w++)
			fn(t, t->view + w, (t->block.start + 8 * w) * t->salt);
	}
}

static void store(struct turn *t, volatile uint64_t *p, uint64_t value)
{
	(void)t;
	*p = value;
}

static void verify(struct turn *t, volatile uint64_t *p, uint64_t value)
{
	if (*p != value)
		__atomic_fetch_add(&t->errors, 1, __ATOMIC_RELAXED);
}

static void store_all(void *ctx, unsigned i)
{
	each_word(ctx, i, store);
}

static void verify_all(void *ctx, unsigned i)
{
	struct turn *t = ctx;

	/* What another hart stored. */
	each_word(t, (i + 1) % t->harts, verify);
}

/* So that others can look at the RAM, or spoil it: it is nobody's. */
static void hold(const struct turn *t)
{
	struct range part;

	for (paddr_t at = t->block.start; at < t->block.end; at = part.end)
		if (!displace_refuses(range_make(at, t->block.end), &part))
			kprintf("displace: %#llx-%#llx is nobody's\n",
				ull(part.start), ull(part.end));
	kprintf("displace: ^C ends it\n");
	while (!shell_interrupted())
		arch_relax();
}

static void run(void *arg, volatile uint64_t *view)
{
	struct turn *t = arg;

	t->view = (uint64_t *)view;
	displace_spread(store_all, t);
	displace_spread(verify_all, t);
	if (t->hold)
		hold(t);
}

static const char *error_text(int err)
{
	switch (err) {
	case -EBUSY:
		return "a device has memory";
	case -ENOMEM:
		return "no memory";
	case -EIO:
		return "the copy is not right, RAM is bad";
	default:
		return "nothing in it can be moved";
	}
}

static bool do_block(struct range block, paddr_t spare, const struct options *o,
		     uint64_t round)
{
	struct turn t = {
		.block = block,
		.salt = 0x9e3779b97f4a7c15u * (2 * round + 1),
		.harts = (unsigned)__builtin_popcountll(cpus_online()),
		.hold = o->hold,
	};
	struct displace d = {block, spare, cpus_online(), run, &t};
	int err = displace(&d);

	if (err)
		kprintf("displace: %#llx stays: %s\n", ull(block.start),
			error_text(err));
	else if (t.errors)
		kprintf("displace: %#llx: %llu words are wrong\n",
			ull(block.start), ull(t.errors));
	return !err && !t.errors;
}

struct sum {
	uint64_t blocks, bytes;
	bool failed;
};

static void do_rounds(struct range block, paddr_t spare,
		      const struct options *o, struct sum *sum)
{
	for (uint64_t round = 0; round < o->rounds; round++) {
		if (shell_interrupted())
			return;
		sum->failed |= !do_block(block, spare, o, round);
		sum->bytes += movable(block);
		sum->blocks++;
	}
}

static int do_all(const struct options *o, paddr_t spare)
{
	struct sum sum = {.blocks = 0};

	if (!o->all)
		do_rounds(block_at(o->at), spare, o, &sum);
	for (struct range b = {0, 0};
	     o->all && !range_empty(b = next_block(b.end));)
		if (b.start != spare && movable(b))
			do_rounds(b, spare, o, &sum);
	kprintf("displace: %s, %llu times, %llu KiB in all were free to test\n",
		sum.failed ? "FAILED" : "ok", ull(sum.blocks),
		ull(sum.bytes >> 10));
	return sum.failed;
}

static bool parse(int argc, char **argv, struct options *o)
{
	bool block = false;

	*o = (struct options){.rounds = 1};
	for (int i = 1; i < argc; i++) {
		bool more = i + 1 < argc;

		if (!strcmp(argv[i], "--list")) {
			o->list = true;
		} else if (!strcmp(argv[i], "--rounds") && more) {
			if (!shell_number(argv[++i], &o->rounds) ||
			    o->rounds > MAX_ROUNDS)
				return false;
		} else if (!strcmp(argv[i], "--hold")) {
			o->hold = true;
		} else if (!block) {
			block = true;
			o->all = !strcmp(argv[i], "all");
			if (!o->all && !shell_number(argv[i], &o->at))
				return false;
		} else {
			return false;
		}
	}
	return o->list != block;
}

static int cmd_displace(int argc, char **argv)
{
	struct options o;
	struct page *p;
	int status;

	if (!parse(argc, argv, &o))
		return SHELL_USAGE;
	if (o.list)
		return list();
	p = page_alloc(highest_bit(DISPLACE_BLOCK / PAGE_SIZE), 0);
	if (!p) {
		kprintf("displace: no block of 2 MiB is free\n");
		return 1;
	}
	status = do_all(&o, page_to_phys(p));
	page_free(p, p->order);
	return status;
}
COMMAND(displace, cmd_displace, "--list | BLOCK|all [--rounds N] [--hold]",
	"move the kernel out of 2 MiB of RAM, test these, move it back");
