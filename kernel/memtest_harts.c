/*
 * Several harts test: see <kernel/memtest_harts.h>.
 *
 * Each gets its work by smp_run(), which runs while the hart idles, interrupts on.
 * The console's hart does its own part first, if it has one, and then waits: not by
 * smp_wait() alone, since meanwhile somebody must look for ^C and tell how far
 * things are.
 */
#include <stdlib.h>

#include <arch/cpu.h>
#include <kernel/devtree.h>
#include <kernel/machine.h>
#include <kernel/memtest_harts.h>
#include <kernel/memtest_log.h>
#include <kernel/smp_boot.h>
#include <lib/relaxed.h>

#define IDLE_MS 100

uint64_t memtest_hartid(unsigned cpu)
{
	for (unsigned i = 0; i < machine.ncpu; i++)
		if (smp_cpu_of(machine.cpu[i].hartid) == (int)cpu)
			return machine.cpu[i].hartid;
	return machine_boot_hart(); /* the tree need not name it */
}

static const char *add_hart(uint64_t hartid, cpumask_t *cpus)
{
	int cpu = smp_cpu_of(hartid);

	if (cpu < 0 || !(cpus_online() & cpu_bit((unsigned)cpu)))
		return "no such hart runs this kernel (harts tells)";
	*cpus |= cpu_bit((unsigned)cpu);
	return NULL;
}

static bool parse_id(const char **s, uint64_t *id)
{
	char *end;

	if (**s < '0' || **s > '9')
		return false;
	*id = strtoull(*s, &end, 10);
	*s = end;
	return true;
}

const char *memtest_harts_parse(const char *s, cpumask_t *cpus)
{
	static const char *const no_list = "no list like 0,2-3";
	const char *wrong = NULL;
	uint64_t first, last;

	*cpus = 0;
	for (; !wrong; s++) {
		if (!parse_id(&s, &first))
			return no_list;
		last = first;
		if (*s == '-' && (s++, !parse_id(&s, &last) || last < first))
			return no_list;
		for (uint64_t id = first; !wrong && id <= last; id++)
			wrong = add_hart(id, cpus);
		if (!wrong && !*s)
			return NULL;
		if (!wrong && *s != ',')
			return no_list;
	}
	return wrong;
}

void memtest_harts_init(struct memtest_harts *h, cpumask_t cpus)
{
	h->n = 0;
	h->stop = false;
	for_each_cpu (cpu, cpus) {
		h->hart[h->n].cpu = (unsigned)cpu;
		h->hart[h->n].hartid = memtest_hartid((unsigned)cpu);
		h->n++;
	}
}

unsigned memtest_harts_self(const struct memtest_harts *h)
{
	unsigned i = 0;

	while (i < h->n && h->hart[i].cpu != arch_cpu())
		i++;
	return i;
}

static void work(void *arg)
{
	struct memtest_harts *h = arg;

	unsigned self = memtest_harts_self(h);

	h->fn(h->ctx, self);
	store_relaxed(&h->hart[self].working, false);
	/* Release: what was stored is there for who waits. */
	__atomic_fetch_sub(&h->left, 1, __ATOMIC_RELEASE);
}

void memtest_harts_spread(struct memtest_harts *h,
			  void (*fn)(void *ctx, unsigned worker), void *ctx)
{
	unsigned self = memtest_harts_self(h);

	h->fn = fn;
	h->ctx = ctx;
	__atomic_store_n(&h->left, h->n, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < h->n; i++) {
		struct memtest_hart *hart = &h->hart[i];

		store_relaxed(&hart->working, true);
		hart->work = (struct smp_work){.fn = work, .arg = h};
		if (i != self)
			smp_run(hart->cpu, &hart->work);
	}
	if (self < h->n)
		work(h);
	while (__atomic_load_n(&h->left, __ATOMIC_ACQUIRE)) {
		smp_idle(arch_time() + memtest_ticks(IDLE_MS));
		h->idle(h->arg);
	}
	for (unsigned i = 0; i < h->n; i++)
		if (i != self)
			smp_wait(&h->hart[i].work);
}
