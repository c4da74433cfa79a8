/* Lines for programs (<kernel/ttyline.h>). */
#include <string.h>

#include <kernel/ttyline.h>
#include <lib/bits.h>

#define CTRL(c) ((c) - '@')
#define DEL	127

static bool is_control(uint8_t c)
{
	return c < ' ' || c == DEL;
}

static void append(struct ttyline *l, uint8_t byte,
		   void (*echo)(const char *s, size_t n))
{
	char shown[2] = {'^', (char)(byte ^ '@')};

	/* Its end must fit, too. */
	if (l->length == TTYLINE - 1) {
		echo("\a", 1);
		return;
	}
	l->text[l->length++] = (char)byte;
	if (is_control(byte))
		echo(shown, 2);
	else
		echo(&l->text[l->length - 1], 1);
}

/* The last byte goes. Of UTF-8, all bytes of a character do. */
static void erase(struct ttyline *l, void (*echo)(const char *s, size_t n))
{
	uint8_t byte;

	do
		byte = (uint8_t)l->text[--l->length];
	while ((byte & 0xc0) == 0x80 && l->length);
	echo("\b \b\b \b", is_control(byte) ? 6 : 3);
}

static void erase_word(struct ttyline *l, void (*echo)(const char *s, size_t n))
{
	while (l->length && l->text[l->length - 1] == ' ')
		erase(l, echo);
	while (l->length && l->text[l->length - 1] != ' ')
		erase(l, echo);
}

void ttyline_put(struct ttyline *l, uint8_t byte,
		 void (*echo)(const char *s, size_t n))
{
	switch (byte) {
	case '\r':
	case '\n':
		l->text[l->length++] = '\n';
		echo("\n", 1);
		l->ended = true;
		break;
	case CTRL('D'):
		l->ended = true;
		break;
	case DEL:
	case '\b':
		if (l->length)
			erase(l, echo);
		break;
	case CTRL('W'):
		erase_word(l, echo);
		break;
	case CTRL('U'):
		while (l->length)
			erase(l, echo);
		break;
	default:
		append(l, byte, echo);
	}
}

size_t ttyline_take(struct ttyline *l, void *p, size_t n)
{
	size_t size = min_u64(n, l->length - l->taken);

	memcpy(p, l->text + l->taken, size);
	l->taken += (uint32_t)size;
	if (l->taken == l->length)
		l->length = l->taken = l->ended = 0;
	return size;
}
