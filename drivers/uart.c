/* What all serial ports have in common: the table of them, and waiting. */
#include <stdio.h>
#include <string.h>

#include <arch/io.h>
#include <kernel/console_input.h>

#include "uart_internal.h"

#define LSR	  5 /* of SiFive's port: which interrupts are pending */
#define MAX_SHIFT 4 /* register 31 then ends below 512 */

const char *const uart_compatible[] = {
	"snps,dw-apb-uart",
	"starfive,jh7110-uart",
	"intel,xscale-uart",
	"ns16550a",
	"ns16550",
	"sifive,uart0",
	NULL,
};

/* In the same order. */
static const struct model {
	bool (*setup)(struct uart *u);
	unsigned quirks;
	uint8_t last;	      /* number of the last register that is used */
	uint8_t shift, width; /* 0: the tree tells */
} models[] = {
	{uart_ns16550_setup, NS16550_DW, 31, 0, 0},
	{uart_ns16550_setup, NS16550_DW, 31, 0, 0},
	{uart_ns16550_setup, NS16550_UUE, 5, 0, 0},
	{uart_ns16550_setup, 0, 5, 0, 0},
	{uart_ns16550_setup, 0, 5, 0, 0},
	{uart_sifive_setup, 0, 5, 2, 4},
};
_Static_assert(ARRAY_SIZE(uart_compatible) == ARRAY_SIZE(models) + 1,
	       "a model for each name");

static const struct model *find(const char *compatible)
{
	for (unsigned i = 0; i < ARRAY_SIZE(models); i++)
		if (!strcmp(uart_compatible[i], compatible))
			return &models[i];
	return NULL;
}

/* The first name of the node that has a driver. */
static const char *compatible_of(const struct fdt *t, fdt_node n)
{
	uint32_t size;
	const void *list = fdt_get(t, n, "compatible", &size);
	const char *name;

	for (unsigned i = 0; list && (name = fdt_list_item(list, size, i)); i++)
		if (find(name))
			return name;
	return NULL;
}

bool uart_supports(const struct fdt *t, fdt_node n)
{
	return compatible_of(t, n) != NULL;
}

/* Wait until the port takes a byte; false when it does not come to that. */
static bool wait_ready(struct uart *u)
{
	unsigned polls = u->stuck ? 1 : UART_MAX_POLLS;

	while (polls--) {
		if (u->ops->ready(u)) {
			u->stuck = false;
			return true;
		}
		/* Its interrupts may be kept waiting by us. */
		console_input_take(&u->console);
	}
	u->stuck = true;
	return false;
}

bool uart_works(struct uart *u)
{
	return wait_ready(u);
}

static struct uart *uart_of(const struct console_device *d)
{
	return container_of((struct console_device *)d, struct uart, console);
}

static void uart_write(const struct console_device *d, const char *s, size_t n)
{
	struct uart *u = uart_of(d);

	for (; n; n--, s++)
		if (wait_ready(u))
			u->ops->put(u, (uint8_t)*s);
}

static int uart_getc(const struct console_device *d)
{
	struct uart *u = uart_of(d);

	return u->ops->get(u);
}

static void uart_listen(const struct console_device *d, bool on)
{
	struct uart *u = uart_of(d);

	u->ops->listen(u, on);
}

static bool uart_settle(const struct console_device *d)
{
	struct uart *u = uart_of(d);

	return u->ops->settle && u->ops->settle(u);
}

/* Do aligned accesses of that layout reach all registers in the window? */
static bool layout_fits(const struct model *m, const struct mmio *regs,
			const struct uart_layout *l)
{
	uint64_t end;

	if (l->width != 1 && l->width != 2 && l->width != 4)
		return false;
	if (l->shift > MAX_SHIFT || l->width > 1u << l->shift)
		return false;
	if (!is_aligned((uintptr_t)regs->base + l->offset, l->width))
		return false;
	end = l->offset + ((uint64_t)m->last << l->shift) + l->width;
	return end <= regs->size;
}

/* All the registers that matter are where the tree says, if the last ones are. */
static bool answers(const struct uart *u, const struct model *m)
{
	const volatile uint8_t *p = u->regs->base + u->offset;
	unsigned bits = u->width * 8u;

	return mmio_answers(p + ((size_t)LSR << u->shift), bits) &&
	       mmio_answers(p + ((size_t)m->last << u->shift), bits);
}

bool uart_setup(struct uart *u, const char *compatible, const struct mmio *regs,
		const struct uart_layout *layout)
{
	const struct model *m = find(compatible);
	struct uart_layout l = *layout;

	if (!m)
		return false;
	if (m->width)
		l = (struct uart_layout){m->shift, m->width, 0};
	if (!l.width)
		l.width = 1;
	if (!layout_fits(m, regs, &l))
		return false;
	*u = (struct uart){
		.console = {.name = u->name,
			    .write = uart_write,
			    .getc = uart_getc,
			    .listen = uart_listen,
			    .settle = uart_settle},
		.regs = regs,
		.offset = l.offset,
		.shift = (uint8_t)l.shift,
		.width = (uint8_t)l.width,
		.quirks = (uint8_t)m->quirks,
	};
	snprintf(u->name, sizeof(u->name), "%s at %#llx", compatible,
		 (unsigned long long)regs->pa);
	return answers(u, m) && m->setup(u);
}

static uint32_t cell(const struct fdt *t, fdt_node n, const char *name)
{
	uint32_t value;

	return fdt_get_u32(t, n, name, &value) ? 0 : value;
}

bool uart_setup_node(struct uart *u, const struct fdt *t, fdt_node n,
		     const struct mmio *regs)
{
	const char *compatible = compatible_of(t, n);
	struct uart_layout layout = {
		.shift = cell(t, n, "reg-shift"),
		.width = cell(t, n, "reg-io-width"),
		.offset = cell(t, n, "reg-offset"),
	};

	return compatible && uart_setup(u, compatible, regs, &layout);
}
