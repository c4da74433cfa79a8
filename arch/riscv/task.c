/*
 * Contexts (<arch/task.h>).
 *
 * The registers of floating point, of two programs on one hart and the same one
 * on two:
 *
 *	memory	context.fp	good, but while sstatus.FS is Dirty on the hart
 *				that runs the task
 *	hart	f0 to f31	those of hart->fp, if its fp_cpu names this hart
 *
 *  I1  FS is Off but for a task whose registers are in the hart: then Clean or
 *      Dirty. So nobody sees another's.
 *  I2  Dirty ends where the task leaves the hart: they are saved. So memory is
 *      good when it comes to another hart, and for a copy by fork once the
 *      current one's are saved.
 *  I3  They are in the hart if both sides say so. A hart that loads another's
 *      changes its side, a task that loads elsewhere changes the other: no hart
 *      has to be told.
 *
 * A task that comes back to a hart that nobody else used them on so finds them
 * there. One that never uses any costs a look at FS.
 */
#include <arch/cpu.h>
#include <arch/task.h>
#include <arch/user.h>
#include <asm/features.h>

void riscv_switch(struct arch_context *from, const struct arch_context *to);

void arch_context_init(struct arch_context *c, struct range stack,
		       void (*entry)(void))
{
	/* s0 is the frame pointer: 0 ends backtraces. */
	*c = (struct arch_context){
		.ra = (uint64_t)(uintptr_t)entry,
		.sp = (uint64_t)(uintptr_t)arch_user_regs(stack),
	};
}

struct range arch_stack(void)
{
	const struct arch_hart *h = this_arch_hart();

	return range_make(h->stack_start, h->stack_start + h->stack_size);
}

static uint64_t get_fs(void)
{
	return csr_read(sstatus) & SSTATUS_FS;
}

static void set_fs(uint64_t fs)
{
	csr_clear(sstatus, SSTATUS_FS);
	csr_set(sstatus, fs);
}

static void on_stack(struct arch_hart *h, struct range stack)
{
	h->stack_start = stack.start;
	h->stack_size = stack.end - stack.start;
}

/* One of them uses floating point. */
__attribute__((noinline)) static void switch_fp(struct arch_context *from,
						struct arch_context *to,
						struct range stack)
{
	struct arch_hart *h = this_arch_hart();
	bool there = h->fp == to && to->fp_cpu == h->cpu + 1; /* I3 */

	if (get_fs() == FS_DIRTY)
		riscv_fp_save(&from->fp);
	set_fs(there ? FS_CLEAN : 0);
	on_stack(h, stack);
	riscv_switch(from, to);
}

void arch_context_switch(struct arch_context *from, struct arch_context *to,
			 struct range stack)
{
	struct arch_hart *h = this_arch_hart();

	if (get_fs() || h->fp == to) {
		switch_fp(from, to, stack);
	} else {
		on_stack(h, stack);
		riscv_switch(from, to);
	}
}

bool arch_fp_use(struct arch_context *c)
{
	uint64_t flags;
	struct arch_hart *h;

	if (!riscv_features.fp || get_fs())
		return false;
	flags = arch_irq_save();
	h = this_arch_hart();
	set_fs(FS_CLEAN);
	riscv_fp_load(&c->fp);
	/* Loading made them dirty. */
	set_fs(FS_CLEAN);
	h->fp = c;
	c->fp_cpu = h->cpu + 1;
	arch_irq_restore(flags);
	return true;
}

void arch_fp_clear(struct arch_context *c)
{
	uint64_t flags = arch_irq_save();

	c->fp = (struct riscv_fp){.fcsr = 0};
	c->fp_cpu = 0;
	set_fs(0);
	arch_irq_restore(flags);
}

void arch_fp_copy(struct arch_context *child, struct arch_context *c)
{
	uint64_t flags = arch_irq_save();

	if (get_fs() == FS_DIRTY) {
		riscv_fp_save(&c->fp);
		set_fs(FS_CLEAN);
	}
	child->fp = c->fp;
	arch_irq_restore(flags);
}
