/*
 * Lines of interrupt controllers and who handles them: <kernel/irq.h>.
 *
 *	device --line--> controller --wire--> hart: kernel_external()
 *			 handle() <--------------'
 *	handler <-- irq_raised()
 *
 * A chip's lock is held while a handler runs, so that irq_free() is over only when
 * the handler is. One line at a time then, of each chip; today all of them go to
 * the hart that asked.
 *
 * A device must not be able to stop a hart. What is raised for nothing is turned
 * off when its handler has denied it often enough. What the handler thinks that it
 * handles, on and on, shows by what others get done: lines are counted until the
 * chip has run out of them and the interrupted code has gone on, by an instruction
 * at least. Work that devices have for handlers is bounded by what code gives them
 * and by rings that code reads, and is far below RUN_MAX. At that number, the line
 * that is raised next is turned off; at another such number without any line, the
 * wire. Time plays no role: a computer that is slow, or an emulator that was
 * stopped for a while, makes no difference.
 */
#include <arch/irq.h>
#include <kernel/irq.h>
#include <kernel/printk.h>
#include <kernel/smp.h>
#include <lib/errno.h>

/* A line that was raised so often in a row, and nobody's device, is turned off.
 * Shared lines that are taken back too late are raised once more now and then. */
#define UNHANDLED_MAX 1000

#define RUN_MAX 100000u

static struct irq_chip *chips;
static uint64_t spurious; /* (a) */

/* A hart's wire. */
struct wire {
	struct irq_chip *chip; /* whose it is (a) */
	vaddr_t at;	       /* where the interrupted code was */
	unsigned lines;	       /* raised by one call of handle() */
	unsigned run;	       /* in a row; a call without any counts, too */
	bool flooded;	       /* the next line that is raised gets the blame */
};
static PERCPU struct wire wire;

int irq_chip_add(struct irq_chip *c, cpumask_t cpus)
{
	for_each_cpu (cpu, cpus)
		if (cpu_var(wire, cpu)->chip)
			return -EBUSY;
	spin_lock_init(&c->lock, LOCK_IRQ);
	c->next = chips;
	chips = c;
	/* Release: pairs with the acquire in kernel_external(). */
	for_each_cpu (cpu, cpus)
		__atomic_store_n(&cpu_var(wire, cpu)->chip, c,
				 __ATOMIC_RELEASE);
	return 0;
}

static void nothing(void *arg)
{
	(void)arg;
}

void irq_chip_remove(struct irq_chip *c)
{
	struct irq_chip **at = &chips;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	for_each_cpu (cpu, cpus_online())
		if (cpu_var(wire, cpu)->chip == c)
			__atomic_store_n(&cpu_var(wire, cpu)->chip, NULL,
					 __ATOMIC_RELAXED);
	/* Harts that are in its handle() come here only afterwards. */
	smp_call(cpus_online(), nothing, NULL);
}

bool irq_chip_in_use(const struct irq_chip *c)
{
	for (unsigned i = 0; i < c->lines; i++)
		if (c->line[i])
			return true;
	return false;
}

struct irq_chip *irq_chip_find(fdt_node node)
{
	struct irq_chip *c = chips;

	while (c && c->node != node)
		c = c->next;
	return c;
}

/* Put it into its place, if that is free. */
static int take(struct irq *i, enum irq_trigger trigger)
{
	struct irq_chip *c = i->chip;
	struct irq **at = &c->line[i->line];
	uint64_t flags = spin_lock_irqsave(&c->lock);
	int err;

	if (*at) {
		i->owner = (*at)->owner;
		err = -EBUSY;
	} else {
		err = c->ops->enable(c, i->line, trigger, arch_cpu());
		if (!err)
			*at = i;
	}
	spin_unlock_irqrestore(&c->lock, flags);
	return err;
}

int irq_request(struct irq *i, const struct fdt_irq *what, irq_handler handler,
		void *arg, const char *owner)
{
	struct irq_chip *c = irq_chip_find(what->parent);
	enum irq_trigger trigger = IRQ_TRIGGER_DEFAULT;
	int err;

	*i = (struct irq){.owner = owner, .handler = handler, .arg = arg};
	if (!c)
		return -EAGAIN;
	err = c->ops->translate(c, what, &i->line, &trigger);
	if (err)
		return err;
	i->chip = c;
	err = take(i, trigger);
	if (err)
		i->chip = NULL;
	else
		arch_external_enable(true);
	return err;
}

void irq_free(struct irq *i)
{
	struct irq_chip *c = i->chip;
	uint64_t flags;

	if (!c)
		return;
	flags = spin_lock_irqsave(&c->lock);
	c->ops->disable(c, i->line);
	c->line[i->line] = NULL;
	spin_unlock_irqrestore(&c->lock, flags);
	i->chip = NULL;
}

/* Is there anything wrong with the line, now that it was handled or not? */
static const char *judge(struct irq *i, bool handled)
{
	struct wire *w = this_cpu(wire);

	i->unhandled = handled ? 0 : i->unhandled + 1;
	if (w->flooded) {
		w->flooded = false;
		return "without end";
	}
	return i->unhandled >= UNHANDLED_MAX ? "for nothing" : NULL;
}

void irq_raised(struct irq_chip *c, unsigned line)
{
	const char *wrong = NULL, *owner = NULL;
	struct irq *i;

	this_cpu(wire)->lines++;
	if (line >= c->lines) {
		__atomic_fetch_add(&spurious, 1, __ATOMIC_RELAXED);
		return;
	}
	spin_lock(&c->lock);
	i = c->line[line];
	if (i) {
		__atomic_store_n(&i->count, i->count + 1, __ATOMIC_RELAXED);
		wrong = judge(i, i->handler(i->arg));
		if (wrong)
			__atomic_store_n(&i->stuck, true, __ATOMIC_RELAXED);
		owner = i->owner;
	} else {
		__atomic_fetch_add(&spurious, 1, __ATOMIC_RELAXED);
	}
	if (!i || wrong)
		c->ops->disable(c, line);
	spin_unlock(&c->lock);
	if (wrong)
		pr_err("irq: %s line %u is raised %s; turned off, %s hears of "
		       "it no more\n",
		       c->name, line, wrong, owner);
}

uint64_t irq_spurious(void)
{
	return __atomic_load_n(&spurious, __ATOMIC_RELAXED);
}

void irq_each_chip(void (*each)(void *ctx, const struct irq_chip *c), void *ctx)
{
	for (const struct irq_chip *c = chips; c; c = c->next)
		each(ctx, c);
}

void irq_each(const struct irq_chip *c,
	      void (*each)(void *ctx, const struct irq *i), void *ctx)
{
	for (unsigned n = 0; n < c->lines; n++)
		if (c->line[n])
			each(ctx, c->line[n]);
}

/* Lines are raised without end. */
static void flooded(struct wire *w)
{
	w->run = 0;
	w->flooded = !w->flooded;
	if (w->flooded)
		return;
	arch_external_enable(false);
	pr_err("irq: interrupts without end on cpu %u, of no line in use; "
	       "turned off, all of them\n",
	       arch_cpu());
}

void kernel_external(void)
{
	struct wire *w = this_cpu(wire);
	/* Acquire: pairs with the release in irq_chip_add(). */
	struct irq_chip *c = __atomic_load_n(&w->chip, __ATOMIC_ACQUIRE);
	vaddr_t at = arch_interrupted();
	/* A loop that waits may be interrupted at one place for ever. */
	bool went_on = smp_woken() || at != w->at;

	w->at = at;
	w->lines = 0;
	if (DEBUG_CHECKS)
		spin_check_irq(true);
	if (!c)
		arch_external_enable(false);
	if (!c || !c->ops->handle(c))
		__atomic_fetch_add(&spurious, 1, __ATOMIC_RELAXED);
	if (DEBUG_CHECKS)
		spin_check_irq(false);
	w->run += w->lines + 1;
	if (went_on && w->lines && w->lines < IRQ_BATCH)
		w->run = 0;
	else if (w->run >= RUN_MAX)
		flooded(w);
}
