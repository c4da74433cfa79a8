/* run, kill, wait, ps, vm: programs at the console. */
#include <string.h>

#include <arch/cpu.h>
#include <kernel/console.h>
#include <kernel/files.h>
#include <kernel/printk.h>
#include <kernel/process.h>
#include <kernel/shell.h>
#include <kernel/task.h>
#include <kernel/time.h>
#include <lib/errno.h>
#include <mm/aspace.h>
#include <mm/vma.h>

#define LL(x) ((unsigned long long)(x))

#define WAIT_US 10000u /* wait looks so often */

/* As a shell has them. */
#define NOT_FOUND 127
#define NOT_RUN	  126

/* --- run --- */

static void tell_end(const char *path, int status)
{
	char name[SIGNAL_NAME];

	if (status & 0x7f)
		kprintf("%s: killed by %s\n", path,
			signal_name(status & 0x7f, name));
	else if (status)
		kprintf("%s: exit status %d\n", path, process_code(status));
}

static int cmd_run(int argc, char **argv)
{
	static char home[] = "HOME=/", term[] = "TERM=linux";
	char *const envp[] = {home, term, NULL};
	bool behind = argc > 2 && !strcmp(argv[argc - 1], "&");
	struct process *p;
	int err, status;

	if (argc < 2)
		return SHELL_USAGE;
	if (behind)
		argv[argc - 1] = NULL;
	p = process_spawn(argv[1], argv + 1, envp, &err);
	if (!p) {
		kprintf("run: %s: %s\n", argv[1], files_strerror(err));
		return err == -ENOENT ? NOT_FOUND : NOT_RUN;
	}
	if (behind) {
		kprintf("run: process %d\n", process_pid(p));
		process_start(p);
		process_put(p);
		return 0;
	}
	status = process_wait(p);
	tell_end(argv[1], status);
	return process_code(status);
}
COMMAND(run, cmd_run, "PROGRAM [ARGUMENT...] [&]",
	"run a program; with &, don't wait for it");

/* --- kill --- */

static int send(int pid, int signal)
{
	struct process *p = process_find(pid);

	if (!p)
		return -ESRCH;
	signal_send(p, signal);
	process_put(p);
	return 0;
}

static int cmd_kill(int argc, char **argv)
{
	bool all = argc > 1 && !strcmp(argv[1], "all");
	bool group = argc > 1 && *argv[1] == '-';
	uint64_t pid = 0, signal = SIGKILL;
	int err = -ESRCH;

	if (argc < 2 || argc > 3 ||
	    (!all && !shell_number(argv[1] + group, &pid)) ||
	    (argc == 3 && !shell_number(argv[2], &signal)) || !signal ||
	    signal > SIGNALS)
		return SHELL_USAGE;
	if (all)
		err = process_signal_all((int)signal, NULL);
	else if (pid && pid <= PID_MAX)
		err = group ? process_signal_group((int)pid, (int)signal, NULL)
			    : send((int)pid, (int)signal);
	if (err)
		kprintf("kill: no such process\n");
	return !!err;
}
COMMAND(kill, cmd_kill, "[-]PID|all [SIGNAL]",
	"send a signal, else 9, to a process, its group (-), or to all");

/* --- wait --- */

static int cmd_wait(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	while (process_count() && !shell_interrupted())
		console_wait(arch_time() + time_ticks(WAIT_US));
	return 0;
}
COMMAND(wait, cmd_wait, "", "wait until no process is left; ^C ends it");

/* --- ps --- */

static const char *state_name(const struct process *p)
{
	switch (p->state) {
	case PROCESS_ZOMBIE:
		return "zombie";
	case PROCESS_EXITING:
		return "exiting";
	default:
		return p->fatal ? "killed" : "alive";
	}
}

static int print_process(void *ctx, struct process *p)
{
	struct aspace *as = process_aspace(p);
	struct usage u = process_usage(p);
	struct aspace_stats s = {0};
	char name[PROCESS_NAME];
	uint64_t ms = time_us_of(u.user + u.kernel) / 1000;

	(void)ctx;
	process_show_name(p, name);
	if (as) {
		aspace_stats(as, &s);
		aspace_put(as);
	}
	kprintf("%5d %5d %-7s %6llu.%03llu %9llu %9llu %8llu %s\n",
		process_pid(p), process_parent_pid(p), state_name(p),
		LL(ms / 1000), LL(ms % 1000), LL(s.total / 1024),
		LL(s.resident * PAGE_SIZE / 1024), LL(u.faults), name);
	return shell_interrupted();
}

static int cmd_ps(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	kprintf("  pid parent state        time     KiB  resident   faults "
		"name\n");
	process_each(print_process, NULL);
	kprintf("%u processes\n", process_count());
	return 0;
}
COMMAND(ps, cmd_ps, "", "list the processes");

/* --- vm --- */

struct vma_printer {
	const struct aspace *as;
	unsigned left;
};

static int print_vma(void *ctx, const struct vma *v)
{
	static const struct {
		uint32_t flag;
		const char *name;
	} flags[] = {
		{VMA_SHARED, "shared"},	    {VMA_GROWSDOWN, "growsdown"},
		{VMA_LOCKED, "locked"},	    {VMA_NORESERVE, "noreserve"},
		{VMA_DONTFORK, "dontfork"}, {VMA_WIPEONFORK, "wipeonfork"},
		{VMA_HUGE, "huge"},	    {VMA_NOHUGE, "nohuge"},
	};
	struct vma_printer *printer = ctx;
	const char *name = aspace_vma_name(printer->as, v);

	kprintf("  %012llx-%012llx %c%c%c %8llu KiB", LL(v->va.start),
		LL(v->va.end), v->prot & VM_READ ? 'r' : '-',
		v->prot & VM_WRITE ? 'w' : '-', v->prot & VM_EXEC ? 'x' : '-',
		LL(range_size(v->va) / 1024));
	if (v->object)
		kprintf(" object+%llu", LL(v->offset));
	for (unsigned i = 0; i < ARRAY_SIZE(flags); i++)
		if (v->flags & flags[i].flag)
			kprintf(" %s", flags[i].name);
	kprintf("%s%s\n", name ? " " : "", name ? name : "");
	return shell_interrupted() || !--printer->left;
}

static void print_space(struct aspace *as)
{
	static const char *const kind[FAULT_KINDS] = {
		[FAULTS_ZERO] = "zero",	    [FAULTS_ANON] = "anonymous",
		[FAULTS_HUGE] = "huge",	    [FAULTS_OBJECT] = "object",
		[FAULTS_COPY] = "copy",	    [FAULTS_REUSE] = "reuse",
		[FAULTS_SPURIOUS] = "none",
	};
	struct vma_printer printer = {as, 1000};
	struct aspace_stats s;
	const char *wrong;

	aspace_each(as, print_vma, &printer);
	aspace_stats(as, &s);
	kprintf("%llu VMAs, %llu KiB: data %llu, stack %llu, exec %llu, "
		"locked %llu, committed %llu\n",
		LL(s.vmas), LL(s.total / 1024), LL(s.data / 1024),
		LL(s.stack / 1024), LL(s.exec / 1024), LL(s.locked / 1024),
		LL(s.committed / 1024));
	kprintf("%llu frames mapped, %llu of objects, %llu huge leaves, "
		"%llu page tables\nfaults:",
		LL(s.resident), LL(s.shared), LL(s.huge), LL(s.tables));
	for (unsigned i = 0; i < FAULT_KINDS; i++)
		kprintf(" %s %llu", kind[i], LL(s.faults[i]));
	wrong = aspace_check(as);
	kprintf("\ncheck: %s\n", wrong ? wrong : "sound");
}

static int cmd_vm(int argc, char **argv)
{
	struct process *p;
	struct aspace *as;
	uint64_t pid;

	if (argc != 2 || !shell_number(argv[1], &pid))
		return SHELL_USAGE;
	p = pid <= PID_MAX ? process_find((int)pid) : NULL;
	as = p ? process_aspace(p) : NULL;
	if (as) {
		print_space(as);
		aspace_put(as);
	} else {
		kprintf("vm: %s\n",
			p ? "it has no memory any more" : "no such process");
	}
	if (p)
		process_put(p);
	return !as;
}
COMMAND(vm, cmd_vm, "PID", "show a process's memory");
