/* The calendar, against dates that are known and one day after the other. */
#include <kernel/date.h>
#include <kernel/ktest.h>
#include <lib/crc32.h>

#define DAY_NS 86400000000000u

static bool is(uint64_t seconds, unsigned year, unsigned month, unsigned day,
	       unsigned hour, unsigned minute, unsigned second)
{
	struct date d = date_of(seconds * 1000000000u + 999999999u);

	return d.year == year && d.month == month && d.day == day &&
	       d.hour == hour && d.minute == minute && d.second == second;
}

KTEST(date, known_ones)
{
	EXPECT(is(0, 1970, 1, 1, 0, 0, 0));
	EXPECT(is(951782399, 2000, 2, 28, 23, 59, 59));
	EXPECT(is(951782400, 2000, 2, 29, 0, 0, 0));
	EXPECT(is(981173106, 2001, 2, 3, 4, 5, 6));
	EXPECT(is(2147483648, 2038, 1, 19, 3, 14, 8));
	EXPECT(is(4107542400, 2100, 3, 1, 0, 0, 0));
	EXPECT(is(18446744072, 2554, 7, 21, 23, 34, 32));
}

static unsigned length(unsigned year, unsigned month)
{
	bool leap = (year % 4 == 0 && year % 100) || year % 400 == 0;

	if (month == 2)
		return leap ? 29 : 28;
	return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

KTEST(date, every_day)
{
	unsigned year = 1970, month = 1, day = 1, wrong = 0;

	for (uint64_t n = 0; n < UINT64_MAX / DAY_NS; n++) {
		struct date d = date_of(n * DAY_NS);

		wrong += d.year != year || d.month != month || d.day != day;
		if (day++ < length(year, month))
			continue;
		day = 1;
		if (month++ < 12)
			continue;
		month = 1;
		year++;
	}
	EXPECT_EQ(wrong, 0);
	EXPECT_EQ(year, 2554);
}

/* The check value of catalogues of CRCs. */
KTEST(crc32, check_value)
{
	EXPECT_EQ(crc32(0, "123456789", 9), 0xcbf43926u);
	EXPECT_EQ(crc32(crc32(0, "1234", 4), "56789", 5), 0xcbf43926u);
	EXPECT_EQ(crc32(0, "", 0), 0);
}
