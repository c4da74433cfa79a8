/*
 * kernel/exec.c on the simulated machine: what a program finds in memory when it
 * begins, looked at through its address space; and each way of not beginning.
 */
#include <stdio.h>
#include <string.h>

#include <kernel/exec.h>
#include <kernel/ktest.h>
#include <lib/errno.h>
#include <lib/rng.h>
#include <mm/aspace.h>
#include <mm/fail.h>
#include <mm/kmalloc.h>
#include <mm/object.h>
#include <mm/reclaim.h>
#include <mm/zone.h>

#include "cpio_make.h"
#include "elf_make.h"
#include "host_bed.h"

#define BASE	0x10000u
#define ARCHIVE KIB(256)
#define FILE_	0x3000u /* bytes of the files here */
#define HEADS	0x200u	/* of them for headers */
#define LOADER	"/lib/ld.so"

static struct memfs fs;
static struct make_cpio a;
static uint8_t file[FILE_];
static struct make_elf elf;
static struct aspace *as;
static struct exec_start start;

/* Each byte of a file can be told from the others near it. */
static uint8_t byte_at(uint64_t at)
{
	return (uint8_t)(at * 7 + at / 256);
}

static void begin_file(unsigned type, uint64_t base)
{
	for (unsigned i = 0; i < FILE_; i++)
		file[i] = byte_at(i);
	make_elf(&elf, type, base);
}

static void put(const char *name, unsigned mode)
{
	memcpy(file, &elf, HEADS);
	make_cpio_node(&a, name, mode, file, FILE_, 1, 1);
}

/* A quarter of all addresses, and just below. */
#define ASKEW_ALIGN ((uint64_t)1 << 45)
#define ASKEW	    (ASKEW_ALIGN - KIB(64))

/* The files of all tests: what each is for, its name says. */
static bool make_files(void)
{
	a = (struct make_cpio){.p = kmalloc(ARCHIVE, 0)};
	if (!a.p)
		return false;
	begin_file(MAKE_FIXED, BASE);
	put("fixed", 0100755);
	put("secret", 0100644);
	elf.e[1].memory_size = 0x100;
	elf.e[1].flags = ELF_READ;
	put("nozeros", 0100755);
	begin_file(MAKE_FIXED, BASE);
	elf.e[1].flags = ELF_READ;
	put("rozeros", 0100755);
	begin_file(MAKE_ANYWHERE, 0);
	elf.e[0].align = 0x200000;
	put("anywhere", 0100755);
	put("lib/ld.so", 0100755);
	begin_file(MAKE_ANYWHERE, ASKEW);
	elf.e[0].align = ASKEW_ALIGN;
	put("askew", 0100755);
	begin_file(MAKE_ANYWHERE, 0);
	elf.e[0].align = 0x200000;
	elf.h.entries = 3;
	elf.e[2] = (struct make_entry){.type = MAKE_INTERP,
				       .offset = 0x2000,
				       .file_size = sizeof(LOADER)};
	memcpy(file + 0x2000, LOADER, sizeof(LOADER));
	put("dynamic", 0100755);
	memcpy(file + 0x2000, "/lib/none", sizeof("/lib/none"));
	put("noloader", 0100755);
	memcpy(file + 0x2000, "/script", sizeof("/script"));
	put("badloader", 0100755);
	begin_file(MAKE_FIXED, BASE);
	elf.h.entries = 3;
	elf.e[2] = (struct make_entry){.type = MAKE_STACK,
				       .flags = ELF_READ | ELF_EXEC};
	put("xstack", 0100755);
	begin_file(MAKE_FIXED, BASE);
	elf.e[1].memory_size = (uint64_t)1 << 60;
	put("huge", 0100755);
	make_cpio(&a, "dir", 0040755, "");
	make_cpio(&a, "empty", 0100755, "");
	make_cpio(&a, "script", 0100755, "#! /fixed  -x  y \n");
	make_cpio(&a, "plain", 0100755, "#!fixed");
	make_cpio(&a, "nothing", 0100755, "#!  \n");
	make_cpio(&a, "none", 0100755, "#!/nothing-here\n");
	make_cpio(&a, "itself", 0100755, "#!/itself\n");
	make_cpio(&a, "s1", 0100755, "#!/script one\n");
	memset(file, 'x', 300);
	memcpy(file, "#!", 2);
	make_cpio_node(&a, "longname", 0100755, file, 300, 1, 1);
	memcpy(file, "#!/fixed ", 9);
	make_cpio_node(&a, "longline", 0100755, file, 300, 1, 1);
	return a.size < ARCHIVE;
}

static bool begin(void)
{
	struct memfs_report r;

	return make_files() && !memfs_create(&fs) &&
	       !memfs_unpack(&fs, a.p, a.size, &r) && !r.skipped;
}

static void end(void)
{
	memfs_destroy(&fs);
	kfree(a.p);
}

/* The result of a program's start; `as` is there if it is 0. */
static int run(const char *path, char *const *argv, char *const *envp)
{
	struct exec_program p = {
		.path = path, .cwd = fs.root, .argv = argv, .envp = envp};
	int err = memfs_lookup(fs.root, path, 0, &p.file);

	if (err)
		return err;
	as = aspace_create();
	if (!as)
		return -ENOMEM;
	aspace_layout(as);
	err = exec_load(as, &p, &start);
	if (err) {
		aspace_put(as);
		return err;
	}
	EXPECT(!aspace_check(as));
	EXPECT_EQ(start.sp % 16, 0);
	return 0;
}

static uint64_t word(vaddr_t at)
{
	uint64_t w = 0xdead;

	EXPECT_EQ(aspace_read(as, at, &w, sizeof(w)), sizeof(w));
	return w;
}

static bool text_is(vaddr_t at, const char *text)
{
	char buf[64] = "";

	aspace_read(as, at, buf, strlen(text) + 1);
	return !strcmp(buf, text);
}

/* Does memory hold so many bytes of the file from `offset` on? */
static bool file_at(vaddr_t at, uint64_t offset, size_t n)
{
	static uint8_t buf[FILE_];

	if (aspace_read(as, at, buf, n) != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (offset + i >= HEADS && buf[i] != byte_at(offset + i))
			return false;
	return true;
}

static bool zeros_at(vaddr_t at, size_t n)
{
	static uint8_t buf[0x3000];

	if (aspace_read(as, at, buf, n) != n)
		return false;
	while (n--)
		if (buf[n])
			return false;
	return true;
}

/* The value of an entry of the auxiliary vector, which begins there. */
static uint64_t aux(vaddr_t at, uint64_t type)
{
	for (unsigned i = 0; i < 40 && word(at); i++, at += 16)
		if (word(at) == type)
			return word(at + 8);
	return 0xdead;
}

/* What is behind the pointers: the next word. */
static vaddr_t skip(vaddr_t at)
{
	while (word(at))
		at += 8;
	return at + 8;
}

struct look {
	vaddr_t at;
	struct vma vma;
};

static int look_at(void *ctx, const struct vma *v)
{
	struct look *l = ctx;

	if (!range_has(v->va, l->at))
		return 0;
	l->vma = *v;
	return 1;
}

/* The rights at an address; VM_USER: nothing is there. */
static vm_prot_t rights(vaddr_t at)
{
	struct look l = {.at = at};

	return aspace_each(as, look_at, &l) ? l.vma.prot : VM_USER;
}

/* --- what a program finds --- */

static void check_fixed(void)
{
	EXPECT_EQ(start.pc, BASE + 0x180);
	EXPECT_EQ(rights(BASE), VM_READ | VM_EXEC);
	EXPECT_EQ(rights(BASE + 0x1000), VM_READ | VM_WRITE);
	EXPECT_EQ(rights(BASE + 0x3000), VM_READ | VM_WRITE);
	EXPECT_EQ(rights(BASE + 0x4000), VM_USER);
	EXPECT(file_at(BASE, 0, 0x1000));
	/* What is in front of the data in its page is the file's. */
	EXPECT(file_at(BASE + 0x1000, 0, 0x300));
	EXPECT(zeros_at(BASE + 0x1300, 0x2d00));
	EXPECT(as->brk.start >= BASE + 0x4000);
	EXPECT_EQ(as->brk.start, as->brk.end);
}

/* Code is the file's own pages, of which a space has copies of none but the last
 * with data. */
static void check_shared(void)
{
	struct aspace_stats s;

	aspace_stats(as, &s);
	EXPECT_EQ(s.shared, 1);
	EXPECT_EQ(s.faults[FAULTS_COPY], 1);
}

static void check_stack(void)
{
	vaddr_t sp = start.sp, vector;

	EXPECT_EQ(sp % 16, 0);
	EXPECT_EQ(word(sp), 2);
	EXPECT(text_is(word(sp + 8), "name"));
	EXPECT(text_is(word(sp + 16), "an argument"));
	EXPECT_EQ(word(sp + 24), 0);
	EXPECT(text_is(word(sp + 32), "A=b"));
	EXPECT_EQ(word(sp + 40), 0);
	vector = skip(skip(sp + 8));
	EXPECT_EQ(vector, sp + 48);
	EXPECT_EQ(aux(vector, 3), BASE + ELF_HEADER);
	EXPECT_EQ(aux(vector, 4), ELF_ENTRY);
	EXPECT_EQ(aux(vector, 5), 2);
	EXPECT_EQ(aux(vector, 6), PAGE_SIZE);
	EXPECT_EQ(aux(vector, 7), 0);
	EXPECT_EQ(aux(vector, 9), start.pc);
	EXPECT_EQ(aux(vector, 16), 0x112d);
	EXPECT_EQ(aux(vector, 17), 100);
	EXPECT_EQ(aux(vector, 23), 0);
	EXPECT(!zeros_at(aux(vector, 25), 16));
	EXPECT(text_is(aux(vector, 31), "/fixed"));
	EXPECT_EQ(word(as->stack_top - 8), 0);
	EXPECT_EQ(rights(sp), VM_READ | VM_WRITE);
	EXPECT_EQ(rights(sp - KIB(100)), VM_READ | VM_WRITE);
	EXPECT(text_is(as->args.start, "name"));
	EXPECT(text_is(as->env.start, "A=b"));
}

static char *argv[] = {(char[]){"name"}, (char[]){"an argument"}, NULL};
static char *envp[] = {(char[]){"A=b"}, NULL};

static void programs(void)
{
	EXPECT_EQ(run("/fixed", argv, envp), 0);
	check_fixed();
	check_shared();
	check_stack();
	aspace_put(as);
	/* No name: it gets an empty one. */
	EXPECT_EQ(run("fixed", NULL, NULL), 0);
	EXPECT_EQ(word(start.sp), 1);
	EXPECT(text_is(word(start.sp + 8), ""));
	EXPECT_EQ(word(start.sp + 24), 0);
	aspace_put(as);
	EXPECT_EQ(run("nozeros", argv, envp), 0);
	EXPECT_EQ(rights(BASE + 0x1000), VM_READ);
	EXPECT_EQ(rights(BASE + 0x2000), VM_USER);
	EXPECT(file_at(BASE + 0x1000, 0, 0x1000));
	aspace_put(as);
	EXPECT_EQ(run("rozeros", argv, envp), 0);
	EXPECT_EQ(rights(BASE + 0x1000), VM_READ);
	EXPECT_EQ(rights(BASE + 0x2000), VM_READ);
	EXPECT(zeros_at(BASE + 0x1300, 0x2d00));
	aspace_put(as);
	EXPECT_EQ(run("xstack", argv, envp), 0);
	EXPECT_EQ(rights(start.sp), VM_READ | VM_WRITE | VM_EXEC);
	aspace_put(as);
}

/* It keeps its distance to multiples of the alignment, and to the stack. */
static void askew_programs(void)
{
	for (unsigned i = 0; i < 8; i++) {
		vaddr_t base;

		EXPECT_EQ(run("askew", argv, envp), 0);
		base = start.pc - 0x180;
		EXPECT_EQ(base % ASKEW_ALIGN, ASKEW);
		EXPECT(base + MIB(64) < start.sp);
		EXPECT(file_at(base, 0, 0x1000));
		aspace_put(as);
	}
}

static void placed_programs(void)
{
	vaddr_t vector, base, loader;

	EXPECT_EQ(run("anywhere", argv, envp), 0);
	base = start.pc - 0x180;
	EXPECT(is_aligned(base, 0x200000) && base);
	EXPECT(file_at(base, 0, 0x1000));
	EXPECT(zeros_at(base + 0x1300, 0x2d00));
	vector = skip(skip(start.sp + 8));
	EXPECT_EQ(aux(vector, 3), base + ELF_HEADER);
	EXPECT_EQ(aux(vector, 7), 0);
	EXPECT_EQ(aux(vector, 9), start.pc);
	/* Room for a heap, though other mappings are near. */
	EXPECT(aspace_brk(as, as->brk.start + MIB(8)) ==
	       as->brk.start + MIB(8));
	aspace_put(as);

	EXPECT_EQ(run("dynamic", argv, envp), 0);
	vector = skip(skip(start.sp + 8));
	loader = aux(vector, 7);
	base = aux(vector, 9) - 0x180;
	EXPECT_EQ(start.pc, loader + 0x180);
	EXPECT_EQ(aux(vector, 3), base + ELF_HEADER);
	EXPECT_EQ(aux(vector, 5), 3);
	EXPECT(loader && base && loader != base);
	EXPECT(file_at(base + 0x1000, 0, 0x300));
	EXPECT(file_at(loader + 0x1000, 0, 0x300));
	EXPECT(as->brk.start >= base + 0x4000 && as->brk.start < base + GIB(2));
	aspace_put(as);
}

static void scripts(void)
{
	static const char *const words[] = {"/script", "one", "s1",
					    "an argument"};

	EXPECT_EQ(run("/script", argv, envp), 0);
	EXPECT_EQ(start.pc, BASE + 0x180);
	EXPECT_EQ(word(start.sp), 4);
	EXPECT(text_is(word(start.sp + 8), "/fixed"));
	EXPECT(text_is(word(start.sp + 16), "-x  y"));
	EXPECT(text_is(word(start.sp + 24), "/script"));
	EXPECT(text_is(word(start.sp + 32), "an argument"));
	EXPECT(text_is(aux(skip(skip(start.sp + 8)), 31), "/script"));
	EXPECT_EQ(start.exe->mode, 0100755);
	aspace_put(as);
	/* No line's end, a path from where we are, no arguments. */
	EXPECT_EQ(run("plain", NULL, NULL), 0);
	EXPECT_EQ(word(start.sp), 2);
	EXPECT(text_is(word(start.sp + 8), "fixed"));
	EXPECT(text_is(word(start.sp + 16), "plain"));
	aspace_put(as);
	/* A line that is too long has an argument that is cut. */
	EXPECT_EQ(run("longname", argv, envp), -ENOEXEC);
	EXPECT_EQ(run("longline", argv, envp), 0);
	EXPECT_EQ(word(start.sp + 24) - word(start.sp + 16), 256 - 9 + 1);
	aspace_put(as);
	EXPECT_EQ(run("s1", argv, envp), 0);
	EXPECT_EQ(word(start.sp), 6);
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		EXPECT(text_is(word(start.sp + 24 + 8 * i), words[i]));
	aspace_put(as);
}

static void refusals(void)
{
	static const struct {
		const char *path;
		int err;
	} c[] = {
		{"dir", -EACCES},      {"secret", -EACCES},
		{"empty", -ENOEXEC},   {"huge", -ENOEXEC},
		{"noloader", -ENOENT}, {"badloader", -ELIBBAD},
		{"nothing", -ENOEXEC}, {"none", -ENOENT},
		{"itself", -ELOOP},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(c); i++) {
		int err = run(c[i].path, argv, envp);

		if (err != c[i].err)
			ktest_fail(__FILE__, __LINE__, "%s: %d", c[i].path,
				   err);
		EXPECT(!start.why == (err != -ENOEXEC && err != -ELIBBAD) ||
		       !strcmp(c[i].path, "nothing"));
	}
}

/* --- how much there may be --- */

#define MANY 300000

static int run_many(uint64_t count, size_t length)
{
	char **list = kcalloc(MANY + 1, sizeof(*list), 0);
	char *text = kzalloc(EXEC_STRING_MAX + 1, 0);
	int err = -ENOMEM;

	if (list && text) {
		memset(text, 'x', length);
		for (uint64_t i = 0; i < count; i++)
			list[i] = text;
		err = run("fixed", list, NULL);
		if (!err) {
			EXPECT_EQ(word(start.sp), count);
			EXPECT(length > 60 ||
			       text_is(word(start.sp + 8 * count), text));
			aspace_put(as);
		}
	}
	kfree(list);
	kfree(text);
	return err;
}

static void sizes(void)
{
	/* 8 MiB of stack: 2 MiB, with the path's 6 bytes. */
	uint64_t most = (MIB(2) - 6) / (8 + 2);

	EXPECT_EQ(run_many(1, EXEC_STRING_MAX - 1), 0);
	EXPECT_EQ(run_many(1, EXEC_STRING_MAX), -E2BIG);
	EXPECT_EQ(run_many(most, 1), 0);
	EXPECT_EQ(run_many(most + 1, 1), -E2BIG);
	EXPECT_EQ(run_many(15, EXEC_STRING_MAX - 1), 0);
	EXPECT_EQ(run_many(16, EXEC_STRING_MAX - 1), -E2BIG);
}

static void out_of_memory(void)
{
	static const char *const path[] = {"fixed", "dynamic", "s1"};
	uint64_t before;

	for (unsigned i = 0; i < ARRAY_SIZE(path); i++) {
		unsigned n = 0;
		int err = run(path[i], argv, envp);

		EXPECT_EQ(err, 0);
		aspace_put(as);
		reclaim();
		before = zone_used_frames();
		do {
			fail_arm(++n, false);
			err = run(path[i], argv, envp);
			fail_arm(0, false);
			EXPECT(!err || err == -ENOMEM);
			if (!err)
				aspace_put(as);
		} while (err && n < 300);
		EXPECT(n > 10 && n < 300);
		reclaim();
		EXPECT_EQ(zone_used_frames(), before);
	}
}

/* --- random places --- */

static struct rng rng;

static uint64_t draw(void)
{
	return rng_next(&rng);
}

static void random_places(void)
{
	vaddr_t sp = 0, pc = 0, brk = 0;
	int same = 0;

	rng = rng_seed(ktest_seed());
	aspace_random_source = draw;
	for (unsigned i = 0; i < 20; i++) {
		EXPECT_EQ(run("anywhere", argv, envp), 0);
		EXPECT(file_at(start.pc - 0x180, 0, 0x1000));
		EXPECT(as->brk.start < as->stack_top);
		same += (sp == start.sp) + (pc == start.pc) +
			(brk == as->brk.start);
		sp = start.sp;
		pc = start.pc;
		brk = as->brk.start;
		aspace_put(as);
		EXPECT_EQ(run("/fixed", argv, envp), 0);
		check_fixed();
		check_stack();
		aspace_put(as);
	}
	EXPECT(same < 5);
	aspace_random_source = NULL;
}

/* --- headers of all kinds --- */

static uint64_t odd_number(void)
{
	static const uint64_t near[] = {0,
					0x200,
					0x1000,
					FILE_,
					BASE,
					(uint64_t)1 << 38,
					(uint64_t)1 << 63};
	uint64_t x = near[rng_below(&rng, ARRAY_SIZE(near))];

	switch (rng_below(&rng, 4)) {
	case 0:
		return x;
	case 1:
		return x + rng_below(&rng, 3) - 1;
	case 2:
		return x + (rng_below(&rng, 9) - 4) * PAGE_SIZE;
	default:
		return rng_next(&rng) >> rng_below(&rng, 64);
	}
}

static void draw_headers(void)
{
	make_elf(&elf, rng_below(&rng, 2) ? MAKE_FIXED : MAKE_ANYWHERE,
		 rng_below(&rng, 2) * BASE);
	elf.h.entries = (uint16_t)(2 + rng_below(&rng, 3));
	for (unsigned i = 2; i < 4; i++) {
		elf.e[i] = elf.e[i - 1];
		elf.e[i].address += 0x4000;
	}
	for (uint64_t n = rng_below(&rng, 4); n; n--) {
		struct make_entry *e = &elf.e[rng_below(&rng, 4)];
		uint64_t *field[] = {&e->offset,    &e->address,
				     &e->file_size, &e->memory_size,
				     &e->align,	    &elf.h.entry};
		uint64_t which = rng_below(&rng, ARRAY_SIZE(field) + 2);

		if (which < ARRAY_SIZE(field))
			*field[which] = odd_number();
		else if (which == ARRAY_SIZE(field))
			e->flags ^= 1u << rng_below(&rng, 3);
		else
			e->type = rng_below(&rng, 2) ? MAKE_INTERP : MAKE_STACK;
	}
}

/* Whatever they say: a space that is sound, or an error and all is given back. */
static void random_headers(void)
{
	uint64_t ran = 0, refused = 0, before = 0;
	struct memfs_node *n;

	rng = rng_seed(ktest_seed());
	REQUIRE(!memfs_lookup(fs.root, "fixed", 0, &n));
	KTEST_STEPS (i, ktest_ops() / 100) {
		int err;

		draw_headers();
		EXPECT_EQ(object_write(n->object, 0, &elf, HEADS), 0);
		err = run("fixed", argv, envp);
		ran += !err;
		refused += err == -ENOEXEC;
		EXPECT(!err || err == -ENOEXEC || err == -ENOMEM ||
		       err == -ENOENT);
		if (!err)
			aspace_put(as);
		if (i % 1000)
			continue;
		reclaim();
		EXPECT(!before || zone_used_frames() == before);
		before = zone_used_frames();
	}
	EXPECT(ran && refused);
}

static void (*test)(void);

static void body(void)
{
	host_bed_enter();
	REQUIRE(begin());
	test();
	end();
}

static void run_test(void (*fn)(void))
{
	static void (*const harts[])(void) = {body};

	test = fn;
	host_bed_run(1, 8, ktest_seed(), harts);
}

KTEST(exec, what_programs_find)
{
	run_test(programs);
}

KTEST(exec, programs_that_go_anywhere)
{
	run_test(askew_programs);
	run_test(placed_programs);
}

KTEST(exec, scripts)
{
	run_test(scripts);
}

KTEST(exec, refusals)
{
	run_test(refusals);
}

KTEST(exec, sizes_of_arguments)
{
	run_test(sizes);
}

KTEST(exec, out_of_memory_anywhere)
{
	run_test(out_of_memory);
}

KTEST(exec, random_places)
{
	run_test(random_places);
}

KTEST(exec, random_headers)
{
	run_test(random_headers);
}

KTEST(exec, names)
{
	char name[EXEC_NAME];

	exec_name("/bin/hello", name);
	EXPECT(!strcmp(name, "hello"));
	exec_name("a-name-that-is-long", name);
	EXPECT(!strcmp(name, "a-name-that-is-"));
	exec_name("/", name);
	EXPECT(!strcmp(name, ""));
}
