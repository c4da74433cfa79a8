/*
 * Bring-up. Firmware starts a hart, or says no, or says yes and nothing ever
 * comes of it: on some boards the tree has a hart that can't run S-mode and
 * claims it can. So all are asked first, then one deadline counts for all.
 *
 * The deadline is settled by one word per hart, which changes once:
 *
 *	STARTING -> ONLINE	by the hart itself, the first thing it does
 *	STARTING -> ABSENT	by the boot hart, when time is up
 *
 * A hart that finds itself ABSENT goes back to firmware. It may arrive at any
 * time, so what it uses until then, its stack and variables, is never freed; and
 * it has touched nothing else.
 *
 * A hart is in cpus_online() before it forgets what it may have walked so far,
 * so any later change of the tables is either fenced for it or seen by it.
 */
#include <stdio.h>

#include <arch/cpu.h>
#include <arch/smp.h>
#include <kernel/devtree.h>
#include <kernel/machine.h>
#include <kernel/percpu.h>
#include <kernel/printk.h>
#include <kernel/sched.h>
#include <kernel/shell.h>
#include <kernel/smp.h>
#include <kernel/smp_boot.h>
#include <kernel/time.h>
#include <lib/cas.h>
#include <lib/cmdline.h>
#include <lib/errno.h>
#include <mm/tlb.h>
#include <mm/vmalloc.h>

#define STACK_SIZE     KIB(16)
#define EMERGENCY_SIZE KIB(8)
#define TIMEOUT_MS     10000u

enum { STARTING, ONLINE, ABSENT };

static uint32_t state[MAX_CPUS]; /* (a) */
static unsigned ncpu = 1;	 /* indices that are given away */
static bool late;		 /* a hart that was started is not here */

int smp_cpu_of(uint64_t hartid)
{
	for (unsigned cpu = 0; cpu < ncpu; cpu++)
		if (arch_hartid(cpu) == hartid)
			return (int)cpu;
	return -1;
}

static bool becomes(unsigned cpu, uint32_t new)
{
	uint32_t old = STARTING;

	return __atomic_compare_exchange_n(&state[cpu], &old, new, false,
					   CAS_RELEASE, CAS_RELEASE);
}

static void secondary(void)
{
	unsigned cpu = arch_cpu();
	char name[TASK_NAME];

	if (!becomes(cpu, ONLINE))
		arch_cpu_stop();
	__atomic_fetch_or(&cpus_online_, cpu_bit(cpu), __ATOMIC_RELAXED);
	arch_smp_mb();
	tlb_join();
	snprintf(name, sizeof(name), "hart %llu",
		 (unsigned long long)arch_hartid(cpu));
	sched_adopt(name);
	arch_irq_enable();
	arch_ipi_send(cpu_bit(0));
	for (;;)
		smp_idle(UINT64_MAX);
}

static uint64_t option(const char *name, uint64_t other)
{
	char text[16];
	uint64_t value;
	int err = cmdline_get(machine.bootargs, name, text, sizeof(text));

	if (err == -ENOENT)
		return other;
	if (!err && shell_number(text, &value) && value <= UINT32_MAX)
		return value;
	pr_warn("smp: %s= takes a number; using %llu\n", name,
		(unsigned long long)other);
	return other;
}

/* May it be started? */
static bool wanted(const struct dt_cpu *c)
{
	return !c->unusable && c->hartid != machine_boot_hart();
}

static unsigned count_wanted(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < machine.ncpu; i++)
		n += wanted(&machine.cpu[i]);
	return n;
}

unsigned smp_most(void)
{
	return (unsigned)min_u64(count_wanted() + 1, MAX_CPUS);
}

/* Stacks and variables, for ever. */
static bool prepare(struct cpu_start *s)
{
	if (percpu_add(s->cpu))
		return false;
	s->stack = kstack_alloc(STACK_SIZE);
	s->emergency = kstack_alloc(EMERGENCY_SIZE);
	return !range_empty(s->stack) && !range_empty(s->emergency);
}

/* Returns the harts to wait for. */
static cpumask_t start(unsigned limit)
{
	cpumask_t started = 0;

	for (unsigned i = 0; i < machine.ncpu && ncpu < limit; i++) {
		struct cpu_start s = {.cpu = ncpu, .entry = secondary};

		if (!wanted(&machine.cpu[i]))
			continue;
		if (!prepare(&s)) {
			pr_warn("smp: no memory for more than %u harts\n",
				ncpu);
			break;
		}
		s.hartid = machine.cpu[i].hartid;
		ncpu++;
		/* Refused, but here? Then it has come by another way. */
		if (arch_cpu_start(&s) && becomes(s.cpu, ABSENT))
			pr_warn("smp: firmware refuses to start hart %llu\n",
				(unsigned long long)s.hartid);
		else
			started |= cpu_bit(s.cpu);
	}
	return started;
}

static void wait(cpumask_t started, uint64_t ms)
{
	uint64_t end = arch_time() + time_ticks(ms * 1000);

	while (started & ~cpus_online() && arch_time() < end)
		smp_idle(end);
	for_each_cpu (cpu, started) {
		if (!becomes((unsigned)cpu, ABSENT)) {
			/* It is here, or takes its last steps. */
			while (!(cpus_online() & cpu_bit((unsigned)cpu)))
				arch_relax();
			continue;
		}
		late = true;
		pr_warn("smp: hart %llu did not come up within %llu ms\n",
			(unsigned long long)arch_hartid((unsigned)cpu),
			(unsigned long long)ms);
	}
}

bool smp_late(void)
{
	return late;
}

void smp_boot(void)
{
	unsigned others = count_wanted();
	const char *missing;
	uint64_t limit;

	tasks_boot();
	arch_irq_enable();
	if (!others)
		return;
	limit = option("maxcpus", MAX_CPUS);
	if (limit <= 1)
		return;
	missing = arch_smp_missing();
	if (missing) {
		pr_warn("smp: firmware has no %s; one hart runs\n", missing);
		return;
	}
	if (others >= MAX_CPUS)
		pr_warn("smp: no more than %u harts can be used\n", MAX_CPUS);
	wait(start((unsigned)min_u64(limit, MAX_CPUS)),
	     option("smptimeout", TIMEOUT_MS));
	pr_info("smp: %d of %u harts online\n",
		__builtin_popcountll(cpus_online()), others + 1);
}
