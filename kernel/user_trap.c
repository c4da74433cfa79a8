/*
 * What becomes of a program that does what it can't: page faults are what makes
 * user memory, so most of them are served; the rest is a signal, and it ends
 * with a report on the console of what it did where.
 *
 *	fault		what is wrong		signal
 *	page		nothing is mapped	SIGSEGV
 *			not with this right	SIGSEGV
 *			beyond the file's end	SIGBUS
 *			no memory		see process_out_of_memory()
 *	access		memory or bus refused	SIGSEGV
 *	misaligned				SIGBUS
 *	no instruction				SIGILL
 *	breakpoint				SIGTRAP
 *
 * As Linux's traps for riscv. There is no SIGFPE: this arithmetic doesn't trap.
 */
#include <stdio.h>

#include <arch/uaccess.h>
#include <arch/user.h>
#include <kernel/mutex.h>
#include <kernel/printk.h>
#include <kernel/process.h>
#include <kernel/task.h>
#include <kernel/uaccess.h>
#include <mm/aspace.h>

#define LL(x) ((unsigned long long)(x))

static inline enum fault_result serve(vaddr_t addr, enum access kind)
{
	struct aspace *as = task_current()->aspace;

	if (!as || addr > INT64_MAX) /* the kernel's half */
		return FAULT_MAPERR;
	return aspace_fault(as, addr, kind);
}

int kernel_page_fault(vaddr_t addr, enum access kind)
{
	_Static_assert(FAULT_DONE == 0, "that is the one to try again");
	return (int)serve(addr, kind);
}

bool kernel_user_fault(vaddr_t addr, enum access kind)
{
	switch (serve(addr, kind)) {
	case FAULT_DONE:
		return true;
	case FAULT_NOMEM:
		return process_out_of_memory();
	default:
		return false;
	}
}

/* --- the report --- */

/* A VMA, as it was. */
struct area {
	struct range va; /* empty: there is none */
	vm_prot_t prot;
	bool grows;
	const char *name; /* or NULL */
};

struct place {
	const struct aspace *as;
	vaddr_t addr;
	struct area below, at, above;
};

static int look(void *ctx, const struct vma *v)
{
	struct place *p = ctx;
	struct area area = {
		.va = v->va,
		.prot = v->prot,
		.grows = v->flags & VMA_GROWSDOWN,
		.name = aspace_vma_name(p->as, v),
	};

	if (v->va.end <= p->addr) {
		p->below = area;
		return 0;
	}
	*(v->va.start <= p->addr ? &p->at : &p->above) = area;
	return 1;
}

static void print_area(const char *what, const struct area *a)
{
	if (range_empty(a->va))
		return;
	kprintf("  %s: %#llx to %#llx %c%c%c%s%s%s\n", what, LL(a->va.start),
		LL(a->va.end), a->prot & VM_READ ? 'r' : '-',
		a->prot & VM_WRITE ? 'w' : '-', a->prot & VM_EXEC ? 'x' : '-',
		a->name ? " " : "", a->name ? a->name : "",
		a->grows ? ", grows down" : "");
}

/* What is mapped there, or around it. */
static void print_place(vaddr_t addr)
{
	struct aspace *as = task_current()->aspace;
	struct place p = {.as = as, .addr = addr};

	if (addr >= user_limit()) {
		kprintf("  an address that no program has\n");
		return;
	}
	aspace_each(as, look, &p);
	print_area("mapped", &p.at);
	if (range_empty(p.at.va)) {
		print_area("below", &p.below);
		print_area("above", &p.above);
	}
}

static const char *verb(enum access kind)
{
	static const char *const name[] = {"load from", "store to",
					   "fetch from"};

	return name[kind];
}

static struct mutex report = MUTEX_INIT(report);

/* What the program did, and the address that is to blame, if one is. */
static void end(struct user_regs *r, const struct user_trap *t, int signal,
		const char *why)
{
	struct process *p = process_current();
	char buf[16], name[PROCESS_NAME], at[40] = "";

	if (t->what != TRAP_ILLEGAL && t->what != TRAP_BREAK)
		snprintf(at, sizeof(at), "%s %#llx: ", verb(t->access),
			 LL(t->addr));
	process_show_name(p, name);
	/* One at a time, each in one piece. */
	mutex_lock(&report);
	kprintf("pid %d (%s): %s: %s%s, pc %#llx\n", process_pid(p), name,
		signal_name(signal, buf), at, why, LL(user_pc(r)));
	if (t->what == TRAP_FAULT)
		print_place(t->addr);
	arch_print_user(r);
	mutex_unlock(&report);
	process_kill(p, signal);
}

static void fault(struct user_regs *r, const struct user_trap *t)
{
	switch (serve(t->addr, t->access)) {
	case FAULT_MAPERR:
		end(r, t, SIGSEGV, "nothing is mapped there");
		break;
	case FAULT_ACCERR:
		end(r, t, SIGSEGV, "not allowed there");
		break;
	case FAULT_BUS:
		end(r, t, SIGBUS, "beyond the end of the file");
		break;
	case FAULT_NOMEM:
		/* It ends on the way back, or tries again. */
		process_out_of_memory();
		break;
	case FAULT_DONE: /* by now */
		break;
	}
}

void kernel_user_trap(struct user_regs *r, const struct user_trap *t)
{
	switch (t->what) {
	case TRAP_FAULT:
		fault(r, t);
		break;
	case TRAP_ILLEGAL:
		end(r, t, SIGILL, "illegal instruction");
		break;
	case TRAP_BREAK:
		end(r, t, SIGTRAP, "breakpoint");
		break;
	case TRAP_MISALIGNED:
		end(r, t, SIGBUS, "misaligned");
		break;
	case TRAP_ACCESS:
		end(r, t, SIGSEGV, "refused by memory or bus");
		break;
	}
}
