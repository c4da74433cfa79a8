/* The `tlb` command: who fenced what. */
#include <kernel/cpu.h>
#include <kernel/printk.h>
#include <kernel/shell.h>
#include <mm/tlb.h>

static int cmd_tlb(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	kprintf("tlb: ");
	if (tlb_asids())
		kprintf("ASIDs 1 to %u", tlb_asids() - 1);
	else
		kprintf("no ASIDs");
	kprintf(", fences of %s\n",
		tlb_full() ? "everything, always" : "what is needed");
	kprintf("cpu     range    space      all   remote    harts deferred "
		"caught-up switches rollovers code\n");
	for_each_cpu (cpu, cpus_online()) {
		const struct tlb_counters *n = tlb_counters((unsigned)cpu);

#define N(x) ((unsigned long long)n->x)
		kprintf("%3u  %8llu %8llu %8llu %8llu %8llu %8llu %9llu %8llu "
			"%9llu %4llu\n",
			(unsigned)cpu, N(ranges), N(spaces), N(all), N(remote),
			N(remote_harts), N(deferred), N(caught_up), N(switches),
			N(rollovers), N(code));
#undef N
	}
	return 0;
}
COMMAND(tlb, cmd_tlb, "", "what each hart was told to forget, and told others");
