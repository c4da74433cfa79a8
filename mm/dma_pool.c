/*
 * Pools of small pieces that devices and the CPU see (<mm/dma.h>).
 *
 * A pool has pages from dma_alloc(), each cut into pieces and described by a bit
 * for each of them, outside of the page: a device can spoil nothing but data.
 *
 *	page	| 0 | 1 | 2 |  | 3 | 4 | 5 |  |	   boundary: half a page
 *	free	  1   0   0      1   1   1
 *
 * Pages with free pieces are in a list, all of them in a tree by their address, in
 * which the page of a piece is found. They stay until the pool is destroyed: it
 * never needs more than it once did.
 *
 *  I1  `nfree` of a page is the number of bits in `free`; it is in the list if
 *      that is not 0
 */
#include <lib/tree.h>
#include <mm/bug.h>
#include <mm/kmalloc.h>

#include "dma_impl.h"

#define CALLER	   ((uintptr_t)__builtin_return_address(0))
#define PIECE_MIN  8
#define PIECES_MAX (PAGE_SIZE / PIECE_MIN)

struct dma_pool {
	const char *name;
	struct dma_device *device;
	size_t size;	    /* of a piece, as asked for */
	uint32_t stride;    /* from one to the next */
	uint32_t block;	    /* bytes that pieces are cut from: no one crosses */
	uint32_t per_block; /* pieces */
	uint32_t per_page;
	struct spinlock lock;
	struct list partial; /* pages with free pieces (l) */
	struct tree pages;   /* all (l) */
	uint64_t live;	     /* pieces that are out (l) */
};

struct pool_page {
	struct tree_node node;
	struct list link;
	struct dma_buffer buffer;
	uint32_t nfree;			/* (l) */
	uint64_t free[PIECES_MAX / 64]; /* (l) */
};

struct dma_pool *dma_pool_create(struct dma_device *d, const char *name,
				 size_t size, size_t align, size_t boundary)
{
	size_t stride = max_u64(size, PIECE_MIN), block = PAGE_SIZE;
	struct dma_pool *p;

	if (!size || size > PAGE_SIZE || align & (align - 1) ||
	    align > PAGE_SIZE ||
	    (boundary && (!is_pow2(boundary) || boundary < size)))
		return NULL;
	align = max_u64(align, PIECE_MIN);
	stride = align_up(stride, align);
	if (boundary && boundary < block)
		block = boundary;
	/* One that is alone in its block needs no more than begin there. */
	if (stride > block)
		stride = block = max_u64(block, align);
	p = kzalloc(sizeof(*p), 0);
	if (!p)
		return NULL;
	p->name = name;
	p->device = d;
	p->size = size;
	p->stride = (uint32_t)stride;
	p->block = (uint32_t)block;
	p->per_block = (uint32_t)(block / stride);
	p->per_page = (uint32_t)(PAGE_SIZE / block) * p->per_block;
	spin_lock_init(&p->lock, LOCK_DMA);
	list_init(&p->partial);
	tree_init(&p->pages, NULL);
	return p;
}

static struct pool_page *page_of(struct tree_node *n)
{
	return n ? container_of(n, struct pool_page, node) : NULL;
}

static uintptr_t address(const struct pool_page *pg)
{
	return (uintptr_t)pg->buffer.cpu;
}

/* The page that has this address; NULL: none. */
static struct pool_page *find(const struct dma_pool *p, uintptr_t at)
{
	struct tree_node *n = p->pages.root;

	while (n && at - address(page_of(n)) >= PAGE_SIZE)
		n = n->child[at > address(page_of(n))];
	return page_of(n);
}

static void insert(struct dma_pool *p, struct pool_page *pg)
{
	struct tree_node **link = &p->pages.root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = &parent->child[address(page_of(parent)) < address(pg)];
	}
	tree_insert(&p->pages, &pg->node, parent, link);
	list_add(&p->partial, &pg->link);
}

/* One more page. Returns whether there is one. */
static bool grow(struct dma_pool *p, unsigned flags)
{
	struct pool_page *pg = kzalloc(sizeof(*pg), flags);
	uint64_t irq;

	if (!pg)
		return false;
	if (dma_alloc(p->device, &pg->buffer, PAGE_SIZE, 0, flags)) {
		kfree(pg);
		return false;
	}
	pg->nfree = p->per_page;
	for (unsigned i = 0; i < p->per_page; i++)
		pg->free[i / 64] |= (uint64_t)1 << i % 64;
	irq = spin_lock_irqsave(&p->lock);
	insert(p, pg);
	spin_unlock_irqrestore(&p->lock, irq);
	return true;
}

/* Where piece i of a page begins. */
static uint32_t offset_of(const struct dma_pool *p, unsigned i)
{
	return i / p->per_block * p->block + i % p->per_block * p->stride;
}

static void *take(struct dma_pool *p, dma_addr_t *bus)
{
	struct pool_page *pg;
	unsigned word = 0, i;

	if (list_empty(&p->partial))
		return NULL;
	pg = list_entry(p->partial.next, struct pool_page, link);
	while (!pg->free[word])
		word++;
	i = 64 * word + lowest_bit(pg->free[word]);
	pg->free[word] &= pg->free[word] - 1;
	if (!--pg->nfree)
		list_del(&pg->link);
	p->live++;
	*bus = pg->buffer.bus + offset_of(p, i);
	return (uint8_t *)pg->buffer.cpu + offset_of(p, i);
}

void *dma_pool_alloc(struct dma_pool *p, unsigned flags, dma_addr_t *bus)
{
	uint64_t irq;
	void *piece;

	do {
		irq = spin_lock_irqsave(&p->lock);
		piece = take(p, bus);
		spin_unlock_irqrestore(&p->lock, irq);
	} while (!piece && !(flags & ALLOC_ATOMIC) && grow(p, flags));
	return piece;
}

/* Returns whether it was out; else *kind says what is wrong. */
static bool put(struct dma_pool *p, uintptr_t at, enum mm_bug_kind *kind)
{
	struct pool_page *pg = find(p, at);
	uint32_t offset = (uint32_t)(at % PAGE_SIZE), i;
	uint64_t bit;

	*kind = BUG_INVALID_FREE;
	i = offset / p->block * p->per_block + offset % p->block / p->stride;
	if (!pg || i >= p->per_page || offset_of(p, i) != offset)
		return false;
	bit = (uint64_t)1 << i % 64;
	*kind = BUG_DOUBLE_FREE;
	if (pg->free[i / 64] & bit)
		return false;
	pg->free[i / 64] |= bit;
	if (!pg->nfree++)
		list_add(&p->partial, &pg->link);
	p->live--;
	return true;
}

static void report(const struct dma_pool *p, enum mm_bug_kind kind,
		   uintptr_t at, uintptr_t caller)
{
	mm_bug(&(struct mm_bug){
		.kind = kind,
		.cache = p->name,
		.object = at,
		.size = p->size,
		.at = at,
		.caller = caller,
	});
}

void dma_pool_free(struct dma_pool *p, void *piece)
{
	uint64_t irq = spin_lock_irqsave(&p->lock);
	enum mm_bug_kind kind;
	bool ok = put(p, (uintptr_t)piece, &kind);

	spin_unlock_irqrestore(&p->lock, irq);
	if (!ok)
		report(p, kind, (uintptr_t)piece, CALLER);
}

void dma_pool_destroy(struct dma_pool *p)
{
	struct tree_node *n;

	if (!p)
		return;
	if (p->live) {
		report(p, BUG_LEAK, (uintptr_t)p, CALLER);
		return;
	}
	while ((n = p->pages.root)) {
		struct pool_page *pg = page_of(n);

		tree_erase(&p->pages, n);
		dma_free(&pg->buffer);
		kfree(pg);
	}
	kfree(p);
}
