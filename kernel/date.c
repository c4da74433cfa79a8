/*
 * The time of day. The calendar by arithmetic alone: years begin in March here, so
 * that a leap day is the last one of its year, and months before it have lengths
 * with a period of five. An era is 400 years, after which all repeats.
 */
#include <kernel/date.h>
#include <kernel/printk.h>
#include <kernel/shell.h>

#define ERA   146097u /* days */
#define EPOCH 719468u /* days from 0000-03-01 to 1970-01-01 */
#define DAY   86400u  /* seconds */

static const struct date_clock *the_clock;

void date_clock_set(const struct date_clock *c)
{
	the_clock = c;
}

bool date_now(uint64_t *ns)
{
	if (the_clock)
		*ns = the_clock->read(the_clock->arg);
	return the_clock;
}

struct date date_of(uint64_t ns)
{
	uint64_t seconds = ns / 1000000000u;
	unsigned days = (unsigned)(seconds / DAY) + EPOCH;
	unsigned second = (unsigned)(seconds % DAY);
	unsigned in_era = days % ERA;
	/* Without the leap days, all years are of 365. */
	unsigned year =
		(in_era - in_era / 1460 + in_era / 36524 - in_era / (ERA - 1)) /
		365;
	unsigned day = in_era - (365 * year + year / 4 - year / 100);
	unsigned month = (5 * day + 2) / 153; /* 0: March */

	return (struct date){
		.year = year + 400 * (days / ERA) + (month >= 10),
		.month = month < 10 ? month + 3 : month - 9,
		.day = day - (153 * month + 2) / 5 + 1,
		.hour = second / 3600,
		.minute = second / 60 % 60,
		.second = second % 60,
	};
}

static int cmd_date(int argc, char **argv)
{
	struct date d;
	uint64_t ns;

	(void)argc;
	(void)argv;
	if (!date_now(&ns)) {
		kprintf("date: there is no clock that knows\n");
		return 1;
	}
	d = date_of(ns);
	kprintf("%04u-%02u-%02u %02u:%02u:%02u UTC\n", d.year, d.month, d.day,
		d.hour, d.minute, d.second);
	return 0;
}
COMMAND(date, cmd_date, "", "what the time-of-day clock says");
