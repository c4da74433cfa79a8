/*
 * mmdiff's steps that change mappings.
 */
#include "mmdiff.h"

enum { NOREPLACE = 0x100000, DONTUNMAP = 4, FIXED = 3, MAYMOVE = 1 };

static int some_prot(void)
{
	static const int prots[] = {
		PROT_READ | PROT_WRITE,
		PROT_READ | PROT_WRITE,
		PROT_READ | PROT_WRITE,
		PROT_READ,
		PROT_NONE,
		PROT_WRITE,
		PROT_READ | PROT_EXEC,
		PROT_READ | PROT_WRITE | PROT_EXEC,
		PROT_EXEC,
	};

	return prots[below(sizeof(prots) / sizeof(*prots))];
}

static void set(struct part p, int prot, int shared)
{
	uint32_t unit = new_unit();

	forget(p.at, p.n);
	for (unsigned i = p.at; i < p.at + p.n; i++)
		known[i] = (struct known){unit, (uint8_t)prot, (uint8_t)shared,
					  0, 0};
}

void step_mmap(void)
{
	static const int how[] = {MAP_FIXED, MAP_FIXED, NOREPLACE, 0};
	struct part p = some_part();
	int prot = some_prot(), shared = below(3) == 0;
	int flags = how[below(4)] | MAP_ANONYMOUS |
		    (shared ? MAP_SHARED : MAP_PRIVATE);
	long r;

	flags |= below(8) ? 0 : MAP_POPULATE;
	flags |= below(16) ? 0 : MAP_LOCKED;
	flags |= below(8) ? 0 : MAP_NORESERVE;
	tell("mmap %u+%u prot %d flags %#x", p.at, p.n, prot, flags);
	r = call(SYS_mmap, P(p.at), p.n * PAGE, prot, flags, -1, 0);
	note(r);
	if (r == (long)P(p.at))
		set(p, prot, shared);
	else if (!is_error(r))
		call(SYS_munmap, r, p.n * PAGE);
}

void step_munmap(void)
{
	struct part p = some_part();

	tell("munmap %u+%u", p.at, p.n);
	if (note(call(SYS_munmap, P(p.at), p.n * PAGE)) == 0)
		forget(p.at, p.n);
}

void step_mprotect(void)
{
	struct part p = some_part();
	int prot = some_prot();
	long r;

	tell("mprotect %u+%u prot %d", p.at, p.n, prot);
	r = note(call(SYS_mprotect, P(p.at), p.n * PAGE, prot));
	if (r && r != -ENOMEM)
		return;
	/* Up to a hole, if there is one. */
	split_at(p);
	for (unsigned i = p.at; i < p.at + p.n && known[i].unit; i++)
		known[i].prot = (uint8_t)prot;
}

/* A range for mremap() and a new length: what it moves is mostly one mapping, and
 * sometimes certainly not one. False if luck does not help. */
static int some_remap(struct part *from, unsigned *len)
{
	int want = below(6) != 0;

	for (int i = 0; i < 100; i++) {
		unsigned kept;

		*from = some_part();
		*len = below(3) ? from->n : 1 + below(16);
		/* What shrinks loses its tail, wherever that reaches. */
		kept = from->n < *len ? from->n : *len;
		if (one_mapping((struct part){from->at, kept}) == want)
			return 1;
	}
	return 0;
}

/* Pages of `from` went to `to`, which may be shorter or longer. */
static void moved(struct part from, struct part to, int stays)
{
	struct known had[PAGES];
	unsigned kept = from.n < to.n ? from.n : to.n;
	uint32_t unit = new_unit();

	memcpy(had, &known[from.at], to.n * sizeof(had[0]));
	forget(to.at, to.n);
	split_at((struct part){from.at, kept});
	for (unsigned i = 0; i < to.n; i++) {
		known[to.at + i] = had[i < kept ? i : 0];
		known[to.at + i].unit = unit;
		if (i >= kept && had[0].shared && (from.n || i))
			known[to.at + i].beyond = 1;
	}
	if (from.n > to.n)
		forget(from.at + to.n, from.n - to.n);
	if (!stays)
		forget(from.at, kept);
}

static void remap_in_place(struct part from, unsigned len)
{
	long r;

	tell("mremap %u+%u in place to %u", from.at, from.n, len);
	r = call(SYS_mremap, P(from.at), from.n * PAGE, len * PAGE, 0, 0);
	note(r);
	if (r == (long)P(from.at) && len < from.n)
		forget(from.at + len, from.n - len);
	else if (r == (long)P(from.at) && len > from.n)
		for (unsigned i = from.n; i < len; i++) {
			known[from.at + i] = known[from.at];
			known[from.at + i].beyond = known[from.at].shared;
		}
	look_what_is_gone();
}

void step_mremap(void)
{
	static const int how[] = {0, FIXED, FIXED, FIXED | DONTUNMAP};
	int flags = how[below(4)];
	struct part from, to;
	unsigned len;
	long r;

	if (!some_remap(&from, &len) || from.at + len > PAGES)
		return;
	if (!flags) {
		remap_in_place(from, len);
		return;
	}
	if (below(8) == 0)
		from.n = 0; /* another mapping of shared memory */
	to = (struct part){below(PAGES - len), len};
	tell("mremap %u+%u to %u+%u flags %d", from.at, from.n, to.at, to.n,
	     flags);
	r = call(SYS_mremap, P(from.at), from.n * PAGE, len * PAGE, flags,
		 P(to.at));
	note(r);
	if (r == (long)P(to.at))
		moved(from, to, from.n == 0 || (flags & DONTUNMAP));
	look_what_is_gone();
}

void step_brk(void)
{
	static unsigned long start;
	unsigned long want, end;

	if (!start)
		start = ((unsigned long)call(SYS_brk, 0) + PAGE - 1) & -PAGE;
	want = start + below(64) * PAGE + (below(2) ? below(PAGE) : 0);
	tell("brk %+ld", (long)(want - start));
	if (below(8) == 0) {
		tell(", no: 4096");
		want = 4096;
	}
	end = (unsigned long)call(SYS_brk, want);
	sum(end - start);
	for (unsigned long at = start; at + 8 <= end; at += PAGE) {
		sum(*(volatile uint64_t *)at);
		*(volatile uint64_t *)at = next_random(&rng);
	}
}
