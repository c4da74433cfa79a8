/* Seed that is counted: natively only, for what is added stays. */
#include <string.h>

#include <kernel/ktest.h>
#include <kernel/random.h>

struct sum {
	const char *name;
	uint64_t bytes;
};

static void note(void *ctx, const char *source, uint64_t bytes)
{
	struct sum *s = ctx;

	if (!strcmp(source, s->name))
		s->bytes += bytes;
}

KTEST(random, sources_are_counted)
{
	struct sum before = {.name = "test"}, after = {.name = "test"};
	uint8_t data[100];

	random_bytes(data, sizeof(data));
	random_each(note, &before);
	random_add("test", data, sizeof(data));
	random_each(note, &after);
	EXPECT_EQ(after.bytes - before.bytes, sizeof(data));
	EXPECT(random_ready());
}
