/* The console command fdt, on a tree built here. */
#include <kernel/shell.h>

/* Not among the commands of this program. */
#undef COMMAND
#define COMMAND(name, run, args, help) \
	_Static_assert(sizeof(args) && sizeof(help), "registered")
#define machine fdt_command_machine

#include <kernel/cmd_fdt.c>

#include <kernel/console.h>
#include <tests/unit/test_fdt_build.h>

struct devtree fdt_command_machine;

static char output[4096];
static size_t used;

static void capture(const struct console_device *d, const char *s, size_t n)
{
	(void)d;
	for (; n && used < sizeof(output) - 1; n--, s++)
		if (*s != '\r')
			output[used++] = *s;
	output[used] = 0;
}

static int no_input(const struct console_device *d)
{
	(void)d;
	return -1;
}

/* Run the command; returns its status, its output is in `output`. */
static int run(const char *a, const char *b, const char *c)
{
	static const struct console_device device = {
		.name = "test", .write = capture, .getc = no_input};
	const struct console_device *before = console_current();
	char word[3][64], *argv[5] = {(char[]){"fdt"}};
	const char *args[] = {a, b, c};
	int argc = 1, status;

	for (unsigned i = 0; i < 3 && args[i]; i++) {
		strcpy(word[i], args[i]);
		argv[argc++] = word[i];
	}
	used = 0;
	output[0] = 0;
	console_set(&device);
	status = cmd_fdt(argc, argv);
	console_set(before);
	return status;
}

static bool board(void)
{
	struct fb b;

	if (!fb_start(&b))
		return false;
	fb_node(&b, "");
	fb_node(&b, "aliases");
	fb_string(&b, "serial0", "/soc/uart@10");
	fb_end(&b);
	fb_node(&b, "soc");
	fb_flag(&b, "ranges");
	fb_node(&b, "uart@10");
	FB_CELLS(&b, "phandle", 7);
	FB_CELLS(&b, "timebase-frequency", 4000000);
	FB_LIST(&b, "compatible", "maker,\"uart\0ns16550a");
	fb_prop(&b, "mac", "\x00\x1a\xff", 3);
	fb_string(&b, "empty", "");
	fb_end(&b);
	fb_node(&b, "off");
	fb_string(&b, "status", "disabled");
	fb_end(&b);
	fb_end(&b);
	fb_end(&b);
	return fb_open(&b, &machine.fdt) == 0;
}

KTEST(fdt_command, list)
{
	REQUIRE(board());
	EXPECT_EQ(run("list", NULL, NULL), 0);
	EXPECT(strcmp(output, "/\n  aliases\n  soc\n    uart@10\n"
			      "    off (disabled)\n") == 0);
	EXPECT_EQ(run("list", "/soc", NULL), 0);
	EXPECT(strcmp(output, "soc\n  uart@10\n  off (disabled)\n") == 0);
	EXPECT_EQ(run("list", "/soc/off", NULL), 0);
	EXPECT(strcmp(output, "off (disabled)\n") == 0);
}

KTEST(fdt_command, show)
{
	static const char *const names[] = {"/soc/uart@10", "serial0", "&7",
					    "&0x7"};

	REQUIRE(board());
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		EXPECT_EQ(run("show", names[i], NULL), 0);
		EXPECT(strcmp(output, "uart@10 {\n"
				      "\tphandle = <0x7>;\n"
				      "\ttimebase-frequency = <0x3d0900>;\n"
				      "\tcompatible = \"maker,\\\"uart\", "
				      "\"ns16550a\";\n"
				      "\tmac = [00 1a ff];\n"
				      "\tempty = [00];\n"
				      "};\n") == 0);
	}
	EXPECT_EQ(run("show", "/soc", NULL), 0);
	EXPECT(strcmp(output, "soc {\n\tranges;\n\tuart@10 { ... };\n"
			      "\toff { ... };\n};\n") == 0);
}

KTEST(fdt_command, unknown_nodes_and_usage)
{
	REQUIRE(board());
	EXPECT_EQ(run("show", "/nowhere", NULL), 1);
	EXPECT(strstr(output, "/nowhere: no such node"));
	EXPECT_EQ(run("list", "serial9", NULL), 1);
	EXPECT_EQ(run("show", "&9", NULL), 1);
	EXPECT_EQ(run("show", "&", NULL), 1);
	EXPECT_EQ(run("show", "&0x100000007", NULL), 1);
	EXPECT_EQ(run(NULL, NULL, NULL), SHELL_USAGE);
	EXPECT_EQ(run("show", NULL, NULL), SHELL_USAGE);
	EXPECT_EQ(run("list", "/", "/"), SHELL_USAGE);
	EXPECT_EQ(run("print", "/", NULL), SHELL_USAGE);
}
