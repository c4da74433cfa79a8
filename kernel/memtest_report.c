/*
 * What the memory tester says before its first test and after its last:
 * see <kernel/memtest_session.h>, docs/memtest-log.md.
 *
 * Each byte of RAM, or of the range that was asked for, is named once: as one of
 * `region`, `kernel` and `untested`; so the bytes of the last line add up to it.
 */
#include <string.h>

#include <arch/firmware.h>
#include <kernel/badram.h>
#include <kernel/devtree.h>
#include <kernel/displace.h>
#include <kernel/memtest_log.h>
#include <kernel/memtest_map.h>
#include <kernel/memtest_session.h>
#include <kernel/printk.h>
#include <kernel/ram.h>
#include <kernel/shell.h>
#include <mm/kmap.h>

#define LL(x) ((unsigned long long)(x))

#define STATUS_FAIL 1
#define FORMAT	    2
#define MOST_BAD    4 /* no more than this part of what was tested */

/* ---- the start ---- */

/* `more`: keys that only some have. */
static void log_run(const struct memtest_options *o, enum cache_verdict verdict,
		    const char *more)
{
	static const char *const verified[] = {
		[CACHE_UNKNOWN] = "unknown",
		[CACHE_WORKS] = "yes",
		[CACHE_FAILS] = "no",
	};
	struct memtest_line l;
	const char *comma = "";

	memtest_line_begin(&l, "start");
	memtest_line_put(&l, " format=%u arch=riscv64 run=%s", FORMAT,
			 o->run_id);
	memtest_line_put(&l, " profile=%s tests=", o->profile);
	for (unsigned i = 0; i < memtest_ntests; i++)
		if (o->tests >> i & 1) {
			memtest_line_put(&l, "%s%s", comma,
					 memtest_tests[i].name);
			comma = ",";
		}
	if (o->has_range)
		memtest_line_put(&l, " range=0x%llx-0x%llx", LL(o->range.start),
				 LL(o->range.end));
	else
		memtest_line_put(&l, " range=all");
	memtest_line_put(&l, " passes=%llu seed=%llu harts=", LL(o->passes),
			 LL(o->seed));
	comma = "";
	for_each_cpu (cpu, o->harts) {
		memtest_line_put(&l, "%s%llu", comma,
				 LL(memtest_hartid((unsigned)cpu)));
		comma = ",";
	}
	memtest_line_put(&l, " cache=%s verified=%s", cache_mode_name(o->cache),
			 verified[verdict]);
	memtest_line_put(&l, " hold_ms=%llu fade_ms=%llu kernel=%s%s",
			 LL(o->hold_ms), LL(o->fade_ms),
			 o->kernel ? "yes" : "no", more);
	memtest_line_end(&l);
}

static void log_board(void)
{
	const char *compatible =
		fdt_get_str(&machine.fdt, fdt_root(&machine.fdt), "compatible");
	struct memtest_line l;

	memtest_line_begin(&l, "info");
	memtest_line_text(&l, "board", machine.model);
	memtest_line_text(&l, "compatible", compatible ? compatible : "");
	memtest_line_put(&l, " mem_mb=%llu", LL(memblock_total(&ram) >> 20));
	memtest_line_end(&l);
}

/* Of the first hart that tests: they are alike. */
static void log_cpu(const struct memtest_session *s)
{
	const char *isa = NULL;
	struct memtest_line l;
	cpumask_t left = cpus_online();
	unsigned harts = 0;

	for (unsigned i = 0; i < machine.ncpu; i++)
		if (machine.cpu[i].hartid == s->harts.hart[0].hartid)
			isa = fdt_get_str(&machine.fdt, machine.cpu[i].node,
					  "riscv,isa");
	for (; left; left &= left - 1)
		harts++;
	memtest_line_begin(&l, "info");
	memtest_line_put(&l, " harts=%u mmu=Sv%u timebase=%u", harts,
			 12 + 9 * kernel_pgtable.levels, machine.timebase);
	memtest_line_text(&l, "cpu", isa ? isa : "unknown");
	memtest_line_end(&l);
}

static void log_firmware(void)
{
	struct firmware_facts f;
	struct memtest_line l;

	arch_firmware_facts(&f);
	memtest_line_begin(&l, "info");
	memtest_line_text(&l, "sbi", f.name);
	memtest_line_put(&l,
			 " sbi_spec=%u.%u mvendorid=0x%llx marchid=0x%llx "
			 "mimpid=0x%llx",
			 f.spec_major, f.spec_minor, LL(f.vendor), LL(f.arch),
			 LL(f.implementation));
	memtest_line_end(&l);
}

static void log_caches(void)
{
	struct cache_facts f;

	cache_facts(&f);
	memtest_log("info cache_l2=%llu line=%llu cache_guessed=%s flusher=%s "
		    "uncached=%s",
		    LL(f.largest), LL(f.line), f.guessed ? "yes" : "no",
		    f.flusher ? f.flusher : "none",
		    f.uncached ? f.uncached : "none");
}

/* ---- memory ---- */

/* Bytes that were not tested; `skipped`: they could have been. */
static void account(struct memtest_session *s, uint64_t bytes, const char *why,
		    bool skipped)
{
	unsigned i = 0;

	if (!bytes)
		return;
	if (skipped)
		s->skipped += bytes;
	else
		s->untested += bytes;
	while (i < MEMTEST_WHYS - 1 && s->why[i].why &&
	       strcmp(s->why[i].why, why) != 0)
		i++;
	if (!s->why[i].why)
		s->why[i].why = i < MEMTEST_WHYS - 1 ? why : "others";
	s->why[i].bytes += bytes;
}

static void log_untested(struct memtest_session *s, struct range bytes,
			 const char *why, bool skipped)
{
	memtest_log("untested start=0x%llx end=0x%llx why=%s", LL(bytes.start),
		    LL(bytes.end), why);
	account(s, range_size(bytes), why, skipped);
}

/* `*behind` is where the last block ends that was counted. */
static void log_kernel(struct memtest_session *s, struct range bytes,
		       uint64_t *behind)
{
	struct range blocks = range_align_out(bytes, DISPLACE_BLOCK);

	if (!s->o.kernel) {
		log_untested(s, bytes, "kernel", true);
		return;
	}
	/* Uncached views are of memory where the direct map says it is. */
	if (s->o.cache == CACHE_UNCACHED) {
		log_untested(s, bytes, "uncached", false);
		return;
	}
	memtest_log("kernel start=0x%llx end=0x%llx", LL(bytes.start),
		    LL(bytes.end));
	s->kernel_bytes += range_size(bytes);
	blocks.start = max_u64(blocks.start, *behind);
	s->kernel_blocks += range_size(blocks) / DISPLACE_BLOCK;
	*behind = max_u64(*behind, blocks.end);
}

void memtest_report_memory(struct memtest_session *s)
{
	struct memtest_map m;
	struct memtest_span span;
	uint64_t behind = 0;

	s->span = range_make(UINT64_MAX, 0);
	memtest_map_begin(&m, &s->pool, s->o.has_range);
	while (memtest_map_next(&m, &span)) {
		switch (span.place) {
		case MEMTEST_POOL:
			memtest_log("region start=0x%llx end=0x%llx",
				    LL(span.bytes.start), LL(span.bytes.end));
			s->span.start =
				min_u64(s->span.start, span.bytes.start);
			s->span.end = span.bytes.end;
			s->pool_bytes += range_size(span.bytes);
			break;
		case MEMTEST_KERNEL:
			log_kernel(s, span.bytes, &behind);
			break;
		case MEMTEST_NOT:
			log_untested(s, span.bytes, span.why, false);
			break;
		}
	}
	s->errors.span = range_size(s->span);
}

void memtest_report_start(const struct memtest_session *s)
{
	log_run(&s->o, cache_verified(s->o.cache), "");
	log_board();
	log_cpu(s);
	log_firmware();
	log_caches();
}

void memtest_report_again(const struct memtest_outcome *o)
{
	log_run(&o->o, o->verified, " again=yes");
}

/* ---- the end ---- */

static void log_suspect(void *ctx, const char *what, const char *detail)
{
	struct memtest_line l;

	(void)ctx;
	memtest_line_begin(&l, "suspect");
	memtest_line_put(&l, " what=%s", what);
	memtest_line_text(&l, "detail", detail);
	memtest_line_end(&l);
}

void memtest_report_errors(const struct memtest_errors *e)
{
	for (unsigned b = 0; b < 64; b++)
		if (e->bit[b].up || e->bit[b].down)
			memtest_log("bits bit=%u up=%llu down=%llu", b,
				    LL(e->bit[b].up), LL(e->bit[b].down));
	memtest_suspect(e, log_suspect, NULL);
}

void memtest_report_outcome(const struct memtest_outcome *o)
{
	for (unsigned i = 0; i < 3; i++)
		memtest_log("done run=%s status=%s passes=%llu errors=%llu "
			    "tested=%llu untested=%llu skipped=%llu ms=%llu "
			    "lines=%llu",
			    o->o.run_id, o->status, LL(o->passes),
			    LL(o->errors), LL(o->tested), LL(o->untested),
			    LL(o->skipped), LL(o->ms), LL(o->lines));
}

/* "12.3 MiB", or KiB when it is less than one MiB, or bytes. */
static void print_size(uint64_t bytes)
{
	unsigned shift = bytes < MIB(1) ? 10 : 20;
	uint64_t tenths = (bytes & (((uint64_t)1 << shift) - 1)) * 10 >> shift;

	if (bytes < KIB(1))
		kprintf("%llu B", LL(bytes));
	else
		kprintf("%llu.%llu %s", LL(bytes >> shift), LL(tenths),
			shift == 10 ? "KiB" : "MiB");
}

static void print_not_tested(const struct memtest_session *s)
{
	const char *between = " not (";

	if (!s->untested && !s->skipped)
		return;
	print_size(s->untested + s->skipped);
	for (unsigned i = 0; i < MEMTEST_WHYS && s->why[i].why; i++) {
		kprintf("%s%s ", between, s->why[i].why);
		print_size(s->why[i].bytes);
		between = ", ";
	}
	kprintf("), ");
}

/* For people. */
static void print_verdict(const struct memtest_session *s, int status)
{
	const struct memtest_outcome *o = &s->outcome;

	kprintf("memtest: %s, ", status == 0		 ? "PASS"
				 : status == STATUS_FAIL ? "FAIL"
							 : "INTERRUPTED");
	if (o->tested || memtest_stopped(s))
		print_size(o->tested);
	else
		kprintf("nothing");
	kprintf(" tested, ");
	print_not_tested(s);
	kprintf("%llu errors%s\n", LL(o->errors),
		o->errors && memtest_stopped(s) ? ", interrupted" : "");
}

static void fill_outcome(struct memtest_session *s, const char *status)
{
	struct memtest_outcome *o = &s->outcome;

	o->o = s->o;
	o->verified = cache_verified(s->o.cache);
	o->status = status;
	o->passes = s->passes;
	o->errors = s->errors.count;
	o->tested = s->pool_tested + s->kernel_tested;
	o->untested = s->untested;
	o->skipped = s->skipped;
	o->ms = memtest_ms(arch_time() - s->start);
	o->lines = memtest_log_lines();
}

int memtest_report_refusal(struct memtest_session *s, const char *why)
{
	fill_outcome(s, "error");
	memtest_report_outcome(&s->outcome);
	kprintf("memtest: FAIL, nothing tested: %s\n", why);
	return STATUS_FAIL;
}

/* An error outweighs an interruption: a program that reads only the last line must
 * not miss it. Nothing tested is no pass. */
static int verdict(struct memtest_session *s)
{
	bool stopped = memtest_stopped(s), nothing;

	/* What was to be tested, and was not reached or could not be had. */
	account(s, s->pool_bytes - s->pool_tested, "not-reached", true);
	account(s, s->kernel_bytes - s->kernel_tested,
		stopped ? "not-reached" : "kernel", stopped);
	nothing = !stopped && !(s->pool_tested + s->kernel_tested);
	fill_outcome(s, s->errors.count ? "fail"
			: nothing	? "error"
			: stopped	? "interrupted"
					: "pass");
	return s->errors.count || nothing ? STATUS_FAIL
	       : stopped		  ? SHELL_INTERRUPTED
					  : 0;
}

/* Errors that a cache counted while tests ran. */
static void log_ecc(const struct memtest_session *s)
{
	uint64_t corrected, lost;
	struct memtest_line l;

	cache_ecc(&corrected, &lost);
	corrected -= s->ecc_corrected;
	lost -= s->ecc_lost;
	if (!corrected && !lost)
		return;
	memtest_line_begin(&l, "suspect");
	memtest_line_put(&l,
			 " what=cache detail=\"the cache itself had errors: "
			 "%llu corrected, %llu lost\"",
			 LL(corrected), LL(lost));
	memtest_line_end(&l);
}

/* `ctx` is the name of the event. */
static void log_text(void *ctx, const char *text)
{
	struct memtest_line l;

	memtest_line_begin(&l, *(const char **)ctx);
	memtest_line_text(&l, "text", text);
	memtest_line_end(&l);
}

/* A range of bad frames may be several that became one: between them there may be
 * what is no RAM of ours. */
static void retire_range(struct range bad)
{
	for (unsigned i = 0; i < ram.n; i++) {
		struct range part = range_intersect(bad, ram.region[i].range);

		part = range_align_in(part, PAGE_SIZE);
		if (!range_empty(part) && badram_is_ram(part))
			badram_add(part);
	}
}

/* Frames that failed are never allocated again. But the fault is none of cells
 * where so many failed, and the kernel could not live on the rest. */
static void retire(struct memtest_session *s)
{
	const char *dts = "dts", *memmap = "memmap";
	uint64_t bad = 0;
	bool keep;

	for (unsigned i = 0; i < s->errors.bad.n; i++)
		bad += range_size(s->errors.bad.range[i].bytes);
	keep = bad > (s->pool_tested + s->kernel_tested) / MOST_BAD;
	for (unsigned i = 0; i < s->errors.bad.n && !keep; i++)
		retire_range(s->errors.bad.range[i].bytes);
	/* What is in use goes when it becomes free: now. */
	memtest_pool_release(&s->pool);
	for (unsigned i = 0; i < s->errors.bad.n; i++) {
		struct range r = s->errors.bad.range[i].bytes;

		memtest_log("bad start=0x%llx end=0x%llx state=%s", LL(r.start),
			    LL(r.end),
			    keep				? "kept"
			    : badram_state(r) == BADRAM_RETIRED ? "retired"
								: "in-use");
	}
	if (bad && !keep) {
		badram_each_line(BADRAM_DTS, log_text, &dts);
		badram_each_line(BADRAM_MEMMAP, log_text, &memmap);
	}
}

int memtest_report_end(struct memtest_session *s)
{
	int status;

	memtest_report_errors(&s->errors);
	log_ecc(s);
	retire(s);
	status = verdict(s);
	memtest_report_outcome(&s->outcome);
	print_verdict(s, status);
	return status;
}
