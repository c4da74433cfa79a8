/* Looking at address spaces: for reports and audits (<mm/aspace.h>). */
#include "aspace_vma.h"

int aspace_each(struct aspace *as, int (*each)(void *ctx, const struct vma *v),
		void *ctx)
{
	struct vma *v;
	int result = 0;

	/* Who holds the mutex keeps writers out; readers don't matter here. */
	mutex_lock(&as->mutex);
	for (v = vma_first(&as->vmas); v && !result; v = vma_next(v))
		result = each(ctx, v);
	mutex_unlock(&as->mutex);
	return result;
}

const char *aspace_vma_name(const struct aspace *as, const struct vma *v)
{
	if (v->object)
		return NULL;
	if (!range_empty(as->brk) && range_overlaps(v->va, as->brk))
		return "[heap]";
	return as->stack_top && range_has(v->va, as->stack_top - 1) ? "[stack]"
								    : NULL;
}

void aspace_stats(struct aspace *as, struct aspace_stats *s)
{
	aspace_lock(as);
	*s = (struct aspace_stats){
		.vmas = as->vmas.count,
		.total = as->total,
		.data = as->data,
		.stack = as->stack,
		.exec = as->exec,
		.locked = as->locked,
		.committed = as->committed,
	};
	user_count(as, s);
	aspace_unlock(as);
	for (unsigned i = 0; i < FAULT_KINDS; i++)
		s->faults[i] = aspace_faults_of(as, i);
}

uint64_t aspace_faults_of(const struct aspace *as, enum fault_kind kind)
{
	uint64_t sum = 0;

	for (unsigned cpu = 0; cpu < cpus_possible; cpu++)
		sum += __atomic_load_n(&as->hart[cpu].faults[kind],
				       __ATOMIC_RELAXED);
	return sum;
}

uint64_t aspace_faults(const struct aspace *as)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < FAULT_KINDS; i++)
		sum += aspace_faults_of(as, i);
	return sum;
}

/* What the sums should be, by the VMAs. */
static const char *check_sums(const struct aspace *as)
{
	struct aspace sum = {.total = 0};

	for (struct vma *v = vma_first(&as->vmas); v; v = vma_next(v)) {
		uint64_t bytes = range_size(v->va);

		if (v->as != as)
			return "a VMA is of another space";
		if (!v->object && v->offset)
			return "a VMA without an object has a place in one";
		if ((v->flags & VMA_SHARED) && !v->object)
			return "a shared VMA has no object";
		sum.total += bytes;
		*aspace_sum_of(&sum, v->prot, v->flags) += bytes;
		sum.locked += v->flags & VMA_LOCKED ? bytes : 0;
		sum.committed += v->flags & VMA_ACCOUNTED ? bytes : 0;
	}
	if (sum.total != as->total || sum.data != as->data ||
	    sum.stack != as->stack || sum.exec != as->exec ||
	    sum.other != as->other)
		return "a sum of VMAs is wrong";
	if (sum.locked != as->locked || sum.committed != as->committed)
		return "what is locked or committed is wrong";
	return NULL;
}

/* Writers wait for those harts only that are noted. One that begins to read right
 * now may be between the two steps. */
static bool readers_noted(const struct aspace *as)
{
	for (unsigned cpu = 0; cpu < cpus_possible; cpu++) {
		/* Acquire: it was noted before. */
		uint32_t reads =
			__atomic_load_n(&as->hart[cpu].reads, __ATOMIC_ACQUIRE);

		if (reads == READS_NOT_NOW &&
		    !(__atomic_load_n(&as->readers, __ATOMIC_RELAXED) &
		      cpu_bit(cpu)))
			return false;
	}
	return true;
}

const char *aspace_check(struct aspace *as)
{
	const char *wrong;

	aspace_lock(as);
	wrong = readers_noted(as) ? vma_check(&as->vmas)
				  : "a hart that reads is not noted";
	if (!wrong)
		wrong = check_sums(as);
	if (!wrong)
		wrong = user_check(as);
	aspace_unlock(as);
	return wrong;
}
