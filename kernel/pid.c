/*
 * Numbers of processes (<kernel/pid.h>): a tree of those in use, by number. The
 * next one is the first that is free behind the last one handed out, so a
 * number rests for some 32,000 others; whoever still has it written down finds
 * nobody rather than somebody else.
 *
 * Cost: O(log n), and a step for each number in a row that is in use behind the
 * last one, which happens once the numbers have gone round.
 */
#include <kernel/pid.h>
#include <lib/errno.h>

#define FIRST 2

static struct pid_entry *entry(struct tree_node *n)
{
	return n ? container_of(n, struct pid_entry, node) : NULL;
}

void pid_init(struct pid_map *m)
{
	*m = (struct pid_map){.last = 0};
}

struct pid_entry *pid_from(const struct pid_map *m, int pid)
{
	struct pid_entry *best = NULL, *e = entry(m->tree.root);

	while (e) {
		bool right = e->pid < pid;

		best = right ? best : e;
		e = entry(e->node.child[right]);
	}
	return best;
}

struct pid_entry *pid_find(const struct pid_map *m, int pid)
{
	struct pid_entry *e = pid_from(m, pid);

	return e && e->pid == pid ? e : NULL;
}

int pid_take(struct pid_map *m, struct pid_entry *e, int pid)
{
	struct tree_node **link = &m->tree.root, *parent = NULL;

	while (*link) {
		parent = *link;
		if (entry(parent)->pid == pid)
			return -EBUSY;
		link = &parent->child[entry(parent)->pid < pid];
	}
	e->pid = pid;
	tree_insert(&m->tree, &e->node, parent, link);
	m->count++;
	return 0;
}

/* The first number from `pid` on that is free; over PID_MAX: there is none. */
static int first_free(const struct pid_map *m, int pid)
{
	struct pid_entry *e = pid_from(m, pid);

	for (; e && e->pid == pid; pid++)
		e = entry(tree_next(&e->node));
	return pid;
}

int pid_new(struct pid_map *m, struct pid_entry *e)
{
	int pid = first_free(m, m->last < FIRST ? FIRST : m->last + 1);

	if (pid > PID_MAX)
		pid = first_free(m, PID_RESERVED);
	if (pid > PID_MAX)
		return -EAGAIN;
	m->last = pid;
	return pid_take(m, e, pid);
}

void pid_free(struct pid_map *m, struct pid_entry *e)
{
	tree_erase(&m->tree, &e->node);
	m->count--;
}
