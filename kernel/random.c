/*
 * See <kernel/random.h>.
 *
 *	random_add	key ^= 32 bytes of data; key = block(key)[0..31]
 *	random_bytes	key, once = block(key); out = blocks of the key `once`
 *
 * where block is ChaCha20's, fed with a counter and the time. So the key changes
 * with each request, what was given out can't be computed from a later key
 * ("fast key erasure", Bernstein 2017), and data is mixed in as OpenBSD's
 * arc4random does.
 *
 *  I1  each block of `key` is made once: the counter grows, the key is replaced
 *  I2  the lock is held for one block, whatever the size of the data
 *
 * The C library's arc4random would do the rest, but takes its seed once: what a
 * device gives later could not be added. It gets its seed from here
 * (libc/entropy.c).
 */
#include <string.h>

#include <arch/cpu.h>
#include <kernel/cpu.h>
#include <kernel/random.h>
#include <kernel/spinlock.h>
#include <lib/bits.h>
#include <lib/chacha20.h>
#include <lib/errno.h>

#define KEY	32u
#define SOURCES 4

static struct spinlock lock = SPINLOCK_INIT(LOCK_RANDOM);
static uint32_t key[KEY / 4]; /* (l) */
static uint64_t counter;      /* (l) */
static uint64_t given;	      /* bytes that sources gave (l) */
static struct {
	const char *name;
	uint64_t bytes;
} source[SOURCES]; /* (l) */

#define POOL 16 /* words */

struct pool {
	unsigned left;
	uint64_t word[POOL];
};

static PERCPU struct pool pool;

static struct random_source *sources;

/* No copy of ours of the key or the stream stays on the stack. */
static void wipe(volatile void *p, size_t n)
{
	for (volatile uint8_t *byte = p; n; n--)
		*byte++ = 0;
}

/* The next block of the key; its first half becomes the key. Returns the other
 * half in `once`. */
static void next_locked(uint32_t once[KEY / 4])
{
	uint64_t input[2] = {++counter, arch_time()};
	uint32_t words[4];
	uint8_t block[64];

	memcpy(words, input, sizeof(words));
	chacha20_block(key, words, block);
	memcpy(key, block, KEY);
	memcpy(once, block + KEY, KEY);
	wipe(block, sizeof(block));
}

static void note_locked(const char *name, size_t n)
{
	unsigned i = 0;

	given += n;
	while (i < SOURCES - 1 && source[i].name &&
	       strcmp(source[i].name, name) != 0)
		i++;
	source[i].name = name;
	source[i].bytes += n;
}

/* Up to KEY bytes. */
static void add_block(const char *name, const void *data, size_t n)
{
	uint32_t words[KEY / 4] = {0};
	uint64_t flags;

	memcpy(words, data, n);
	flags = spin_lock_irqsave(&lock);
	note_locked(name, n);
	for (unsigned i = 0; i < ARRAY_SIZE(key); i++)
		key[i] ^= words[i];
	next_locked(words);
	spin_unlock_irqrestore(&lock, flags);
	wipe(words, sizeof(words));
}

void random_add(const char *name, const void *data, size_t n)
{
	size_t step;

	for (size_t at = 0; at < n; at += step) {
		step = min_u64(n - at, KEY);
		add_block(name, (const uint8_t *)data + at, step);
	}
}

void random_add_tree(const struct fdt *t)
{
	fdt_node chosen = fdt_find(t, "/chosen");
	uint32_t size;
	const void *seed = chosen == FDT_NONE
				   ? NULL
				   : fdt_get(t, chosen, "rng-seed", &size);

	if (seed)
		random_add("rng-seed", seed, size);
}

void random_bytes(void *buf, size_t n)
{
	uint32_t once[KEY / 4], words[4] = {0};
	uint64_t flags = spin_lock_irqsave(&lock);
	uint8_t block[64];

	next_locked(once);
	spin_unlock_irqrestore(&lock, flags);
	for (size_t at = 0; at < n; at += sizeof(block)) {
		uint64_t number = at / sizeof(block);

		memcpy(words, &number, sizeof(number));
		chacha20_block(once, words, block);
		memcpy((uint8_t *)buf + at, block,
		       min_u64(n - at, sizeof(block)));
	}
	wipe(once, sizeof(once));
	wipe(block, sizeof(block));
}

uint64_t random_word(void)
{
	struct pool *p = this_cpu(pool);
	uint64_t word;

	if (!p->left) {
		random_bytes(p->word, sizeof(p->word));
		p->left = POOL;
	}
	word = p->word[--p->left];
	p->word[p->left] = 0;
	return word;
}

bool random_ready(void)
{
	uint64_t flags = spin_lock_irqsave(&lock);
	bool ready = given >= KEY;

	spin_unlock_irqrestore(&lock, flags);
	return ready;
}

void random_source_add(struct random_source *s)
{
	s->next = sources;
	sources = s;
}

void random_source_remove(struct random_source *s)
{
	struct random_source **at = &sources;

	while (*at && *at != s)
		at = &(*at)->next;
	if (*at)
		*at = s->next;
}

int random_ask(void)
{
	int first = sources ? 0 : -ENODEV;

	for (struct random_source *s = sources; s; s = s->next) {
		int err = s->ask(s);

		first = first ? first : err;
	}
	return first;
}

void random_each(void (*each)(void *ctx, const char *source, uint64_t bytes),
		 void *ctx)
{
	for (unsigned i = 0; i < SOURCES && source[i].name; i++)
		each(ctx, source[i].name, source[i].bytes);
}
