/*
 * Circular doubly linked list with the links inside the elements. The head is
 * a link of its own, so no operation has a special case. No locking: the
 * owner's lock covers it.
 */
#pragma once

#include <lib/bits.h>

struct list {
	struct list *next;
	struct list *prev;
};

#define LIST_INIT(name)          \
	{                        \
		&(name), &(name) \
	}

static inline void list_init(struct list *head)
{
	head->next = head;
	head->prev = head;
}

static inline bool list_empty(const struct list *head)
{
	return head->next == head;
}

/* Put `e` right behind `at`: at the front when `at` is the head. */
static inline void list_add(struct list *at, struct list *e)
{
	e->next = at->next;
	e->prev = at;
	at->next->prev = e;
	at->next = e;
}

static inline void list_add_tail(struct list *head, struct list *e)
{
	list_add(head->prev, e);
}

/* Take `e` out of its list. Its own links are left as they were. */
static inline void list_del(struct list *e)
{
	e->prev->next = e->next;
	e->next->prev = e->prev;
}

/* All elements of `from` go behind `at`, in their order; `from` is empty then. */
static inline void list_splice(struct list *at, struct list *from)
{
	if (list_empty(from))
		return;
	from->prev->next = at->next;
	at->next->prev = from->prev;
	at->next = from->next;
	from->next->prev = at;
	list_init(from);
}

#define list_entry(p, T, m) container_of(p, T, m)

#define list_for_each(p, head) \
	for (struct list *p = (head)->next; p != (head); p = p->next)

/* The same, for a body that may take `p` out. */
#define list_for_each_safe(p, head)                                           \
	for (struct list *p = (head)->next, *p##_next = p->next; p != (head); \
	     p = p##_next, p##_next = p->next)
