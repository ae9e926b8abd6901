// SPDX-License-Identifier: GPL-2.0
#include "race.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void view_init(struct view *view, size_t n)
{
	view->n = n;
	view->seen = malloc(n);
	view->walks = 0;
}

void view_free(struct view *view)
{
	free(view->seen);
}

static bool view_see(um_sptep_t sptep, void *data)
{
	struct view *view = data;
	size_t i = field_index(sptep);

	if (i >= view->n) {
		shim_warn("%p is no spte\n", (void *)sptep);
		return true;
	}
	view->seen[i] = 1;
	return false;
}

void view_walk(struct view *view, struct field *f, struct um_rmap_head *head)
{
	memset(view->seen, 0, view->n);
	view->walks++;
	um_rmap_walk(&f->rmap, head, view_see, view);
}

void view_expect(const struct view *view, size_t from, size_t to)
{
	for (; from < to; from++)
		if (!view->seen[from]) {
			shim_warn("walk %lu missed spte %zu\n", view->walks,
				  from);
			return;
		}
}

static u64 env(const char *name, u64 otherwise)
{
	const char *val = getenv(name);

	return val ? strtoull(val, NULL, 0) : otherwise;
}

int race_main(const char *name, void (*round)(u64 seed))
{
	u64 seed = env("SEED", 1), rounds = env("ROUNDS", 1), i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("1..%llu\n", rounds);
	for (i = 0; i < rounds; i++) {
		shim_thread(seed + i);
		shim_yields = true;
		round(seed + i);
		shim_yields = false;
		printf("%sok %llu - %s seed %llu\n",
		       shim_warnings() ? "not " : "", i + 1, name, seed + i);
		if (shim_warnings())
			return 1;
	}
	return 0;
}
