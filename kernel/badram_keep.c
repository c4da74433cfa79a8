/*
 * Bad RAM from one start to the next.
 *
 * A soft reboot leaves RAM as it is, but for what firmware, boot loader and the next
 * image overwrite, and nobody knows which that is. So there are several copies of
 * the list, in places spread over RAM (badram_record.c), as many as were free when
 * the first bad frame was found. At boot, when the map of RAM is made and nothing
 * was taken from it, the first words at these places tell where a copy is. The
 * newest is believed; its frames become REGION_BAD in the map, and the copies
 * REGION_METADATA, so that they are there to be written again.
 *
 * The map and the zones have room for so many pieces of RAM only. So just the
 * lowest KEPT_OUT ranges become REGION_BAD, fewer where the tree reserves much: boot
 * takes its own memory from there; the others are retired as soon as there are zones,
 * with what other frames boot has freed by then.
 */
#include <string.h>

#include <arch/boot.h>
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <kernel/badram.h>
#include <kernel/devtree.h>
#include <kernel/printk.h>
#include <kernel/ram.h>
#include <kernel/shell.h>
#include <lib/cmdline.h>
#include <lib/errno.h>
#include <mm/dma.h>
#include <mm/kmalloc.h>
#include <mm/layout.h>
#include <mm/page_alloc.h>
#include <mm/retire.h>

#include "badram_record.h"

#define LL(x) ((unsigned long long)(x))

#define KEPT_OUT 32

/* So many pieces of RAM boot may add to the map: two for each copy, and its own. */
#define BOOT_PIECES (2 * BADRAM_COPIES + 48)

static struct badram_places places;
static uint64_t serial; /* of the newest copy that was ever seen */
static unsigned ours;	/* bit per place: it is for a copy */
static unsigned newest = BADRAM_COPIES; /* the place to begin with */

/* badram=off, or ranges. */
static char option[256];

/* What is at a place, if that can be a copy: NULL, or in a window that moves on with
 * the next call. */
__init static const struct badram_record *look(const struct memblock *mb,
					       unsigned i)
{
	const struct region *region = memblock_at(mb, places.at[i]);
	const struct badram_record *r;
	int err;

	if (!region || region->type != REGION_FREE)
		return NULL;
	r = arch_mmu_early_look(places.at[i]);
	if (!r || !arch_can_read(r))
		return NULL;
	err = badram_record_check(r, &places, mb, places.at[i]);
	if (err == -EINVAL)
		pr_warn("bad RAM: the list at %#llx makes no sense; ignored\n",
			LL(places.at[i]));
	return err ? NULL : r;
}

/* Find the newest copy. Returns the places of all, as bits. */
__init static unsigned find(const struct memblock *mb)
{
	unsigned found = 0;

	for (unsigned i = 0; i < BADRAM_COPIES; i++) {
		const struct badram_record *r = look(mb, i);

		if (!r)
			continue;
		found |= 1u << i;
		if (newest == BADRAM_COPIES || r->serial > serial) {
			newest = i;
			serial = r->serial;
		}
	}
	return found;
}

/* Mark what is bad, so far as there is room. */
__init static void claim(struct memblock *mb, const struct badram_record *r)
{
	for (unsigned i = 0; i < r->n && i < KEPT_OUT; i++)
		if (mb->n + BOOT_PIECES > MEMBLOCK_MAX ||
		    memblock_claim(mb, r->range[i], REGION_BAD))
			return;
}

static struct range place(unsigned i)
{
	return range_make(places.at[i], places.at[i] + PAGE_SIZE);
}

__init void badram_recall(struct memblock *mb)
{
	const struct badram_record *r;
	unsigned found;

	badram_places(&places, mb);
	found = find(mb);
	if (cmdline_get(machine.bootargs, "badram", option, sizeof(option)) ==
	    -ERANGE)
		pr_warn("bad RAM: badram= is too long; ignored\n");
	if (!strcmp(option, "off"))
		newest = BADRAM_COPIES;
	if (newest == BADRAM_COPIES)
		return;
	/* RAM that is bad may say something else each time. */
	r = look(mb, newest);
	if (r)
		claim(mb, r);
	for (unsigned i = 0; i < BADRAM_COPIES; i++) {
		const struct region *region = memblock_at(mb, places.at[i]);

		if (found >> i & 1 && region->type == REGION_FREE &&
		    !memblock_claim(mb, place(i), REGION_METADATA))
			ours |= 1u << i;
	}
	if (!r || !(ours >> newest & 1))
		newest = BADRAM_COPIES;
}

/* What badram= lists, as START+SIZE,START-END,... */
static void add_option(void)
{
	char *next = option, *one;
	struct range r;

	while (*next && strcmp(option, "off")) {
		one = next;
		next += strcspn(next, ",");
		if (*next)
			*next++ = '\0';
		if (!shell_range(one, &r) ||
		    !badram_is_ram(r = range_align_out(r, PAGE_SIZE)))
			pr_warn("bad RAM: badram=%s is no range of RAM; "
				"ignored\n",
				one);
		else
			badram_add(r);
	}
}

/* Retire what an earlier run found. The copy lies in RAM that nobody vouches for:
 * it is read once, into another frame, and must be what was checked. */
static bool retire_recalled(void)
{
	struct badram_record *r = kmalloc(sizeof(*r), 0);
	bool good = false;

	if (r) {
		memcpy(r, phys_to_virt(places.at[newest]), sizeof(*r));
		good = badram_record_intact(r);
	}
	for (unsigned i = 0; good && i < r->n; i++)
		page_retire(r->range[i]);
	kfree(r);
	return good;
}

void badram_start(void)
{
	/* What is out of the kernel's reach was taken out of the map. */
	for (unsigned i = 0; i < BADRAM_COPIES; i++)
		if (!memblock_at(&ram, places.at[i]))
			ours &= ~(1u << i);
	if (newest < BADRAM_COPIES && ours >> newest & 1) {
		if (retire_recalled()) {
			pr_info("bad RAM: %llu KiB, found by an earlier run\n",
				LL(range_set_sum(page_bad()) >> 10));
			badram_save();
		} else {
			pr_warn("bad RAM: the list at %#llx changed while it "
				"was read; only its first ranges are kept "
				"out\n",
				LL(places.at[newest]));
		}
	}
	add_option();
}

/* Is there a frame for a copy, or can one be had? */
static bool have(unsigned i)
{
	pfn_t pfn = places.at[i] >> PAGE_SHIFT;

	if (!(ours >> i & 1) && !badram_has(pfn) &&
	    page_alloc_within(0, range_make(pfn, pfn + 1),
			      ALLOC_RESERVE | ALLOC_NORETRY))
		ours |= 1u << i;
	return ours >> i & 1;
}

/* A reset may lose what caches have. */
static void write_back(struct range r)
{
	const struct dma_cache *c = dma_cache();

	arch_mb();
	if (c)
		c->clean(r);
	arch_mb();
}

void badram_save(void)
{
	const struct range_set *bad = page_bad();
	unsigned copies = 0;

	serial++;
	for (unsigned i = 0; i < BADRAM_COPIES; i++) {
		struct badram_record *r = phys_to_virt(places.at[i]);

		/* None of them is had just to say that there is nothing. */
		if (bad->n ? !have(i) : !(ours >> i & 1))
			continue;
		r->magic = 0;
		copies += badram_record_fill(r, bad, &places, places.at[i],
					     serial);
		write_back(place(i));
	}
	if (bad->n && !copies)
		pr_warn("bad RAM: no place for the list, or it is too much: "
			"the next start won't know\n");
}
