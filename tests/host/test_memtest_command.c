/*
 * The memtest command, from its options to the last line of its log, on a machine
 * that is made up (memtest_bed.h).
 */
#include "memtest_bed.h"

#include <kernel/memtest_log.c>
#include <kernel/memtest_pool.c>
#include <kernel/memtest_map.c>
#include <kernel/memtest_harts.c>
#include <kernel/memtest_reach.c>
#include <kernel/memtest_progress.c>
#include <kernel/memtest_report.c>
#include <kernel/memtest_kernel.c>
#include <kernel/memtest_session.c>
#include <kernel/cmd_memtest.c>

#include "memtest_look.h"

/* ---- what is tested ---- */

KTEST(memtest_command, sound_memory_passes)
{
	for (unsigned harts = 1; harts <= BED_CPUS; harts++) {
		fresh();
		bed.online = (1u << harts) - 1;
		mark_used();
		EXPECT_EQ(run("memtest --test address,marchc1 --passes 2"), 0);
		check_run(TOTAL);
		EXPECT_EQ(count("ev=error"), 0);
		EXPECT_EQ(count("ev=suspect what=cache"), 1);
		EXPECT_EQ(count("ev=test_start "), 4);
		EXPECT_EQ(count(" test_pct=100 "), 4);
		EXPECT_EQ(count("ev=pass_end "), 2);
		EXPECT_EQ(count(" status=pass "), 2 + 3);
		EXPECT(value("ev=done", "skipped") >= USED * PAGE_SIZE);
		EXPECT_EQ(value("ev=done", "untested"), KIB(128));
		EXPECT(strstr(user.log, "\nmemtest: PASS, 6."));
		EXPECT(strstr(user.log, " MiB not (firmware 128.0 KiB, "
					"kernel 1."));
		EXPECT(ends_with(" MiB), 0 errors\r\n"));
		EXPECT_EQ(bed.nfree, BED_FRAMES - USED);
		EXPECT_EQ(bed.pages[BED_FRAMES].state, PAGE_FREE);
		EXPECT(used_is_as_marked());
	}
}

KTEST(memtest_command, the_kernel_moves_out_of_its_memory)
{
	for (unsigned harts = 1; harts <= BED_CPUS; harts++) {
		fresh();
		bed.online = (1u << harts) - 1;
		mark_used();
		EXPECT_EQ(run("memtest --test address,marchc1 --kernel yes"),
			  0);
		check_run(TOTAL);
		EXPECT(bed.displaced > 0);
		EXPECT_EQ(count("ev=displace "), bed.displaced);
		EXPECT_EQ(value("ev=done", "tested"), MIB(8));
		EXPECT_EQ(value("ev=done", "skipped"), 0);
		EXPECT(ends_with("\nmemtest: PASS, 8.0 MiB tested, 128.0 KiB "
				 "not (firmware 128.0 KiB), 0 errors\r\n"));
		EXPECT_EQ(bed.nfree, BED_FRAMES - USED);
		EXPECT(used_is_as_marked());
	}
}

/* What could not move when the run began can, later: told is what was promised. */
KTEST(memtest_command, what_can_be_had_changes)
{
	fresh();
	mark_used();
	bed.late = 1;
	EXPECT_EQ(run("memtest --test address --kernel yes"), 0);
	check_run(TOTAL);
	EXPECT_EQ(value("ev=done", "untested"), KIB(128 + 64));
	EXPECT(ends_with(" MiB tested, 192.0 KiB not (firmware 128.0 KiB, "
			 "late-hart 64.0 KiB), 0 errors\r\n"));
	EXPECT(used_is_as_marked());
}

/* The console's hart is 10; it need not test. */
KTEST(memtest_command, harts_that_were_asked_for)
{
	static const struct {
		const char *list, *told;
	} lists[] = {
		{"10", "10"},	    {"11", "11"},
		{"12-13", "12,13"}, {"13,10-11", "10,11,13"},
		{"10,10,10", "10"}, {"10-13", "10,11,12,13"},
	};
	char line[100];

	for (unsigned i = 0; i < ARRAY_SIZE(lists); i++) {
		fresh();
		bed.online = (1u << BED_CPUS) - 1;
		mark_used();
		snprintf(line, sizeof(line),
			 "memtest --test marchc1 --kernel yes --harts %s",
			 lists[i].list);
		EXPECT_EQ(run(line), 0);
		check_run(TOTAL);
		snprintf(line, sizeof(line), " harts=%s cache=", lists[i].told);
		EXPECT_EQ(count(line), 1);
		EXPECT_EQ(value("ev=done", "tested"), MIB(8));
		EXPECT(used_is_as_marked());
	}
}

KTEST(memtest_command, range_is_kept_to_and_gaps_are_told)
{
	uint64_t used = USED + 100;
	uint64_t at = BED_START + used * PAGE_SIZE;

	fresh();
	bed_set_free(used, 1, false);
	for (uint64_t i = 0; i < BED_FRAMES * 512; i++)
		bed.memory[i] = ~i;
	EXPECT_EQ(run("memtest --test address --kernel no --range "
		      "0x80180008-0x80900000"),
		  0);
	check_run(0x80900000 - 0x80180008);
	EXPECT_EQ(count("why=kernel"), 1);
	EXPECT_EQ(count("ev=untested start=0x80800000 end=0x80900000 "
			"why=not-ram"),
		  1);
	EXPECT_EQ(value("ev=done", "skipped"), PAGE_SIZE);
	for (uint64_t i = 0; i <= 0x180000 / 8; i++)
		EXPECT_EQ(bed.memory[i], ~i);
	for (uint64_t i = 0; i < 512; i++)
		EXPECT_EQ(bed.memory[used * 512 + i], ~(used * 512 + i));
	EXPECT(bed.memory[0x180008 / 8] != ~(uint64_t)(0x180008 / 8));
	EXPECT_EQ(bed.nfree, BED_FRAMES - USED - 1);
	/* The frame that is in use is the kernel's: with a range, it is tested. */
	EXPECT_EQ(run("memtest --test address --range 0x80180008-0x80800000"),
		  0);
	check_run(0x80800000 - 0x80180008);
	EXPECT_EQ(value("ev=kernel", "start"), at);
	EXPECT_EQ(value("ev=kernel", "end"), at + PAGE_SIZE);
	EXPECT_EQ(value("ev=done", "tested"), 0x80800000 - 0x80180008);
	for (uint64_t i = 0; i < 512; i++)
		EXPECT_EQ(bed.memory[used * 512 + i], ~(used * 512 + i));
}

/* What is known to be bad is left alone. */
KTEST(memtest_command, bad_frames_are_told)
{
	fresh();
	mark_used();
	bed_set_free(1000, 500, false);
	bed_bad[0] = range_make(BED_START + 4 * PAGE_SIZE,
				BED_START + 5 * PAGE_SIZE);
	bed_bad[1] = range_make(BED_START + 1000 * PAGE_SIZE,
				BED_START + 1500 * PAGE_SIZE);
	EXPECT_EQ(run("memtest --test address --kernel yes"), 0);
	check_run(TOTAL);
	EXPECT_EQ(count("ev=untested start=0x80004000 end=0x80005000 why=bad "),
		  1);
	EXPECT_EQ(count("ev=untested start=0x803e8000 end=0x805dc000 why=bad "),
		  1);
	EXPECT_EQ(value("ev=done", "tested"), MIB(8) - 501 * PAGE_SIZE);
	EXPECT(used_is_as_marked());
}

KTEST(memtest_command, only_the_kernels_memory)
{
	fresh();
	mark_used();
	EXPECT_EQ(run("memtest --test address --range 0x80000008-0x80001008"),
		  0);
	check_run(PAGE_SIZE);
	EXPECT_EQ(count("ev=region "), 0);
	EXPECT_EQ(value("ev=done", "tested"), PAGE_SIZE);
	EXPECT_EQ(bed.displaced, 1);
	EXPECT(used_is_as_marked());
	EXPECT_EQ(bed.nfree, BED_FRAMES - USED);
}

KTEST(memtest_command, nothing_tested_is_no_pass)
{
	fresh();
	EXPECT_EQ(run("memtest --test all --passes 0 --range "
		      "0x40000000-0x40001000"),
		  1);
	check_run(4096);
	EXPECT_EQ(value("ev=done", "untested"), 4096);
	EXPECT_EQ(count("status=error passes=0 errors=0 tested=0 "), 3);
	EXPECT(ends_with("\nmemtest: FAIL, nothing tested, 4.0 KiB not "
			 "(not-ram 4.0 KiB), 0 errors\r\n"));
	/* The kernel does not move. */
	bed.err = -EBUSY;
	EXPECT_EQ(run("memtest --test address --range 0x80000000-0x80001000"),
		  1);
	EXPECT_EQ(count("ev=stays start=0x80000000 end=0x80200000 why=busy "),
		  1);
	EXPECT_EQ(value("ev=done", "untested"), 4096);
	EXPECT_EQ(count("ev=displace"), 0);
	EXPECT_EQ(bed.nfree, BED_FRAMES - USED);
	bed.no_memory = true;
	EXPECT_EQ(run("memtest"), 1);
	EXPECT(ends_with("memtest: FAIL, no memory to work with\r\n"));
}

KTEST(memtest_command, cache_modes)
{
	fresh();
	EXPECT_EQ(run("memtest --test address --cache flush"), 0);
	EXPECT_EQ(count(" cache=flush verified=unknown "), 1);
	EXPECT_EQ(run("memtest --test address"), 0);
	EXPECT_EQ(count(" cache=wb verified=yes "), 1);
	/* Views of what the direct map does not show are not to be had. */
	EXPECT_EQ(run("memtest --test address --cache uncached --kernel yes"),
		  0);
	check_run(TOTAL);
	EXPECT_EQ(bed.displaced, 0);
	EXPECT(count("why=uncached") > 0);
	EXPECT(value("ev=done", "untested") >= USED * PAGE_SIZE);
	/* A range that begins at the end of a page has a part of one more. */
	EXPECT_EQ(run("memtest --test address --cache uncached --range "
		      "0x80400ff8-0x80402010"),
		  0);
	EXPECT_EQ(bed_viewed.start, 0x80400000);
	EXPECT_EQ(bed_viewed.end, 0x80403000);
	EXPECT_EQ(value("ev=done", "tested"), 0x1018);
	/* Too many pieces. */
	for (uint64_t i = USED; i < BED_FRAMES; i += 2)
		bed_set_free(i, 1, false);
	EXPECT_EQ(run("memtest --test address --cache uncached"), 1);
	EXPECT_EQ(bed_views, 0);
	EXPECT_EQ(count("status=error"), 3);
	EXPECT(strstr(user.log, "memtest: FAIL, nothing tested: free memory is "
				"in too many pieces"));
	bed.mode_err = -EIO;
	EXPECT_EQ(run("memtest --test address --cache flush"), 1);
	EXPECT_EQ(count("status=error"), 3);
	EXPECT(ends_with("memtest: FAIL, nothing tested: the cache is on "
			 "strike\r\n"));
	EXPECT_EQ(bed.nfree, (BED_FRAMES - USED) / 2);
	EXPECT_EQ(run("memtest verify-cache"), 77);
}

/* ---- errors ---- */

#define FLIPS 20

static void plan_flips(uint64_t first, uint64_t step, unsigned n, uint64_t bits)
{
	user.nflips = n;
	user.bits = bits;
	for (unsigned i = 0; i < n; i++)
		user.flips[i] = first + step * i;
}

KTEST(memtest_command, flips_are_reported_exactly)
{
	char line[400];

	fresh();
	bed.online = 7;
	plan_flips(0x150000 / 8, 40009, FLIPS, (uint64_t)1 << 42);
	EXPECT_EQ(run("memtest --hold 100 --test marchc1 --kernel no --range "
		      "0x80150000-0x80800000 --run-id me"),
		  1);
	check_run(0x80800000 - 0x80150000);
	EXPECT_EQ(count("ev=error "), FLIPS);
	EXPECT_EQ(count("ev=errors "), 0);
	for (unsigned i = 0; i < FLIPS; i++) {
		snprintf(line, sizeof(line),
			 " addr=0x%llx expect=0x0000000000000000 "
			 "actual=0x0000040000000000 xor=0x0000040000000000 "
			 "bits=1 bit=42 lanes=0x20 class=unknown "
			 "again=0x0000040000000000,0x0000040000000000 cache=wb "
			 "pattern=0x0000000000000000 crc=",
			 LL(BED_START + 8 * user.flips[i]));
		EXPECT_EQ(count(line), 1);
	}
	EXPECT_EQ(count(" type=data hart="), FLIPS);
	EXPECT(count(" hart=10 ") && count(" hart=11 ") && count(" hart=12 "));
	EXPECT(count("ev=hold start=0x80150000 end=0x80800000 "));
	EXPECT_EQ(count("ev=bits bit=42 up=20 down=0 "), 1);
	EXPECT_EQ(count("ev=suspect what=data-line "), 1);
	EXPECT_EQ(count("ev=done run=me status=fail passes=1 errors=20 "), 3);
	EXPECT(ends_with(", 20 errors\r\n"));
	/* Each is in a frame of its own: all are gone. */
	EXPECT_EQ(bed.nfree, BED_FRAMES - USED - FLIPS);
	EXPECT_EQ(count("state=retired"), FLIPS);
	EXPECT_EQ(count("ev=dts text=\" reg = <0x0>; // \\\"x\\\" \\\\\" crc="),
		  1);
	EXPECT_EQ(count("ev=memmap text=memmap=1$2 "), 1);
}

KTEST(memtest_command, flips_in_the_kernels_memory)
{
	fresh();
	bed.online = 3;
	bed.flushes = true;
	mark_used();
	plan_flips(5, 512 * 30, 10, (uint64_t)1 << 3 | (uint64_t)1 << 60);
	user.after = "ev=displace start=0x80000000 end=0x80200000 ";
	EXPECT_EQ(run("memtest --hold 50 --test marchc1 --kernel yes"), 1);
	EXPECT_EQ(count("ev=error "), 10);
	EXPECT_EQ(count(" class=stuck "), 10);
	EXPECT_EQ(count(" bits=2 bit=3 lanes=0x81 "), 10);
	EXPECT_EQ(count(" state=in-use "), 10);
	EXPECT(used_is_as_marked());
	EXPECT_EQ(bed.nfree, BED_FRAMES - USED);
}

/* It does not move to where there were errors. */
KTEST(memtest_command, the_spare_block_is_a_good_one)
{
	fresh();
	mark_used();
	plan_flips(600 * 512, 500 * 512, 2, 1);
	EXPECT_EQ(run("memtest --hold 1 --test marchc1 --kernel yes"), 1);
	EXPECT_EQ(count("ev=error "), 2);
	EXPECT(bed.displaced > 0);
	EXPECT_EQ(count(" spare=0x80600000 "), bed.displaced);
	EXPECT(used_is_as_marked());
}

/* It is named, in ticks, after 30 s; holds are no stalls. */
KTEST(memtest_command, a_hart_that_stalls)
{
	fresh();
	bed.online = 3;
	bed_slow.cpu = 1;
	bed_slow.ms = 65000;
	EXPECT_EQ(run("memtest --test address --hold 50000"), 0);
	check_run(TOTAL);
	EXPECT_EQ(count("ev=hold "), 2);
	EXPECT(count("ev=tick ") > 15);
	EXPECT_EQ(count("ev=stall hart=11 since=10 "), 3);
	EXPECT_EQ(count("ev=stall "), 3);
}

/* What fails only when it is to be lived in has failed. */
KTEST(memtest_command, the_spare_blocks_errors_count)
{
	fresh();
	bed.online = 3;
	bed.cpu = 1;
	mark_used();
	plan_flips(0x200000 / 8, 1, 1, 2);
	user.after = "ev=test_end ";
	user.when = "mb_s=";
	EXPECT_EQ(run("memtest --test marchc1 --kernel yes --harts 10"), 1);
	check_run(TOTAL);
	EXPECT_EQ(count("ev=error "), 1);
	EXPECT_EQ(count(" name=databus type=data hart=11 addr=0x80200000 "), 1);
	EXPECT_EQ(count(" spare=0x80400000 "), bed.displaced);
	EXPECT_EQ(count("ev=done run="),
		  count(" status=fail passes=1 errors=1 "));
	EXPECT(used_is_as_marked());
}

/* 0 stands for a time that can't be told. */
KTEST(memtest_command, times_beyond_all_numbers)
{
	fresh();
	user.interrupt_after = 400;
	EXPECT_EQ(run("memtest --test address --hold 20000 --tick 5 --passes "
		      "18446744073709551615"),
		  130);
	EXPECT(count("ev=tick ") > 1);
	EXPECT_EQ(count("ev=tick "), count(" eta_s=0 "));
	/* Months, by a fast clock. */
	EXPECT_EQ(rate((uint64_t)1 << 62, (uint64_t)1 << 40),
		  (uint64_t)1 << (22 + RATE));
}

KTEST(memtest_command, holds_and_fades)
{
	fresh();
	EXPECT_EQ(run("memtest --test fade,address --fade 70"), 0);
	EXPECT_EQ(count("ev=hold "), 2);
	EXPECT_EQ(count(" ms=70 test="), 2);
	EXPECT_EQ(count(" name=fade why=fade "), 2);
	EXPECT_EQ(run("memtest --test fade,address --fade 0 --hold 30"), 0);
	EXPECT_EQ(count("ev=hold "), 2);
	EXPECT_EQ(count(" name=address why=hold "), 2);
}

KTEST(memtest_command, errors_beyond_the_limit_are_ranges)
{
	fresh();
	plan_flips(USED * 512, 1, 200, 1);
	EXPECT_EQ(run("memtest --hold 1 --test marchc1 --range "
		      "0x8012c000-0x80800000"),
		  1);
	check_run(0x80800000 - 0x8012c000);
	EXPECT_EQ(count("ev=error "), 64);
	EXPECT_EQ(count("errors=200 shown=64 "), 1);
	EXPECT_EQ(count("ev=errors pass=1 test="), 1);
	EXPECT_EQ(count(" name=marchc1 start=0x8012c200 end=0x8012c640 "
			"count=136 xor_or=0x0000000000000001 "),
		  1);
	EXPECT_EQ(count("ev=done run="), 3);
	EXPECT_EQ(count("status=fail passes=1 errors=200 "), 3);
}

/* Where a quarter of all frames and more would go, none does. */
KTEST(memtest_command, too_many_bad_frames_are_kept)
{
	fresh();
	plan_flips(USED * 512, 512 * 8, 200, 1);
	EXPECT_EQ(run("memtest --hold 1 --test marchc1 --range "
		      "0x8012c000-0x80400000"),
		  1);
	EXPECT(count("ev=bad ") > 0);
	EXPECT_EQ(count("ev=bad "), count(" state=retired "));
	bed.has_session = false;
	fresh();
	plan_flips(USED * 512, 512, 200, 1);
	EXPECT_EQ(run("memtest --hold 1 --test marchc1 --range "
		      "0x8012c000-0x80200000"),
		  1);
	EXPECT_EQ(count("ev=bad "), 1);
	EXPECT_EQ(count(" state=kept "), 1);
	EXPECT_EQ(count("ev=dts"), 0);
	EXPECT_EQ(bed.nfree, BED_FRAMES - USED);
}

/* A range that is several has a part in it that nobody may retire. */
KTEST(memtest_command, merged_ranges_have_gaps)
{
	const struct console_device *console = console_current();
	static struct memtest_session s;
	struct range bad = range_make(BED_START + 600 * PAGE_SIZE,
				      BED_START + 700 * PAGE_SIZE);
	struct range gap = range_make(BED_START + 640 * PAGE_SIZE,
				      BED_START + 650 * PAGE_SIZE);

	fresh();
	EXPECT_EQ(memblock_claim(&ram, gap, REGION_NOMAP), 0);
	memset(&s, 0, sizeof(s));
	list_init(&s.pool.blocks);
	s.pool_tested = MIB(8);
	s.errors.bad.n = 1;
	s.errors.bad.range[0].bytes = bad;
	console_set(&bed_keeper);
	retire(&s);
	console_set(console);
	for (unsigned i = 0; i < BED_FRAMES; i++)
		EXPECT_EQ(bed.bad[i],
			  i >= 600 && i < 700 && (i < 640 || i >= 650));
}

KTEST(memtest_command, the_last_run_again)
{
	fresh();
	plan_flips(USED * 512, 1, 3, 1 << 5);
	EXPECT_EQ(run("memtest --hold 1 --test marchc1 --run-id one"), 1);
	EXPECT_EQ(run("memtest last"), 0);
	EXPECT_EQ(count("MTLOG seq=0 ts=0.0 ev=start format=2 arch=riscv64 "
			"run=one profile=none tests=marchc1 range=all "),
		  1);
	EXPECT_EQ(count(" hold_ms=1 fade_ms=1 kernel=no again=yes crc="), 1);
	EXPECT_EQ(count("MTLOG seq=1 ts=0.0 ev=bits bit=5 up=3 "), 1);
	EXPECT_EQ(count("ev=suspect what=cell "), 1);
	EXPECT_EQ(count("ev=done run=one status=fail passes=1 errors=3 "), 3);
	user.nflips = 0;
	EXPECT_EQ(run("memtest --test address --run-id two"), 0);
	EXPECT_EQ(run("memtest last"), 0);
	EXPECT_EQ(count("MTLOG "), 4);
	EXPECT_EQ(count(" cache=wb verified=yes "), 1);
	EXPECT_EQ(count("ev=done run=two status=pass passes=1 errors=0 "), 3);
}

/* ---- ^C ---- */

/* At each moment that there is. */
KTEST(memtest_command, interrupt_ends_with_a_verdict)
{
	uint64_t n = 0;
	int status;

	fresh();
	bed.online = 3;
	mark_used();
	do {
		user.interrupt_after = ++n;
		status = run("memtest --hold 130 --test address,marchc1 "
			     "--kernel yes --passes 2");
		EXPECT(status == 130 || status == 0);
		check_run(TOTAL);
		EXPECT_EQ(count("\nmemtest: INTERRUPTED, "), status == 130);
		EXPECT_EQ(count("not-reached"),
			  value("ev=done", "skipped") != 0);
		EXPECT_EQ(bed.nfree, BED_FRAMES - USED);
	} while (status == 130 && n < 1000);
	EXPECT(n > 50);
	EXPECT_EQ(status, 0);
	EXPECT(used_is_as_marked());
}

KTEST(memtest_command, interrupt_ends_a_hold)
{
	fresh();
	user.interrupt_after = 20;
	EXPECT_EQ(run("memtest --hold 600000 --test marchc1 --tick 60"), 130);
	EXPECT_EQ(count("ev=hold "), 1);
	EXPECT(user.now < 60000);
}

KTEST(memtest_command, interrupted_with_errors_is_a_failure)
{
	fresh();
	plan_flips(USED * 512, 1, 1, 1);
	user.interrupt_after = 20;
	EXPECT_EQ(run("memtest --hold 100 --passes 0 --test marchc1"), 1);
	check_run(TOTAL);
	EXPECT_EQ(count(" status=fail passes=0 errors=1 "), 3);
	/* No test had got through anything: is it one frame, or all? */
	EXPECT_EQ(count(" state=kept "), 1);
	EXPECT(ends_with(", 1 errors, interrupted\r\n"));
}

/* ---- options ---- */

KTEST(memtest_command, options_are_told)
{
	fresh();
	EXPECT_EQ(run("memtest --profile standard --test address --passes 3 "
		      "--seed 77 --hold 2 --kernel no --run-id a.B-9_"),
		  0);
	EXPECT_EQ(count("MTLOG seq=0 ts=0.0 ev=start format=2 "
			"arch=riscv64 run=a.B-9_ profile=standard "
			"tests=address range=all passes=3 seed=77 harts=10 "
			"cache=wb verified=yes hold_ms=2 fade_ms=2 kernel=no "
			"crc="),
		  1);
	EXPECT_EQ(count("board=\"The \\\"model\\\" ?\" compatible="), 1);
	EXPECT_EQ(count("sbi=\"OpenSBI \\\"9\\\" \\\\\" sbi_spec=3.0 "), 1);
	EXPECT_EQ(run("memtest --profile soak --passes 1 --fade 5 --hold 9 "
		      "--test random"),
		  0);
	EXPECT_EQ(count(" hold_ms=9 fade_ms=5 kernel=yes "), 1);
	EXPECT_EQ(run("memtest --hold 9 --fade 5 --test random --kernel yes "
		      "--profile quick"),
		  0);
	EXPECT_EQ(count(" profile=quick tests=random "), 1);
	EXPECT_EQ(count(" passes=1 seed=1 "), 1);
	EXPECT_EQ(count(" hold_ms=9 fade_ms=5 kernel=yes "), 1);
}

/* The first line is whole, as programs rely on it. */
KTEST(memtest_command, the_longest_first_line)
{
	fresh();
	bed.online = (1u << BED_CPUS) - 1;
	EXPECT_EQ(run("memtest --profile standard --test all --passes 1 "
		      "--range 0x0000000080400000-0x0000000080402000 "
		      "--seed 18446744073709551615 --hold 1 --fade 86400000 "
		      "--cache uncached --kernel yes "
		      "--run-id 12345678901234567890123456789012"),
		  0);
	EXPECT_EQ(count("cut=yes"), 0);
	EXPECT_EQ(count(" harts=10,11,12,13 cache=uncached verified=unknown "
			"hold_ms=1 fade_ms=86400000 kernel=yes crc="),
		  1);
}

KTEST(memtest_command, bad_arguments_are_refused)
{
	static const char *const bad[] = {
		"memtest --test",
		"memtest --test nosuch",
		"memtest --test marchc,",
		"memtest --test ,marchc",
		"memtest --range 0x80000000",
		"memtest --range 0x80000004-0x80001000",
		"memtest --range 0x80001000-0x80000000",
		"memtest --passes x",
		"memtest --hold 99999999999",
		"memtest --fade -1",
		"memtest --seed",
		"memtest --tick 0",
		"memtest --harts",
		"memtest --harts x",
		"memtest --harts 10,",
		"memtest --harts 10-",
		"memtest --harts 11-10",
		"memtest --harts 9",
		"memtest --harts 11",
		"memtest --harts 10-99999999999999999999",
		"memtest --harts 10;10",
		"memtest --cache l2",
		"memtest --kernel maybe",
		"memtest --profile slow",
		"memtest --run-id a/b",
		"memtest --run-id 123456789012345678901234567890123",
		"memtest 5",
		"memtest --list 5",
		"memtest last 5",
		"memtest --what 5",
	};

	fresh();
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(run(bad[i]), SHELL_USAGE);
		EXPECT_EQ(count("memtest: "), 1);
		EXPECT_EQ(count("MTLOG"), 0);
		EXPECT_EQ(bed.nfree, BED_FRAMES - USED);
	}
	EXPECT_EQ(run("memtest --list"), 0);
	EXPECT_EQ(count("\n"), 2 + memtest_ntests);
}

/* ---- lines ---- */

KTEST(memtest_command, long_lines_lose_keys_and_say_so)
{
	const struct console_device *console = console_current();
	struct memtest_line l;
	char text[600];

	fresh();
	memset(text, 'x', sizeof(text));
	text[599] = '\0';
	console_set(&bed_keeper);
	memtest_log_begin();
	memtest_line_begin(&l, "one");
	memtest_line_put(&l, " a=1");
	memtest_line_text(&l, "b", text);
	memtest_line_put(&l, " c=3");
	memtest_line_end(&l);
	memtest_log("two");
	text[0] = ' ';
	memtest_line_begin(&l, "three");
	memtest_line_text(&l, "b", text);
	memtest_line_end(&l);
	memtest_line_begin(&l, "four");
	for (unsigned i = 0; i < 100; i++)
		memtest_line_put(&l, " k%u=%u", i, i);
	memtest_line_end(&l);
	console_set(console);
	check_lines();
	EXPECT_EQ(count(" ev=one a=1 cut=yes crc="), 1);
	EXPECT_EQ(count(" ev=two crc="), 1);
	EXPECT_EQ(count(" ev=three cut=yes crc="), 1);
	EXPECT_EQ(count(" k40=40 "), 1);
	EXPECT_EQ(count(" cut=yes crc="), 3);
}
