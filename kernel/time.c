/* The counter of <arch/cpu.h> as microseconds. */
#include <arch/cpu.h>
#include <kernel/time.h>

#define FASTEST 100000000u /* Hz, of the counters of machines in reach */

static uint64_t rate;
static uint64_t start;

void time_init(uint64_t hz)
{
	rate = hz;
	start = arch_time();
}

bool time_known(void)
{
	return rate != 0;
}

uint64_t time_ticks(uint64_t us)
{
	uint64_t hz = rate ? rate : FASTEST;

	return us / 1000000u * hz + us % 1000000u * hz / 1000000u;
}

/* In two steps, so that the product can't overflow. */
static uint64_t in_units(uint64_t ticks, uint64_t units)
{
	return rate ? ticks / rate * units + ticks % rate * units / rate : 0;
}

uint64_t time_us_of(uint64_t ticks)
{
	return in_units(ticks, 1000000u);
}

uint64_t time_us(void)
{
	return time_us_of(arch_time() - start);
}

uint64_t time_ns(void)
{
	return in_units(arch_time() - start, 1000000000u);
}
