/*
 * The `litmus` command: does a hart still use what another took away?
 *
 * In each round, every other hart (a witness) sees what is there before, then
 * this hart changes it, by the kernel's own mappers, and then tells that it has.
 * From there on a witness that sees what was there before had a translation that
 * should have been forgotten: stale.
 *
 *	this hart			witness
 *	prepare				look until it is as before
 *	change				look, again and again
 *	tell				look once more: as after, or stale
 *
 * Looking is a load, a store or a fetch that may trap, and nothing between
 * "tell" and the last look makes a hart forget: no fence, no write of satp, no
 * other SUM.
 */
#include <string.h>

#include <arch/probe.h>
#include <kernel/cpu.h>
#include <kernel/printk.h>
#include <kernel/shell.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <mm/kmap.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>
#include <mm/tlb.h>
#include <mm/umap.h>

#define RW	   (VM_READ | VM_WRITE)
#define MAX_ROUNDS 1000000u
#define LOOKS	   100u /* at the other harts between two at the console */
#define REST_US	   50

enum { BEFORE = 111, AFTER = 222 }; /* what the two frames hold */

struct scene {
	const char *name;
	const char *what;
	enum access kind;
	vm_prot_t prot; /* before */
	vm_prot_t then; /* after; 0: nothing is mapped */
	bool replaced;	/* after, another frame is there */
	bool user;	/* in a user space that all harts are in */
	bool asleep;	/* witnesses sleep while it changes */
};

static const struct scene scenes[] = {
	{"replace", "a page is replaced", ACCESS_LOAD, RW, RW, true, false,
	 false},
	{"write", "the right to write is lost", ACCESS_STORE, RW, VM_READ,
	 false, false, false},
	{"exec", "the right to execute is lost", ACCESS_FETCH,
	 VM_READ | VM_EXEC, VM_READ, false, false, false},
	{"table", "a page goes, and its table", ACCESS_LOAD, RW, 0, false,
	 false, false},
	{"user-replace", "a user page is replaced", ACCESS_LOAD, RW, RW, true,
	 true, false},
	{"user-write", "the right to write to one is lost", ACCESS_STORE, RW,
	 VM_READ, false, true, false},
	{"user-table", "a user page goes, and its table", ACCESS_LOAD, RW, 0,
	 false, true, false},
	{"sleep-write", "as write, but witnesses sleep", ACCESS_STORE, RW,
	 VM_READ, false, false, true},
	{"sleep-table", "as table, but witnesses sleep", ACCESS_LOAD, RW, 0,
	 false, false, true},
};

static struct {
	const struct scene *scene;
	struct umap space;
	struct page *frame[2];
	vaddr_t va;
	uint32_t told;	/* 2n: round n is prepared; 2n + 1: changed (a) */
	uint32_t ready; /* witnesses that saw it as before (a) */
	uint32_t done;	/* and after (a) */
	uint32_t stale; /* that it was as before, then, too (a) */
	uint32_t rounds;
	bool stop; /* (a) */
} lit;

static struct probe look(void)
{
	return arch_probe(lit.scene->kind, lit.va, BEFORE);
}

static bool as_before(struct probe p)
{
	return p.ok && (lit.scene->kind == ACCESS_STORE || p.value == BEFORE);
}

static bool as_after(struct probe p)
{
	return lit.scene->replaced ? p.ok && p.value == AFTER : !p.ok;
}

/* Let others run, where harts share processors. What is remembered stays: this
 * hart counts as awake. */
static void rest(void)
{
	uint64_t flags;

	if (!arch_timer_works())
		return arch_relax();
	/* Off, so that the timer can't come before the wait for it. */
	flags = arch_irq_save();
	arch_timer_set(arch_time() + time_ticks(REST_US));
	arch_wait_for_interrupt();
	arch_irq_restore(flags);
}

static uint32_t told(void)
{
	return __atomic_load_n(&lit.told, __ATOMIC_ACQUIRE);
}

static bool stopped(void)
{
	return __atomic_load_n(&lit.stop, __ATOMIC_RELAXED);
}

static void count(uint32_t *n)
{
	__atomic_fetch_add(n, 1, __ATOMIC_RELEASE);
}

static void enter(void)
{
	if (!lit.scene->user)
		return;
	umap_activate(&lit.space);
	arch_probe_users(true);
}

static void leave(void)
{
	if (!lit.scene->user)
		return;
	arch_probe_users(false);
	umap_activate(NULL);
}

static void last_look(void)
{
	if (!as_after(look()))
		count(&lit.stale);
	count(&lit.done);
}

static void witness(void *arg)
{
	(void)arg;
	enter();
	for (uint32_t n = 0; n < lit.rounds && !stopped(); n++) {
		while (told() != 2 * n && !stopped())
			rest();
		/* That nothing is there may be remembered in a user space. */
		for (; !as_before(look()) && !stopped(); rest())
			tlb_forget(&lit.space.tlb);
		count(&lit.ready);
		for (; told() != 2 * n + 1 && !stopped(); rest())
			look();
		last_look();
	}
	leave();
}

/* For those that sleep in between. */
static void first_look(void *arg)
{
	(void)arg;
	if (as_before(look()))
		count(&lit.ready);
}

static void look_again(void *arg)
{
	(void)arg;
	last_look();
}

static struct range place(void)
{
	return range_make(lit.va, lit.va + PAGE_SIZE);
}

/* The page behind it: as long as that is mapped, their table stays. */
static struct range next(void)
{
	return range_make(lit.va + PAGE_SIZE, lit.va + 2 * PAGE_SIZE);
}

static int map(struct range va, struct page *p, vm_prot_t prot)
{
	if (lit.scene->user)
		return umap_map(&lit.space, va, page_to_phys(p), prot,
				ATTR_NORMAL);
	return kmap_map(va, page_to_phys(p), prot, ATTR_NORMAL);
}

static int unmap(struct range va)
{
	return lit.scene->user ? umap_unmap(&lit.space, va, NULL)
			       : kmap_unmap(va);
}

static int change(void)
{
	const struct scene *s = lit.scene;
	int err;

	if (s->then && !s->replaced)
		return s->user ? umap_protect(&lit.space, place(), s->then)
			       : kmap_protect(place(), s->then);
	err = unmap(place());
	return err || !s->replaced ? err : map(place(), lit.frame[1], s->then);
}

static void tell(uint32_t what)
{
	__atomic_store_n(&lit.told, what, __ATOMIC_RELEASE);
}

/* Wait until so many have counted; returns whether they did. */
static bool wait_for(const uint32_t *n, uint32_t all)
{
	for (uint32_t i = 1; __atomic_load_n(n, __ATOMIC_ACQUIRE) != all; i++) {
		if (i % LOOKS == 0 && shell_interrupted()) {
			__atomic_store_n(&lit.stop, true, __ATOMIC_RELAXED);
			return false;
		}
		rest();
	}
	return true;
}

static bool round_awake(uint32_t n, uint32_t harts)
{
	tell(2 * n);
	if (!wait_for(&lit.ready, (n + 1) * harts) || change())
		return false;
	tell(2 * n + 1);
	return wait_for(&lit.done, (n + 1) * harts);
}

static void on_all(cpumask_t cpus, void (*fn)(void *))
{
	static struct smp_work work[MAX_CPUS];

	for_each_cpu (cpu, cpus) {
		work[cpu] = (struct smp_work){.fn = fn};
		smp_run((unsigned)cpu, &work[cpu]);
	}
	for_each_cpu (cpu, cpus)
		smp_wait(&work[cpu]);
}

static bool round_asleep(cpumask_t cpus)
{
	on_all(cpus, first_look);
	if (change())
		return false;
	on_all(cpus, look_again);
	return true;
}

static bool all_rounds(cpumask_t others)
{
	uint32_t harts = (uint32_t)__builtin_popcountll(others);
	bool ok = true;

	for (uint32_t n = 0; n < lit.rounds && ok; n++) {
		/* Waits are short, and may never get to look. */
		if (shell_interrupted() ||
		    map(place(), lit.frame[0], lit.scene->prot))
			return false;
		ok = lit.scene->asleep ? round_asleep(others)
				       : round_awake(n, harts);
		unmap(place());
	}
	return ok;
}

static bool perform(cpumask_t others)
{
	static struct smp_work work[MAX_CPUS];
	bool ok;

	if (lit.scene->asleep)
		return all_rounds(others);
	lit.told = UINT32_MAX;
	for_each_cpu (cpu, others) {
		work[cpu] = (struct smp_work){.fn = witness};
		smp_run((unsigned)cpu, &work[cpu]);
	}
	enter();
	ok = all_rounds(others);
	leave();
	if (!ok)
		__atomic_store_n(&lit.stop, true, __ATOMIC_RELAXED);
	for_each_cpu (cpu, others)
		smp_wait(&work[cpu]);
	return ok;
}

static bool set_up(const struct scene *s, uint32_t rounds)
{
	lit.scene = s;
	lit.space.pt.root = 0;
	lit.rounds = rounds;
	lit.ready = lit.done = lit.stale = 0;
	lit.stop = false;
	/* A table of its own: nothing else in this 2 MiB. */
	lit.va = s->user ? GIB(2) : align_up(kmap_arena.start, MIB(2));
	for (unsigned i = 0; i < 2; i++) {
		void *at;

		lit.frame[i] = page_alloc(0, ALLOC_ZERO);
		if (!lit.frame[i])
			return false;
		at = phys_to_virt(page_to_phys(lit.frame[i]));
		if (s->kind == ACCESS_FETCH)
			arch_probe_code(at, i ? AFTER : BEFORE);
		else
			*(uint64_t *)at = i ? AFTER : BEFORE;
	}
	tlb_sync_code();
	if (s->user && umap_init(&lit.space))
		return false;
	return !s->then || !map(next(), lit.frame[1], VM_READ);
}

static void tear_down(void)
{
	if (!lit.scene->user)
		kmap_unmap(next());
	for (unsigned i = 0; i < 2; i++)
		if (lit.frame[i])
			page_free(lit.frame[i], 0);
	lit.frame[0] = lit.frame[1] = NULL;
	if (lit.scene->user && lit.space.pt.root)
		umap_destroy(&lit.space);
}

static int run_scene(const struct scene *s, uint32_t rounds, cpumask_t others)
{
	bool ok = set_up(s, rounds) && perform(others);

	tear_down();
	if (!ok) {
		kprintf("litmus: %s: stopped, or out of memory\n", s->name);
		return 1;
	}
	kprintf("litmus: %-12s %u rounds, %u witnesses, %u looked, %u stale: "
		"%s\n",
		s->name, rounds, (unsigned)__builtin_popcountll(others),
		lit.done, lit.stale, s->what);
	return lit.stale != 0 || lit.done != lit.ready;
}

static bool wanted(const struct scene *s, int argc, char **argv)
{
	bool named = false;

	for (int i = 1; i < argc; i++) {
		if (argv[i][0] == '-') {
			i++;
			continue;
		}
		named = true;
		if (!strcmp(argv[i], s->name))
			return true;
	}
	return !named;
}

static bool names_known(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		bool known = false;

		if (!strcmp(argv[i], "--rounds")) {
			i++;
			continue;
		}
		for (unsigned k = 0; k < ARRAY_SIZE(scenes); k++)
			known |= !strcmp(argv[i], scenes[k].name);
		if (!known)
			return false;
	}
	return true;
}

static int cmd_litmus(int argc, char **argv)
{
	cpumask_t others = cpus_online() & ~cpu_bit(arch_cpu());
	uint64_t rounds = 200;
	int status = 0;

	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--rounds") &&
		    (++i == argc || !shell_number(argv[i], &rounds) ||
		     !rounds || rounds > MAX_ROUNDS))
			return SHELL_USAGE;
	if (!names_known(argc, argv))
		return SHELL_USAGE;
	if (!others) {
		kprintf("litmus: it takes more than one hart\n");
		return 1;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(scenes); i++) {
		if (!wanted(&scenes[i], argc, argv))
			continue;
		if (run_scene(&scenes[i], (uint32_t)rounds, others))
			status = 1;
		if (shell_interrupted())
			return SHELL_INTERRUPTED;
	}
	return status;
}
COMMAND(litmus, cmd_litmus, "[NAME...] [--rounds N]",
	"do harts forget what is taken away? all tests, or those named");
