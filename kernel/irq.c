/*
 * Lines of interrupt controllers and who handles them: <kernel/irq.h>.
 *
 * A chip's lock is held while a handler runs, so that irq_free() is over only when
 * the handler is. One line at a time then, of each chip; today all of them go to
 * the hart that asked.
 */
#include <arch/irq.h>
#include <kernel/irq.h>
#include <kernel/printk.h>
#include <kernel/smp.h>
#include <lib/errno.h>

/* A line that was raised so often in a row, and nobody's device, is turned off.
 * Shared lines that are taken back too late are raised once more now and then. */
#define UNHANDLED_MAX 1000

static struct irq_chip *chips;
static uint64_t spurious; /* (a) */

static struct {
	void (*handle)(void *ctx);
	void *ctx;
} root;

void irq_chip_add(struct irq_chip *c)
{
	spin_lock_init(&c->lock, LOCK_IRQ);
	c->next = chips;
	chips = c;
}

bool irq_chip_in_use(const struct irq_chip *c)
{
	for (unsigned i = 0; i < c->lines; i++)
		if (c->line[i])
			return true;
	return false;
}

void irq_chip_remove(struct irq_chip *c)
{
	struct irq_chip **at = &chips;

	while (*at && *at != c)
		at = &(*at)->next;
	if (*at)
		*at = c->next;
}

struct irq_chip *irq_chip_find(fdt_node node)
{
	struct irq_chip *c = chips;

	while (c && c->node != node)
		c = c->next;
	return c;
}

/* Put it into its place, if that is free. */
static int take(struct irq *i)
{
	struct irq **at = &i->chip->line[i->line];
	uint64_t flags = spin_lock_irqsave(&i->chip->lock);
	int err = *at ? -EBUSY : 0;

	if (err)
		i->owner = (*at)->owner;
	else
		*at = i;
	spin_unlock_irqrestore(&i->chip->lock, flags);
	return err;
}

static void leave(struct irq *i)
{
	uint64_t flags = spin_lock_irqsave(&i->chip->lock);

	i->chip->line[i->line] = NULL;
	spin_unlock_irqrestore(&i->chip->lock, flags);
}

int irq_request(struct irq *i, const struct fdt_irq *what, irq_handler handler,
		void *arg, const char *owner)
{
	struct irq_chip *c = irq_chip_find(what->parent);
	enum irq_trigger trigger = IRQ_TRIGGER_DEFAULT;
	int err = -EAGAIN;

	*i = (struct irq){.owner = owner, .handler = handler, .arg = arg};
	if (!c)
		return err;
	err = c->ops->translate(c, what, &i->line, &trigger);
	if (err)
		return err;
	i->chip = c;
	err = take(i);
	if (!err) {
		err = c->ops->enable(c, i->line, trigger, arch_cpu());
		if (err)
			leave(i);
	}
	if (err)
		i->chip = NULL;
	return err;
}

void irq_free(struct irq *i)
{
	if (!i->chip)
		return;
	i->chip->ops->disable(i->chip, i->line);
	leave(i);
	i->chip = NULL;
}

/* Nobody's device has raised it, once more. The lock is held. */
static void unhandled(struct irq *i)
{
	if (++i->unhandled < UNHANDLED_MAX)
		return;
	i->chip->ops->disable(i->chip, i->line);
	__atomic_store_n(&i->stuck, true, __ATOMIC_RELAXED);
}

void irq_raised(struct irq_chip *c, unsigned line)
{
	struct irq *i = NULL, *report = NULL;

	spin_lock(&c->lock);
	if (line < c->lines)
		i = c->line[line];
	if (!i) {
		__atomic_fetch_add(&spurious, 1, __ATOMIC_RELAXED);
		if (line < c->lines)
			c->ops->disable(c, line);
	} else {
		i->count++;
		if (i->handler(i->arg)) {
			i->unhandled = 0;
		} else {
			unhandled(i);
			report = i->stuck ? i : NULL;
		}
	}
	spin_unlock(&c->lock);
	if (report)
		pr_err("irq: %s line %u is raised for nothing; turned off, %s "
		       "hears of it no more\n",
		       c->name, line, report->owner);
}

uint64_t irq_spurious(void)
{
	return __atomic_load_n(&spurious, __ATOMIC_RELAXED);
}

void irq_each(void (*each)(void *ctx, const struct irq *i), void *ctx)
{
	for (const struct irq_chip *c = chips; c; c = c->next)
		for (unsigned n = 0; n < c->lines; n++)
			if (c->line[n])
				each(ctx, c->line[n]);
}

void irq_set_root(void (*handle)(void *ctx), void *ctx)
{
	uint64_t flags = arch_irq_save();

	root.ctx = ctx;
	root.handle = handle;
	if (!handle)
		arch_external_enable(false);
	arch_irq_restore(flags);
}

void irq_hart_on(void)
{
	arch_external_enable(true);
}

void kernel_external(void)
{
	smp_woken();
	if (DEBUG_CHECKS)
		spin_check_irq(true);
	if (root.handle) {
		root.handle(root.ctx);
	} else {
		__atomic_fetch_add(&spurious, 1, __ATOMIC_RELAXED);
		arch_external_enable(false);
	}
	if (DEBUG_CHECKS)
		spin_check_irq(false);
}
