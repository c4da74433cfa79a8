/* What all serial ports have in common: the table of them, and waiting. */
#include <string.h>

#include "uart_internal.h"

#define MAX_SHIFT 4 /* register 31 then ends below 512 */

static const struct model {
	const char *compatible;
	bool (*setup)(struct uart *u, unsigned quirks);
	unsigned quirks;
	uint8_t last;	      /* number of the last register that is used */
	uint8_t shift, width; /* 0: the tree tells */
} models[] = {
	{"snps,dw-apb-uart", uart_ns16550_setup, NS16550_DW, 31, 0, 0},
	{"intel,xscale-uart", uart_ns16550_setup, NS16550_UUE, 5, 0, 0},
	{"ns16550a", uart_ns16550_setup, 0, 5, 0, 0},
	{"ns16550", uart_ns16550_setup, 0, 5, 0, 0},
	{"sifive,uart0", uart_sifive_setup, 0, 4, 2, 4},
};

static const struct model *find(const char *compatible)
{
	for (unsigned i = 0; i < ARRAY_SIZE(models); i++)
		if (!strcmp(models[i].compatible, compatible))
			return &models[i];
	return NULL;
}

bool uart_supports(const char *compatible)
{
	return find(compatible) != NULL;
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
	}
	u->stuck = true;
	return false;
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
	const struct uart *u = uart_of(d);

	return u->ops->get(u);
}

/* Do aligned accesses of that layout reach all registers in the window? */
static bool layout_fits(const struct model *m, const volatile void *base,
			size_t size, const struct uart_layout *l)
{
	uint64_t end;

	if (l->width != 1 && l->width != 2 && l->width != 4)
		return false;
	if (l->shift > MAX_SHIFT || l->width > 1u << l->shift)
		return false;
	if (!is_aligned((uintptr_t)base + l->offset, l->width))
		return false;
	end = l->offset + ((uint64_t)m->last << l->shift) + l->width;
	return end <= size;
}

bool uart_setup(struct uart *u, const char *compatible, volatile void *base,
		size_t size, const struct uart_layout *layout)
{
	const struct model *m = find(compatible);
	struct uart_layout l = *layout;

	if (!m)
		return false;
	if (m->width)
		l = (struct uart_layout){m->shift, m->width, 0};
	if (!l.width)
		l.width = 1;
	if (!layout_fits(m, base, size, &l))
		return false;
	*u = (struct uart){
		.console = {.name = m->compatible,
			    .write = uart_write,
			    .getc = uart_getc},
		.registers = (volatile uint8_t *)base + l.offset,
		.shift = (uint8_t)l.shift,
		.width = (uint8_t)l.width,
	};
	return m->setup(u, m->quirks);
}
