/* See <kernel/files.h>. */
#include <kernel/files.h>
#include <kernel/load.h>
#include <kernel/printk.h>
#include <lib/errno.h>
#include <lib/printable.h>

static struct memfs files;

static void tell(const char *from, const struct memfs_report *r)
{
	pr_info("files: %llu from %s, %llu KiB\n",
		(unsigned long long)r->entries, from,
		(unsigned long long)(files.bytes + 1023) / 1024);
	if (r->skipped)
		pr_warn("files: %llu left out: no directories, files or links, "
			"or not to be placed\n",
			(unsigned long long)r->skipped);
	if (r->error)
		pr_warn("files: %s: %s at byte %llu%s%s%s\n", from, r->error,
			(unsigned long long)r->at, r->name[0] ? " (" : "",
			r->name, r->name[0] ? ")" : "");
}

static void unpack(void)
{
	const char *from = "initrd";
	struct memfs_report r;
	uint64_t size;
	const void *archive = load_initrd_archive(&size);

	if (!archive) {
		from = "load";
		archive = load_archive(&size);
	}
	if (!archive) {
		pr_warn("files: there are none, without an initrd\n");
		return;
	}
	memfs_unpack(&files, archive, size, &r);
	tell(from, &r);
}

struct memfs_node *files_root(void)
{
	if (!files.root && !memfs_create(&files))
		unpack();
	return files.root;
}

const char *files_strerror(int err)
{
	static const struct {
		int err;
		const char *text;
	} table[] = {
		{ENOENT, "no such file"},
		{ENOTDIR, "a part of its path is no directory"},
		{ELOOP, "too many links"},
		{ENAMETOOLONG, "too long a path"},
		{EACCES, "not to be executed"},
		{ENOEXEC, "no program for this machine, or a broken one"},
		{ELIBBAD, "its loader is no good"},
		{E2BIG, "too many arguments"},
		{ENOMEM, "no memory"},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(table); i++)
		if (table[i].err == -err)
			return table[i].text;
	return "an error";
}
