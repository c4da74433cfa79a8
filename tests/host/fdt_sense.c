/* See fdt_sense.h. */
#include <string.h>

#include <lib/fdt_irq.h>
#include <lib/fdt_reg.h>

#include "fdt_sense.h"

static uint64_t mix(uint64_t digest, uint64_t v)
{
	return (digest ^ v) * 0x100000001b3u;
}

static uint64_t mix_string(uint64_t digest, const char *s)
{
	while (*s)
		digest = mix(digest, (uint8_t)*s++);
	return digest;
}

static uint64_t visit_props(const struct fdt *t, fdt_node n, uint64_t digest)
{
	struct fdt_prop p;
	const char *s;

	for (bool ok = fdt_first_prop(t, n, &p); ok;
	     ok = fdt_next_prop(t, &p)) {
		digest = mix_string(digest, p.name);
		for (uint32_t i = 0; i < p.size; i++)
			digest = mix(digest, p.data[i]);
		for (unsigned i = 0; i < 8; i++) {
			s = fdt_list_item(p.data, p.size, i);
			if (!s)
				break;
			digest = mix_string(digest, s);
			if (fdt_list_find(p.data, p.size, s) < 0)
				__builtin_trap();
		}
	}
	return digest;
}

static uint64_t visit_regs(const struct fdt *t, fdt_node n, uint64_t digest)
{
	struct range r;

	for (unsigned i = 0; i < 8; i++) {
		if (fdt_reg(t, n, i, &r) == 0) {
			if (r.end < r.start)
				__builtin_trap();
			digest = mix(digest, r.start + r.end);
		}
		if (fdt_reg_phys(t, n, i, &r) == 0) {
			if (r.end < r.start)
				__builtin_trap();
			digest = mix(digest, r.start + r.end);
		}
	}
	if (fdt_reg_phys_named(t, n, "regs", &r) == 0)
		digest = mix(digest, r.start);
	return digest;
}

static uint64_t visit_irqs(const struct fdt *t, fdt_node n, uint64_t digest)
{
	fdt_node parent = fdt_irq_parent(t, n);
	struct fdt_irq q;

	for (unsigned i = 0; i < 8; i++) {
		if (fdt_irq(t, n, parent, i, &q))
			continue;
		if (!q.ncells || q.ncells > FDT_IRQ_CELLS ||
		    !fdt_get(t, q.parent, "#interrupt-cells", NULL))
			__builtin_trap();
		for (unsigned k = 0; k < q.ncells; k++)
			digest = mix(digest, q.cell[k]);
	}
	return digest;
}

uint64_t fdt_visit_all(const struct fdt *t)
{
	uint64_t digest = t->nnodes, base, size;
	uint32_t nodes = 0, phandle;
	int depth = 0;

	for (unsigned i = 0; fdt_memreserve(t, i, &base, &size); i++)
		digest = mix(digest, base + size);
	for (fdt_node n = fdt_root(t); n != FDT_NONE;
	     n = fdt_next(t, n, &depth)) {
		nodes++;
		if (depth < 0 || depth > FDT_MAX_DEPTH)
			__builtin_trap();
		digest = mix_string(digest, fdt_name(t, n));
		digest = visit_props(t, n, digest);
		/* What follows walks the tree: not for thousands of nodes. */
		if (nodes > 256)
			continue;
		digest = visit_regs(t, n, digest);
		digest = visit_irqs(t, n, digest);
		if (fdt_get_u32(t, n, "phandle", &phandle) == 0)
			digest = mix(digest,
				     (uint64_t)fdt_find_phandle(t, phandle));
		if (fdt_parent(t, n) >= n)
			__builtin_trap();
	}
	if (nodes != t->nnodes)
		__builtin_trap();
	return digest;
}

/* Does the string lie in the blob, its end too? Or is it an empty one. */
static bool string_ok(const struct fdt *t, const char *s)
{
	const char *blob = (const char *)t->blob;

	if (s < blob || s >= blob + t->size)
		return !*s;
	return memchr(s, 0, (size_t)(blob + t->size - s)) != NULL;
}

static bool node_ok(const struct fdt *t, fdt_node n)
{
	fdt_node path[FDT_MAX_DEPTH + 1];

	return fdt_ancestors(t, n, path) >= 0;
}

static const char *reserved_nonsense(const struct dt_reserved *r)
{
	bool dynamic = range_empty(r->range);

	if (!r->name)
		return "a reservation without name";
	if (dynamic != (r->size != 0))
		return "a reservation neither static nor dynamic";
	if (r->align && !is_pow2(r->align))
		return "an alignment that is no power of two";
	if (r->nalloc > DT_MAX_ALLOC || (!dynamic && r->nalloc))
		return "a number of alloc-ranges";
	for (unsigned i = 0; i < r->nalloc; i++)
		if (range_empty(r->alloc[i]))
			return "an empty alloc-range";
	return r->no_map && r->reusable ? "no-map and reusable" : NULL;
}

static const char *cpus_nonsense(const struct devtree *dt)
{
	for (unsigned i = 0; i < dt->ncpu; i++) {
		if (!node_ok(&dt->fdt, dt->cpu[i].node))
			return "a cpu's node";
		for (unsigned k = 0; k < i; k++)
			if (dt->cpu[i].hartid == dt->cpu[k].hartid &&
			    !dt->cpu[i].unusable && !dt->cpu[k].unusable)
				return "two usable harts of one id";
	}
	return NULL;
}

const char *devtree_nonsense(const struct devtree *dt)
{
	const struct fdt *t = &dt->fdt;
	const char *wrong;

	if (dt->nmemory > DT_MAX_MEMORY || dt->nreserved > DT_MAX_RESERVED ||
	    dt->ncpu > DT_MAX_CPUS || dt->nwarnings > ARRAY_SIZE(dt->warning))
		return "a count";
	for (unsigned i = 0; i < dt->nmemory; i++)
		if (range_empty(dt->memory[i]))
			return "an empty memory range";
	for (unsigned i = 0; i < dt->nreserved; i++) {
		wrong = reserved_nonsense(&dt->reserved[i]);
		if (wrong)
			return wrong;
	}
	for (unsigned i = 0; i < dt->nwarnings; i++)
		if (!dt->warning[i] || !*dt->warning[i])
			return "a warning";
	if (dt->initrd.start > dt->initrd.end)
		return "the initrd";
	if (!string_ok(t, dt->bootargs) || !string_ok(t, dt->stdout_options) ||
	    !string_ok(t, dt->model))
		return "a string outside the blob";
	if (dt->stdout_node != FDT_NONE && !node_ok(t, dt->stdout_node))
		return "the console's node";
	return cpus_nonsense(dt);
}
