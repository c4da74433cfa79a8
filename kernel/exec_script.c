/*
 * Scripts: a file that begins with "#!". Its first line names the interpreter, and
 * one argument for that, which may have blanks in it:
 *
 *	/bin/tool:	#!/bin/interpreter -x  y
 *	tool a b	becomes		/bin/interpreter "-x  y" /bin/tool a b
 *
 * An interpreter may be a script in turn. Source: execve(2).
 */
#include <string.h>

#include <lib/errno.h>
#include <mm/kmalloc.h>

#include "exec_impl.h"

#define LINE	    256 /* bytes of the first line that count */
#define SCRIPTS	    5	/* of scripts, that many deep */
#define SCRIPT_ARGS 3	/* interpreter, its argument, the script */

/* A line "#!interpreter argument", and the arguments with it. */
struct exec_script {
	struct exec_script *outer;
	char line[LINE + 1];
	char *argv[];
};

static bool is_script(const struct memfs_node *file)
{
	char first[2];

	return memfs_read(file, 0, first, 2) == 2 && first[0] == '#' &&
	       first[1] == '!';
}

/* The words of a first line "#!word rest": `argument` is "" if there is no rest.
 * A line that is cut must have all of its first word. */
static bool split_line(char *line, char **interpreter, char **argument)
{
	size_t n = strcspn(line, "\n");
	bool cut = n == LINE;
	char *p;

	while (line[n - 1] == ' ' || line[n - 1] == '\t')
		n--;
	line[n] = '\0';
	p = line + 2 + strspn(line + 2, " \t");
	*interpreter = p;
	p += strcspn(p, " \t");
	if (cut && !*p)
		return false;
	*argument = p + strspn(p, " \t");
	*p = '\0';
	return **interpreter;
}

/* What is to be run in place of the script `p->file`. */
static int open_script(struct exec_program *p, struct exec_script **scripts)
{
	char *interpreter, *argument, **to;
	struct exec_strings old;
	struct exec_script *s;
	int err = exec_count(&old, p->argv);

	if (err)
		return err;
	s = kzalloc(sizeof(*s) + (SCRIPT_ARGS + old.count + 1) * sizeof(*to),
		    0);
	if (!s)
		return -ENOMEM;
	s->outer = *scripts;
	*scripts = s;
	memfs_read(p->file, 0, s->line, LINE);
	if (!split_line(s->line, &interpreter, &argument))
		return -ENOEXEC;
	to = s->argv;
	*to++ = interpreter;
	if (*argument)
		*to++ = argument;
	*to++ = (char *)p->path;
	for (uint64_t i = 1; i < old.count; i++)
		*to++ = p->argv[i];
	p->argv = s->argv;
	p->path = interpreter;
	return memfs_lookup(p->cwd, interpreter, 0, &p->file);
}

void exec_free_scripts(struct exec_script *s)
{
	while (s) {
		struct exec_script *outer = s->outer;

		kfree(s);
		s = outer;
	}
}

int exec_resolve(struct exec_program *p, struct exec_script **scripts)
{
	int err;

	for (unsigned n = 0;; n++) {
		if (!exec_may_run(p->file))
			return -EACCES;
		if (!is_script(p->file))
			return 0;
		if (n == SCRIPTS)
			return -ELOOP;
		err = open_script(p, scripts);
		if (err)
			return err;
	}
}
