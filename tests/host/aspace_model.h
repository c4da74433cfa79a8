/*
 * What user spaces should be: a cell for each page of a window that some spaces
 * have, with its rights, flags and contents, and a word for each page of objects.
 * It knows Linux's results of the calls, and shares nothing with mm/.
 */
#pragma once

#include <mm/aspace.h>

#define MODEL_PAGES	   1536u /* of the window: three of 2 MiB */
#define MODEL_BASE	   GIB(4)
#define MODEL_SPACES	   4u
#define MODEL_OBJECTS	   24u
#define MODEL_FILES	   3u /* the first objects stay */
#define MODEL_OBJECT_PAGES 600u

/* A page. What a private one has of its own hides what its object has. */
struct model_cell {
	bool used, own;
	int8_t object; /* -1: none */
	uint32_t prot, flags;
	uint32_t index;
	uint64_t value; /* if it is anonymous, or `own` */
};

struct model_object {
	bool used;
	uint32_t pages; /* those beyond are SIGBUS */
	uint64_t value[MODEL_OBJECT_PAGES];
};

struct model_space {
	bool used;
	struct model_cell cell[MODEL_PAGES];
};

struct model {
	struct model_space space[MODEL_SPACES];
	struct model_object object[MODEL_OBJECTS];
};

/* Pages of the window. */
struct pages {
	unsigned start, end;
};

static inline vaddr_t model_va(unsigned page)
{
	return MODEL_BASE + page * PAGE_SIZE;
}

/* The end of the VMA that has this page. */
unsigned model_vma_end(const struct model_space *s, unsigned page);

/* Do all pages lie in one VMA; is none in use? */
bool model_one_vma(const struct model_space *s, struct pages p);
bool model_free(const struct model_space *s, struct pages p);

/* An object for shared anonymous memory; -1: there are too many. */
int model_new_object(struct model *m, unsigned pages);

/* The calls, as they must end, and what they do. */
void model_map(struct model *m, unsigned space, struct pages p,
	       const struct model_cell *first, bool populate);
void model_unmap(struct model_space *s, struct pages p);
int model_protect(struct model *m, unsigned space, struct pages p,
		  uint32_t prot);
int model_advise(struct model *m, unsigned space, struct pages p, int advice);
int model_lock(struct model *m, unsigned space, struct pages p, bool on_fault);
int model_unlock(struct model_space *s, struct pages p);
int model_remap(struct model *m, unsigned space, struct pages from,
		unsigned len, uint32_t flags, unsigned to);
void model_fork(struct model *m, unsigned parent, unsigned child);

/* An access: what comes of it; for a load what is read, in *value, for a store
 * what is stored. */
enum fault_result model_access(struct model *m, unsigned space, unsigned page,
			       enum access kind, uint64_t *value);
