/*
 * The stack that a program begins with, as Linux lays it out for riscv64:
 *
 *	top	8 bytes of 0
 *		path of the program, NUL
 *		strings of the environment, each with its NUL
 *		strings of the arguments
 *		16 random bytes
 *		auxiliary vector: pairs of a type and a value, up to type 0
 *		pointers to the environment's strings, 0
 *		pointers to the arguments, 0
 *	sp	number of arguments; a multiple of 16
 *
 * All sizes are known before anything is written, so it is written once, from sp up.
 * What is below is room: 128 KiB at first, and then it grows by faults.
 *
 * Source: RISC-V ELF psABI, "Program Loading"; Linux, Documentation of the auxiliary
 * vector in getauxval(3).
 */
#include <string.h>

#include <kernel/random.h>
#include <lib/errno.h>
#include <mm/aspace.h>

#include "exec_impl.h"

#define ROOM	    KIB(128) /* below what is written */
#define RANDOM_BITS 18	     /* of a stack's place, in pages */
#define CHUNK	    256
#define SEED	    16 /* random bytes */
#define WORD	    sizeof(uint64_t)

/* Types of the auxiliary vector. */
enum {
	AT_NULL,
	AT_PHDR = 3,
	AT_PHENT,
	AT_PHNUM,
	AT_PAGESZ,
	AT_BASE,
	AT_FLAGS,
	AT_ENTRY,
	AT_UID = 11,
	AT_EUID,
	AT_GID,
	AT_EGID,
	AT_HWCAP = 16,
	AT_CLKTCK,
	AT_SECURE = 23,
	AT_RANDOM = 25,
	AT_EXECFN = 31,
};

/* A bit for each letter of the ISA; no hart runs the kernel that lacks one of
 * these. */
#define LETTER(c) (1u << ((c) - 'a'))
#define HWCAP                                                                  \
	(LETTER('a') | LETTER('c') | LETTER('d') | LETTER('f') | LETTER('i') | \
	 LETTER('m'))

#define CLOCK_TICKS 100 /* a second, of times(2) */

#define PAIRS 17 /* with that of type 0 */

/* Where things go. */
struct layout {
	vaddr_t sp, random, argv, envp, path;
};

int exec_count(struct exec_strings *s, char *const *text)
{
	static char *const none[] = {NULL};
	size_t n;

	*s = (struct exec_strings){.text = text ? text : none};
	while (s->text[s->count]) {
		n = strnlen(s->text[s->count++], EXEC_STRING_MAX) + 1;
		if (n > EXEC_STRING_MAX)
			return -E2BIG;
		s->bytes += n;
	}
	return 0;
}

static uint64_t strings_size(const struct exec_stack *s)
{
	return s->argv.bytes + s->envp.bytes + strlen(s->path) + 1;
}

static uint64_t words(const struct exec_stack *s)
{
	return 1 + s->argv.count + 1 + s->envp.count + 1 + 2 * PAIRS;
}

/* Everything, from the top on. */
static struct layout lay_out(const struct exec_stack *s, vaddr_t top)
{
	struct layout l = {.path = top - WORD - strlen(s->path) - 1};

	l.envp = l.path - s->envp.bytes;
	l.argv = l.envp - s->argv.bytes;
	l.random = align_down(l.argv - SEED, SEED);
	l.sp = align_down(l.random - words(s) * WORD, 16);
	return l;
}

int exec_map_stack(struct aspace *as, const struct exec_stack *s)
{
	uint64_t limit = as->limit[LIMIT_STACK], used, size;
	uint64_t pointers = (s->argv.count + s->envp.count) * WORD;
	vaddr_t top, at;

	if (strings_size(s) + pointers > exec_args_max(limit))
		return -E2BIG;
	top = align_down(as->vmas.bounds.end, PAGE_SIZE) -
	      aspace_random(RANDOM_BITS);
	used = align_up(top - lay_out(s, top).sp, PAGE_SIZE);
	size = max_u64(used,
		       min_u64(used + ROOM, align_down(limit, PAGE_SIZE)));
	if (used > limit)
		return -E2BIG;
	as->stack_top = top;
	return aspace_map_anonymous(
		       as, top - size, size,
		       PROT_READ | PROT_WRITE | (s->exec ? PROT_EXEC : 0),
		       MAP_FIXED_NOREPLACE | MAP_GROWSDOWN | MAP_STACK, &at)
		       ? -ENOMEM
		       : 0;
}

/* --- writing --- */

struct writer {
	struct aspace *as;
	vaddr_t at; /* of buf[0] */
	size_t n;
	bool failed;
	uint8_t buf[CHUNK];
};

static void flush(struct writer *w)
{
	if (aspace_write(w->as, w->at, w->buf, w->n) != w->n)
		w->failed = true;
	w->at += w->n;
	w->n = 0;
}

static void put(struct writer *w, const void *p, size_t n)
{
	const uint8_t *byte = p;
	size_t part;

	for (; n; n -= part, byte += part) {
		if (w->n == CHUNK)
			flush(w);
		part = min_u64(n, CHUNK - w->n);
		memcpy(w->buf + w->n, byte, part);
		w->n += part;
	}
}

static void put_word(struct writer *w, uint64_t word)
{
	put(w, &word, sizeof(word));
}

static void put_pointers(struct writer *w, const struct exec_strings *s,
			 vaddr_t at)
{
	for (uint64_t i = 0; i < s->count; i++) {
		put_word(w, at);
		at += strlen(s->text[i]) + 1;
	}
	put_word(w, 0);
}

static void put_strings(struct writer *w, const struct exec_strings *s)
{
	for (uint64_t i = 0; i < s->count; i++)
		put(w, s->text[i], strlen(s->text[i]) + 1);
}

static void put_zeros_up_to(struct writer *w, vaddr_t end)
{
	while (w->at + w->n < end)
		put(w, "", 1);
}

/* Users: there is but one yet. */
static void put_aux(struct writer *w, const struct exec_stack *s,
		    const struct layout *l)
{
	const uint64_t aux[PAIRS][2] = {
		{AT_HWCAP, HWCAP},
		{AT_PAGESZ, PAGE_SIZE},
		{AT_CLKTCK, CLOCK_TICKS},
		{AT_PHDR, s->table},
		{AT_PHENT, ELF_ENTRY},
		{AT_PHNUM, s->entries},
		{AT_BASE, s->loader},
		{AT_FLAGS, 0},
		{AT_ENTRY, s->entry},
		{AT_UID, 0},
		{AT_EUID, 0},
		{AT_GID, 0},
		{AT_EGID, 0},
		{AT_SECURE, 0},
		{AT_RANDOM, l->random},
		{AT_EXECFN, l->path},
		{AT_NULL, 0},
	};

	put(w, aux, sizeof(aux));
}

int exec_fill_stack(struct aspace *as, const struct exec_stack *s, vaddr_t *sp)
{
	struct layout l = lay_out(s, as->stack_top);
	struct writer w = {.as = as, .at = l.sp};
	put_word(&w, s->argv.count);
	put_pointers(&w, &s->argv, l.argv);
	put_pointers(&w, &s->envp, l.envp);
	put_aux(&w, s, &l);
	put_zeros_up_to(&w, l.random);
	for (unsigned i = 0; i < SEED / WORD; i++)
		put_word(&w, random_word());
	put_zeros_up_to(&w, l.argv);
	put_strings(&w, &s->argv);
	put_strings(&w, &s->envp);
	put(&w, s->path, strlen(s->path) + 1);
	put_word(&w, 0);
	flush(&w);
	as->args = range_make(l.argv, l.envp);
	as->env = range_make(l.envp, l.path);
	*sp = l.sp;
	return w.failed ? -ENOMEM : 0;
}
