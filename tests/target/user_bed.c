/* See user_bed.h. */
#include <arch/cpu.h>
#include <kernel/ktest.h>
#include <kernel/task.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>
#include <mm/umap.h>

#include "user_bed.h"

static struct {
	struct user_bed bed;
	struct umap space;
	struct page *code, *data;
	bool ready;
} t;

/* This hart, and the task wherever it goes on. */
static void enter(struct umap *space)
{
	uint64_t flags = arch_irq_save();

	task_current()->umap = space;
	umap_activate(space);
	arch_irq_restore(flags);
}

static int map(void)
{
	const vm_prot_t rw = VM_READ | VM_WRITE;
	paddr_t data = page_to_phys(t.data);
	int err;

	err = umap_map(&t.space, range_make(USER_CODE, USER_CODE + PAGE_SIZE),
		       page_to_phys(t.code), VM_READ | VM_EXEC, ATTR_NORMAL);
	if (!err)
		err = umap_map(&t.space, range_make(USER_DATA, USER_RO), data,
			       rw, ATTR_NORMAL);
	if (!err)
		err = umap_map(&t.space, range_make(USER_RO, USER_END),
			       data + (USER_RO - USER_DATA), VM_READ,
			       ATTR_NORMAL);
	if (!err)
		err = umap_map(&t.space, range_make(0, PAGE_SIZE),
			       data + USER_DATA_SIZE, rw, ATTR_NORMAL);
	return err;
}

void user_bed_enter(void)
{
	enter(&t.space);
}

void user_bed_leave(void)
{
	enter(NULL);
}

const struct user_bed *user_bed_start(void)
{
	t.ready = false;
	t.code = t.data = NULL;
	if (umap_init(&t.space))
		return NULL;
	t.ready = true;
	t.code = page_alloc(0, ALLOC_ZERO);
	t.data = page_alloc(2, ALLOC_ZERO);
	if (!t.code || !t.data || map())
		return NULL;
	t.bed.code = phys_to_virt(page_to_phys(t.code));
	t.bed.data = phys_to_virt(page_to_phys(t.data));
	user_bed_enter();
	return &t.bed;
}

void user_bed_end(void)
{
	if (!t.ready)
		return;
	user_bed_leave();
	umap_destroy(&t.space);
	if (t.code)
		page_free(t.code, 0);
	if (t.data)
		page_free(t.data, 2);
}

void user_bed_code(const uint32_t *code, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		t.bed.code[i] = code[i];
	tlb_sync_code();
}

void user_bed_program(uint32_t first, uint32_t second)
{
	const uint32_t code[] = {first, second, EBREAK};

	user_bed_code(code, ARRAY_SIZE(code));
}

void user_bed_run(struct user_regs *r)
{
	uint64_t flags = arch_irq_save();

	user_run(r);
	arch_irq_restore(flags);
}

void user_bed_ends(struct user_regs *r, uint64_t cause, vaddr_t pc)
{
	user_bed_run(r);
	EXPECT_EQ(r->frame.scause, cause);
	EXPECT_EQ(r->frame.sepc, pc);
}
