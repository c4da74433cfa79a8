/* The grammar of <lib/cmdline.h>, word by word. */
#include <string.h>

#include <lib/cmdline.h>
#include <lib/errno.h>

/* [text, end) is the word as it stands in the line. */
struct word {
	const char *text;
	const char *end;
	bool verbatim; /* its value keeps its quotes */
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const char *skip_blanks(const char *p)
{
	while (is_blank(*p))
		p++;
	return p;
}

static bool starts_with(const char *p, const char *prefix)
{
	while (*prefix && *p == *prefix) {
		p++;
		prefix++;
	}
	return !*prefix;
}

/* The end of the plain word at p. Notes an unquoted ';' on the way. */
static const char *word_end(const char *p, bool *semicolon)
{
	bool quoted = false;

	for (; *p && (quoted || !is_blank(*p)); p++) {
		if (*p == '"')
			quoted = !quoted;
		else if (*p == ';' && !quoted)
			*semicolon = true;
	}
	return p;
}

static const char *line_end(const char *p)
{
	const char *end = p + strlen(p);

	while (end > p && is_blank(end[-1]))
		end--;
	return end;
}

/* Let an autorun= word that lost its quotes have what followed it. */
static void extend_autorun(struct word *w)
{
	bool semicolon = false;
	const char *p = w->text, *end = p;

	while (*p && !starts_with(p, "init=")) {
		end = word_end(p, &semicolon);
		p = skip_blanks(end);
	}
	if (semicolon) {
		w->end = end;
		w->verbatim = true;
	}
}

/* Read the word at or behind *p and go past it; false at the end of the line.*/
static bool next_word(const char **p, struct word *w)
{
	bool semicolon = false;

	w->text = skip_blanks(*p);
	if (!*w->text)
		return false;
	w->verbatim = false;
	if (starts_with(w->text, "init=") && w->text[5] != '"') {
		w->end = line_end(w->text);
		w->verbatim = true;
	} else {
		w->end = word_end(w->text, &semicolon);
		if (starts_with(w->text, "autorun=") && w->text[8] != '"')
			extend_autorun(w);
	}
	*p = w->end;
	return true;
}

/* Where the word goes on behind `key`; NULL when it begins otherwise. */
static const char *match(const struct word *w, const char *key)
{
	const char *p;

	for (p = w->text; p < w->end; p++) {
		if (*p == '"')
			continue;
		if (*p != *key)
			break;
		key++;
	}
	return *key ? NULL : p;
}

int cmdline_get(const char *line, const char *key, char *buf, size_t size)
{
	struct word w, found = {0};
	size_t n = 0;

	while (next_word(&line, &w)) {
		const char *p = match(&w, key);

		if (p && p < w.end && *p == '=') {
			found = w;
			found.text = p + 1;
		}
	}
	if (!found.text)
		return -ENOENT;
	if (found.verbatim)
		found.text = skip_blanks(found.text);
	for (const char *p = found.text; p < found.end; p++)
		n += found.verbatim || *p != '"';
	if (n >= size)
		return -ERANGE;
	for (const char *p = found.text; p < found.end; p++)
		if (found.verbatim || *p != '"')
			*buf++ = *p;
	*buf = '\0';
	return 0;
}

bool cmdline_flag(const char *line, const char *flag)
{
	struct word w;

	while (next_word(&line, &w))
		if (match(&w, flag) == w.end)
			return true;
	return false;
}
