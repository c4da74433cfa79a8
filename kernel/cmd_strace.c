/* The `strace` command: what programs ask of the kernel, counted or told. */
#include <stdio.h>
#include <string.h>

#include <arch/user.h>
#include <kernel/printk.h>
#include <kernel/process.h>
#include <kernel/shell.h>
#include <kernel/syscall.h>

#define LL(x) ((unsigned long long)(x))

/* "12 hello: write(0x1, 0x5f000, 0x6, 0, 0, 0)" */
static void describe(char *text, size_t size, const struct user_regs *r,
		     const uint64_t arg[6])
{
	const struct process *p = process_current();
	uint64_t number = user_syscall_number(r);
	const char *name = syscall_name(number);
	char digits[24], program[PROCESS_NAME] = "";

	if (p)
		process_show_name(p, program);
	snprintf(digits, sizeof(digits), "%llu", LL(number));
	snprintf(text, size,
		 "%d %s: %s(%#llx, %#llx, %#llx, %#llx, %#llx, %#llx)",
		 p ? process_pid(p) : 0, program, name ? name : digits,
		 LL(arg[0]), LL(arg[1]), LL(arg[2]), LL(arg[3]), LL(arg[4]),
		 LL(arg[5]));
}

/* Does it return, as a rule? */
static bool returns(const struct user_regs *r)
{
	const char *name = syscall_name(user_syscall_number(r));

	return !name || strncmp(name, "ex", 2);
}

static int64_t tell(struct user_regs *r, const uint64_t arg[6])
{
	char text[200];
	int64_t result;

	describe(text, sizeof(text), r, arg);
	if (!returns(r))
		kprintf("%s\n", text);
	result = syscall_make(r, arg);
	kprintf("%s = %lld\n", text, (long long)result);
	return result;
}

static int64_t count(struct user_regs *r, const uint64_t arg[6])
{
	return syscall_make(r, arg);
}

static int print_counts(void)
{
	kprintf("%-24s %10s\n", "call", "made");
	for (unsigned i = 0; i < SYSCALLS; i++)
		if (syscall_name(i) && syscall_count(i))
			kprintf("%-24s %10u\n", syscall_name(i),
				syscall_count(i));
	return 0;
}

static int cmd_strace(int argc, char **argv)
{
	if (argc == 1)
		return print_counts();
	if (argc > 2)
		return SHELL_USAGE;
	if (!strcmp(argv[1], "on"))
		syscall_watch(tell);
	else if (!strcmp(argv[1], "count"))
		syscall_watch(count);
	else if (!strcmp(argv[1], "off"))
		syscall_watch(NULL);
	else
		return SHELL_USAGE;
	return 0;
}
COMMAND(strace, cmd_strace, "[on|count|off]",
	"tell each system call, or count them; the counts");
