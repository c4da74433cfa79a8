/*
 * Programs into address spaces. See <kernel/exec.h>.
 *
 *	low	segments of the program: private mappings of the file's object
 *		heap: the break begins behind them, at random
 *		...
 *		what mmap() places: the loader, a program that goes anywhere
 *	top	stack (exec_stack.c)
 *
 * A segment is mapped, not read: its pages come by faults, and code is one set of
 * frames for all that run it. Only the page in which a file's data ends and zeros
 * begin is written to here, which makes it the space's own.
 *
 *	page of the file	|..data..|other|
 *	page of memory		|..data..|00000|   and then anonymous pages
 *
 * A program with a loader (a path in its ELF file) gets both into its space, and
 * the loader is what starts: it finds the program by the auxiliary vector.
 *
 * Where Linux kills a program for what is wrong in its file, once the old one is gone,
 * this says -ENOEXEC, and the old one goes on.
 *
 * Cost: a few mappings and two or three page faults; nothing depends on the
 * sizes of segments.
 */
#include <string.h>

#include <lib/errno.h>
#include <mm/aspace.h>
#include <mm/kmalloc.h>

#include "exec_impl.h"

/* Of places that are drawn, in pages: 1 GiB. */
#define RANDOM_BITS 18 /* of a program that goes anywhere */
#define HEAP_BITS   18

/* An ELF file on its way to memory. */
struct image {
	struct memfs_node *file;
	struct elf_image elf;
	void *table;
	uint64_t bias; /* what its addresses are moved by */
};

/* --- files --- */

static int refuse(struct exec_start *start, const char *why)
{
	start->why = why;
	return -ENOEXEC;
}

/* Read and check an ELF file; i->table is the caller's to free. */
static int open_image(struct image *i, struct memfs_node *file,
		      const struct aspace *as, struct exec_start *start)
{
	uint8_t first[ELF_HEADER];
	struct elf_header h;
	const char *why;
	size_t n;

	*i = (struct image){.file = file};
	memfs_read(file, 0, first, sizeof(first));
	why = elf_header(first, file->size, &h);
	if (why)
		return refuse(start, why);
	n = h.entries * ELF_ENTRY;
	i->table = kmalloc(n, 0);
	if (!i->table)
		return -ENOMEM;
	memfs_read(file, h.table, i->table, n);
	why = elf_check(&h, i->table, file->size, as->vmas.bounds.end, &i->elf);
	return why ? refuse(start, why) : 0;
}

static int find_loader(const struct image *program, struct memfs_node **file,
		       struct exec_start *start)
{
	struct range at = program->elf.loader;
	size_t n = range_size(at);
	char *path = kmalloc(n, 0);
	int err;

	if (!path)
		return -ENOMEM;
	memfs_read(program->file, at.start, path, n);
	if (path[n - 1])
		err = refuse(start, "its loader's name has no end");
	else
		err = memfs_lookup(program->file->fs->root, path, 0, file);
	if (!err && !exec_may_run(*file))
		err = -EACCES;
	kfree(path);
	return err;
}

/* The loader that a program wants; without one nothing happens. */
static int open_loader(struct image *loader, const struct image *program,
		       const struct aspace *as, struct exec_start *start)
{
	struct memfs_node *file;
	int err;

	if (range_empty(program->elf.loader))
		return 0;
	err = find_loader(program, &file, start);
	if (err)
		return err;
	err = open_image(loader, file, as, start);
	return err == -ENOEXEC ? -ELIBBAD : err;
}

/* --- memory --- */

static uint32_t prot_of(uint32_t rights)
{
	return (rights & ELF_READ ? PROT_READ : 0) |
	       (rights & ELF_WRITE ? PROT_WRITE : 0) |
	       (rights & ELF_EXEC ? PROT_EXEC : 0);
}

/* Find room for all of an image: at its own addresses, at `hint` if that is free,
 * or anywhere. */
static int place(struct aspace *as, struct image *i, vaddr_t hint)
{
	const struct elf_image *e = &i->elf;
	uint64_t spare = e->align - ELF_PAGE, size = range_size(e->span);
	uint32_t flags = MAP_NORESERVE;
	vaddr_t at;

	if (e->header.fixed) {
		hint = e->span.start;
		flags |= MAP_FIXED_NOREPLACE;
		spare = 0;
	}
	if (size + spare < size ||
	    aspace_map_anonymous(as, hint, size + spare, PROT_NONE, flags,
				 &at) ||
	    aspace_munmap(as, at, size + spare))
		return -ENOMEM;
	/* A multiple of `align`, the first with all behind `at`. */
	if (!e->header.fixed)
		i->bias = at + ((e->span.start - at) & (e->align - 1)) -
			  e->span.start;
	return 0;
}

/* Zeros to the end of the page, behind the file's data. */
static int clear_tail(struct aspace *as, vaddr_t at)
{
	static const uint8_t zeros[256];
	vaddr_t end = align_up(at, PAGE_SIZE);
	size_t n;

	for (; at < end; at += n) {
		n = min_u64(end - at, sizeof(zeros));
		if (aspace_write(as, at, zeros, n) != n)
			return -ENOMEM;
	}
	return 0;
}

/* The pages that have something of the file. */
static int map_file(struct aspace *as, const struct image *i,
		    const struct elf_segment *s, struct range pages)
{
	bool clear = s->file_size < range_size(s->memory);
	uint32_t prot = prot_of(s->rights);
	struct aspace_mmap m = {
		.addr = pages.start,
		.len = range_size(pages),
		.prot = clear ? prot | PROT_READ | PROT_WRITE : prot,
		.flags = MAP_PRIVATE | MAP_FIXED,
		.object = i->file->object,
		.offset = align_down(s->offset, PAGE_SIZE),
		.object_ro = true,
	};
	vaddr_t at;
	int err = aspace_mmap(as, &m, &at);

	if (!err && clear)
		err = clear_tail(as, i->bias + s->memory.start + s->file_size);
	if (!err && m.prot != prot)
		err = aspace_mprotect(as, m.addr, m.len, prot);
	return err;
}

static int map_segment(struct aspace *as, const struct image *i,
		       const struct elf_segment *s)
{
	vaddr_t start = i->bias + s->memory.start;
	struct range pages = {align_down(start, PAGE_SIZE),
			      align_up(i->bias + s->memory.end, PAGE_SIZE)};
	vaddr_t middle = s->file_size
				 ? align_up(start + s->file_size, PAGE_SIZE)
				 : pages.start;
	int err = 0;

	if (middle > pages.start)
		err = map_file(as, i, s, range_make(pages.start, middle));
	if (!err && pages.end > middle)
		err = aspace_map_anonymous(as, middle, pages.end - middle,
					   prot_of(s->rights), MAP_FIXED,
					   &middle);
	return err ? -ENOMEM : 0;
}

static int map_image(struct aspace *as, struct image *i, vaddr_t hint)
{
	struct elf_segment s;
	uint32_t at = 0;
	int err = place(as, i, hint);

	while (!err && elf_next(&i->elf, &at, &s))
		err = map_segment(as, i, &s);
	return err;
}

/* What reports tell of the program itself, and what its heap counts with. */
static void describe(struct aspace *as, const struct image *i)
{
	struct elf_segment s;
	uint32_t at = 0;

	while (elf_next(&i->elf, &at, &s)) {
		vaddr_t start = i->bias + s.memory.start;

		if (s.rights & ELF_WRITE)
			as->image_data += s.file_size;
		if (s.rights & ELF_EXEC && range_empty(as->code))
			as->code = range_make(start, start + s.file_size);
	}
}

/* Two thirds up: a program that has a loader, and may go anywhere. Not where mmap()
 * places the others, so that the heap has room behind it. */
static vaddr_t middle_of(const struct aspace *as)
{
	return align_down(as->vmas.bounds.end / 3 * 2, PAGE_SIZE) +
	       aspace_random(RANDOM_BITS);
}

/* The heap is behind the program; one that mmap() has placed has none, and gets its
 * heap where one with a loader would be. */
static void place_heap(struct aspace *as, const struct image *program)
{
	bool anywhere =
		!program->elf.header.fixed && range_empty(program->elf.loader);
	vaddr_t at = anywhere ? middle_of(as)
			      : program->bias + program->elf.span.end;

	at = min_u64(at + aspace_random(HEAP_BITS), as->stack_top - PAGE_SIZE);
	as->brk = range_make(at, at);
}

/* Both images, and the stack around which they go. */
static int fill(struct aspace *as, struct image *program, struct image *loader,
		struct exec_stack *s, struct exec_start *start)
{
	const struct elf_image *e = &program->elf;
	const struct image *first = loader->file ? loader : program;
	int err;

	s->exec = e->stack_exec;
	err = exec_map_stack(as, s);
	if (!err)
		err = map_image(as, program, loader->file ? middle_of(as) : 0);
	if (!err && loader->file)
		err = map_image(as, loader, 0);
	if (err)
		return err;
	describe(as, program);
	place_heap(as, program);
	s->table = e->table_at ? program->bias + e->table_at : 0;
	s->entries = e->header.entries;
	s->entry = program->bias + e->header.entry;
	s->loader = loader->bias;
	start->pc = first->bias + first->elf.header.entry;
	start->exe = program->file;
	return exec_fill_stack(as, s, &start->sp);
}

static int load_elf(struct aspace *as, struct memfs_node *file,
		    struct exec_stack *s, struct exec_start *start)
{
	struct image program, loader = {0};
	int err = open_image(&program, file, as, start);

	if (!err)
		err = open_loader(&loader, &program, as, start);
	if (!err)
		err = fill(as, &program, &loader, s, start);
	kfree(program.table);
	kfree(loader.table);
	return err;
}

/* --- all of it --- */

int exec_load(struct aspace *as, const struct exec_program *p,
	      struct exec_start *start)
{
	static char none[] = "", *const nothing[] = {none, NULL};
	struct exec_stack s = {.path = p->path};
	struct exec_program now = *p;
	struct exec_script *scripts = NULL;
	int err;

	*start = (struct exec_start){0};
	if (!now.argv || !now.argv[0])
		now.argv = nothing; /* programs count on a name, at least */
	err = exec_resolve(&now, &scripts);
	if (!err)
		err = exec_count(&s.argv, now.argv);
	if (!err)
		err = exec_count(&s.envp, now.envp);
	if (!err)
		err = load_elf(as, now.file, &s, start);
	exec_free_scripts(scripts);
	return err;
}

void exec_name(const char *path, char name[EXEC_NAME])
{
	const char *last = strrchr(path, '/');
	size_t n;

	last = last ? last + 1 : path;
	n = strnlen(last, EXEC_NAME - 1);
	memcpy(name, last, n);
	name[n] = '\0';
}
